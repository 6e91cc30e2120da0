import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { full, jit, mul, ones, ShapeError, sizeOf, sum, type Tensor, tensor, vjp, zeros } from "../../tensor/mod.ts";
import {
  fullPattern,
  gather,
  mapValues,
  patternFromMask,
  shapeOf,
  sparseTensor,
  toBlocks,
  toDense,
  toVoxels,
} from "../../sparse/mod.ts";
import { MASKS, wholeNumber } from "./cases.ts";
import { assertBlocks, asSparse, asTensor, DEVICES, read, REFERENCE } from "./harness.ts";
import { type Images, images, type Mask, masked } from "./oracle.ts";

const BLOCKS = [[1, 1], [2, 2], [3, 2], [4, 1]] as const;

function imagesFor(mask: Mask, [h, w]: readonly [number, number], channels = 3): Images {
  return images([mask.length, mask[0]!.length * h, mask[0]![0]!.length * w, channels], (k) => wholeNumber(k) || 5);
}

for (const device of DEVICES) {
  Deno.test(`gather() takes the active blocks and toDense() puts them back, on ${device.name}`, async () => {
    for (const mask of Object.values(MASKS)) {
      for (const block of BLOCKS) {
        const x = imagesFor(mask, block);
        const sparse = gather(asTensor(x), patternFromMask(mask));
        deepStrictEqual([sparse.blockShape, shapeOf(sparse)], [[...block], x.shape]);
        await assertBlocks(sparse.values, x, mask, device, "values");
        deepStrictEqual(await read(toDense(sparse), device), Array.from(masked(x, mask).data));
        const filled = await read(toDense(sparse, 7), device);
        const active = await read(toDense(mapValues(sparse, (v) => ones(v.shape))), device);
        deepStrictEqual(filled, Array.from(x.data, (value, k) => active[k] ? value : 7));
      }
    }
  });

  Deno.test(`toDense() fills with a token and sums its gradient over inactive sites, on ${device.name}`, async () => {
    for (const mask of Object.values(MASKS)) {
      const x = imagesFor(mask, [2, 3], 2);
      const pattern = patternFromMask(mask);
      const sparse = asSparse(x, mask, pattern);
      const [y, dx, dToken] = jit((values: Tensor, token: Tensor, ct: Tensor) => {
        const f = (values: Tensor, token: Tensor) => toDense(sparseTensor(pattern, [2, 3], values), token);
        const [y, pull] = vjp(f, values, token);
        return [y, ...pull(ct)] as [Tensor, Tensor, Tensor];
      }, { device })(sparse.values, tensor([100, 200]), asTensor(x));
      const isActive = await read(toDense(mapValues(sparse, (v) => ones(v.shape))), REFERENCE);
      deepStrictEqual(await read(y, device), Array.from(x.data, (v, k) => isActive[k] ? v : 100 * (1 + k % 2)));
      await assertBlocks(dx, x, mask, device, "gradient of the values");
      const sums = [0, 0];
      x.data.forEach((v, k) => isActive[k] || (sums[k % 2]! += v));
      deepStrictEqual(await read(dToken, device), sums);
    }
  });
}

Deno.test("gather() and toDense() are each the other's gradient", async () => {
  for (const mask of Object.values(MASKS)) {
    const pattern = patternFromMask(mask);
    const x = asTensor(imagesFor(mask, [2, 2]));
    const [values, pull] = vjp((x: Tensor) => gather(x, pattern).values, x);
    const ct = mul(values, 3);
    deepStrictEqual(await read(pull(ct)[0]), await read(toDense(sparseTensor(pattern, [2, 2], ct))));
    const [dense, pullDense] = vjp((v: Tensor) => toDense(sparseTensor(pattern, [2, 2], v), 9), values);
    equal(sizeOf(dense.shape), sizeOf(x.shape));
    deepStrictEqual(await read(pullDense(x)[0]), await read(gather(x, pattern).values));
    const inner = (a: Tensor, b: Tensor) => sum(mul(a, b)).item({ device: REFERENCE });
    const y = asTensor(images([x.shape[0]!, x.shape[1]!, x.shape[2]!, 3], (k) => wholeNumber(7 * k)));
    equal(await inner(values, gather(y, pattern).values), await inner(x, toDense(gather(y, pattern))));
  }
});

Deno.test("gather() and toDense() do not read inactive storage: NaN and 1e30 do not leak", async () => {
  const mask = MASKS.scattered!;
  const pattern = patternFromMask(mask);
  const clean = masked(imagesFor(mask, [2, 2]), mask);
  for (const poison of [NaN, 1e30]) {
    const active = masked(images(clean.shape, () => 1), mask);
    const poisoned = images(clean.shape, (k) => active.data[k] ? clean.data[k]! : poison);
    const f = (x: Tensor) => sum(mul(toDense(gather(x, pattern), tensor([1, 2, 3])), 2));
    const [value, pull] = vjp(f, asTensor(poisoned));
    const [expected, pullClean] = vjp(f, asTensor(clean));
    equal(await value.item({ device: REFERENCE }), await expected.item({ device: REFERENCE }));
    deepStrictEqual(await read(pull(ones([]))[0]), await read(pullClean(ones([]))[0]));
  }
});

Deno.test("gather() names the nearest sizes where images do not divide by the grid", () => {
  const pattern = fullPattern([1, 7, 7]);
  throws(() => gather(zeros([1, 30, 28, 3]), pattern), /nearest sizes are 28 or 35, by 28 or 35/);
  throws(() => gather(zeros([2, 28, 28, 3]), pattern), ShapeError);
  throws(() => gather(zeros([28, 28, 3]), pattern), ShapeError);
  throws(() => gather(zeros([1, 5, 28, 3]), pattern), /nearest sizes are 7, by 28 or 35/);
});

Deno.test("sparseTensor(), mapValues() and toDense() refuse values that do not fit", () => {
  const pattern = fullPattern([1, 2, 2]);
  throws(() => sparseTensor(pattern, [1, 1], zeros([3, 1, 1, 1])), ShapeError);
  throws(() => sparseTensor(pattern, [2, 1], zeros([4, 1, 1, 1])), ShapeError);
  const x = sparseTensor(pattern, [1, 1], zeros([4, 1, 1, 2]));
  throws(() => mapValues(x, (v) => sum(v, { axis: 0 })), ShapeError);
  throws(() => toDense(x, zeros([3])), ShapeError);
});

Deno.test("toDense() of a tensor whose values are all zero keeps the shape", async () => {
  const pattern = patternFromMask(Array.from({ length: 4 }, () => Array.from({ length: 34 }, () => Array(34).fill(0))));
  const dense = toDense(sparseTensor(pattern, [1, 1], zeros([0, 1, 1, 1])));
  deepStrictEqual(dense.shape, [4, 34, 34, 1]);
  ok((await read(dense)).every((value) => value === 0));
});

Deno.test("toVoxels() and toBlocks() permute rows, and undo each other", async () => {
  for (const mask of Object.values(MASKS)) {
    const x = imagesFor(mask, [2, 3]);
    const sparse = asSparse(x, mask);
    const voxels = toVoxels(sparse);
    deepStrictEqual(voxels.blockShape, [1, 1]);
    const indices = await read(voxels.pattern.indices);
    const [, H, W] = voxels.pattern.gridShape as [number, number, number];
    const cells = Array.from({ length: indices.length / 3 }, (_, p) => {
      return (indices[3 * p]! * H + indices[3 * p + 1]!) * W + indices[3 * p + 2]!;
    });
    deepStrictEqual(cells, cells.toSorted((a, b) => a - b));
    deepStrictEqual(await read(toDense(voxels)), await read(toDense(sparse)));
    const back = toBlocks(voxels, [2, 3]);
    deepStrictEqual(await read(back.values), await read(sparse.values));
    deepStrictEqual(await read(back.pattern.indices), await read(sparse.pattern.indices));
    equal(toVoxels(voxels), voxels);
    equal(toBlocks(voxels, [2, 3]).pattern, back.pattern);
    const [, pull] = vjp((v: Tensor) => toVoxels({ ...sparse, values: v }).values, sparse.values);
    deepStrictEqual(await read(pull(voxels.values)[0]), await read(sparse.values));
  }
});

Deno.test("toVoxels() of a traced pattern is that of the concrete one", async () => {
  const mask = MASKS.scattered!;
  const flat = tensor(Uint8Array.from(mask.flat(2)), { dtype: "bool", shape: [2, 3, 4] });
  const x = asTensor(imagesFor(mask, [2, 3]));
  const traced = jit((mask: Tensor, x: Tensor) => {
    const voxels = toVoxels(gather(x, patternFromMask(mask, { nse: 10 })));
    return [voxels.pattern.indices, voxels.values];
  }, { device: REFERENCE })(flat, x);
  const voxels = toVoxels(gather(x, patternFromMask(mask)));
  deepStrictEqual(await read(traced[0]!), await read(voxels.pattern.indices));
  deepStrictEqual(await read(traced[1]!), await read(voxels.values));
});

Deno.test("toBlocks() refuses blocks that are active in part, and grids that do not divide", () => {
  const voxels = gather(
    full([1, 4, 4, 1], 1),
    patternFromMask([[[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]]),
  );
  throws(() => toBlocks(voxels, [2, 2]), /current number is 1/);
  throws(() => toBlocks(voxels, [3, 2]), ShapeError);
  throws(() => toBlocks(gather(ones([1, 8, 8, 1]), voxels.pattern), [2, 2]), ShapeError);
});

import { deepStrictEqual, ok, throws } from "node:assert/strict";
import {
  avgPool2d as denseAvgPool2d,
  checkGrads,
  conv2d as denseConv2d,
  grad,
  jit,
  maxPool2d as denseMaxPool2d,
  mean,
  ones,
  random,
  ShapeError,
  slice,
  square,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
  zeros,
} from "../../tensor/mod.ts";
import {
  add,
  avgPool2d,
  coalesce,
  conv2d,
  fullPattern,
  gather,
  maxPool2d,
  mul,
  patternFromMask,
  type SparseTensor,
  sparseTensor,
  toDense,
  toVoxels,
} from "../../sparse/mod.ts";
import { patternMask, sampleMask } from "../../spark/mask.ts";
import { randomValues } from "../support/random_values.ts";
import { GEOMETRIES, MASKS, wholeNumber } from "./cases.ts";
import { asSparse, asTensor, DEVICES, read, REFERENCE } from "./harness.ts";
import { images, type Mask } from "./oracle.ts";

/** Each sparse operation with its window, as a function of a sparse tensor of 4 channels with blocks of 4 × 4. */
const OPERATIONS: Readonly<Record<string, (x: SparseTensor) => SparseTensor>> = {
  "conv2d 3x3": (x) => conv2d(x, weights(3, 3, 4, 2), { padding: 1 }),
  "conv2d 3x3 dilated": (x) => conv2d(x, weights(3, 3, 4, 2), { padding: 2, dilation: 2 }),
  "conv2d 7x7 strided, with bias": (x) =>
    conv2d(x, weights(7, 7, 4, 2), { stride: 2, padding: 3, bias: tensor([1, 2]) }),
  "conv2d 1x1 strided": (x) => conv2d(x, weights(1, 1, 4, 3), { stride: 2 }),
  "conv2d 1x1": (x) => conv2d(x, weights(1, 1, 4, 3)),
  "conv2d grouped": (x) => conv2d(x, weights(3, 3, 2, 6), { padding: 1, groups: 2 }),
  "conv2d depthwise": (x) => conv2d(x, weights(7, 7, 1, 4), { padding: 3, groups: 4 }),
  "maxPool2d ignore": (x) => maxPool2d(x, { kernel: 3, stride: 2, padding: 1, inactive: "ignore" }),
  "maxPool2d zero": (x) => maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
  "avgPool2d window": (x) => avgPool2d(x, { kernel: 2, stride: 2 }),
  "avgPool2d active": (x) => avgPool2d(x, { kernel: 4, stride: 4, divisor: "active" }),
};

function weights(kh: number, kw: number, cin: number, cout: number): Tensor {
  const values = randomValues(kh * 100 + cout, kh * kw * cin * cout);
  return tensor(values, { shape: [kh, kw, cin, cout], dtype: "float32" });
}

function inputOf(mask: Mask, f: (k: number) => number = wholeNumber): SparseTensor {
  return asSparse(images([mask.length, mask[0]!.length * 4, mask[0]![0]!.length * 4, 4], f), mask);
}

for (const [name, f] of Object.entries(OPERATIONS)) {
  Deno.test(`${name} gives each image what it gives it alone`, async () => {
    for (const mask of [MASKS.scattered!, MASKS["one image empty"]!]) {
      const all = await read(toDense(f(inputOf(mask))));
      const x = toDense(inputOf(mask));
      const alone = await Promise.all(mask.map((rows, b) => {
        const image = slice(x, { start: [b, 0, 0, 0], size: [1, -1, -1, -1] });
        return read(toDense(f(gather(image, patternFromMask([rows])))));
      }));
      deepStrictEqual(alone.flat(), all);
    }
  });

  if (!name.includes("strided") && !name.includes("Pool")) {
    Deno.test(`${name} gives voxels what it gives blocks`, async () => {
      for (const mask of Object.values(MASKS)) {
        const x = inputOf(mask);
        deepStrictEqual(await read(toDense(f(toVoxels(x)))), await read(toDense(f(x))));
      }
    });
  }

  Deno.test(`${name} gives the same bits twice`, async () => {
    for (const device of DEVICES) {
      const x = inputOf(MASKS.scattered!, (k) => Math.fround(Math.sin(k)));
      const step = () =>
        jit(valueAndGrad((values: Tensor) => sum(square(f({ ...x, values }).values))), { device })(x.values);
      const [once, again] = [step(), step()];
      deepStrictEqual(await again[0].data(), await once[0].data());
      deepStrictEqual(await again[1].data(), await once[1].data());
    }
  });
}

/** Strided operations on voxels, at the sites that blocks keep. */
const VOXEL_OPERATIONS: Readonly<
  Record<string, (x: SparseTensor, outputPattern: SparseTensor["pattern"]) => SparseTensor>
> = {
  "conv2d 7x7 strided, with bias": (x, outputPattern) =>
    conv2d(x, weights(7, 7, 4, 2), { stride: 2, padding: 3, bias: tensor([1, 2]), outputPattern }),
  "conv2d 1x1 strided": (x, outputPattern) => conv2d(x, weights(1, 1, 4, 3), { stride: 2, outputPattern }),
  "maxPool2d ignore": (x, outputPattern) =>
    maxPool2d(x, { kernel: 3, stride: 2, padding: 1, inactive: "ignore", outputPattern }),
  "maxPool2d zero": (x, outputPattern) => maxPool2d(x, { kernel: 3, stride: 2, padding: 1, outputPattern }),
  "avgPool2d window": (x, outputPattern) => avgPool2d(x, { kernel: 2, stride: 2, outputPattern }),
};

for (const [name, voxel] of Object.entries(VOXEL_OPERATIONS)) {
  Deno.test(`${name} gives voxels, at the sites that blocks keep, what it gives blocks`, async () => {
    for (const mask of Object.values(MASKS)) {
      const expected = OPERATIONS[name]!(inputOf(mask));
      const actual = voxel(toVoxels(inputOf(mask)), toVoxels(expected).pattern);
      deepStrictEqual(await read(toDense(actual)), await read(toDense(expected)));
    }
  });
}

Deno.test("operations on the full pattern are the dense ones", async () => {
  const x = images([2, 8, 12, 4], wholeNumber);
  const sparse = gather(asTensor(x), fullPattern([2, 2, 3]));
  const same = async (a: SparseTensor, b: Tensor) => deepStrictEqual(await read(toDense(a)), await read(b));
  for (const { kernel, stride, padding, dilation, block } of GEOMETRIES) {
    if (4 % stride[0] || 4 % stride[1] || block[0] < stride[0]) continue;
    const w = weights(kernel[0], kernel[1], 4, 2);
    await same(
      conv2d(sparse, w, { stride, padding, dilation }),
      denseConv2d(asTensor(x), w, { stride, padding, dilation }),
    );
    const window = { kernel, stride, padding, dilation };
    await same(maxPool2d(sparse, window), denseMaxPool2d(asTensor(x), window));
    await same(maxPool2d(sparse, { ...window, inactive: "ignore" }), denseMaxPool2d(asTensor(x), window));
    await same(avgPool2d(sparse, window), denseAvgPool2d(asTensor(x), window));
  }
});

Deno.test("maxPool2d() has two readings of inactive sites", async () => {
  const x = sparseTensor(patternFromMask([[[0, 0, 0], [0, 1, 0], [0, 0, 0]]]), [1, 1], tensor([[[[-5]]]]));
  const window = { kernel: 3, stride: 1, padding: 1 };
  deepStrictEqual(await read(maxPool2d(x, window).values), [0]);
  deepStrictEqual(await read(maxPool2d(x, { ...window, inactive: "ignore" }).values), [-5]);
});

Deno.test("gradients agree with differences in float64, orders 1 and 2", async () => {
  const mask = MASKS.scattered!;
  const pattern = patternFromMask(mask);
  const float64 = (seed: number, shape: readonly number[]) =>
    tensor(randomValues(seed, shape.reduce((a, b) => a * b)), { shape, dtype: "float64" });
  const at = (values: Tensor) => sparseTensor(pattern, [2, 2], values);
  const x = float64(1, [10, 2, 2, 4]);
  const w = float64(2, [3, 3, 4, 2]);
  await checkGrads((x, w, bias) => conv2d(at(x!), w!, { padding: 1, bias: bias! }).values, [x, w, float64(3, [2])]);
  await checkGrads((x, w) => conv2d(at(x!), w!, { padding: 1, stride: 2 }).values, [x, w]);
  await checkGrads((x, w) => conv2d(at(x!), w!, { stride: 2 }).values, [x, float64(4, [1, 1, 4, 2])]);
  await checkGrads((x, w) => conv2d(at(x!), w!, { padding: 3, groups: 4 }).values, [x, float64(5, [7, 7, 1, 4])]);
  await checkGrads((x, w) => conv2d(at(x!), w!, { padding: 2, dilation: 2, groups: 2 }).values, [
    x,
    float64(6, [3, 3, 2, 2]),
  ]);
  await checkGrads((x, w) => conv2d(toVoxels(at(x!)), w!, { padding: 1, stride: 2 }).values, [x, w]);
  await checkGrads((x) => maxPool2d(at(x!), { kernel: 3, stride: 2, padding: 1 }).values, [x]);
  await checkGrads((x) => maxPool2d(at(x!), { kernel: 3, stride: 2, padding: 1, inactive: "ignore" }).values, [x]);
  await checkGrads((x) => avgPool2d(at(x!), { kernel: 2, divisor: "active" }).values, [x]);
  await checkGrads((x) => avgPool2d(at(x!), { kernel: 3, stride: 1, padding: 1 }).values, [x]);
  await checkGrads((x, token) => toDense(at(x!), token!), [x, float64(7, [4])]);
  await checkGrads((x) => gather(x!, pattern).values, [float64(8, [2, 6, 8, 3])]);
  const other = sparseTensor(patternFromMask(MASKS.scattered!.toReversed()), [2, 2], float64(9, [10, 2, 2, 4]));
  await checkGrads((x, y) => add(at(x!), { ...other, values: y! }).values, [x, other.values]);
  await checkGrads((x, y) => mul(at(x!), { ...other, values: y! }).values, [x, other.values]);
  await checkGrads((v) => coalesce([[0, 0, 1], [0, 0, 0], [0, 0, 1]], v!, { gridShape: [1, 1, 2] }).values, [
    float64(10, [3, 2]),
  ]);
});

Deno.test("indices are not differentiable, and say so", () => {
  const x = inputOf(MASKS.scattered!);
  throws(() => grad((x: SparseTensor) => sum(x.values))(x as never), /must be floating: current dtype is int32/);
});

Deno.test("operations refuse options they do not know", () => {
  const x = inputOf(MASKS.full!);
  throws(
    () => conv2d(x, weights(3, 3, 4, 2), { padding: 1, padMode: "reflect" } as never),
    /current option is padMode/,
  );
  throws(() => maxPool2d(x, { kernel: 2, ceilMode: true } as never), /current option is ceilMode/);
  throws(() => avgPool2d(x, { kernel: 2, inactive: "zero" } as never), /current option is inactive/);
  throws(() => maxPool2d(x, { kernel: 2, inactive: "nan" as never }), RangeError);
  throws(() => avgPool2d(x, { kernel: 2, divisor: "valid" as never }), RangeError);
  throws(() => coalesce([], zeros([0, 1]), { gridShape: [1, 1, 1], sorted: true } as never), TypeError);
});

Deno.test("conv2d() refuses what does not fit", () => {
  const x = inputOf(MASKS.full!);
  throws(() => conv2d(x, weights(3, 3, 3, 2), { padding: 1 }), ShapeError);
  throws(() => conv2d(x, weights(3, 3, 4, 2)), /choose the padding/);
  throws(() => conv2d(x, weights(3, 3, 4, 2), { padding: 1, stride: 3 }), /must divide by the stride/);
  throws(() => conv2d(x, weights(3, 3, 4, 2), { padding: 1, groups: 3 }), ShapeError);
  throws(() => conv2d(x, weights(3, 3, 4, 2), { padding: 1, bias: zeros([3]) }), ShapeError);
  throws(() => conv2d(x, weights(3, 3, 4, 2), { padding: 1, outputPattern: "complete" }), /toVoxels/);
  throws(() => conv2d(x, weights(3, 3, 4, 2), { padding: -1 }), RangeError);
});

Deno.test("a step with a mask drawn inside jit is the step with that mask from the host", async () => {
  const images = random.uniform(random.key(1), [2, 24, 24, 3]);
  const loss = (w: Tensor, images: Tensor, pattern: SparseTensor["pattern"]) => {
    const x = conv2d(gather(images, pattern), w, { stride: 2, padding: 3 });
    return mean(square(toDense(maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }), ones([4]))));
  };
  const draw = (key: Tensor) => sampleMask(key, { batch: 2, grid: [3, 3], maskRatio: 0.6 });
  const step = jit(
    (seed: Tensor, w: Tensor, images: Tensor) => valueAndGrad((w: Tensor) => loss(w, images, draw(seed)))(w),
    { device: REFERENCE },
  );
  const w = weights(7, 7, 3, 4);
  for (const seed of [0, 1]) {
    const [value, gradient] = step(random.key(seed), w, images);
    const mask = await patternMask(draw(random.key(seed))).data({ device: REFERENCE });
    const pattern = patternFromMask(tensor(mask, { shape: [2, 3, 3], dtype: "bool" }));
    const [expected, expectedGradient] = valueAndGrad((w: Tensor) => loss(w, images, pattern))(w);
    deepStrictEqual(await read(value), await read(expected));
    deepStrictEqual(await read(gradient), await read(expectedGradient));
    ok((await read(gradient)).some((v) => v !== 0));
  }
});

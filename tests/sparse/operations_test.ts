/** @file Sparse operations against the oracle: mask ⊙ dense, forward and backward, exact in whole numbers. */
import { deepStrictEqual, equal } from "node:assert/strict";
import { jit, mul, sizeOf, sum, type Tensor, tensor, vjp } from "../../tensor/mod.ts";
import { avgPool2d, conv2d, maxPool2d, patternFromMask, type SparseTensor, sparseTensor } from "../../sparse/mod.ts";
import { GEOMETRIES, type GeometryCase, MASKS, wholeNumber } from "./cases.ts";
import { assertBlocks, asSparse, asTensor, DEVICES, read } from "./harness.ts";
import { convolve, type Images, images, type Mask, masked, maxPool, outputSize, sumPool } from "./oracle.ts";

/** Input of a case, zero where inactive, and a cotangent of its output, zero where inactive. */
function imagesOf(mask: Mask, geometry: GeometryCase, cin: number, cout: number): readonly [Images, Images] {
  const [h, w] = geometry.block;
  const x = images([mask.length, mask[0]!.length * h, mask[0]![0]!.length * w, cin], wholeNumber);
  const [Ho, Wo] = outputSize(x.shape, geometry);
  return [masked(x, mask), masked(images([mask.length, Ho, Wo, cout], (k) => wholeNumber(5 * k + 1)), mask)];
}

function optionsOf({ kernel, stride, padding, dilation }: GeometryCase) {
  return { kernel, stride, padding, dilation };
}

/** Value and gradients of an operation, computed in one jitted call. */
function run(
  f: (x: SparseTensor, w: Tensor) => SparseTensor,
  x: SparseTensor,
  w: Tensor,
  dy: SparseTensor,
  device: (typeof DEVICES)[number],
): readonly [Tensor, Tensor, Tensor] {
  return jit((values: Tensor, w: Tensor, cotangent: Tensor) => {
    const [y, pull] = vjp(
      (values: Tensor, w: Tensor) => f(sparseTensor(x.pattern, x.blockShape, values), w).values,
      values,
      w,
    );
    const [dx, dw] = pull(cotangent);
    return [y, dx, dw] as [Tensor, Tensor, Tensor];
  }, { device })(x.values, w, dy.values);
}

/** Asymmetric weights: every tap and channel another number. */
function weightsOf([kh, kw]: readonly number[], cinPerGroup: number, cout: number): Images {
  return images([kh!, kw!, cinPerGroup, cout], (k) => {
    const [tap, channel] = [Math.floor(k / (cinPerGroup * cout)), k % (cinPerGroup * cout)];
    return 10 * Math.floor(tap / kw!) + tap % kw! + wholeNumber(channel);
  });
}

const CHANNELS = [
  { name: "dense", cin: 3, cout: 5, groups: 1 },
  { name: "grouped", cin: 4, cout: 6, groups: 2 },
  { name: "depthwise", cin: 4, cout: 4, groups: 4 },
];

for (const device of DEVICES) {
  for (const { name, cin, cout, groups } of CHANNELS) {
    Deno.test(`conv2d(), ${name}, is the masked dense convolution, with its gradients, on ${device.name}`, async () => {
      for (const geometry of GEOMETRIES) {
        for (const [maskName, mask] of Object.entries(MASKS)) {
          const [x, dy] = imagesOf(mask, geometry, cin, cout);
          const w = weightsOf(geometry.kernel, cin / groups, cout);
          const expected = convolve(x, w.data, dy, geometry, groups);
          const { stride, padding, dilation } = geometry;
          const pattern = patternFromMask(mask);
          const convolved = (x: SparseTensor, w: Tensor) => conv2d(x, w, { stride, padding, dilation, groups });
          const [sx, sdy] = [asSparse(x, mask, pattern), asSparse(dy, mask, pattern)];
          const [y, dx, dw] = run(convolved, sx, asTensor(w), sdy, device);
          const label = `${geometry.name}, ${maskName}`;
          await assertBlocks(y, expected.y, mask, device, `output of ${label}`);
          await assertBlocks(dx, expected.dx, mask, device, `input gradient of ${label}`);
          deepStrictEqual(await read(dw, device), Array.from(expected.dw, (v) => v + 0), `weight gradient of ${label}`);
        }
      }
    });
  }

  for (const inactive of ["ignore", "zero"] as const) {
    Deno.test(`maxPool2d(), inactive ${inactive}, is the pooling of the oracle, on ${device.name}`, async () => {
      for (const geometry of GEOMETRIES) {
        for (const [maskName, mask] of Object.entries(MASKS)) {
          const [x, dy] = imagesOf(mask, geometry, 3, 3);
          const expected = maxPool(x, mask, dy, geometry, inactive);
          const pattern = patternFromMask(mask);
          const pooled = (x: SparseTensor) => maxPool2d(x, { ...optionsOf(geometry), inactive });
          const [sx, sdy] = [asSparse(x, mask, pattern), asSparse(dy, mask, pattern)];
          const [y, dx] = run(pooled, sx, tensor([0]), sdy, device);
          await assertBlocks(y, expected.y, mask, device, `output of ${geometry.name}, ${maskName}`);
          await assertBlocks(dx, expected.dx, mask, device, `gradient of ${geometry.name}, ${maskName}`);
        }
      }
    });
  }

  for (const divisor of ["window", "active"] as const) {
    Deno.test(`avgPool2d(), divisor ${divisor}, is the pooling of the oracle, on ${device.name}`, async () => {
      for (const geometry of GEOMETRIES) {
        for (const [maskName, mask] of Object.entries(MASKS)) {
          const area = geometry.kernel[0] * geometry.kernel[1];
          // Multiples of every divisor, so that quotients are whole.
          const scale = divisor === "window"
            ? area
            : Array.from({ length: area }, (_, i) => i + 1).reduce(leastMultiple);
          if (scale > 1e5) continue;
          const [base, dy] = imagesOf(mask, geometry, 2, 2);
          const x = images(base.shape, (k) => base.data[k]! * scale);
          const expected = sumPool(x, mask, dy, geometry);
          const quotient = images(expected.y.shape, (k) => {
            return expected.y.data[k]! / (divisor === "window" ? area : Math.max(1, expected.count.data[k]!));
          });
          const y = jit((values: Tensor) => {
            const sx = sparseTensor(patternFromMask(mask), geometry.block, values);
            return avgPool2d(sx, { ...optionsOf(geometry), divisor }).values;
          }, { device })(asSparse(x, mask).values);
          const rounded = (await read(y, device)).map((v) => Math.round(v * 8) / 8 + 0);
          const wanted = asSparse(images(quotient.shape, (k) => Math.round(quotient.data[k]! * 8) / 8), mask);
          deepStrictEqual(rounded, await read(wanted.values), `${geometry.name}, ${maskName}`);
        }
      }
    });
  }
}

function leastMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => y === 0 ? x : divisor(y, x % y);
  return (a * b) / divisor(a, b);
}

Deno.test("avgPool2d() sends back the cotangent of each window, divided", async () => {
  for (const mask of Object.values(MASKS)) {
    for (const geometry of GEOMETRIES.slice(3, 9)) {
      const [x, dy] = imagesOf(mask, geometry, 2, 2);
      const area = geometry.kernel[0] * geometry.kernel[1];
      const pattern = patternFromMask(mask);
      const sdy = asSparse(images(dy.shape, (k) => dy.data[k]! * area), mask, pattern);
      const [, dx] = run(
        (x) => avgPool2d(x, optionsOf(geometry)),
        asSparse(x, mask, pattern),
        tensor([0]),
        sdy,
        DEVICES[0]!,
      );
      const expected = sumPool(x, mask, dy, geometry).dx;
      const rounded = (await read(dx)).map((v) => Math.round(v) + 0);
      deepStrictEqual(rounded, await read(asSparse(expected, mask).values));
    }
  }
});

Deno.test("conv2d() is the adjoint of its input gradient: <Ax, y> = <x, Aᵀy>", async () => {
  for (const geometry of GEOMETRIES) {
    const mask = MASKS.scattered!;
    const pattern = patternFromMask(mask);
    const [x, dy] = imagesOf(mask, geometry, 3, 5);
    const [sx, sdy] = [asSparse(x, mask, pattern), asSparse(dy, mask, pattern)];
    const { stride, padding, dilation } = geometry;
    const f = (x: SparseTensor, w: Tensor) => conv2d(x, w, { stride, padding, dilation });
    const [y, dx] = run(f, sx, asTensor(weightsOf(geometry.kernel, 3, 5)), sdy, DEVICES[0]!);
    const [left, right] = [sum(mul(y, sdy.values)), sum(mul(sx.values, dx))];
    equal(await left.item({ device: DEVICES[0]! }), await right.item({ device: DEVICES[0]! }));
    equal(sizeOf(dx.shape), sizeOf(sx.values.shape));
  }
});

import { deepStrictEqual, equal, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import type { ConvOptions, Device, Shape, Tensor } from "../../../tensor/mod.ts";

/** Whole numbers that repeat with a period. */
function numbers(shape: Shape, period: number): Tensor {
  const values = Float32Array.from({ length: t.sizeOf(shape) }, (_, i) => (i * i * 3 + i * 5 + 1) % period);
  return t.tensor(values.map((value) => value - Math.floor(period / 2)), { shape });
}

type Convolve = (x: Tensor, w: Tensor, options?: ConvOptions) => Tensor;

/** What PyTorch 1.13 gives in float64: the sum, a weighted sum and the sum of squares of the result, and a weighted sum of the gradient. */
const ROWS: readonly (readonly [
  convolve: Convolve,
  x: Shape,
  w: Shape,
  options: ConvOptions,
  y: Shape,
  sums: readonly [number, number, number, number],
])[] = [
  [t.conv1d, [2, 9, 4], [3, 4, 5], { stride: 2, padding: 1 }, [2, 5, 5], [71, 8, 14863, 133]],
  [t.conv1d, [1, 12, 6], [4, 2, 9], { padding: 2, dilation: 2, groups: 3 }, [1, 10, 9], [51, 51, 47659, -143]],
  [
    t.conv3d,
    [1, 4, 5, 6, 3],
    [2, 3, 3, 3, 4],
    { stride: [1, 2, 1], padding: [[1, 1], [0, 0], [1, 1]] },
    [1, 5, 2, 6, 4],
    [136, -952, 258044, 826],
  ],
  [
    t.conv3d,
    [2, 3, 4, 3, 4],
    [3, 2, 2, 1, 4],
    { padding: 1, dilation: [1, 2, 1], groups: 4 },
    [2, 3, 4, 4, 4],
    [-142, -258, 96524, 695],
  ],
  [t.convTranspose1d, [2, 5, 4], [3, 3, 4], { stride: 2, padding: 1 }, [2, 9, 3], [49, -75, 22021, 182]],
  [
    t.convTranspose3d,
    [1, 2, 3, 2, 4],
    [2, 3, 2, 3, 4],
    { stride: 2, padding: [[0, 0], [1, 1], [0, 0]] },
    [1, 4, 5, 4, 3],
    [-20, 318, 107138, 375],
  ],
  [
    t.convTranspose3d,
    [1, 2, 3, 2, 4],
    [2, 2, 2, 3, 4],
    { stride: [1, 2, 2], groups: 2 },
    [1, 3, 6, 4, 6],
    [-13, -133, 56175, -26],
  ],
  [
    t.conv2d,
    [2, 5, 4, 3],
    [3, 3, 3, 2],
    { stride: [2, 1], padding: [[0, 0], [1, 1]], dilation: [1, 2] },
    [2, 2, 2, 2],
    [32, -135, 18260, 118],
  ],
];

const DEVICES: readonly (() => Device)[] = [t.referenceDevice, () => t.cpuDevice({ threads: 1 })];

for (const [convolve, x, w, options, y, expected] of ROWS) {
  Deno.test(`${convolve.name}() of [${x}] with [${w}] is PyTorch's, ${JSON.stringify(options)}`, async () => {
    const [images, weights] = [numbers(x, 11), numbers(w, 7)];
    const loss = (x: Tensor) => t.sum(t.mul(convolve(x, weights, options), numbers(y, 5)));
    for (const device of DEVICES.map((open) => open())) {
      const result = convolve(images, weights, options);
      deepStrictEqual(result.shape, y);
      const gradient = t.sum(t.mul(t.grad(loss)(images), numbers(x, 13)));
      const sums = [t.sum(result), loss(images), t.sum(t.square(result)), gradient];
      deepStrictEqual(await Promise.all(sums.map((sum) => sum.item({ device }))), expected, device.name);
      device.close();
    }
  });
}

Deno.test('"SAME" gives as many windows as strides fit into the images, "VALID" those that lie inside', () => {
  for (
    const [size, kernel, stride, dilation] of [[7, 3, 1, 1], [7, 3, 2, 1], [8, 4, 2, 1], [9, 2, 3, 2], [3, 5, 4, 1]]
  ) {
    const [x, w] = [t.ones([1, size!, 1]), t.ones([kernel!, 1, 1])];
    const options = { stride: stride!, dilation: dilation! };
    equal(t.conv1d(x, w, { ...options, padding: "SAME" }).shape[1], Math.ceil(size! / stride!));
    equal(t.convTranspose1d(x, w, { ...options, padding: "SAME" }).shape[1], size! * stride!);
  }
  const [x, w] = [t.ones([1, 7, 6, 1]), t.ones([3, 3, 1, 1])];
  deepStrictEqual(t.conv2d(x, w, { padding: "VALID" }).shape, t.conv2d(x, w).shape);
});

Deno.test('"SAME" puts the odd zero after', async () => {
  const y = t.conv1d(t.tensor([[[1], [2], [3]]]), t.tensor([[[1]], [[10]]]), { padding: "SAME" });
  deepStrictEqual(await y.data({ device: t.referenceDevice() }), new Float32Array([21, 32, 3]));
});

Deno.test("Convolutions refuse operands and settings that do not fit, by name", () => {
  const [x, w] = [t.ones([1, 8, 2]), t.ones([3, 2, 4])];
  const message = (call: () => unknown, kind: new (...args: never[]) => Error, text: string) =>
    throws(call, (error: Error) => error instanceof kind && error.message.startsWith(text));
  message(() => t.conv2d(x, w), t.ShapeError, "Cannot conv2d as images must be [B, H, W, C]");
  message(() => t.conv1d(x, t.ones([3, 3, 4])), t.ShapeError, "Cannot conv1d as channels must be groups (1) times");
  message(() => t.conv1d(x, t.ones([9, 2, 4])), t.ShapeError, "Cannot conv1d as the window must fit");
  message(() => t.convTranspose1d(x, w), t.ShapeError, "Cannot convTranspose1d as images must have as many channels");
  message(() => t.conv1d(x, w, { stride: 0 }), RangeError, "Cannot conv1d as stride must be whole and at least 1");
  message(() => t.conv1d(x, w, { stride: [1, 2] }), RangeError, "Cannot conv1d as stride must be one for all axes");
  message(() => t.conv1d(x, w, { padding: -1 }), RangeError, "Cannot conv1d as padding must be whole and not negative");
  message(() => t.conv1d(x, w, { padding: "same" as "SAME" }), RangeError, "Cannot conv1d as padding must be numbers,");
});

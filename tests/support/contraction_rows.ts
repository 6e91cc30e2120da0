import { t } from "./public_calls.ts";
import * as k from "../../tensor/kernel.ts";
import type { Conv2dOptions, PoolOptions, Shape, Tensor } from "../../tensor/mod.ts";
import type { KernelMaps } from "../../tensor/kernel.ts";
import { floats, type OpCase, type OpRow, row } from "./op_row.ts";

const tolerance = { absolute: 1e-4, relative: 2e-5 };

const MATMUL: readonly OpRow[] = [false, true].flatMap((transposeA) =>
  [false, true].map((transposeB) => {
    const shapes = (m: number, k: number, n: number, ...batch: number[]): OpCase =>
      floats([...batch, ...(transposeA ? [k, m] : [m, k])], [...batch, ...(transposeB ? [n, k] : [k, n])]);
    return row(
      `matmul${transposeA ? " transposeA" : ""}${transposeB ? " transposeB" : ""}`,
      (a, b) => t.matmul(a, b, { transposeA, transposeB }),
      [
        shapes(3, 4, 5),
        shapes(1, 1, 1),
        shapes(0, 3, 2),
        shapes(3, 0, 2),
        shapes(2, 3, 4, 2, 3),
        shapes(7, 19, 33, 3),
        shapes(130, 257, 67),
        shapes(64, 64, 64),
      ],
      { tolerance, rejects: [() => t.matmul(t.ones([2, 3]), t.ones([2, 4]), { transposeA: false, transposeB })] },
    );
  })
);

const BATCHED: readonly OpRow[] = [
  row("matmul of broadcast batches", (a, b) => t.matmul(a, b), [
    floats([2, 1, 3, 4], [3, 4, 2]),
    floats([2, 3, 5, 4], [4, 2]),
    floats([3, 4], [2, 4, 5]),
  ], {
    tolerance,
    rejects: [
      () => t.matmul(t.ones([3]), t.ones([4])),
      () => t.matmul(t.ones([]), t.ones([3])),
      () => t.matmul(t.ones([2, 2, 2]), t.ones([3, 2, 2])),
    ],
  }),
];

/** Shapes of one convolution: `[B, H, W, Cin]` and `[kh, kw, Cin / groups, Cout]`. */
interface ConvRow {
  readonly name: string;
  readonly options: Conv2dOptions;
  readonly shapes: readonly (readonly [Shape, Shape])[];
}

const CONVOLUTIONS: readonly ConvRow[] = [
  {
    name: "3x3",
    options: { padding: 1 },
    shapes: [[[2, 4, 5, 3], [3, 3, 3, 4]], [[1, 1, 1, 1], [3, 3, 1, 1]], [[2, 17, 13, 19], [3, 3, 19, 35]], [
      [0, 4, 4, 2],
      [3, 3, 2, 3],
    ]],
  },
  { name: "1x1", options: {}, shapes: [[[2, 3, 2, 5], [1, 1, 5, 6]], [[1, 14, 14, 64], [1, 1, 64, 33]]] },
  { name: "1x1 stride 2", options: { stride: 2 }, shapes: [[[2, 5, 4, 3], [1, 1, 3, 2]]] },
  {
    name: "3x3 stride 2",
    options: { stride: 2, padding: 1 },
    shapes: [[[2, 6, 5, 3], [3, 3, 3, 4]], [[1, 15, 16, 8], [3, 3, 8, 16]]],
  },
  {
    name: "4x4 stride 2",
    options: { stride: 2, padding: 1 },
    shapes: [[[1, 4, 6, 2], [4, 4, 2, 3]], [[2, 14, 14, 17], [4, 4, 17, 9]]],
  },
  {
    name: "7x7 stride 2",
    options: { stride: 2, padding: 3 },
    shapes: [[[1, 9, 8, 2], [7, 7, 2, 3]], [[1, 32, 32, 3], [7, 7, 3, 16]]],
  },
  { name: "4x4 stride 4", options: { stride: 4 }, shapes: [[[1, 9, 8, 2], [4, 4, 2, 3]]] },
  {
    name: "asymmetric",
    options: { stride: [2, 1], padding: [[1, 0], [2, 3]], dilation: [1, 2] },
    shapes: [[[2, 5, 4, 2], [2, 3, 2, 3]]],
  },
  { name: "dilation 2", options: { dilation: 2, padding: 2 }, shapes: [[[1, 6, 5, 2], [3, 3, 2, 3]]] },
  {
    name: "dilation 3 stride 2",
    options: { dilation: 3, stride: 2, padding: 1 },
    shapes: [[[1, 9, 10, 2], [3, 2, 2, 3]]],
  },
  {
    name: "2 groups",
    options: { groups: 2, padding: 1 },
    shapes: [[[2, 4, 3, 4], [3, 3, 2, 6]], [[1, 9, 9, 32], [3, 3, 16, 32]]],
  },
  { name: "4 groups stride 2", options: { groups: 4, stride: 2, padding: 1 }, shapes: [[[1, 5, 5, 4], [3, 3, 1, 8]]] },
  {
    name: "depthwise 7x7",
    options: { groups: 6, padding: 3 },
    shapes: [[[1, 5, 4, 6], [7, 7, 1, 6]], [[2, 14, 15, 6], [7, 7, 1, 6]]],
  },
  {
    name: "depthwise 3x3 stride 2",
    options: { groups: 5, stride: 2, padding: 1 },
    shapes: [[[2, 6, 7, 5], [3, 3, 1, 5]]],
  },
  { name: "padding wider than the window", options: { padding: 3, stride: 2 }, shapes: [[[1, 3, 3, 1], [2, 2, 1, 2]]] },
];

const rejectConv = [
  () => t.conv2d(t.ones([1, 4, 4, 3]), t.ones([3, 3, 2, 4])),
  () => t.conv2d(t.ones([4, 4, 3]), t.ones([3, 3, 3, 4])),
  () => t.conv2d(t.ones([1, 2, 2, 3]), t.ones([3, 3, 3, 4])),
  () => t.conv2d(t.ones([1, 4, 4, 4]), t.ones([3, 3, 2, 3]), { groups: 2 }),
];

/** The gradients are reached through the pullback, on inputs and cotangents of the right shapes. */
function convRows({ name, options, shapes }: ConvRow): readonly OpRow[] {
  const outputShape = ([x, w]: readonly [Shape, Shape]) => t.conv2d(t.ones(x), t.ones(w), options).shape;
  return [
    row(`conv2d ${name}`, (x, w) => t.conv2d(x, w, options), shapes.map((pair) => floats(...pair)), {
      tolerance,
      rejects: rejectConv,
    }),
    ...shapes.map((pair, i) =>
      row(
        `conv2dInputGradient ${name}${i === 0 ? "" : ` ${i}`}`,
        (dy, w) => t.vjp((x: Tensor) => t.conv2d(x, w, options), t.zeros(pair[0], { dtype: dy.dtype }))[1](dy)[0],
        [floats(outputShape(pair), pair[1])],
        { tolerance, order: i === 0 ? 2 : 0 },
      )
    ),
    ...shapes.map((pair, i) =>
      row(
        `conv2dWeightGradient ${name}${i === 0 ? "" : ` ${i}`}`,
        (x, dy) => t.vjp((w: Tensor) => t.conv2d(x, w, options), t.zeros(pair[1], { dtype: dy.dtype }))[1](dy)[0],
        [floats(pair[0], outputShape(pair))],
        { tolerance, order: i === 0 ? 2 : 0 },
      )
    ),
  ];
}

const TRANSPOSED: readonly OpRow[] = [
  row("convTranspose2d 4x4 stride 2", (x, w) => t.convTranspose2d(x, w, { stride: 2, padding: 1 }), [
    floats([2, 3, 2, 4], [4, 4, 3, 4]),
    floats([1, 7, 7, 33], [4, 4, 18, 33]),
  ], { tolerance, rejects: [() => t.convTranspose2d(t.ones([1, 2, 2, 3]), t.ones([4, 4, 3, 4]))] }),
  row("convTranspose2d 2x2 stride 2 in groups", (x, w) => t.convTranspose2d(x, w, { stride: 2, groups: 2 }), [
    floats([1, 3, 2, 4], [2, 2, 3, 4]),
  ], { tolerance }),
];

/** Lines and volumes: kernels are the same over any number of axes. */
const AXES: readonly OpRow[] = [
  row("conv1d stride 2", (x, w) => t.conv1d(x, w, { stride: 2, padding: 1 }), [
    floats([2, 9, 3], [3, 3, 4]),
    floats([1, 40, 20], [4, 20, 33]),
  ], { tolerance, rejects: [() => t.conv1d(t.ones([1, 4, 3]), t.ones([3, 2, 4]))] }),
  row("conv1d depthwise", (x, w) => t.conv1d(x, w, { groups: 4, padding: "SAME" }), [
    floats([2, 7, 4], [3, 1, 4]),
    floats([1, 30, 4], [5, 1, 4]),
  ], { tolerance }),
  row(
    "convTranspose1d",
    (x, w) => t.convTranspose1d(x, w, { stride: 2, dilation: 2 }),
    [floats([2, 4, 3], [3, 2, 3])],
    {
      tolerance,
    },
  ),
  row("conv3d", (x, w) => t.conv3d(x, w, { stride: [1, 2, 1], padding: 1 }), [
    floats([1, 3, 4, 3, 2], [3, 3, 3, 2, 3]),
    floats([1, 5, 6, 7, 9], [2, 3, 3, 9, 17]),
  ], { tolerance, rejects: [() => t.conv3d(t.ones([1, 4, 4, 3]), t.ones([3, 3, 3, 4]))] }),
  row("conv3d depthwise", (x, w) => t.conv3d(x, w, { groups: 3, padding: "SAME" }), [
    floats([1, 3, 4, 3, 3], [3, 1, 3, 1, 3]),
  ], { tolerance }),
  row("convTranspose3d in groups", (x, w) => t.convTranspose3d(x, w, { stride: 2, groups: 2 }), [
    floats([1, 2, 2, 3, 4], [2, 3, 2, 2, 4]),
  ], { tolerance }),
];

/** Maps of 3x3 windows over a few pixels, some of them absent. */
function sparseMaps(stride: number): KernelMaps {
  const dense = k.windowMap(2, [4, 3], [3, 3], {
    stride: [stride, stride],
    padding: [[1, 1], [1, 1]],
    dilation: [1, 1],
  });
  return { map: dense.map, inverse: dense.inverse };
}

function kernelMapRows(name: string, maps: KernelMaps, groups: number, cin: number, cout: number): readonly OpRow[] {
  const [[M, T], [N]] = [maps.map.shape as [number, number], maps.inverse.shape as [number, number]];
  const [x, w, y]: readonly Shape[] = [[N, cin], [T, cin / groups, cout], [M, cout]];
  const conv = (x: Tensor, w: Tensor) => k.kernelMapConv(x, w, maps, { groups });
  return [
    row(`kernelMapConv ${name}`, conv, [floats(x!, w!)], {
      tolerance,
      rejects: [
        () => conv(t.ones([N, cin + 1]), t.ones(w!)),
        () => conv(t.ones(x!), t.ones([T + 1, cin / groups, cout])),
      ],
    }),
    row(
      `kernelMapConv transposed ${name}`,
      (dy, w) => t.vjp((x: Tensor) => conv(x, w), t.zeros(x!, { dtype: dy.dtype }))[1](dy)[0],
      [floats(y!, w!)],
      { tolerance },
    ),
    row(
      `kernelMapWeightGradient ${name}`,
      (x, dy) => t.vjp((w: Tensor) => conv(x, w), t.zeros(w!, { dtype: dy.dtype }))[1](dy)[0],
      [floats(x!, y!)],
      { tolerance },
    ),
  ];
}

const POOLS: readonly PoolOptions[] = [
  { kernel: 2 },
  { kernel: 3, stride: 2, padding: 1 },
  { kernel: [2, 3], stride: [1, 2], padding: [[1, 0], [1, 1]] },
];

const POOLING: readonly OpRow[] = POOLS.flatMap((options) => {
  const text = JSON.stringify(options);
  const cases = [floats([2, 4, 5, 2]), floats([1, 12, 9, 17])];
  const rejects = [
    () => t.maxPool2d(t.ones([1, 1, 1, 2]), { kernel: 5 }),
    () => t.avgPool2d(t.ones([4, 4, 2]), options),
  ];
  return [
    row(`maxPool2d ${text}`, (x) => t.maxPool2d(x, options), cases, { rejects }),
    row(`avgPool2d ${text}`, (x) => t.avgPool2d(x, options), cases, { rejects }),
  ];
});

/** Products, convolutions and pooling. */
export const CONTRACTION_ROWS: readonly OpRow[] = [
  ...MATMUL,
  ...BATCHED,
  ...CONVOLUTIONS.flatMap(convRows),
  ...TRANSPOSED,
  ...AXES,
  ...kernelMapRows("dense", sparseMaps(1), 1, 3, 4),
  ...kernelMapRows("stride 2", sparseMaps(2), 1, 3, 4),
  ...kernelMapRows("2 groups", sparseMaps(1), 2, 4, 6),
  ...kernelMapRows("depthwise", sparseMaps(1), 5, 5, 5),
  ...kernelMapRows("wide", sparseMaps(1), 1, 18, 35),
  ...POOLING,
];

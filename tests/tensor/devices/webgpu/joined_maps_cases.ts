/** @file Programs of contractions and maps. */
import {
  add,
  arange,
  cast,
  conv2d,
  convTranspose2d,
  less,
  matmul,
  maximum,
  mul,
  reshape,
  type Shape,
  sigmoid,
  sub,
  sum,
  type Tensor,
  tensor,
  transpose,
} from "../../../../tensor/mod.ts";
import { kernelMapConv } from "../../../../tensor/kernel.ts";

/** A program of a contraction and maps, and how many launches it takes. */
export interface JoinedCase {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly launches: number;
  readonly f: (...xs: Tensor[]) => Tensor | readonly Tensor[];
}

const MAP = tensor([[0, 1, -1], [2, 0, 1], [-1, -1, 3], [3, 2, 0], [1, 1, 1]], { dtype: "int32" });
const INVERSE = tensor([[0, 1, 3], [1, 0, 1], [3, 3, 2], [3, 2, 2]], { dtype: "int32" });

const ONE_TAP = {
  map: tensor([[0], [2], [-1], [3], [1]], { dtype: "int32" }),
  inverse: tensor([[0], [4], [1], [3]], { dtype: "int32" }),
};

/** Maps before and after contractions of every kind: which join, and which stay apart. */
export const CASES: readonly JoinedCase[] = [
  { name: "bias", shapes: [[6, 8], [8, 12], [12]], launches: 1, f: (a, b, c) => add(matmul(a!, b!), c!) },
  { name: "bias of odd columns", shapes: [[5, 3], [3, 7], [7]], launches: 1, f: (a, b, c) => add(matmul(a!, b!), c!) },
  {
    name: "bias of a product of nothing",
    shapes: [[6, 0], [0, 12], [12]],
    launches: 1,
    f: (a, b, c) => add(matmul(a!, b!), c!),
  },
  {
    name: "a factor for each row, of a large product",
    shapes: [[300, 70], [70, 130], [300, 1]],
    launches: 1,
    f: (a, b, c) => mul(matmul(a!, b!), c!),
  },
  {
    name: "both operands transposed",
    shapes: [[5, 6], [7, 5], [7]],
    launches: 1,
    f: (a, b, c) => add(matmul(a!, b!, { transposeA: true, transposeB: true }), c!),
  },
  {
    name: "the sum of slabs of a product over many rows",
    shapes: [[900, 8], [900, 12], [12]],
    launches: 2,
    f: (a, b, c) => mul(matmul(a!, b!, { transposeA: true }), c!),
  },
  {
    name: "bias and activation, both kept",
    shapes: [[6, 8], [8, 12], [12]],
    launches: 1,
    f: (a, b, c) => {
      const x = add(matmul(a!, b!), c!);
      return [x, mul(x, sigmoid(x))];
    },
  },
  {
    name: "the product itself is a result too",
    shapes: [[6, 8], [8, 12]],
    launches: 1,
    f: (a, b) => {
      const x = matmul(a!, b!);
      return [maximum(x, 0), x];
    },
  },
  {
    name: "a product that is reduced as well",
    shapes: [[6, 8], [8, 12]],
    launches: 2,
    f: (a, b) => {
      const x = matmul(a!, b!);
      return [maximum(x, 0), sum(x, { axis: 0 })];
    },
  },
  {
    name: "a comparison",
    shapes: [[6, 8], [8, 12], [6, 12]],
    launches: 1,
    f: (a, b, c) => less(matmul(a!, b!), c!),
  },
  {
    name: "a number for each element",
    shapes: [[6, 8], [8, 12]],
    launches: 1,
    f: (a, b) => add(matmul(a!, b!), reshape(cast(arange(72), "float32"), [6, 12])),
  },
  {
    name: "convolution, bias, residual",
    shapes: [[2, 5, 6, 8], [3, 3, 8, 12], [12], [2, 5, 6, 12]],
    launches: 1,
    f: (x, w, c, r) => add(add(conv2d(x!, w!, { padding: 1 }), c!), r!),
  },
  {
    name: "two convolutions added",
    shapes: [[2, 6, 6, 8], [3, 3, 8, 12], [1, 1, 8, 12]],
    launches: 2,
    f: (x, v, w) => maximum(add(conv2d(x!, v!, { padding: 1, stride: 2 }), conv2d(x!, w!, { stride: 2 })), 0),
  },
  {
    name: "convolution in groups, seen through a reshape",
    shapes: [[2, 4, 4, 8], [3, 3, 4, 6], [32, 6]],
    launches: 1,
    f: (x, w, r) => sub(reshape(conv2d(x!, w!, { padding: 1, groups: 2 }), [32, 6]), r!),
  },
  {
    name: "depthwise convolution and bias",
    shapes: [[2, 9, 9, 20], [7, 7, 1, 20], [20]],
    launches: 1,
    f: (x, w, c) => add(conv2d(x!, w!, { padding: 3, groups: 20 }), c!),
  },
  {
    name: "transposed convolution, phase by phase",
    shapes: [[2, 4, 4, 8], [4, 4, 12, 8], [12]],
    launches: 4,
    f: (x, w, c) => maximum(add(convTranspose2d(x!, w!, { stride: 2, padding: 1 }), c!), 0),
  },
  {
    name: "a kernel map",
    shapes: [[4, 8], [3, 8, 12], [5, 12]],
    launches: 1,
    f: (x, w, r) => mul(kernelMapConv(x!, w!, { map: MAP, inverse: INVERSE }), r!),
  },
  {
    name: "a depthwise kernel map",
    shapes: [[4, 8], [3, 1, 8], [5, 8]],
    launches: 1,
    f: (x, w, r) => mul(kernelMapConv(x!, w!, { map: MAP, inverse: INVERSE }, { groups: 8 }), r!),
  },
  {
    name: "what reads the product transposed stays apart",
    shapes: [[6, 8], [8, 12]],
    launches: 2,
    f: (a, b) => maximum(transpose(matmul(a!, b!)), 0),
  },
  {
    name: "what reads an operand of the product stays apart",
    shapes: [[8, 8], [8, 8]],
    launches: 2,
    f: (a, b) => add(matmul(a!, b!), a!),
  },
  {
    name: "an activation before a product",
    shapes: [[6, 8], [8], [8, 12]],
    launches: 1,
    f: (a, b, c) => matmul(maximum(mul(a!, b!), 0), c!),
  },
  {
    name: "an activation before a product of odd sizes",
    shapes: [[5, 7], [7], [7, 3]],
    launches: 1,
    f: (a, b, c) => matmul(maximum(mul(a!, b!), 0), c!),
  },
  {
    name: "a factor of rows before a large product, and bias after it",
    shapes: [[300, 1], [300, 72], [72, 120], [120]],
    launches: 1,
    f: (r, a, b, c) => add(matmul(mul(a!, r!), b!), c!),
  },
  {
    name: "activations of both operands of a sum over rows",
    shapes: [[900, 8], [8], [900, 12], [900, 1]],
    launches: 2,
    f: (a, b, c, d) => matmul(maximum(add(a!, b!), 0), mul(c!, d!), { transposeA: true }),
  },
  {
    name: "normalisation and activation before a convolution of one tap",
    shapes: [[2, 5, 6, 8], [8], [8], [1, 1, 8, 12]],
    launches: 1,
    f: (x, a, b, w) => conv2d(maximum(add(mul(x!, a!), b!), 0), w!),
  },
  {
    name: "normalisation and activation before a convolution of many taps stay apart",
    shapes: [[2, 5, 6, 8], [8], [8], [3, 3, 8, 12]],
    launches: 2,
    f: (x, a, b, w) => conv2d(maximum(add(mul(x!, a!), b!), 0), w!, { padding: 1 }),
  },
  {
    name: "rows of sparse blocks, seen as images, before a strided convolution, and an activation after it",
    shapes: [[32, 6], [32, 1], [1, 1, 6, 8]],
    launches: 1,
    f: (x, r, w) => maximum(conv2d(reshape(mul(x!, r!), [2, 4, 4, 6]), w!, { stride: 2 }), 0),
  },
  {
    name: "an activation before a transposed convolution of one tap",
    shapes: [[2, 4, 4, 8], [8], [1, 1, 12, 8]],
    launches: 1,
    f: (x, a, w) => convTranspose2d(maximum(mul(x!, a!), 0), w!),
  },
  {
    name: "an activation before a kernel map of one tap",
    shapes: [[4, 8], [8], [1, 8, 12]],
    launches: 1,
    f: (x, a, w) => kernelMapConv(maximum(mul(x!, a!), 0), w!, ONE_TAP),
  },
  {
    name: "one activation before two products",
    shapes: [[6, 8], [8], [8, 12], [8, 4]],
    launches: 2,
    f: (a, b, c, d) => {
      const x = maximum(mul(a!, b!), 0);
      return [matmul(x, c!), matmul(x, d!)];
    },
  },
  {
    name: "an activation that is slow stays apart",
    shapes: [[6, 8], [8, 12]],
    launches: 2,
    f: (a, b) => matmul(sigmoid(a!), b!),
  },
  {
    name: "a sum of two tensors stays apart",
    shapes: [[6, 8], [6, 8], [8, 12]],
    launches: 2,
    f: (a, b, c) => matmul(add(a!, b!), c!),
  },
  {
    name: "an activation before a depthwise convolution stays apart",
    shapes: [[2, 9, 9, 20], [20], [3, 3, 1, 20]],
    launches: 2,
    f: (x, a, w) => conv2d(mul(x!, a!), w!, { padding: 1, groups: 20 }),
  },
  {
    name: "an activation that is reduced too is made by the reduction",
    shapes: [[6, 8], [8], [8, 12]],
    launches: 2,
    f: (a, b, c) => {
      const x = maximum(mul(a!, b!), 0);
      return [matmul(x, c!), sum(mul(x, x), { axis: 0 })];
    },
  },
  {
    name: "a map between two products finishes the first",
    shapes: [[6, 8], [8, 8], [8, 12], [12]],
    launches: 2,
    f: (a, b, c, d) => add(matmul(maximum(matmul(a!, b!), 0), c!), d!),
  },
];

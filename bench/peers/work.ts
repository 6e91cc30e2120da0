/** @file What every library is asked to compute, as plain data that goes through a pipe, and the numbers that go in. */
import { convolutionShapes, type ConvPart } from "../definitions.ts";
import {
  convFlops,
  type ConvGeometry,
  convName,
  matmulFlops,
  type MatmulGeometry,
  matmulName,
  PEER_CONVS,
  PEER_MATMULS,
} from "../geometries.ts";
import { SPARSE_PRODUCTS, sparseFlops, type SparseGeometry, sparseName } from "../sparse_product.ts";

/** One thing to compute. */
export type Work =
  | { readonly kind: "matmul"; readonly geometry: MatmulGeometry }
  | { readonly kind: "conv"; readonly geometry: ConvGeometry; readonly part: ConvPart }
  /** A product of a sparse matrix with a dense one: of libraries that have it. */
  | { readonly kind: "sparse"; readonly geometry: SparseGeometry }
  /** A training step of a small network of three convolutions. */
  | { readonly kind: "cnn" }
  /** A compiled step called many times in a row, each on what the one before gave, nothing read until the end. */
  | { readonly kind: "ahead" }
  /** A small transformer's results: many small kernels in one compiled call. */
  | { readonly kind: "transformer" };

/** Works whose definition is no formula: sides are compared with each other. */
export type Composed = Extract<Work, { readonly kind: "cnn" | "ahead" | "transformer" }>;

/** True for those. */
export const isComposed = (work: Work): work is Composed => !["matmul", "conv", "sparse"].includes(work.kind);

/** Name of each input of a work and its shape: images and weights channels last. */
export function inputsOf(work: Work): Readonly<Record<string, readonly number[]>> {
  if (work.kind === "cnn") return CNN.inputs;
  if (work.kind === "ahead") return { x: [AHEAD.size] };
  if (work.kind === "transformer") return TRANSFORMER.inputs;
  if (work.kind === "matmul") {
    const { rows, inner, columns } = work.geometry;
    return { a: [rows, inner], b: [inner, columns] };
  }
  if (work.kind === "sparse") {
    const { rows, inner, columns, perRow } = work.geometry;
    return { values: [rows * perRow], x: [inner, columns] };
  }
  const { x, w, y } = convolutionShapes(work.geometry);
  return { forward: { x, w }, inputGradient: { w, y }, weightGradient: { x, y } }[work.part];
}

/**
 * The small network: three 3×3 convolutions of stride 2 with ReLU, the mean over pixels, a linear layer, cross-entropy,
 * and one step of gradient descent.
 */
export const CNN = {
  batch: 16,
  size: 32,
  channels: [3, 32, 64, 128],
  classes: 10,
  rate: 0.05,
  inputs: {
    images: [16, 32, 32, 3],
    w0: [3, 3, 3, 32],
    w1: [3, 3, 32, 64],
    w2: [3, 3, 64, 128],
    head: [128, 10],
  },
} as const;

/** `x` becomes `exp(-x / 2) + x / 10`, as often as `steps` says: it goes to a fixed point and stays there. */
export const AHEAD = { size: 1024, steps: 200 } as const;

const [LENGTH, WIDTH, HIDDEN] = [32, 64, 256];
const LAYERS = 4;

/**
 * Layers of attention with one head and of a perceptron, each added to what goes in and divided by the root of its mean
 * square: `x [length, width]`, and of each layer `q`, `k`, `v`, `o`, `up` and `down`.
 */
export const TRANSFORMER: {
  readonly layers: number;
  readonly width: number;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
} = {
  layers: LAYERS,
  width: WIDTH,
  inputs: {
    x: [LENGTH, WIDTH],
    ...Object.fromEntries(
      Array.from({ length: LAYERS }, (_, i) => [
        ...["q", "k", "v", "o"].map((name) => [`${name}${i}`, [WIDTH, WIDTH]]),
        [`up${i}`, [WIDTH, HIDDEN]],
        [`down${i}`, [HIDDEN, WIDTH]],
      ]).flat(),
    ),
  },
};

/** Scale of an input's numbers, so that activations of the network neither vanish nor explode. */
export function scaleOf(work: Work, name: string): number {
  if (work.kind === "transformer") return name === "x" ? 1 : Math.sqrt(3 / TRANSFORMER.inputs[name]![0]!);
  if (work.kind !== "cnn" || name === "images") return 1;
  const shape = CNN.inputs[name as keyof typeof CNN.inputs];
  return Math.sqrt(6 / shape.slice(0, -1).reduce((product: number, size) => product * size, 1));
}

/** The class of each image of the small network. */
export function labelsOf(batch: number): readonly number[] {
  return Array.from({ length: batch }, (_, i) => (i * 7) % CNN.classes);
}

/** Numbers in [-1, 1) that every library makes for itself: exact in float32. `seed` is the position of the input. */
export function numbers(length: number, seed: number, scale: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => {
    let h = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 16), 0x45d9f3b);
    h ^= h >>> 16;
    return ((h >>> 8) / 2 ** 23 - 1) * scale;
  });
}

/** Name of a work. */
export function nameOf(work: Work): string {
  if (work.kind === "cnn") return "training step of three convolutions";
  if (work.kind === "ahead") return `loop of ${AHEAD.steps} steps that runs ahead`;
  if (work.kind === "transformer") return `small transformer of ${TRANSFORMER.layers} layers`;
  if (work.kind === "sparse") return sparseName(work.geometry);
  return work.kind === "matmul" ? matmulName(work.geometry) : `${convName(work.geometry)} ${work.part}`;
}

/** Operations of a work, those of a direct computation; 0 for composed ones, which are counted in runs a second. */
export function flopsOf(work: Work): number {
  if (isComposed(work)) return 0;
  if (work.kind === "sparse") return sparseFlops(work.geometry);
  return work.kind === "matmul" ? matmulFlops(work.geometry) : convFlops(work.geometry);
}

const PARTS: readonly ConvPart[] = ["forward", "inputGradient", "weightGradient"];

/** All of it. */
export const WORKS: readonly Work[] = [
  ...PEER_MATMULS.map((geometry): Work => ({ kind: "matmul", geometry })),
  ...PEER_CONVS.flatMap((geometry) => PARTS.map((part): Work => ({ kind: "conv", geometry, part }))),
  ...SPARSE_PRODUCTS.map((geometry): Work => ({ kind: "sparse", geometry })),
  { kind: "cnn" },
  { kind: "ahead" },
  { kind: "transformer" },
];

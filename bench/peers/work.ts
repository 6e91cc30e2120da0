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

/** One thing to compute. */
export type Work =
  | { readonly kind: "matmul"; readonly geometry: MatmulGeometry }
  | { readonly kind: "conv"; readonly geometry: ConvGeometry; readonly part: ConvPart }
  /** A training step of a small network of three convolutions. */
  | { readonly kind: "cnn" };

/** Name of each input of a work and its shape: images and weights channels last. */
export function inputsOf(work: Work): Readonly<Record<string, readonly number[]>> {
  if (work.kind === "cnn") return CNN.inputs;
  if (work.kind === "matmul") {
    const { rows, inner, columns } = work.geometry;
    return { a: [rows, inner], b: [inner, columns] };
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

/** Scale of an input's numbers, so that activations of the network neither vanish nor explode. */
export function scaleOf(work: Work, name: string): number {
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
  return work.kind === "matmul" ? matmulName(work.geometry) : `${convName(work.geometry)} ${work.part}`;
}

/** Operations of a work, those of a direct computation; 0 for the training step, which is counted in steps a second. */
export function flopsOf(work: Work): number {
  if (work.kind === "cnn") return 0;
  return work.kind === "matmul" ? matmulFlops(work.geometry) : convFlops(work.geometry);
}

const PARTS: readonly ConvPart[] = ["forward", "inputGradient", "weightGradient"];

/** All of it. */
export const WORKS: readonly Work[] = [
  ...PEER_MATMULS.map((geometry): Work => ({ kind: "matmul", geometry })),
  ...PEER_CONVS.flatMap((geometry) => PARTS.map((part): Work => ({ kind: "conv", geometry, part }))),
  { kind: "cnn" },
];

/** @file Narrow elements in memory: several to a word of 32 bits, the first in the lowest bits. */
import type { Lowering, Params, Primitive } from "../../primitive.ts";
import { type DType, DTYPES, type Shape, sizeOf, type TensorSpec } from "../../spec.ts";
import { SCALARS } from "../expansions/expanded.ts";
import { halfBits, ofHalfBits } from "../expansions/half.ts";
import type { GraphNode } from "../graph.ts";
import { cast, literal, op, type Scalar } from "../scalar.ts";

/** Adds a node to a graph. */
export type Add = (node: Omit<GraphNode, "id" | "key">) => GraphNode;

/** Elements in a word. */
const perWord = (dtype: DType): number => 4 / DTYPES[dtype].bytes;

/** How a tensor of a narrow dtype lies in memory. */
export function wordSpec({ shape, dtype }: TensorSpec): TensorSpec {
  return { shape: [Math.ceil(sizeOf(shape) / perWord(dtype))], dtype: "uint32" };
}

/** What only graphs are made of: no program that anybody differentiates or computes on the reference has it. */
function step(name: string, lowering: Lowering<Params>): Primitive {
  const never = (): never => {
    throw new TypeError(`Cannot apply ${name} to a tensor as it must be a step of a compiled program`);
  };
  return { name, shapeRule: never, reference: never, vjpRule: never, lowering };
}

/**
 * Makes a node of an expression, or of another lowering.
 *
 * @param add Adds it.
 * @param spec What it is.
 * @param name Of the operation.
 * @param inputs Its operands.
 * @param lowering How it is computed.
 * @returns The node.
 */
export function stepNode(
  add: Add,
  { shape, dtype }: TensorSpec,
  name: string,
  inputs: readonly GraphNode[],
  lowering: Lowering<Params> | ((...args: readonly Scalar[]) => Scalar),
): GraphNode {
  const own: Lowering<Params> = typeof lowering === "function"
    ? { kind: "expression", expression: (args) => lowering(...args) }
    : lowering;
  return add({ shape, dtype, name, inputs, params: {}, primitive: step(name, own), lowering: own });
}

function reshaped(add: Add, x: GraphNode, shape: Shape): GraphNode {
  if (x.shape.join() === shape.join()) return x;
  return stepNode(add, { shape, dtype: x.dtype }, "reshape", [x], {
    kind: "view",
    view: () => ({ move: "reshape", shape }),
  });
}

/** One element of a word, in the dtype that it is computed in. */
function takenFrom(word: Scalar, position: Scalar, dtype: DType): Scalar {
  const { bytes, kind, limits: [least] } = DTYPES[dtype];
  const bits = 8 * bytes;
  const place = op("and", position, literal(perWord(dtype) - 1, "int32"));
  const shift = op("shiftLeft", cast(place, "uint32"), literal(Math.log2(bits), "uint32"));
  const moved = op("shiftRight", word, shift);
  if (least < 0 && kind === "whole") {
    const spare = literal(32 - bits, "int32");
    return op("shiftRight", op("shiftLeft", SCALARS.asInt(moved), spare), spare);
  }
  const own = op("and", moved, literal(2 ** bits - 1, "uint32"));
  return kind === "float" ? ofHalfBits(SCALARS, own) : own;
}

/**
 * Reads elements from words.
 *
 * @param add Adds nodes.
 * @param words A node of `wordSpec(spec)`.
 * @param spec Shape and narrow dtype.
 * @returns The elements, in the dtype that they are computed in.
 */
export function unpacked(add: Add, words: GraphNode, { shape, dtype }: TensorSpec): GraphNode {
  const flat = [sizeOf(shape)];
  const position = stepNode(add, { shape: flat, dtype: "int32" }, "position", [], { kind: "iota", axis: () => 0 });
  const place = stepNode(
    add,
    { shape: flat, dtype: "int32" },
    "word",
    [position],
    (at) => op("shiftRight", at!, literal(Math.log2(perWord(dtype)), "int32")),
  );
  const word = stepNode(add, { shape: flat, dtype: "uint32" }, "words", [words, place], {
    ...{ kind: "gather", axis: () => 0, along: () => true, fill: () => 0 },
  });
  const elements = stepNode(
    add,
    { shape: flat, dtype: DTYPES[dtype].computed },
    "unpack",
    [word, position],
    (own, at) => takenFrom(own!, at!, dtype),
  );
  return reshaped(add, elements, shape);
}

/** The bits of an element, in the lowest of a word. */
function bitsOf(x: Scalar, dtype: DType): Scalar {
  const { kind, bytes } = DTYPES[dtype];
  if (kind === "float") return halfBits(SCALARS, x);
  return op("and", cast(x, "uint32"), literal(2 ** (8 * bytes) - 1, "uint32"));
}

/**
 * Writes elements into words.
 *
 * @param add Adds nodes.
 * @param x Elements of a narrow dtype, in the dtype that they are computed in.
 * @param dtype The narrow dtype.
 * @returns The words; what the last has to spare is 0.
 */
export function packed(add: Add, x: GraphNode, dtype: DType): GraphNode {
  const count = perWord(dtype);
  const size = sizeOf(x.shape);
  const { shape: [words = 0] } = wordSpec({ shape: x.shape, dtype });
  const spare = words * count - size;
  const flat = reshaped(add, x, [size]);
  const whole = spare === 0 ? flat : stepNode(add, { shape: [words * count], dtype: x.dtype }, "pad", [flat], {
    kind: "view",
    view: () => ({ move: "pad", before: [0], after: [spare], value: 0 }),
  });
  const lanes = Array.from(
    { length: count },
    (_, lane) =>
      stepNode(add, { shape: [words], dtype: x.dtype }, "lane", [whole], {
        kind: "view",
        view: () => ({ move: "slice", start: [lane], size: [words], step: [count] }),
      }),
  );
  const join = (...parts: readonly Scalar[]) =>
    parts
      .map((part, lane) => op("shiftLeft", bitsOf(part, dtype), literal(8 * DTYPES[dtype].bytes * lane, "uint32")))
      .reduce((a, b) => op("or", a, b));
  return stepNode(add, { shape: [words], dtype: "uint32" }, "pack", lanes, join);
}

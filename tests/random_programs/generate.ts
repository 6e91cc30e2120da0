/** @file Draws a program. */
import { DTYPES, type Shape, sizeOf, type Tensor } from "../../tensor/mod.ts";
import { type Draws, drawsOf } from "./draws.ts";
import { OPERATIONS } from "./operations.ts";
import { type Input, inputsOf, type Line, type RandomProgram } from "./program.ts";

/** What programs are wanted. */
export interface Wish {
  /** True if inputs may hold NaN and infinities. */
  readonly nonFinite: boolean;
  /** True for programs that are differentiable everywhere. */
  readonly differentiable: boolean;
}

const SHAPES: readonly Shape[] = [[], [1], [5], [3, 4], [4, 3], [2, 3, 4], [1, 4], [3, 1], [0], [2, 0, 3], [7, 1, 2], [
  17,
]];
/** Elements, at most; and lines. */
const [LARGEST, LINES, TRIES] = [600, 12, 40];
/** Values whose sums and products are exact in float32, with zeros and ties. */
const HALVES = [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3];
const AWKWARD = [NaN, Infinity, -Infinity, -0];

function drawInput(draws: Draws, wish: Wish): Input {
  const dtype = wish.differentiable
    ? "float32"
    : draws.pick(["float32", "float32", "float32", "int32", "uint32", "bool"] as const);
  const shape = draws.pick(SHAPES);
  const value = () => {
    if (dtype === "bool") return draws.whole(0, 1);
    if (dtype === "uint32") return draws.whole(0, 9);
    if (dtype === "int32") return draws.whole(-9, 9);
    return wish.nonFinite && draws.chance(0.1) ? draws.pick(AWKWARD) : draws.pick(HALVES);
  };
  return { shape, dtype, values: Array.from({ length: sizeOf(shape) }, value) };
}

/** A line that fits what is there; `null` if none was found in some tries. */
function drawLine(draws: Draws, values: readonly Tensor[], rounded: readonly boolean[], wish: Wish): Line | null {
  const names = Object.keys(OPERATIONS).filter((name) => !wish.differentiable || OPERATIONS[name]!.differentiable);
  for (let i = 0; i < TRIES; i++) {
    const name = draws.pick(names);
    const operation = OPERATIONS[name]!;
    const reads = Array.from({ length: operation.arity }, () => draws.whole(0, values.length - 1));
    const operands = reads.map((at) => values[at]!);
    if (!operation.accepts(...operands)) continue;
    if (operation.rounding === "jumps" && reads.some((at) => rounded[at] && DTYPES[values[at]!.dtype].floating)) {
      continue;
    }
    return { name, reads, settings: operation.settings(draws, ...operands) };
  }
  return null;
}

/**
 * Draws a program.
 *
 * @param seed Which.
 * @param wish What it may hold.
 * @returns The program; it has at least one line, and returns what no line reads.
 */
export function drawProgram(seed: number, wish: Wish): RandomProgram {
  const draws = drawsOf(seed);
  const inputs = Array.from({ length: draws.whole(1, 3) }, () => drawInput(draws, wish));
  const values: Tensor[] = [...inputsOf({ inputs, lines: [], outputs: [] })];
  const rounded = values.map(() => false);
  const lines: Line[] = [];
  for (let i = draws.whole(1, LINES); i > 0; i--) {
    const line = drawLine(draws, values, rounded, wish);
    if (!line) continue;
    const { rounding, apply } = OPERATIONS[line.name]!;
    const value = apply(line.reads.map((at) => values[at]!), line.settings);
    if (sizeOf(value.shape) > LARGEST) continue;
    lines.push(line);
    values.push(value);
    // Products of products leave the range in which float32 is exact.
    rounded.push(rounding === "smooth" || line.reads.some((at) => rounded[at]) || lines.length > 6);
  }
  const read = new Set(lines.flatMap(({ reads }) => reads));
  const last = [...values.keys()].filter((at) => at >= inputs.length && !read.has(at));
  return { inputs, lines, outputs: last.length > 0 ? last : [0] };
}

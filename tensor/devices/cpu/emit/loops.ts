/** @file Loops of kernels as WAT text. */
import type { WatPass } from "../../../compiler/kernel_text.ts";
import { operationOf } from "../../../compiler/operations.ts";
import { type Scalar, visitScalars } from "../../../compiler/scalar.ts";
import { mathFunctions } from "./functions.ts";
import { constantLines, type SharedText } from "./place.ts";
import { varies } from "./varies.ts";

/** Counts `$name` upwards by `step` while `name + step <= end`. */
export function loopWhile(name: string, step: number, end: string, body: string): string {
  const next = step === 1
    ? `(i32.ge_s (local.get ${name}) ${end})`
    : `(i32.gt_s (i32.add (local.get ${name}) (i32.const ${step})) ${end})`;
  return `(block (loop (br_if 1 ${next})\n${body}\n(local.set ${name} (i32.add (local.get ${name}) (i32.const ${step}))) (br 0)))`;
}

/** Splits a flat index into the indices of axes, outermost first. */
export function decode(flat: string, sizes: readonly number[], names: readonly string[]): string {
  const code: string[] = [];
  let rest = flat;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const size = `(i32.const ${sizes[axis]})`;
    code.push(`(local.set ${names[axis]} ${axis === 0 ? rest : `(i32.rem_u ${rest} ${size})`})`);
    if (axis > 0) {
      code.push(`(local.set $rest (i32.div_u ${rest} ${size}))`);
      rest = "(local.get $rest)";
    }
  }
  return code.join(" ");
}

/** True if lanes along the axis would need branches of their own. */
export function needsScalar(roots: readonly Scalar[], lane: number): boolean {
  let found = false;
  visitScalars(roots, (x) => {
    if (x.kind === "guard" && x.bounds.some((bound) => bound.coefficients[lane] !== 0)) found = true;
  });
  return found;
}

/** Rough cost of computing an element, in nanoseconds. */
export function costOf(roots: readonly Scalar[], lane: number): number {
  let cost = 0;
  visitScalars(roots, (x) => {
    if (lane >= 0 && !varies(x, lane)) return;
    cost += x.kind === "op" ? operationOf(x.op).cost : 0.4;
  });
  return cost + 0.2;
}

/** A function that exports `run`: parameters of the contract, locals, body. */
export function runFunction(inputs: number, outputs: number, locals: readonly string[], body: string): string {
  const names = [
    ...Array.from({ length: inputs }, (_, i) => `$in${i}`),
    ...Array.from({ length: outputs }, (_, i) => `$out${i}`),
  ];
  const params = [...names, "$scratch", "$thread", "$begin", "$end"].map((name) => `(param ${name} i32)`).join(" ");
  return `(func (export "run") ${params}\n${locals.join(" ")}\n${body})`;
}

/** How many buffers a kernel takes. */
export interface BufferCounts {
  readonly inputs: number;
  readonly outputs: number;
}

/** `run` with what writers share: the functions that it calls, its locals, and its constants before the body. */
export function kernelCode({ inputs, outputs }: BufferCounts, shared: SharedText, body: string): string {
  const whole = `${constantLines(shared)}\n${body}`;
  return `${mathFunctions(shared.calls)}\n${runFunction(inputs, outputs, shared.locals, whole)}`;
}

/** A pass that does each item of its range by itself. */
export function itemPass(
  buffers: BufferCounts,
  shared: SharedText,
  item: string,
  items: number,
  itemCost: number,
): WatPass {
  const loop = `(local.set $item (local.get $begin))\n${loopWhile("$item", 1, "(local.get $end)", item)}`;
  return { code: kernelCode(buffers, shared, loop), items, itemCost };
}

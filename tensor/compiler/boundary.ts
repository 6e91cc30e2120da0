/** @file What is kept of a program beside its results, so that later programs begin there. */
import type { DeviceBuffer } from "../device.ts";
import { orderBy } from "../order.ts";
import { bufferOf, leafSource, settle, type Tensor } from "../tensor.ts";
import { readCount } from "./lowering.ts";

/** Tensors that were part of a program that was computed. Documented cache; weak. */
const computedBefore = new WeakSet<Tensor>();

/** True if a tensor has values. */
export function isValue(x: Tensor): boolean {
  return leafSource(x) !== undefined || (!x.traced && bufferOf(x) !== undefined);
}

/** Inputs that are computed with; the others matter to gradients only. */
export function readInputs(x: Tensor): readonly Tensor[] {
  return x.inputs.slice(0, readCount(x));
}

/** The program behind tensors, as far as it has to be computed; what is given is not looked into. */
export function programOf(outputs: readonly Tensor[], given: ReadonlySet<Tensor> = new Set()): Tensor[] {
  return orderBy(outputs, (x) => given.has(x) || isValue(x) ? [] : readInputs(x));
}

/** What is in memory where a tensor is read through views. */
function underViews(x: Tensor): Tensor {
  let under = x;
  while (!isValue(under) && under.primitive.lowering.kind === "view") under = under.inputs[0]!;
  return under;
}

/**
 * Computes tensors in one program. What is computed for the second time, and from which something new is made, is kept as
 * values: the next program begins there. So a loop that reads only its loss computes a step twice, and never a third time,
 * however many steps came before; and what lies behind is collected. Nothing can be kept at the first time, as nothing
 * tells then which intermediate values, of which there are many, will be asked for again.
 *
 * @param tensors What is asked for, none of it traced.
 * @param run Computes tensors.
 * @returns The values of what is asked for.
 */
export function evaluateOnce(
  tensors: readonly Tensor[],
  run: (tensors: readonly Tensor[]) => readonly DeviceBuffer[],
): readonly DeviceBuffer[] {
  const program = programOf(tensors).filter((x) => !isValue(x));
  const begun = program.filter((x) => !computedBefore.has(x)).flatMap(readInputs).map(underViews);
  const again = new Set(begun.filter((x) => computedBefore.has(x) && !isValue(x) && x.inputs.length > 0));
  tensors.forEach((x) => again.delete(x));
  const kept = [...again];
  const buffers = run([...tensors, ...kept]);
  kept.forEach((x, i) => settle(x, buffers[tensors.length + i]!));
  program.forEach((x) => computedBefore.add(x));
  return buffers.slice(0, tensors.length);
}

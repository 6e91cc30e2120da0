/** @file Joins maps to the templates that read their results, so that a result need not be in memory. */
import { sizeOf } from "../../spec.ts";
import type { Draft } from "./draft.ts";
import type { Step } from "../kernel.ts";
import { kernelKey } from "../kernel_key.ts";
import { operationOf } from "../operations.ts";
import { isPlainMap, type MapStep, type TemplateStep } from "./plain_map.ts";
import { visitScalars } from "../scalar.ts";

/** Multiplications for each element of the operand up to which a map pays: it is computed anew for each tile of columns. */
const MAX_USES = 128;
/** Operations up to which a map is cheap. */
const MAX_OPERATIONS = 12;

/**
 * Joins maps to templates. A map goes if every reader of its one result is a template that can compute it on the way, and
 * reads hardly more of memory for it than before: one tensor of its size, and others of at most a quarter, that repeat.
 *
 * @param draft The program.
 * @param limits Buffers that one kernel may read and write.
 * @returns The program with fewer steps, and without the results that nobody reads any more.
 */
export function joinPrologues(draft: Draft, { maxBuffers }: { readonly maxBuffers: number }): Draft {
  const { values, steps } = draft;
  const readers = new Map<number, number[]>();
  steps.forEach(({ inputs }, at) =>
    new Set(inputs).forEach((x) => {
      const known = readers.get(x);
      if (known) known.push(at);
      else readers.set(x, [at]);
    })
  );
  const result: (Step | null)[] = [...steps];
  steps.forEach((map, at) => {
    if (!isCheap(map, draft)) return;
    const [own] = map.outputs;
    const after = readers.get(own!) ?? [];
    const joined = after.map((reader) => join(result[reader]!, map, draft));
    if (!joined.every((step) => step !== null && step.inputs.length + step.outputs.length <= maxBuffers)) return;
    after.forEach((reader, i) => result[reader] = joined[i]!);
    result[at] = null;
  });
  return { values, steps: result.filter((step) => step !== null) };
}

/** True for a map of one temporary that reads one tensor of its size, else small ones, and computes little. */
function isCheap(step: Step, { values }: Draft): step is MapStep {
  if (!isPlainMap(step) || step.outputs.length !== 1 || values[step.outputs[0]!]!.role !== "temporary") return false;
  const [own] = step.outputs;
  const size = sizeOf(values[own!]!.shape);
  const large = step.inputs.filter((value) => 4 * sizeOf(values[value]!.shape) > size);
  let [operations, slow] = [0, false];
  visitScalars(step.kernel.values, (x) => {
    if (x.kind !== "op") return;
    operations++;
    slow ||= operationOf(x.op).repeat !== "cheap";
  });
  return values[own!]!.dtype === "float32" && large.length === 1 && sizeOf(values[large[0]!]!.shape) === size &&
    operations <= MAX_OPERATIONS && !slow;
}

/** The template with the map in place of the operand that it makes; null if it cannot be. */
function join(step: Step, map: MapStep, { values }: Draft): TemplateStep | null {
  if (step.kernel.kind !== "template") return null;
  const { kernel, inputs } = step;
  const [own] = map.outputs;
  const operand = inputs.indexOf(own!);
  const uses = kernel.flops / 2 / sizeOf(values[own!]!.shape);
  const fits = operand === inputs.lastIndexOf(own!) && kernel.computes.includes(operand) && uses <= MAX_USES;
  if (!fits || map.inputs.some((value) => inputs.includes(value))) return null;
  const [first, ...others] = map.inputs;
  return {
    kernel: {
      ...kernel,
      key: `${kernel.key}\ncomputes ${operand} by ${kernelKey(map.kernel)}`,
      prologues: [
        ...kernel.prologues,
        { map: map.kernel, sources: map.inputs.length, operand, reads: inputs.length },
      ],
    },
    inputs: [...inputs.with(operand, first!), ...others],
    outputs: step.outputs,
  };
}

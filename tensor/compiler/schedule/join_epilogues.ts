/** @file Joins maps to the templates whose results they read, so that a result is finished before it is written. */
import { sizeOf } from "../../spec.ts";
import type { Draft } from "./draft.ts";
import { readsAtHand } from "./in_place.ts";
import type { Epilogue, Step } from "../kernel.ts";
import { kernelKey } from "../kernel_key.ts";
import { isPlainMap, type MapStep, type TemplateStep } from "./plain_map.ts";
import { renumberBuffers } from "../scalar.ts";

/** How many steps a map or a template may pass on its way to the other. */
const REACH = 8;

/**
 * Joins maps to templates. A map moves up to a template if all else that it reads is there by then; or the template moves
 * down to the map if nobody reads its result in between. A result that others read is written too. The values are the
 * same.
 *
 * @param draft The program.
 * @param given Inputs whose memory results may take over; a map that could write over one stays alone.
 * @param limits Buffers that one kernel may read and write.
 * @returns The program with fewer steps, and without the results that nobody reads any more.
 */
export function joinEpilogues(
  draft: Draft,
  given: ReadonlySet<number>,
  { maxBuffers }: { readonly maxBuffers: number },
): Draft {
  const { values } = draft;
  const readers = new Map<number, number>();
  draft.steps.forEach(({ inputs }) =>
    new Set(inputs).forEach((value) => readers.set(value, (readers.get(value) ?? 0) + 1))
  );
  const result: Step[] = [];
  for (const step of draft.steps) {
    const map = isPlainMap(step) && !replaces(step, draft, given) ? step : null;
    const found = map && findTemplate(result, map, draft);
    if (!found) {
      result.push(step);
      continue;
    }
    const { at, template, up } = found;
    const own = template.outputs[0]!;
    const isKept = values[own]!.role === "output" || readers.get(own)! > 1;
    const joined = join(template, map, isKept ? [0] : []);
    if (joined.inputs.length + joined.outputs.length > maxBuffers) result.push(step);
    else if (up) result[at] = joined;
    else {
      result.splice(at, 1);
      result.push(joined);
    }
  }
  return { values, steps: result };
}

/** True if a result of a map could be written over an input that is given away. */
function replaces({ inputs, outputs }: MapStep, { values }: Draft, given: ReadonlySet<number>): boolean {
  return outputs.some((value) => values[value]!.role === "output") && inputs.some((value) => given.has(value));
}

/** The youngest template that a map can finish: its position, and whether the map moves up to it. */
function findTemplate(
  steps: readonly Step[],
  map: MapStep,
  { values }: Draft,
): { readonly at: number; readonly template: TemplateStep; readonly up: boolean } | null {
  const passed: Step[] = [];
  for (let at = steps.length - 1; at >= Math.max(0, steps.length - REACH); at--) {
    const step = steps[at]!;
    const own = step.outputs[0]!;
    if (map.inputs.includes(own) && isFinishable(step) && fits(step, map, sizeOf(values[own]!.shape))) {
      const up = !passed.some(({ outputs }) => outputs.some((value) => map.inputs.includes(value)));
      const down = !passed.some(({ inputs }) => inputs.includes(own));
      if (up || down) return { at, template: step, up };
    }
    passed.push(step);
  }
  return null;
}

function isFinishable(step: Step): step is TemplateStep {
  return step.kernel.kind === "template" && step.kernel.finishes && !step.kernel.epilogue;
}

/** True if a map reads a template's result only at the element at hand, and nothing that the template reads. */
function fits({ inputs, outputs: [own] }: TemplateStep, map: MapStep, size: number): boolean {
  return size > 0 && sizeOf(map.kernel.shape) === size && readsAtHand(map, own!) &&
    !map.inputs.some((value) => inputs.includes(value));
}

function join(template: TemplateStep, map: MapStep, keeps: readonly number[]): TemplateStep {
  const { kernel, outputs } = template;
  const { epilogue, ...step } = finished(template, map, outputs, keeps);
  return { ...step, kernel: { ...kernel, key: `${kernel.key}\n${epilogue.key}`, epilogue } };
}

/**
 * Finishes the results of a kernel by a map.
 *
 * @param step What the kernel reads.
 * @param map The map.
 * @param results Numbers of all results of the kernel.
 * @param keeps Positions of the results that are written too.
 * @returns The epilogue, and what the step reads and writes with it.
 */
export function finished(
  { inputs }: Pick<Step, "inputs">,
  map: MapStep,
  results: readonly number[],
  keeps: readonly number[],
): Pick<Step, "inputs" | "outputs"> & { readonly epilogue: Epilogue } {
  const others = map.inputs.filter((value) => !results.includes(value));
  const order = [...results, ...others];
  const positions = new Map(map.inputs.map((value, at) => [at, order.indexOf(value)]));
  const finish = { ...map.kernel, values: renumberBuffers(map.kernel.values, positions) };
  return {
    epilogue: { map: finish, reads: inputs.length, keeps, key: `keeps [${keeps}] ${kernelKey(finish)}` },
    inputs: [...inputs, ...others],
    outputs: [...keeps.map((k) => results[k]!), ...map.outputs],
  };
}

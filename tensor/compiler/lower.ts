import { textOf } from "../text_of.ts";
import { gathered, leaner } from "./brought.ts";
import type { Draft } from "./schedule/draft.ts";
import { fuse, type FusionLimits } from "./fuse.ts";
import type { FusedStep } from "./fused_step.ts";
import type { Graph, GraphNode, WideGraph } from "./graph.ts";
import { lastReads, readsInPlace, turnsOf } from "./schedule/in_place.ts";
import { joinEpilogues } from "./schedule/join_epilogues.ts";
import { joinPrologues } from "./schedule/join_prologues.ts";
import type { Kernel, ScheduledProgram, Step, Value } from "./kernel.ts";
import { kernelKey } from "./kernel_key.ts";
import { widened } from "./narrow/widened.ts";
import { reorder } from "./schedule/reorder.ts";

/** A program ready for a device. */
export interface Lowered {
  readonly schedule: ScheduledProgram;
  /** The schedule as text: schedules of equal keys are equal. */
  readonly key: string;
}

/**
 * Lowers a program to kernels.
 *
 * @param graph What is to be computed.
 * @param donated Positions of the inputs that may be overwritten.
 * @param limits Of the device.
 * @returns The schedule. Its inputs are those of the graph, then the captured leaves.
 */
export function lower(graph: Graph, donated: ReadonlySet<number>, limits: FusionLimits): Lowered {
  const wide = widened(graph, "words");
  const schedule = scheduleOf(wide, fuse(wide, limits), donated, limits);
  return { schedule, key: keyOf(schedule) };
}

function scheduleOf(
  graph: WideGraph,
  fused: readonly FusedStep[],
  donated: ReadonlySet<number>,
  limits: FusionLimits,
): ScheduledProgram {
  const numbers = new Map<GraphNode, number>();
  const values: Value[] = [];
  const add = (node: GraphNode, role: Value["role"]) => {
    numbers.set(node, values.length);
    values.push({ shape: node.shape, dtype: node.dtype, role });
    return values.length - 1;
  };
  const inputs = [...graph.inputs, ...graph.capturedNodes].map((node) => add(node, "input"));
  const results = new Set(graph.outputs);
  const steps: Step[] = fused.map(({ kernel, inputs, outputs }) => ({
    kernel: withBody(kernel, limits),
    inputs: inputs.map((node) => numbers.get(node)!),
    outputs: outputs.map((node) => add(node, results.has(node) ? "output" : "temporary")),
  }));
  const outputs = graph.outputs.map((node) => numbers.get(node)!);
  const given = new Set([...donated].map((position) => inputs[position]!));
  const lean = leaner(reorder({ values, steps }), limits.reruns);
  const joined = limits.joins ? joinEpilogues(joinPrologues(lean, limits), given, limits) : lean;
  const draft = gathered(joined, limits);
  const aliases = aliasesOf(draft, { outputs, given });
  const spent = given.difference(new Set(aliases.values()));
  const narrow = new Map([...graph.narrow].map(([node, spec]) => [numbers.get(node)!, spec]));
  return { ...draft, inputs, outputs, aliases, spent, ...narrow.size > 0 && { narrow } };
}

/** A kernel with its body, if it is a loop, lowered. */
function withBody(kernel: Kernel, limits: FusionLimits): Kernel {
  if (kernel.kind !== "template" || kernel.body.kind !== "loop") return kernel;
  return { ...kernel, body: { ...kernel.body, schedule: lower(kernel.body.graph, new Set(), limits).schedule } };
}

/** Finds for each donated input a result of its spec that may be written in its place; one that a reader of it writes if there is. */
function aliasesOf(
  { values, steps }: Draft,
  { outputs, given }: { readonly outputs: readonly number[]; readonly given: ReadonlySet<number> },
): ReadonlyMap<number, number> {
  const [turns, lastRead] = [turnsOf(steps), lastReads(steps)];
  const writer = new Map<number, number>();
  const beside = new Map<number, number[]>(); // results of the steps that read a donated input
  steps.forEach((step, i) => {
    step.outputs.forEach((value) => writer.set(value, i));
    step.inputs.forEach((value) => {
      if (given.has(value)) beside.set(value, [...beside.get(value) ?? [], ...step.outputs]);
    });
  });
  const results = new Set(outputs);
  const specOf = (value: number) => `${values[value]!.dtype}${values[value]!.shape}`;
  const made = [...results].filter((value) => values[value]!.role === "output");
  const free = new Map(Map.groupBy(made, specOf).entries().map(([spec, numbers]) => [spec, new Set(numbers)]));
  const aliases = new Map<number, number>();
  for (const input of given) {
    const candidates = results.has(input) ? undefined : free.get(specOf(input));
    if (!candidates) continue;
    const fits = (value: number) => {
      const at = writer.get(value)!;
      const last = lastRead.get(input);
      return !last || last.turn < turns[at]! || (last.step === at && readsInPlace(steps[at]!, input, value));
    };
    const reader = beside.get(input)?.find((value) => candidates.has(value) && fits(value));
    const chosen = reader ?? candidates.values().find(fits);
    if (chosen === undefined) continue;
    aliases.set(chosen, input);
    candidates.delete(chosen);
  }
  return aliases;
}

function keyOf({ values, steps, inputs, outputs, aliases, spent, narrow = new Map() }: ScheduledProgram): string {
  const texts = steps.map((step) => `${step.turn ?? ""} ${kernelKey(step.kernel)}<${step.inputs}>${step.outputs}`);
  return [textOf(values), texts.join("\n"), inputs, outputs, [...aliases], [...spent], textOf([...narrow])].join("\n");
}

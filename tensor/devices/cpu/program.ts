/** @file Schedules as launches of a cpu device: assembled and planned. */
import type { Exchange } from "../../primitive.ts";
import { exchangeOf, type LoopBody, loopOf, type ScheduledProgram, type Step } from "../../compiler/kernel.ts";
import { runsOf } from "../../compiler/loop_step.ts";
import type { WatKernel, WatOptions } from "../../compiler/kernel_text.ts";
import { type LaunchListener, launchTeller } from "../../compiler/profile.ts";
import { type MemoryPlan, planMemory } from "../../compiler/schedule/plan.ts";
import { emitMapWat } from "./emit/map.ts";
import { emitReduceWat } from "./emit/reduce.ts";
import { templateWat } from "./kernels/template.ts";
import { assemble } from "./runtime/assemble.ts";
import { bytesOf } from "./runtime/blocks.ts";
import { type Core, tell } from "./runtime/core.ts";
import type { Launch } from "./runtime/crew.ts";

/** Passes that take less than this many nanoseconds run on one thread. */
const SHARE_ABOVE = 30_000;
/** Bytes between the starts of what lies in the arena. */
const ALIGNMENT = 64;

/** Steps that run one after the other: one list of launches, which all threads know. */
export interface Segment {
  readonly kind: "launches";
  /** Assembles them, at the first call; all threads know them then. */
  launches(): readonly Launch[];
  /** Number by which the workers know the launches. */
  readonly program: number;
  /** Position of the first among the passes of the program. */
  readonly first: number;
}

/** A step that is a loop. */
export interface LoopSegment {
  readonly kind: "loop";
  readonly step: Step;
  /** Position in the table of addresses of the memory of the body. */
  readonly slot: number;
  readonly loop: LoopBody;
  readonly body: Program;
  /** Where in that memory each carry lies when it is not in the memory of the result, and when nothing reads the result. */
  readonly spare: readonly (readonly [number, number])[];
}

/** A step that exchanges values with other processes. */
export interface ExchangeSegment {
  readonly kind: "exchange";
  readonly step: Step;
  readonly exchange: Exchange;
}

/** What runs one after the other. */
export type AnySegment = Segment | LoopSegment | ExchangeSegment;

/** A schedule as launches, with the memory that it needs. */
export interface Program {
  readonly schedule: ScheduledProgram;
  /** Passes of one run, those of loops as often as they run at most; once of a loop that nothing bounds. */
  readonly passes: number;
  readonly segments: readonly AnySegment[];
  /** Where temporaries and the scratch of each step lie in the arena. */
  readonly plan: MemoryPlan;
  /** Private scratch of one thread. */
  readonly localBytes: number;
  /** Called after each launch, if anyone asked. */
  readonly onLaunch?: (index: number, start: number, milliseconds: number) => void;
}

/** What of the settings matters when a schedule is loaded. */
export interface LoadOptions extends WatOptions {
  readonly onLaunch: LaunchListener | undefined;
}

/** What an exchange launches. */
const NO_KERNEL: WatKernel = { passes: [], scratchBytes: 0, localBytes: 0 };

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** A loop has no passes of its own; its scratch is the arena of its body and two places for each carry. */
function loopKernel({ loop, body }: { readonly loop: LoopBody; readonly body: Program }): WatKernel & {
  readonly spare: LoopSegment["spare"];
} {
  let end = aligned(body.plan.bytes);
  const take = (bytes: number) => (end += aligned(bytes)) - aligned(bytes);
  const { values, outputs } = body.schedule;
  const spare = outputs.slice(0, loop.carries).map((value) => {
    const bytes = bytesOf(values[value]!);
    return [take(bytes), take(bytes)] as const;
  });
  return { passes: [], scratchBytes: end, localBytes: body.localBytes, spare };
}

/** Writes the kernels, and plans the memory. */
export function prepare(core: Core, schedule: ScheduledProgram, options: LoadOptions): Program {
  const { onLaunch, ...texts } = options;
  const loops = schedule.steps.map(({ kernel }) => {
    const loop = loopOf(kernel);
    return loop && { loop, body: prepare(core, loop.schedule, options) };
  });
  const exchanges = schedule.steps.map(({ kernel }) => exchangeOf(kernel));
  const kernels = schedule.steps.map((step, i) =>
    loops[i] ? loopKernel(loops[i]) : exchanges[i] ? NO_KERNEL : kernelOf(step, schedule, texts)
  );
  const segments: AnySegment[] = [];
  let [from, first] = [0, 0];
  for (let at = 0; at <= kernels.length; at++) {
    if (at < kernels.length && !loops[at] && !exchanges[at]) continue;
    if (at > from) segments.push(segmentOf(core, schedule, kernels, { from, to: at, first }));
    first += kernels.slice(from, at).reduce((sum, { passes }) => sum + passes.length, 0);
    from = at + 1;
    const [made, exchange] = [loops[at], exchanges[at]];
    if (exchange) segments.push({ kind: "exchange", step: schedule.steps[at]!, exchange });
    if (!made) continue;
    const { spare } = kernels[at] as ReturnType<typeof loopKernel>;
    segments.push({ kind: "loop", step: schedule.steps[at]!, slot: schedule.values.length + at, ...made, spare });
  }
  const localBytes = kernels.reduce((most, kernel) => Math.max(most, kernel.localBytes), 0);
  const scratchBytes = kernels.map((kernel) => kernel.scratchBytes);
  return {
    schedule,
    passes: loops.reduce((sum, made) => sum + (made ? runsOf(made.loop) * made.body.passes : 0), first),
    segments,
    plan: planMemory(schedule, { alignment: ALIGNMENT, inPlace: true, scratchBytes }),
    localBytes: aligned(localBytes),
    ...(onLaunch ? { onLaunch: launchTeller(schedule, kernels.map(({ passes }) => passes), onLaunch) } : {}),
  };
}

/** Numbers of all launch lists of a program. */
export function programsOf({ segments }: Program): readonly number[] {
  return segments.flatMap((segment) => {
    if (segment.kind === "exchange") return [];
    return segment.kind === "loop" ? programsOf(segment.body) : [segment.program];
  });
}

/** Assembles all kernels of a program. */
export function assembleAll({ segments }: Program): void {
  for (const segment of segments) {
    if (segment.kind === "loop") assembleAll(segment.body);
    if (segment.kind === "launches") segment.launches();
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly first: number;
}

function segmentOf(
  core: Core,
  schedule: ScheduledProgram,
  kernels: readonly WatKernel[],
  { from, to, first }: Range,
): Segment {
  const program = core.shared.programs++;
  const launches = once(() => {
    const made = launchesOf(core, schedule, kernels, from, to);
    core.workers.forEach((worker) => tell(worker, { kind: "load", program, launches: made }));
    return made;
  });
  return { kind: "launches", launches, program, first };
}

/** Assembles kernels. */
function launchesOf(
  core: Core,
  { steps, values }: ScheduledProgram,
  kernels: readonly WatKernel[],
  from: number,
  to: number,
): readonly Launch[] {
  return kernels.slice(from, to).flatMap(({ passes }, i) => {
    const { inputs, outputs } = steps[from + i]!;
    return passes.map(({ code, items, itemCost }): Launch => ({
      module: assemble(code, core.relaxed),
      slots: [...inputs, ...outputs, values.length + from + i], // scratch of the steps comes after all values
      items,
      parallel: core.workers.length > 0 && items > 1 && items * itemCost > SHARE_ABOVE,
    }));
  });
}

/** A function that computes its value at the first call. */
function once<T>(compute: () => T): () => T {
  const made: { value?: T } = {};
  return () => made.value ??= compute();
}

function kernelOf({ kernel, inputs, outputs }: Step, { values }: ScheduledProgram, options: WatOptions): WatKernel {
  if (kernel.kind === "template") return templateWat(kernel, options);
  const specs = (numbers: readonly number[]) => numbers.map((number) => values[number]!);
  return kernel.kind === "map"
    ? emitMapWat(kernel, specs(inputs), specs(outputs))
    : emitReduceWat(kernel, specs(inputs));
}

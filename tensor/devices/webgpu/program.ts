/** @file Schedules as launches of a webgpu device: written and planned. */
import { exchangeParts } from "../../compiler/brought.ts";
import { webgpuPart } from "./brought.ts";
import type { Exchange } from "../../primitive.ts";
import { exchangeOf, type LoopBody, loopOf, type ScheduledProgram, type Step } from "../../compiler/kernel.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel_text.ts";
import { type LaunchListener, launchTeller } from "../../compiler/profile.ts";
import { turnsOf } from "../../compiler/schedule/in_place.ts";
import { bytesOf } from "../../compiler/schedule/draft.ts";
import { DeviceError } from "../../errors.ts";
import { attachEpilogue } from "./emit/epilogue.ts";
import { emitMapWgsl } from "./emit/map.ts";
import { attachPrologue } from "./emit/prologue.ts";
import { emitReduceWgsl } from "./emit/reduce.ts";
import { type Shader, shaderOf } from "./emit/shader.ts";
import type { BoundPass } from "./emit/join_passes.ts";
import { templateWgsl } from "./kernels/template.ts";
import { ALIGNMENT, type ArenaPlan, planArena } from "./runtime/arena.ts";
import type { Core } from "./runtime/core.ts";
import { type Launches, makeLaunches } from "./runtime/launch.ts";
import { refuseLarge, refusePass } from "./runtime/limits.ts";
import type { TellTime } from "./runtime/timed_launches.ts";

/** Steps that run one after the other. */
interface Segment {
  readonly kind: "launches";
  readonly launches: Launches;
  /** Position of the first among the passes of the program. */
  readonly first: number;
}

/** A step that is a loop. */
export interface LoopSegment {
  readonly kind: "loop";
  readonly step: Step;
  /** Slot of the memory of the body. */
  readonly slot: number;
  readonly loop: LoopBody;
  readonly body: Program;
  /** Where in that memory each carry lies when it is not in the memory of the result, and when nothing reads the result. */
  readonly spare: readonly (readonly [number, number])[];
}

/** A step that exchanges values with other processes. */
interface ExchangeSegment {
  readonly kind: "exchange";
  readonly step: Step;
  readonly exchange: Exchange;
  /** Position of the step: what waits for it names it so. */
  readonly at: number;
}

/** Where sums that were begun must be done. */
interface WaitSegment {
  readonly kind: "wait";
  readonly steps: readonly number[];
}

type AnySegment = Segment | LoopSegment | ExchangeSegment | WaitSegment;

/** A schedule as launches, with the memory that it needs. */
export interface Program {
  readonly schedule: ScheduledProgram;
  readonly segments: readonly AnySegment[];
  readonly arena: ArenaPlan;
  /** Bytes of the binding of each value, then of the scratch of each step. */
  readonly sizes: readonly number[];
  /** Launches of one run, those of loops as often as they run. */
  readonly launches: number;
  /** Told the time of each launch, if anyone asked. */
  readonly tell: TellTime | null;
}

/** What is known of a step: its passes, and its body if it is a loop. */
interface Prepared {
  readonly passes: WgslKernel["passes"];
  readonly scratchBytes: number;
  readonly made?: Pick<LoopSegment, "loop" | "body" | "spare">;
  /** What it is if it is an exchange. */
  readonly exchange?: Exchange;
}

const rounded = (bytes: number) => Math.max(16, Math.ceil(bytes / 16) * 16);
const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function kernelOf(step: Step, schedule: ScheduledProgram, limits: WgslLimits): WgslKernel {
  const { kernel } = step;
  const specs = (numbers: readonly number[]) => numbers.map((number) => schedule.values[number]!);
  if (kernel.kind === "template") {
    const operands = { inputs: specs(step.inputs), outputs: specs(step.outputs) };
    const plain = templateWgsl(kernel, limits);
    const begun = kernel.prologues.reduce((text, prologue) => attachPrologue(text, prologue, operands), plain);
    return kernel.epilogue ? attachEpilogue(begun, kernel.epilogue, operands) : begun;
  }
  const [inputs, outputs, inPlace] = [specs(step.inputs), specs(step.outputs), inPlaceOf(step, schedule)];
  if (kernel.kind === "map") return emitMapWgsl(kernel, inputs, outputs, inPlace);
  const options = { inPlace, subgroup: limits.subgroup };
  return kernel.epilogue
    ? webgpuPart("emitFinishedWgsl", "finish reductions")(kernel, { inputs, outputs, ...options })
    : emitReduceWgsl(kernel, inputs, options);
}

/** Which outputs of a step lie where one of its inputs does. */
function inPlaceOf({ inputs, outputs }: Step, { aliases }: ScheduledProgram): ReadonlyMap<number, number> {
  const pairs = outputs.map((value, i) => [i, inputs.indexOf(aliases.get(value) ?? -1)] as const);
  return new Map(pairs.filter(([, position]) => position >= 0));
}

/** A loop has no passes of its own; its scratch is the arena of its body and two places for each carry. */
function prepareLoop(
  core: Core,
  loop: LoopBody & { readonly schedule: ScheduledProgram },
  { onLaunch, runs }: Required<LoadOptions>,
): Prepared {
  if (!Number.isFinite(loop.length)) {
    throw new DeviceError(
      "webgpu",
      "Cannot run whileLoop on webgpu as maxIterations must bound it, since nothing is read back while a program runs: " +
        "current maxIterations is undefined; give it, use foriLoop or scan, or run on cpu",
    );
  }
  const body = prepare(core, loop.schedule, { onLaunch, runs: runs * loop.length });
  const [bytes = 0, ...more] = body.arena.chunks;
  if (more.length > 0) {
    throw new DeviceError(
      "webgpu",
      `Cannot run a loop on webgpu as its body must fit into one buffer: current number of buffers is ${
        more.length + 1
      }`,
    );
  }
  let end = aligned(bytes);
  const take = (size: number) => (end += aligned(size)) - aligned(size);
  const { values, outputs } = body.schedule;
  const spare = outputs.slice(0, loop.carries).map((value) => {
    const size = bytesOf(values[value]!);
    return [take(size), take(size)] as const;
  });
  return { passes: [], scratchBytes: end, made: { loop, body, spare } };
}

/** What matters when a schedule is loaded. */
export interface LoadOptions {
  readonly onLaunch?: LaunchListener | undefined;
  /** How often it runs for each run of the whole program. */
  readonly runs?: number;
}

/** Writes the kernels, refuses what the device does not allow, and plans the memory. Nothing is allocated or compiled. */
export function prepare(core: Core, schedule: ScheduledProgram, { onLaunch, runs = 1 }: LoadOptions = {}): Program {
  const { gpu, limits } = core;
  schedule.values.forEach((value) => refuseLarge(gpu.limits, bytesOf(value), value.shape));
  const steps = schedule.steps.map((step): Prepared => {
    const loop = loopOf(step.kernel);
    if (loop) return prepareLoop(core, loop, { onLaunch, runs });
    const exchange = exchangeOf(step.kernel);
    if (exchange && onLaunch) refuseTimes();
    return exchange ? { passes: [], scratchBytes: 0, exchange } : kernelOf(step, schedule, limits);
  });
  const scratchBytes = steps.map((step) => step.scratchBytes);
  scratchBytes.forEach((bytes) => refuseLarge(gpu.limits, bytes));
  // Whoever listens is told of each pass by itself.
  const turns = onLaunch ? steps.map((_, at) => at) : turnsOf(schedule.steps);
  const { segments, passes } = segmentsOf(core, schedule, { steps, turns, runs });
  return {
    schedule,
    segments,
    arena: planArena(schedule, scratchBytes, gpu.limits.maxBufferSize),
    sizes: [...schedule.values.map(bytesOf), ...scratchBytes].map(rounded),
    launches: steps.reduce((sum, { made }) => sum + (made ? made.loop.length * made.body.launches : 0), passes),
    tell: onLaunch ? launchTeller(schedule, steps.map(({ passes }) => passes), onLaunch) : null,
  };
}

/** A launch that waits for other processes has no time of its own. */
function refuseTimes(): never {
  throw new DeviceError(
    "webgpu",
    "Cannot profile on webgpu as a program must not exchange values with other processes: current program does; profile " +
      "one process alone, or on cpu",
  );
}

/** Runs of passes between loops and exchanges, and where exchanges must be done. */
function segmentsOf(core: Core, schedule: ScheduledProgram, { steps, turns, runs }: {
  readonly steps: readonly Prepared[];
  readonly turns: readonly number[];
  readonly runs: number;
}) {
  const segments: AnySegment[] = [];
  const waits = exchangeParts(steps.some(({ exchange }) => exchange))?.exchangeWaits(schedule);
  let [passes, first] = [[] as ReturnType<typeof passesOf>[number][], 0];
  let together: number[] = []; // steps of one turn
  const endTurn = () => {
    passes.push(...passesOf(core, schedule, steps, together));
    together = [];
  };
  const flush = () => {
    endTurn();
    if (passes.length > 0) segments.push({ kind: "launches", launches: makeLaunches(passes, runs), first });
    first += passes.length;
    passes = [];
  };
  const waitBefore = (at: number) => {
    const sums = waits?.get(at);
    if (!sums) return;
    flush();
    segments.push({ kind: "wait", steps: sums });
  };
  steps.forEach((step, at) => {
    const { made, exchange } = step;
    waitBefore(at);
    if (turns[at] !== turns[at - 1]) endTurn();
    if (!made && !exchange) return void together.push(at);
    flush();
    if (exchange) segments.push({ kind: "exchange", step: schedule.steps[at]!, exchange, at });
    if (made) {
      segments.push({ kind: "loop", step: schedule.steps[at]!, slot: schedule.values.length + at, ...made });
    }
  });
  flush();
  waitBefore(steps.length);
  return { segments, passes: first };
}

/** The shaders of the steps of a turn, and what they are bound to: those that come first in each step, then second ones. */
function passesOf(
  { gpu, limits }: Core,
  schedule: ScheduledProgram,
  steps: readonly Prepared[],
  turn: readonly number[],
) {
  const rounds: BoundPass[][] = [];
  for (const at of turn) {
    const { kernel, inputs, outputs } = schedule.steps[at]!;
    const slots = [...inputs, ...outputs, schedule.values.length + at]; // scratch of the steps comes after all values
    const inPlace = outputs.some((value) => inputs.includes(schedule.aliases.get(value) ?? -1));
    steps[at]!.passes.forEach((pass, round) => {
      refusePass(gpu.limits, pass, kernel.kind === "template" ? kernel.name : kernel.kind);
      (rounds[round] ??= []).push({ pass, slots, inPlace, short: kernel.kind === "map" });
    });
  }
  const joined = rounds.flatMap((round) =>
    round.length === 1 ? round : webgpuPart("joinPasses", "launch kernels together")(round, limits)
  );
  return joined.map(({ pass, slots, inPlace }) => {
    const halves = new Set(slots.keys().filter((position) => schedule.values[slots[position]!]?.half));
    return { pass: shaderOf(pass, halves), slots, inPlace };
  });
}

/** The shaders of a program, those of loops too. */
export function shadersOf({ segments }: Program): readonly Shader[] {
  return segments.flatMap((segment) => {
    if (segment.kind === "exchange" || segment.kind === "wait") return [];
    return segment.kind === "loop" ? shadersOf(segment.body) : segment.launches.all.map(({ pass }) => pass);
  });
}

/** @file Schedules as launches of a webgpu device: written, planned, and recorded, loops again and again. */
import type { Exchange } from "../../primitive.ts";
import { exchangeOf, type LoopBody, loopOf, type ScheduledProgram, type Step } from "../../compiler/kernel.ts";
import type { WgslKernel, WgslLimits } from "../../compiler/kernel_text.ts";
import { type LaunchListener, launchTeller } from "../../compiler/profile.ts";
import { bytesOf } from "../../compiler/schedule/draft.ts";
import { exchangeWaits } from "../../compiler/schedule/exchange_waits.ts";
import { DeviceError } from "../../errors.ts";
import { attachEpilogue } from "./emit/epilogue.ts";
import { emitMapWgsl } from "./emit/map.ts";
import { attachPrologue } from "./emit/prologue.ts";
import { emitReduceWgsl } from "./emit/reduce.ts";
import { type Shader, shaderOf } from "./emit/shader.ts";
import { templateWgsl } from "./kernels/template.ts";
import { ALIGNMENT, type ArenaPlan, planArena } from "./runtime/arena.ts";
import type { Core } from "./runtime/core.ts";
import { exchangeQueue, type Staged } from "./runtime/exchange.ts";
import { bindSlot, type Launches, makeLaunches, type Range, recorder } from "./runtime/launch.ts";
import { refuseLarge, refusePass } from "./runtime/limits.ts";
import { runTimed, type TellTime } from "./runtime/timed_launches.ts";

/** Steps that run one after the other. */
interface Segment {
  readonly kind: "launches";
  readonly launches: Launches;
  /** Position of the first among the passes of the program. */
  readonly first: number;
}

/** A step that is a loop. */
interface LoopSegment {
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
  return kernel.kind === "map"
    ? emitMapWgsl(kernel, specs(step.inputs), specs(step.outputs), inPlaceOf(step, schedule))
    : emitReduceWgsl(kernel, specs(step.inputs), { inPlace: inPlaceOf(step, schedule), subgroup: limits.subgroup });
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
  const { segments, passes } = segmentsOf(core, schedule, steps, runs);
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
function segmentsOf(core: Core, schedule: ScheduledProgram, steps: readonly Prepared[], runs: number) {
  const segments: AnySegment[] = [];
  const waits = exchangeWaits(schedule);
  let [passes, first] = [[] as ReturnType<typeof passesOf>[number][], 0];
  const flush = () => {
    if (passes.length > 0) segments.push({ kind: "launches", launches: makeLaunches(passes, runs), first });
    first += passes.length;
    passes = [];
  };
  const waitBefore = (at: number) => {
    const sums = waits.get(at);
    if (!sums) return;
    flush();
    segments.push({ kind: "wait", steps: sums });
  };
  steps.forEach((step, at) => {
    const { made, exchange } = step;
    waitBefore(at);
    if (!made && !exchange) return void passes.push(...passesOf(core, schedule, step, at));
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

/** The shaders of a step, and what they are bound to. */
function passesOf({ gpu }: Core, schedule: ScheduledProgram, { passes }: Prepared, at: number) {
  const { kernel, inputs, outputs } = schedule.steps[at]!;
  const slots = [...inputs, ...outputs, schedule.values.length + at]; // scratch of the steps comes after all values
  passes.forEach((pass) => refusePass(gpu.limits, pass, kernel.kind === "template" ? kernel.name : kernel.kind));
  const inPlace = outputs.some((value) => inputs.includes(schedule.aliases.get(value) ?? -1));
  const halves = new Set(slots.keys().filter((position) => schedule.values[slots[position]!]?.half));
  return passes.map((pass) => ({ pass: shaderOf(pass, halves), slots, inPlace }));
}

/** The shaders of a program, those of loops too. */
export function shadersOf({ segments }: Program): readonly Shader[] {
  return segments.flatMap((segment) => {
    if (segment.kind === "exchange" || segment.kind === "wait") return [];
    return segment.kind === "loop" ? shadersOf(segment.body) : segment.launches.all.map(({ pass }) => pass);
  });
}

/** Where each slot of a program lies during a run. */
type Places = (slot: number) => Range | undefined;

/**
 * Runs a program.
 *
 * @param core The device.
 * @param program What to run.
 * @param given Memory of its inputs and outputs, by number of the value.
 */
export function runProgram(core: Core, program: Program, given: ReadonlyMap<number, GPUBuffer>): void {
  const { arena, sizes } = program;
  const recording = recorder(core.queue, core.pipelines);
  const places: Places = (slot) => {
    const buffer = given.get(slot);
    if (buffer) return { buffer, offset: 0, size: sizes[slot]! };
    const place = arena.places.get(slot);
    return place && { buffer: core.arena[place.chunk]!, offset: place.offset, size: sizes[slot]! };
  };
  const begin = exchangeQueue(core.queue);
  const exchange: Recording["exchange"] = (staged) => {
    recording.end();
    const wait = begin(staged);
    return () => {
      recording.end();
      wait();
    };
  };
  const launch: Recording["launch"] = (launches, first, tell) => {
    if (!tell) return recording.add(launches);
    const told: TellTime = (index, start, milliseconds) => tell(first + index, start, milliseconds);
    core.times.push(runTimed(core.queue, core.pipelines, launches, told));
  };
  runSegments(program, places, { launch, exchange });
  recording.end();
}

/** Takes down what a program does. */
interface Recording {
  launch(launches: Launches, first: number, tell: TellTime | null): void;
  /** Begins an exchange; the function that it returns keeps all that comes later back until it is done. */
  exchange(staged: Staged): () => void;
}

function runSegments({ schedule, segments, sizes, tell }: Program, places: Places, recording: Recording): void {
  const placed = (value: number) => ({ spec: schedule.values[value]!, range: places(value)! });
  const open = new Map<number, () => void>();
  for (const segment of segments) {
    if (segment.kind === "loop") {
      runLoop(segment, places, recording);
      continue;
    }
    if (segment.kind === "wait") {
      segment.steps.forEach((step) => open.get(step)!());
      continue;
    }
    if (segment.kind === "exchange") {
      const { exchange, at, step: { inputs, outputs } } = segment;
      const wait = recording.exchange({ exchange, operands: inputs.map(placed), results: outputs.map(placed) });
      if (exchange.kind === "sum") open.set(at, wait);
      else wait();
      continue;
    }
    for (let slot = 0; slot < sizes.length; slot++) {
      const range = places(slot);
      if (range) bindSlot(segment.launches, slot, range);
    }
    recording.launch(segment.launches, segment.first, tell);
  }
}

/** Runs the body of a loop once for each row. What is carried on goes from one memory to another and back, and ends in that of the result. */
function runLoop({ step, slot, loop, body, spare }: LoopSegment, places: Places, recording: Recording): void {
  const { constants, carries, length, reverse, results } = loop;
  const { schedule: { values, inputs, outputs }, arena, sizes } = body;
  const base = places(slot)!;
  const operands = step.inputs.map((value) => places(value)!);
  const written = outputs.map((_, i) => results.includes(i) ? places(step.outputs[results.indexOf(i)]!) : undefined);
  const at = ({ buffer, offset }: Range, by: number, value: number): Range => ({
    buffer,
    offset: offset + by,
    size: sizes[value]!,
  });
  const carried = (i: number, t: number): Range => {
    if (t < 0) return operands[constants + i]!;
    if ((length - 1 - t) % 2 !== 0) return at(base, spare[i]![1], outputs[i]!);
    return written[i] ?? at(base, spare[i]![0], outputs[i]!);
  };
  for (let t = 0; t < length; t++) {
    const row = reverse ? length - 1 - t : t;
    const known = new Map<number, Range>();
    const rowOf = (whole: Range, value: number) => known.set(value, at(whole, row * bytesOf(values[value]!), value));
    inputs.forEach((value, i) => {
      if (i < constants) known.set(value, operands[i]!);
      else if (i < constants + carries) known.set(value, carried(i - constants, t - 1));
      else rowOf(operands[i]!, value);
    });
    outputs.forEach((value, i) => i < carries ? known.set(value, carried(i, t)) : rowOf(written[i]!, value));
    const inside: Places = (slot) => {
      const place = arena.places.get(slot);
      return known.get(slot) ??
        (place && { buffer: base.buffer, offset: base.offset + place.offset, size: sizes[slot]! });
    };
    runSegments(body, inside, recording);
  }
}

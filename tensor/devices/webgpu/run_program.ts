/** @file Runs of programs of a webgpu device: recorded, loops again and again. */
import { bytesOf } from "../../compiler/schedule/draft.ts";
import { webgpuPart, type WebgpuParts } from "./brought.ts";
import type { LoopSegment, Program } from "./program.ts";
import type { Core } from "./runtime/core.ts";
import type { Staged } from "./runtime/exchange.ts";
import { bindSlot, type Launches, type Range, recorder } from "./runtime/launch.ts";
import type { TellTime } from "./runtime/timed_launches.ts";

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
  const queued: { begin?: ReturnType<WebgpuParts["exchangeQueue"]> } = {};
  const exchange: Recording["exchange"] = (staged) => {
    recording.end();
    queued.begin ??= webgpuPart("exchangeQueue", "exchange values with other processes")(core.queue);
    const wait = queued.begin(staged);
    return () => {
      recording.end();
      wait();
    };
  };
  const launch: Recording["launch"] = (launches, first, tell) => {
    if (!tell) return recording.add(launches);
    const told: TellTime = (index, start, milliseconds) => tell(first + index, start, milliseconds);
    core.times.push(webgpuPart("times", "time launches").runTimed(core.queue, core.pipelines, launches, told));
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
      open.set(at, wait);
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

/** @file Runs of programs on a cpu device, loops again and again. */
import { runsOf } from "../../compiler/loop_step.ts";
import { DeviceError } from "../../errors.ts";
import { exchangeInPlace } from "./exchange.ts";
import type { LoopSegment, Program, Segment } from "./program.ts";
import { bytesOf } from "./runtime/blocks.ts";
import { closeCore, type Core, tell } from "./runtime/core.ts";
import { CREW, sharedLaunches } from "./runtime/crew.ts";

/**
 * Byte addresses of a program's values, then of the scratch of each step.
 *
 * @param program The program.
 * @param arena Where its temporaries lie.
 * @param given Addresses of its inputs and outputs, by number of the value.
 * @returns The table of a run.
 */
export function addressesOf(
  { schedule, plan }: Program,
  arena: number,
  given: (value: number) => number | undefined,
): readonly number[] {
  const values = schedule.values.map((_, value) => given(value) ?? arena + (plan.offsets.get(value) ?? 0));
  return [...values, ...schedule.steps.map((_, step) => arena + (plan.scratch.get(step) ?? 0))];
}

/**
 * Runs a program.
 *
 * @param core The device.
 * @param program What to run.
 * @param table Where everything lies.
 * @param scratch Address of the private scratch of the threads.
 */
export function execute(core: Core, program: Program, table: readonly number[], scratch: number): void {
  for (const segment of program.segments) {
    if (segment.kind === "loop") runLoop(core, segment, table, scratch);
    else if (segment.kind === "exchange") exchangeInPlace(core.heap.memory, program, segment, table);
    else runSegment(core, program, segment, table, scratch);
  }
}

/** Runs the body of a loop once for each row. What is carried on goes from one memory to another and back, and ends in that of the result. */
function runLoop(core: Core, segment: LoopSegment, table: readonly number[], scratch: number): void {
  const { step, slot, loop, body, spare } = segment;
  const { constants, carries, length, reverse, stops, results } = loop;
  const { schedule: { values, inputs, outputs } } = body;
  const base = table[slot]!;
  const operands = step.inputs.map((value) => table[value]!);
  const written = outputs.map((_, i) => {
    const at = results.indexOf(i);
    return at < 0 ? undefined : table[step.outputs[at]!]!;
  });
  const carried = (i: number, t: number): number => {
    if (t < 0) return operands[constants + i]!;
    const last = (runsOf(loop) - 1 - t) % 2 === 0;
    return last ? written[i] ?? base + spare[i]![0] : base + spare[i]![1];
  };
  const known = new Map<number, number>();
  const memory = new Uint8Array(core.heap.memory.buffer);
  const goesOn = (t: number): boolean => {
    if (stops === undefined) return true;
    const at = stops < constants ? operands[stops]! : carried(stops - constants, t - 1);
    return memory.subarray(at, at + bytesOf(values[inputs[stops]!]!)).some((x) => x !== 0);
  };
  let t = 0;
  for (; t < length && goesOn(t); t++) {
    const row = reverse ? length - 1 - t : t;
    inputs.forEach((value, i) => {
      const at = i < constants
        ? operands[i]!
        : i < constants + carries
        ? carried(i - constants, t - 1)
        : operands[i]! + row * bytesOf(values[value]!);
      known.set(value, at);
    });
    outputs.forEach((value, i) =>
      known.set(value, i < carries ? carried(i, t) : written[i]! + row * bytesOf(values[value]!))
    );
    execute(core, body, addressesOf(body, base, (value) => known.get(value)), scratch);
  }
  if (t < length) finishEarly(segment, memory, { runs: t, written, carried: (i) => carried(i, t - 1) });
}

/** What is left to do when a loop has ended before its last run: carries go to their results, rows that nothing wrote are zeros. */
function finishEarly(
  { loop: { carries, length, reverse }, body: { schedule: { values, outputs } } }: LoopSegment,
  memory: Uint8Array,
  { runs, written, carried }: {
    readonly runs: number;
    readonly written: readonly (number | undefined)[];
    carried(i: number): number;
  },
): void {
  outputs.forEach((value, i) => {
    const bytes = bytesOf(values[value]!);
    const to = written[i];
    if (to === undefined) return;
    if (i < carries) memory.copyWithin(to, carried(i), carried(i) + bytes);
    else if (reverse) memory.fill(0, to, to + (length - runs) * bytes);
    else memory.fill(0, to + runs * bytes, to + length * bytes);
  });
}

function runSegment(
  core: Core,
  { localBytes, onLaunch }: Program,
  segment: Segment,
  table: readonly number[],
  scratch: number,
): void {
  const { program, first } = segment;
  const { shared, member, workers } = core;
  const launches = segment.launches();
  const run = { table, firstTurn: shared.turn };
  const turns = sharedLaunches(launches);
  shared.turn += turns;
  core.count.launches += launches.length;
  const scratchOf = (index: number) => scratch + index * localBytes;
  if (turns > 0) shared.alone ||= !CREW.allJoined(member);
  if (turns > 0 && !shared.alone) {
    workers.forEach((worker, i) => tell(worker, { kind: "run", program, run, scratch: scratchOf(i + 1) }));
  }
  const told = onLaunch &&
    ((index: number, start: number, milliseconds: number) => onLaunch(first + index, start, milliseconds));
  try {
    CREW.runLaunches(
      launches,
      run,
      shared.alone ? { ...member, count: 1 } : member,
      scratchOf(0),
      core.instances,
      told,
    );
  } catch (cause) {
    // Threads no longer agree on where they are: nothing can run here any more.
    CREW.reportFailure(member);
    closeCore(core);
    throw new DeviceError("cpu", `Cannot run a program as a kernel failed: current error is ${cause}`, { cause });
  }
}

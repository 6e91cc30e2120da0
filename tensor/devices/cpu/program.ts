/** @file Schedules as programs of a cpu device: assembled and planned. */
import type { Exchange } from "../../primitive.ts";
import { exchangeOf, type LoopBody, loopOf, type ProgramValues, type ScheduledProgram } from "../../compiler/kernel.ts";
import { exchangeRanges } from "../../compiler/schedule/exchange_ranges.ts";
import { exchangeWaits } from "../../compiler/schedule/exchange_waits.ts";
import { runsOf } from "../../compiler/loop_step.ts";
import type { WatOptions } from "../../compiler/kernel_text.ts";
import { type LaunchListener, launchTeller } from "../../compiler/profile.ts";
import { turnsOf } from "../../compiler/schedule/in_place.ts";
import { planMemory } from "../../compiler/schedule/plan.ts";
import { bytesOf } from "../../compiler/schedule/draft.ts";
import type { Core } from "./runtime/core.ts";
import { kernelsOf, once, type StepKernel, type StepKernels } from "./step_kernel.ts";
import type { AnySegment, ExchangeImage, LoopImage, Pass, PassLaunch, PassList, ProgramImage } from "./image.ts";

/** Launches that take less than this many nanoseconds run on one thread. */
const SHARE_ABOVE = 30_000;
/** Nanoseconds of what a thread takes at once of a launch of several passes: their items differ in cost. */
const PORTION = 10_000;
/** Bytes between the starts of what lies in the arena. */
const ALIGNMENT = 64;

/** A program with the memory that it needs. */
export interface Program {
  readonly values: ProgramValues;
  /** Launches of one run, those of loops as often as they run at most; once of a loop that nothing bounds. */
  readonly launches: number;
  /** Numbers of the lists of passes, those of loops too. */
  readonly lists: readonly number[];
  /** Size of the arena, and where temporaries and the scratch of each step lie there. */
  readonly arenaBytes: number;
  readonly places: Pick<ProgramImage, "offsets" | "scratch">;
  /** Private scratch of one thread. */
  readonly localBytes: number;
  /** Assembles it, at the first call. */
  image(): ProgramImage;
}

/** What of the settings matters when a schedule is loaded. */
export interface LoadOptions extends WatOptions {
  readonly onLaunch: LaunchListener | undefined;
}

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** A step as text; of a loop or an exchange, which are no lists of passes, what else there is. */
interface StepText extends StepKernel {
  readonly exchange?: Exchange;
  readonly loop?: {
    readonly of: LoopBody;
    readonly body: Program;
    readonly spare: LoopImage["spare"];
  };
}

/** A loop has no passes of its own; its scratch is the arena of its body and two places for each carry. */
function loopText(of: LoopBody, body: Program): StepText {
  let end = aligned(body.arenaBytes);
  const take = (bytes: number) => (end += aligned(bytes)) - aligned(bytes);
  const { values, outputs } = body.values;
  const spare = outputs.slice(0, of.carries).map((value) => {
    const bytes = bytesOf(values[value]!);
    return [take(bytes), take(bytes)] as const;
  });
  return { passes: [], scratchBytes: end, localBytes: body.localBytes, loop: { of, body, spare } };
}

/**
 * Writes the kernels, and plans the memory.
 *
 * @param core Of the device.
 * @param schedule The program.
 * @param options Of the device.
 * @param known Kernels that were made for another form of the program, to which others are added.
 * @returns The program.
 */
export function prepare(
  core: Core,
  schedule: ScheduledProgram,
  options: LoadOptions,
  known: StepKernels,
): Program {
  const { onLaunch, ...choices } = options;
  const made = kernelsOf(schedule, { ...choices, ...core }, known);
  const texts = schedule.steps.map((step): StepText => {
    const [loop, exchange] = [loopOf(step.kernel), exchangeOf(step.kernel)];
    if (exchange) return { passes: [], scratchBytes: 0, localBytes: 0, exchange };
    return loop ? loopText(loop, prepare(core, loop.schedule, options, known)) : made(step);
  });
  const waits = exchangeWaits(schedule);
  // Whoever listens is told of each pass by itself.
  const turns = onLaunch ? texts.map((_, step) => step) : turnsOf(schedule.steps);
  const lists = listRanges(texts, waits).map((range) => ({
    ...{ ...range, number: core.shared.programs++, launches: launchesOf(texts, turns, range) },
  }));
  const scratchBytes = texts.map((text) => text.scratchBytes);
  const plan = planMemory(schedule, { alignment: ALIGNMENT, inPlace: true, scratchBytes });
  const places = {
    offsets: schedule.values.map((_, value) => plan.offsets.get(value) ?? 0),
    scratch: schedule.steps.map((_, step) => plan.scratch.get(step) ?? 0),
  };
  const localBytes = aligned(texts.reduce((most, text) => Math.max(most, text.localBytes), 0));
  return {
    ...{ values: schedule, arenaBytes: plan.bytes, places, localBytes },
    launches: lists.reduce((sum, { launches }) => sum + launches.length, 0) +
      texts.reduce((sum, { loop }) => sum + (loop ? runsOf(loop.of) * loop.body.launches : 0), 0),
    lists: [...lists.map(({ number }) => number), ...texts.flatMap(({ loop }) => loop?.body.lists ?? [])],
    image: once(() => {
      const segments = segmentsOf(schedule, texts, { lists, waits });
      const { values, inputs, outputs } = schedule;
      const image: ProgramImage = { bytes: values.map(bytesOf), inputs, outputs, ...places, localBytes, segments };
      if (onLaunch) core.listeners.set(image, launchTeller(schedule, texts.map(({ passes }) => passes), onLaunch));
      return image;
    }),
  };
}

/** Lists, loops and exchanges in their order, and where exchanges must be done. */
function segmentsOf(
  schedule: ScheduledProgram,
  texts: readonly StepText[],
  { lists, waits }: {
    readonly lists: readonly List[];
    readonly waits: ReadonlyMap<number, readonly number[]>;
  },
): readonly AnySegment[] {
  const segmentOf = (text: StepText, step: number): AnySegment | null => {
    if (text.loop) return loopImage(schedule, step, text.loop);
    if (text.exchange) return exchangeImage(schedule, step, text.exchange);
    const list = lists.find(({ from }) => from === step);
    if (!list) return null;
    return passList(schedule, texts, list);
  };
  return [...texts, null].flatMap((text, step): AnySegment[] => {
    const [sums, own] = [waits.get(step), text && segmentOf(text, step)];
    return [...sums ? [{ kind: "wait", steps: sums } as const] : [], ...own ? [own] : []];
  });
}

/** Steps from one to before another, and the position of their first pass. */
interface ListRange {
  readonly from: number;
  readonly to: number;
  readonly first: number;
}

/** What lies between loops and exchanges runs as one list, up to where an exchange must be done. */
function listRanges(
  texts: readonly StepText[],
  waits: ReadonlyMap<number, readonly number[]>,
): readonly ListRange[] {
  const ranges: ListRange[] = [];
  let [from, first] = [0, 0];
  for (let at = 0; at <= texts.length; at++) {
    const isPasses = at < texts.length && !texts[at]!.loop && !texts[at]!.exchange;
    if (isPasses && !waits.has(at)) continue;
    if (at > from) ranges.push({ from, to: at, first });
    first += texts.slice(from, at).reduce((sum, { passes }) => sum + passes.length, 0);
    from = isPasses ? at : at + 1;
  }
  return ranges;
}

function exchangeImage({ steps, values }: ScheduledProgram, step: number, exchange: Exchange): ExchangeImage {
  const { inputs, outputs } = steps[step]!;
  return {
    ...{ kind: "exchange", step, inputs, outputs, exchange, ranges: exchangeRanges(steps[step]!, values) },
    specs: new Map([...inputs, ...outputs].map((value) => [value, values[value]!])),
  };
}

function loopImage(
  { steps, values }: ScheduledProgram,
  step: number,
  { of, body, spare }: NonNullable<StepText["loop"]>,
): LoopImage {
  const { constants, carries, length, reverse, stops = null, results } = of;
  const { inputs, outputs } = steps[step]!;
  return {
    ...{
      kind: "loop",
      inputs,
      outputs,
      slot: values.length + step,
      constants,
      carries,
      reverse,
      stops,
      results,
      spare,
    },
    ...{ runs: runsOf(of), length: Math.min(length, Number.MAX_SAFE_INTEGER), body: body.image() },
  };
}

/** A pass of a step. */
interface PassAt {
  readonly step: number;
  readonly pass: number;
}

/** What lies between loops and exchanges, launch by launch. */
interface List extends ListRange {
  readonly number: number;
  readonly launches: readonly (readonly PassAt[])[];
}

/** Steps of one turn go pass by pass together. */
function launchesOf(
  texts: readonly StepKernel[],
  turns: readonly number[],
  { from, to }: ListRange,
): readonly (readonly PassAt[])[] {
  const steps = texts.slice(from, to).map((_, i) => from + i);
  return [...Map.groupBy(steps, (step) => turns[step]!).values()].flatMap((together) => {
    const passes = together.flatMap((step) => texts[step]!.passes.map((_, pass): PassAt => ({ step, pass })));
    return [...Map.groupBy(passes, ({ pass }) => pass).values()];
  });
}

/** Assembles kernels. */
function passList(
  { steps, values }: ScheduledProgram,
  texts: readonly StepKernel[],
  { number, first, launches }: List,
): PassList {
  const passOf = ({ step, pass }: PassAt, together: number): Pass => {
    const { inputs, outputs } = steps[step]!;
    const { kernel, items, itemCost } = texts[step]!.passes[pass]!;
    return {
      kernel: kernel(),
      slots: [...inputs, ...outputs, values.length + step], // scratch of the steps comes after all values
      items,
      grain: together === 1 ? 1 : Math.max(1, Math.floor(PORTION / itemCost)),
    };
  };
  const parallel = (launch: readonly PassAt[]) => {
    const passes = launch.map(({ step, pass }) => texts[step]!.passes[pass]!);
    return passes.reduce((sum, { items }) => sum + items, 0) > 1 &&
      passes.reduce((sum, { items, itemCost }) => sum + items * itemCost, 0) > SHARE_ABOVE;
  };
  return {
    ...{ kind: "passes", number, first },
    passes: launches.flatMap((launch) => launch.map((each) => passOf(each, launch.length))),
    launches: launches.map((launch): PassLaunch => ({ passes: launch.length, parallel: parallel(launch) })),
  };
}

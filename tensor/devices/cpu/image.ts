/** @file Programs as an engine runs them: plain data, so that they can be handed to another process. */
import type { ExchangeRange } from "../../compiler/schedule/exchange_ranges.ts";
import type { Exchange } from "../../primitive.ts";
import type { TensorSpec } from "../../spec.ts";
import type { Kernel } from "./runtime/assemble.ts";

/** One pass of a program. */
export interface Pass {
  readonly kernel: Kernel;
  /** Positions in the table of addresses of a run. */
  readonly slots: readonly number[];
  readonly items: number;
  /** Items that a thread takes together. */
  readonly grain: number;
}

/** Passes that depend on none of each other, between two barriers. */
export interface PassLaunch {
  /** How many of the list. */
  readonly passes: number;
  /** False for those too short to share. */
  readonly parallel: boolean;
}

/** One list of launches that run one after the other, which all threads know. */
export interface PassList {
  readonly kind: "passes";
  readonly passes: readonly Pass[];
  readonly launches: readonly PassLaunch[];
  /** Number by which threads know the list. */
  readonly number: number;
  /** Position of the first among the passes of the program. */
  readonly first: number;
}

/** A step that is a loop. */
export interface LoopImage {
  readonly kind: "loop";
  /** Positions in the table of addresses: what the step reads and writes, and the memory of the body. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly slot: number;
  /** As of `LoopBody`; `runs` counts 1 where nothing bounds the loop, `length` then is the largest integer. */
  readonly constants: number;
  readonly carries: number;
  readonly runs: number;
  readonly length: number;
  readonly reverse: boolean;
  readonly stops: number | null;
  readonly results: readonly number[];
  readonly body: ProgramImage;
  /** Where in the memory of the body each carry lies when it is not in the memory of the result, and when nothing reads the result. */
  readonly spare: readonly (readonly [number, number])[];
}

/** A step that exchanges values with other processes. It cannot be handed to another process: a group is a value of this one. */
export interface ExchangeImage {
  readonly kind: "exchange";
  /** Position of the step: what waits for it names it so. */
  readonly step: number;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly exchange: Exchange;
  /** Results that lie next to each other go together. */
  readonly ranges: readonly ExchangeRange[];
  /** Of the inputs and outputs. */
  readonly specs: ReadonlyMap<number, TensorSpec>;
}

/** Where sums that were begun must be done. */
export interface WaitImage {
  readonly kind: "wait";
  /** Positions of their steps. */
  readonly steps: readonly number[];
}

/** What runs one after the other. */
export type AnySegment = PassList | LoopImage | ExchangeImage | WaitImage;

/** A program. */
export interface ProgramImage {
  /** Bytes of each value. */
  readonly bytes: readonly number[];
  /** Numbers of the values that are given, and of the results. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Where values lie in the arena, if they do, and the scratch of each step. */
  readonly offsets: readonly number[];
  readonly scratch: readonly number[];
  /** Private scratch of one thread. */
  readonly localBytes: number;
  readonly segments: readonly AnySegment[];
}

/** A program as JSON takes it: kernels by number. */
export type Numbered = { readonly [key: string]: unknown };

/**
 * Puts numbers in the place of kernels.
 *
 * @param image A program without exchanges.
 * @param numberOf Numbers a kernel.
 * @returns Plain data.
 */
export function numbered(image: ProgramImage, numberOf: (kernel: Kernel) => number): Numbered {
  const segments = image.segments.map((segment) => {
    if (segment.kind === "loop") return { ...segment, body: numbered(segment.body, numberOf) };
    if (segment.kind !== "passes") {
      throw new TypeError(
        `Cannot write a program as JSON as it must have no exchange: current segment is ${segment.kind}`,
      );
    }
    return { ...segment, passes: segment.passes.map((pass) => ({ ...pass, kernel: numberOf(pass.kernel) })) };
  });
  return { ...image, segments };
}

/**
 * Puts kernels in the place of their numbers.
 *
 * @param text What `numbered` has made.
 * @param kernelOf Finds a kernel by its number.
 * @param listOf Numbers a list; as it was by default.
 * @returns The program.
 */
export function imageOf(
  text: Numbered,
  kernelOf: (number: number) => Kernel,
  listOf: (number: number) => number = (number) => number,
): ProgramImage {
  const image = text as unknown as ProgramImage;
  const segments = image.segments.map((segment): AnySegment => {
    if (segment.kind === "loop") {
      return { ...segment, body: imageOf(segment.body as unknown as Numbered, kernelOf, listOf) };
    }
    if (segment.kind !== "passes") return segment;
    const passes = segment.passes.map((pass) => ({ ...pass, kernel: kernelOf(pass.kernel as unknown as number) }));
    return { ...segment, passes, number: listOf(segment.number) };
  });
  return { ...image, segments };
}

/** True if processes exchange values in a program, which only this one can run. */
export function hasExchange({ segments }: ProgramImage): boolean {
  return segments.some((segment) => segment.kind === "loop" ? hasExchange(segment.body) : segment.kind !== "passes");
}

/**
 * Byte addresses of a program's values, then of the scratch of each step.
 *
 * @param image The program.
 * @param arena Where its temporaries lie.
 * @param given Addresses of its inputs and outputs, by number of the value.
 * @returns The table of a run.
 */
export function addressesOf(
  { offsets, scratch }: Pick<ProgramImage, "offsets" | "scratch">,
  arena: number,
  given: (value: number) => number | undefined,
): readonly number[] {
  return [
    ...offsets.map((offset, value) => given(value) ?? arena + offset),
    ...scratch.map((offset) => arena + offset),
  ];
}

/** Numbers of all lists of a program. */
export function listsOf({ segments }: ProgramImage): readonly PassList[] {
  return segments.flatMap((segment) => {
    if (segment.kind === "exchange" || segment.kind === "wait") return [];
    return segment.kind === "loop" ? listsOf(segment.body) : [segment];
  });
}

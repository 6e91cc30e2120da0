/**
 * @file Vectors side by side: what they read and write is reached from one address, so that an engine that joins neighbours
 * sees that they are, and what they compute is written in turns.
 */
import type { Scalar } from "../../../compiler/scalar.ts";
import type { Place, SharedText } from "./place.ts";
import { ValueWriter } from "./values.ts";

/** A vector without a bit. */
const NOTHING = "(v128.const i32x4 0 0 0 0)";

/** Writers of the values of vectors that lie side by side along the lane axis. */
export interface SideBySide {
  /** One for each vector; the first is that of the place itself. */
  readonly writers: readonly ValueWriter[];
  /** The values of several expressions, for each vector. */
  readonly valuesOf: (values: readonly Scalar[]) => readonly (readonly string[])[];
  /** What they have written, before and behind the lines that use the values. */
  readonly around: (lines: readonly string[]) => string;
}

/**
 * Makes writers for vectors side by side.
 *
 * @param shared What the writers of the function share.
 * @param place Where the first vector lies.
 * @param vectors How many there are; one where lanes hold one element.
 * @param outer Writes before the loop over lanes.
 * @returns The writers.
 */
export function sideBySide(shared: SharedText, place: Place, vectors: number, outer: ValueWriter): SideBySide {
  const addresses = vectors > 1 ? new ValueWriter(shared, place, outer) : null;
  const writers = Array.from(
    { length: vectors },
    (_, u) => new ValueWriter(shared, { ...place, shift: 4 * u }, outer, { addresses }),
  );
  return {
    writers,
    valuesOf: (values) => writers.map((writer) => values.map((value) => writer.value(value))),
    around: (lines) => [...addresses?.lines ?? [], ...inTurns(writers), ...lines, ...forgotten(writers)].join("\n"),
  };
}

/**
 * Clears what several vectors have set: no later turn of the loop reads it, but to an engine a variable that a loop sets is
 * handed on to the next turn, and of two neighbours that are handed on one by one it joins none.
 */
function forgotten(writers: readonly ValueWriter[]): readonly string[] {
  if (writers.length === 1) return [];
  return writers.flatMap(({ vectors }) => vectors.map((name) => `(local.set ${name} ${NOTHING})`));
}

/** A line of each in turn: where all write the same, none need wait for what another has not computed yet. */
function inTurns(writers: readonly ValueWriter[]): readonly string[] {
  const longest = Math.max(...writers.map(({ lines }) => lines.length));
  return Array.from({ length: longest }, (_, i) => writers.flatMap(({ lines }) => lines.slice(i, i + 1))).flat();
}

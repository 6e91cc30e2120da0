import { randomValues } from "../support/random_values.ts";

/** A stream of choices that follows from a seed. */
export interface Draws {
  /** A number in `[0, 1)`. */
  unit(): number;
  /** A whole number in `[low, high]`. */
  whole(low: number, high: number): number;
  /** One of some things. */
  pick<T>(things: readonly T[]): T;
  /** True with a probability. */
  chance(probability: number): boolean;
}

/**
 * Opens the stream of a seed.
 *
 * @param seed Any whole number.
 * @returns The stream; each call moves it on.
 */
export function drawsOf(seed: number): Draws {
  const state = { next: 0, block: randomValues(seed, 256, [0, 1]) };
  const unit = () => {
    if (state.next % 256 === 0 && state.next > 0) state.block = randomValues(seed + 7919 * state.next, 256, [0, 1]);
    return state.block[state.next++ % 256]!;
  };
  const whole = (low: number, high: number) => low + Math.min(high - low, Math.floor(unit() * (high - low + 1)));
  return { unit, whole, pick: (things) => things[whole(0, things.length - 1)]!, chance: (p) => unit() < p };
}

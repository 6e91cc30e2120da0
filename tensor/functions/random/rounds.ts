/**
 * @file The rounds of Threefry-2x32 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), 20 of them.
 * The one place that knows them: kernels, the reference and the draws of data all come here.
 */
import { requireKind } from "../../errors.ts";

const ROTATIONS = [[13, 15, 26, 6], [17, 29, 16, 24]] as const;
const PARITY = 0x1BD11BDA;

/** What the rounds do with words: numbers of the host, or scalars of a kernel. */
export interface WordOps<T> {
  /** A word that is known. */
  readonly literal: (value: number) => T;
  /** Sum modulo 2^32. */
  readonly add: (x: T, y: T) => T;
  /** Exclusive or. */
  readonly xor: (x: T, y: T) => T;
  /** Rotates to the left by 1 to 31 bits. */
  readonly rotate: (x: T, by: number) => T;
}

/** Encrypts a counter of two words under a key of two, whatever words are. */
export function threefryRounds<T>(
  [k0, k1]: readonly [T, T],
  [c0, c1]: readonly [T, T],
  w: WordOps<T>,
): readonly [T, T] {
  const keys = [k0, k1, w.xor(w.xor(k0, k1), w.literal(PARITY))] as const;
  let x0 = w.add(c0, k0);
  let x1 = w.add(c1, k1);
  for (let block = 0; block < 5; block++) {
    for (const rotation of ROTATIONS[block % 2]!) {
      x0 = w.add(x0, x1);
      x1 = w.xor(w.rotate(x1, rotation), x0);
    }
    x0 = w.add(x0, keys[(block + 1) % 3]!);
    x1 = w.add(w.add(x1, keys[(block + 2) % 3]!), w.literal(block + 1));
  }
  return [x0, x1];
}

const isPair = (x: unknown) => Array.isArray(x) && x.length === 2 && x.every((word) => word === word >>> 0);

const NUMBERS: WordOps<number> = {
  literal: (value) => value,
  add: (x, y) => (x + y) >>> 0,
  xor: (x, y) => (x ^ y) >>> 0,
  rotate: (x, by) => ((x << by) | (x >>> (32 - by))) >>> 0,
};

/**
 * Encrypts a counter under a key, on numbers of the host.
 *
 * @param key Two words, each in [0, 2^32).
 * @param counter Two words, each in [0, 2^32).
 * @returns Two words, each in [0, 2^32), that look random.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { random } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(random.threefry([0, 0], [0, 0]), [0x6b200159, 0x99ba4efe]);
 * ```
 */
export function threefry(
  key: readonly [number, number],
  counter: readonly [number, number],
): readonly [number, number] {
  requireKind("encrypt", "key", key, isPair(key), "two words");
  requireKind("encrypt", "counter", counter, isPair(counter), "two words");
  return threefryRounds(key, counter, NUMBERS);
}

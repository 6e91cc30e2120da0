/**
 * Numbers that look random and are the same at every call.
 *
 * @param seed Any whole number: which numbers.
 * @param size How many.
 * @param domain Where they lie, `[low, high)`.
 * @returns float32 values, so that every device starts from the same numbers.
 */
export function randomValues(
  seed: number,
  size: number,
  [low, high]: readonly [number, number] = [-1, 1],
): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => Math.fround(low + (high - low) * unit(seed, i)));
}

/** A hash of (seed, i) in [0, 1): the finaliser of MurmurHash3, twice. */
function unit(seed: number, i: number): number {
  return mix(mix(Math.imul(seed + 1, 0x9e3779b9) + i) ^ 0x2545f491) / 2 ** 32;
}

function mix(word: number): number {
  const a = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  const b = Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return (b ^ (b >>> 16)) >>> 0;
}

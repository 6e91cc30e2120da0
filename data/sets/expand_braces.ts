/** More shards than this are a slip. */
const MAX_SHARDS = 100_000;

/**
 * Writes out `{first..last}` in a path, with as many digits as `first` has.
 *
 * @param path The path.
 * @returns The paths that it stands for; the path itself if it has no such range.
 * @throws {RangeError} If the range is empty or has more than 100,000 numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { expandBraces } from "@tessera/tessera/data";
 *
 * deepStrictEqual(expandBraces("a-{08..10}.tar"), ["a-08.tar", "a-09.tar", "a-10.tar"]);
 * ```
 */
export function expandBraces(path: string): readonly string[] {
  const match = /\{(\d{1,15})\.\.(\d{1,15})\}/.exec(path);
  if (!match) return [path];
  const [range, first, last] = match as unknown as [string, string, string];
  const count = Number(last) - Number(first) + 1;
  if (count < 1 || count > MAX_SHARDS) {
    throw new RangeError(
      `Cannot write out ${path} as a range must have 1 to ${MAX_SHARDS} numbers: current range is ${range}`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const number = String(Number(first) + i).padStart(first.length, "0");
    return path.slice(0, match.index) + number + path.slice(match.index + range.length);
  });
}

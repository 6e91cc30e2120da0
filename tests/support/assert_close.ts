import { deepStrictEqual, ok } from "node:assert/strict";

/**
 * Checks that values agree within `absolute + relative·|expected|`; NaN equals NaN and infinities themselves.
 *
 * @param actual Values to check.
 * @param expected What they must be.
 * @param tolerance Absolute and relative parts.
 * @param label What is compared, for the message.
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { absolute = 1e-6, relative = 1e-5 }: { readonly absolute?: number; readonly relative?: number } = {},
  label = "values",
): void {
  deepStrictEqual(actual.length, expected.length, `${label}: lengths differ`);
  for (let i = 0; i < actual.length; i++) {
    const [a, b] = [actual[i]!, expected[i]!];
    const same = Object.is(a, b) || a === b ||
      (Number.isFinite(b) && Math.abs(a - b) <= absolute + relative * Math.abs(b));
    ok(same, `${label}: element ${i} is ${a}, expected ${b}`);
  }
}

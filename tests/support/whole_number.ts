/**
 * Reads a number of a command line.
 *
 * @param flag The option, such as `--count`.
 * @param text Its value.
 * @param least The smallest number that it may be.
 * @returns The number.
 * @throws {RangeError} If it is not a whole number from there on.
 */
export function wholeNumber(flag: string, text: string, least = 0): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new RangeError(`Cannot read ${flag} as it must be a whole number from ${least}: current value is ${text}`);
}

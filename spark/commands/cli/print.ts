/** @file The only place where the training command writes to the terminal. */

/**
 * Writes a line to stdout.
 *
 * @param line Text without a line end.
 */
export function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

/**
 * Writes a line to stderr.
 *
 * @param line Text without a line end.
 */
export function printError(line: string): void {
  // deno-lint-ignore no-console
  console.error(line);
}

/**
 * Writes text to stdout as it is, for a line that is written over.
 *
 * @param text Text, with its control characters.
 */
export function printRaw(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

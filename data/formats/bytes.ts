/** @file Bytes in memory: read whole, put together. */

/** Reads a file whole; an error names it. */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(`Cannot read ${path} as it must be a readable file: current error is ${message}`, { cause });
  }
}

/**
 * Puts parts together.
 *
 * @param parts Any number, in order.
 * @returns All of them in one array.
 */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

/**
 * Uses a file and closes it, whatever happens: `using` is no syntax of Node 22, in which the package runs too.
 *
 * @param file What must be closed.
 * @param use What is done with it.
 * @returns What that gives.
 */
export async function closing<File extends { close(): void }, Result>(
  file: File,
  use: (file: File) => Promise<Result> | Result,
): Promise<Result> {
  try {
    return await use(file);
  } finally {
    file.close();
  }
}

/** Reads a file whole; an error names it. */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(`Cannot read ${path} as it must be a readable file: current error is ${message}`, { cause });
  }
}

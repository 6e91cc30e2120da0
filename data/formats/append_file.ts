/**
 * Adds bytes to a file. Not atomic: a crash or a full disk may leave a part of them, so readers must pass over an
 * unfinished end.
 *
 * @param path The file; made if it is missing. Its folder must exist.
 * @param bytes What to add; text as UTF-8.
 * @throws {Error} If the folder is missing or read-only or the disk is full, naming the file.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { appendFile } from "@tessera/tessera/data";
 *
 * const path = await Deno.makeTempFile();
 * appendFile(path, "a\n");
 * appendFile(path, "b\n");
 * equal(await Deno.readTextFile(path), "a\nb\n");
 * await Deno.remove(path);
 * ```
 */
export function appendFile(path: string, bytes: Uint8Array | string): void {
  try {
    Deno.writeFileSync(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, { append: true });
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(
      `Cannot write ${path} as its folder must exist, be writable and have space: current error is ${message}`,
      { cause },
    );
  }
}

import { closing } from "./bytes.ts";
import { hostModule } from "./host_module.ts";

/**
 * Writes a file so that a crash at any moment leaves either the old file or the new one, whole: into a temporary file in
 * the same folder, flushed to the disk, then renamed.
 *
 * @param path The file; its folder must exist.
 * @param content What to write: text, or bytes in one part or several.
 * @returns When the file is safe on the disk.
 * @throws {Error} If the folder is missing or read-only or the disk is full, naming the file; nothing is left behind,
 * and the old file is as it was.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { writeFileAtomic } from "@tessera/tessera/data";
 *
 * const path = await Deno.makeTempFile();
 * await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
 * deepStrictEqual(await Deno.readFile(path), Uint8Array.of(1, 2, 3));
 * await Deno.remove(path);
 * ```
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | readonly Uint8Array[],
): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const { basename, dirname, join } = hostModule("path");
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${Deno.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`);
  try {
    await writeFlushed(temporary, bytes instanceof Uint8Array ? [bytes] : bytes);
    await Deno.rename(temporary, path);
    await flushFolder(folder);
  } catch (cause) {
    await Deno.remove(temporary).catch(() => {});
    const { message } = cause as Error;
    throw new Error(
      `Cannot write ${path} as its folder must exist, be writable and have space: current error is ${message}`,
      { cause },
    );
  }
}

/** Names that `writeFileAtomic` gives to files before they are whole. */
const UNFINISHED = /^\..+\.\d+-[0-9a-f]{8}\.tmp$/;

/**
 * Removes what `writeFileAtomic` left unfinished in a folder because its process was killed. No other process may be
 * writing there.
 *
 * @param folder The folder; a missing one has none.
 * @returns Number of files that were removed.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { removeUnfinished } from "@tessera/tessera/data";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/.last.safetensors.123-0123abcd.tmp`, "half");
 * equal(removeUnfinished(folder), 1);
 * await Deno.remove(folder);
 * ```
 */
export function removeUnfinished(folder: string): number {
  try {
    const left = [...Deno.readDirSync(folder)].filter(({ name, isFile }) => isFile && UNFINISHED.test(name));
    left.forEach(({ name }) => Deno.removeSync(`${folder}/${name}`));
    return left.length;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

async function writeFlushed(path: string, parts: readonly Uint8Array[]): Promise<void> {
  await closing(await Deno.open(path, { write: true, createNew: true }), async (file) => {
    for (const part of parts) {
      let written = 0;
      while (written < part.length) written += await file.write(part.subarray(written));
    }
    await file.sync();
  });
}

/** Makes the new name itself last. Not every system can flush a folder; the file is whole in any case. */
async function flushFolder(path: string): Promise<void> {
  try {
    await closing(await Deno.open(path), (folder) => folder.sync());
  } catch {
    return;
  }
}

/** @file Where tables of tiles are kept, and which one a run uses. */
import { cachePath } from "./fast_cpu/cache_path.ts";
import { DeviceError } from "../../tensor/mod.ts";
import { parseTuning, type TuningTable, tuningText } from "../../tensor/kernel.ts";

/**
 * Names the file of an adapter in the user's cache folder.
 *
 * @param adapter Name of the adapter.
 * @param environment Reads variables of the environment.
 * @returns `XDG_CACHE_HOME`, else `~/.cache`, `tessera/tuning/ADAPTER.json`.
 */
export function tuningPath(adapter: string, environment: (name: string) => string | undefined): string {
  const name = adapter.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
  return cachePath(`tuning/${name}.json`, environment);
}

/**
 * Reads a table.
 *
 * @param path The file.
 * @param adapter Name of the adapter.
 * @returns The table; null if there is no such file.
 * @throws {DeviceError} If the file is damaged or of another adapter.
 */
export function readTuning(path: string, adapter: string): TuningTable | null {
  try {
    return parseTuning(Deno.readTextFileSync(path), { path, adapter });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Finds the table of a run: the file that was named, else that of the run it goes on from, else that of the cache.
 *
 * @param given Value of `--tuning`: a file, `none`, or undefined.
 * @param kept The copy in the run folder.
 * @param adapter Name of the adapter.
 * @returns The table; without tiles if there is none.
 * @throws {DeviceError} If a named file is not there, or a file is damaged or of another adapter.
 */
export function chooseTuning(given: string | undefined, kept: string, adapter: string): TuningTable {
  const none = { adapter, tiles: {} };
  if (given === "none") return none;
  if (given === undefined) {
    return readTuning(kept, adapter) ?? readTuning(tuningPath(adapter, (name) => Deno.env.get(name)), adapter) ?? none;
  }
  return readTuning(given, adapter) ?? refuseMissing(given);
}

function refuseMissing(path: string): never {
  throw new DeviceError(
    "webgpu",
    `Cannot read ${path} as a tuning table as the file must exist: current file is absent; make it with deno task tune ` +
      `--out ${path}`,
  );
}

/** Writes a table, with the folders above it. */
export function writeTuning(path: string, table: TuningTable): void {
  const folder = path.slice(0, path.lastIndexOf("/"));
  if (folder) Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(path, tuningText(table));
}

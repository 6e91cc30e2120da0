/** @file Tables of tiles: what tuning found for an adapter, as plain data and as a file. */
import type { TileVariant } from "../../../compiler/kernel_text.ts";
import { DeviceError, requireOptions } from "../../../errors.ts";

/** Written into every table, so that other JSON files are told apart. */
const FORMAT = "tessera.tuning/1";
const KINDS: readonly string[] = ["registers", "workgroup", "subgroup"];
/** No tile is larger along any side. */
const MAX_SIDE = 1024;

/** The tiles of an adapter by class of shape. */
export interface TuningTable {
  /** Which adapter, of `adapterName`. */
  readonly adapter: string;
  /** Tiles by class; classes that are not there have the default of such adapters. */
  readonly tiles: Readonly<Record<string, TileVariant>>;
}

/**
 * Names an adapter.
 *
 * @param info What the adapter tells of itself.
 * @returns Vendor, architecture, device and description, as far as they are told.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { adapterName } from "@tessera/tessera/tensor/kernel";
 *
 * const info = { vendor: "apple", architecture: "common-3", device: "", description: "Apple M3" };
 * equal(adapterName(info), "apple common-3 Apple M3");
 * ```
 */
export function adapterName(
  info: Pick<GPUAdapterInfo, "vendor" | "architecture" | "device" | "description">,
): string {
  const parts = [info.vendor, info.architecture, info.device, info.description].filter((part) => part);
  return parts.join(" ") || "unknown";
}

/** Name of the adapter that this machine offers; `unknown` if there is none. */
export async function adapterHere(): Promise<string> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter();
  return adapter ? adapterName(adapter.info) : "unknown";
}

/**
 * Writes a table as text.
 *
 * @param table The table.
 * @returns JSON, a line for each class.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { parseTuning, tuningText } from "@tessera/tessera/tensor/kernel";
 *
 * const table = { adapter: "a", tiles: {} };
 * deepStrictEqual(parseTuning(tuningText(table), { path: "a.json", adapter: "a" }), table);
 * ```
 */
export function tuningText({ adapter, tiles }: TuningTable): string {
  const rows = Object.entries(tiles).toSorted(([a], [b]) => a < b ? -1 : 1);
  const lines = rows.map(([name, tile]) => `\n    ${JSON.stringify(name)}: ${JSON.stringify(tile)}`);
  return `{\n  "format": "${FORMAT}",\n  "adapter": ${JSON.stringify(adapter)},\n  "tiles": {${
    lines.join(",")
  }\n  }\n}\n`;
}

/**
 * Reads a table.
 *
 * @param text Of `tuningText`.
 * @param origin `path`: where it was read, for messages. `adapter`: the one that is to be used.
 * @returns The table.
 * @throws {DeviceError} If it is no table, damaged, or of another adapter, naming the file.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { parseTuning } from "@tessera/tessera/tensor/kernel";
 *
 * throws(() => parseTuning("{}", { path: "t.json", adapter: "a" }), /Cannot read t.json as a tuning table/);
 * ```
 */
export function parseTuning(
  text: string,
  options: { readonly path: string; readonly adapter: string },
): TuningTable {
  requireOptions("parseTuning", options, { path: true, adapter: true });
  const { path, adapter } = options;
  const table = objectOf(text, path);
  if (table.format !== FORMAT) refuse(path, `its format must be ${FORMAT}`, `format is ${shown(table.format)}`);
  if (table.adapter !== adapter) {
    refuse(path, `it must be of this adapter, ${adapter}`, `adapter is ${shown(table.adapter)}`);
  }
  const { tiles } = table;
  if (typeof tiles !== "object" || tiles === null || Array.isArray(tiles)) {
    return refuse(path, "it must hold tiles by class", `value of tiles is ${shown(tiles)}`);
  }
  for (const [name, tile] of Object.entries(tiles)) {
    if (!isTile(tile)) refuse(path, "every tile must have a kind and five sizes", `tile of ${name} is ${shown(tile)}`);
  }
  return { adapter, tiles: tiles as Record<string, TileVariant> };
}

function objectOf(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch { /* told below */ }
  return refuse(path, "it must be a JSON object", `text is ${shown(text)}`);
}

function isTile(tile: unknown): tile is TileVariant {
  if (typeof tile !== "object" || tile === null) return false;
  const { kind, rows, columns, across, down, depth } = tile as Record<string, unknown>;
  const isSize = (least: number) => (size: unknown) =>
    Number.isInteger(size) && (size as number) >= least && (size as number) <= MAX_SIDE;
  return KINDS.includes(kind as string) && [rows, columns, across, down].every(isSize(1)) && isSize(0)(depth);
}

function shown(value: unknown): string {
  const text = value === undefined ? "absent" : typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function refuse(path: string, requirement: string, current: string): never {
  throw new DeviceError(
    "webgpu",
    `Cannot read ${path} as a tuning table as ${requirement}: current ${current}; make it anew with deno task tune`,
  );
}

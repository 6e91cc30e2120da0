/** @file Options from a JSON file: the names and values of the command line, without dashes before them. */
import { parseJson } from "../../../data/mod.ts";
import { nearestOf } from "./nearest.ts";
import { flagOf, type OptionRow, type OptionRows, type OptionsOf, readValue, requirementOf } from "./option.ts";

/** Which file. Every command takes it. */
export const CONFIG_OPTION = {
  config: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: 'JSON file of options by name, such as {"batch-size": 8}; options on the line go before it',
  },
} as const;

/**
 * Reads options from a configuration.
 *
 * @param text JSON: a record of options by name, `batch-size` or `batchSize`. A number, text, `true` for a flag; of a
 * size also `[height, width]`; `null` and a flag that is `false` count as not given.
 * @param rows What the command takes.
 * @param path What errors call the text.
 * @returns The options.
 * @throws {RangeError} If it is no such record, or a key is unknown, given twice or has a value that does not fit; naming
 * the file, the key and what fits.
 */
export function readConfig<const Rows extends OptionRows>(text: string, rows: Rows, path: string): OptionsOf<Rows> {
  const found: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(recordOf(text, path))) {
    const name = Object.keys(rows).find((each) => each === key || flagOf(each) === `--${key}`);
    if (name === undefined || name === "config") refuse(path, key, Object.keys(rows));
    if (value === null || value === false && rows[name]!.kind === "flag") continue;
    const shown = `${key} of ${path}`;
    if (name in found) {
      throw new RangeError(`Cannot read ${shown} as an option must be given once: current number is 2`);
    }
    found[name] = readValue(rows[name]!, textOf(rows[name]!, value, shown), shown);
  }
  return found as OptionsOf<Rows>;
}

/**
 * Adds to the options of a command line those of the file that `--config` names.
 *
 * @param given Options of the line, `config` among them.
 * @param rows What the command takes.
 * @returns All of them; those of the line go before.
 * @throws {Error} If the file cannot be read, or as of `readConfig`.
 */
export function withConfig<const Rows extends OptionRows>(
  { config, ...given }: OptionsOf<Rows> & { readonly config?: string },
  rows: Rows,
): OptionsOf<Rows> {
  if (config === undefined) return given as unknown as OptionsOf<Rows>;
  return { ...readConfig(fileText(config), rows, config), ...given } as unknown as OptionsOf<Rows>;
}

function fileText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new Error(
      `Cannot read --config as it must be a file that can be read: current file is ${path} ` +
        `(${(cause as Error).message})`,
      { cause },
    );
  }
}

function recordOf(text: string, path: string): Readonly<Record<string, unknown>> {
  const value = parseJson(text, path, "a configuration");
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new RangeError(
    `Cannot read ${path} as a configuration as it must be a record of options: current value is ${kindOf(value)}`,
  );
}

/** A list of plain values as it is; deeper ones, which may be endless, by their kind. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (!Array.isArray(value)) return typeof value === "object" ? "a record" : `a ${typeof value}`;
  return value.length <= 8 && value.every((each) => typeof each !== "object") ? JSON.stringify(value) : "a list";
}

/** What would stand on the command line. */
function textOf(row: OptionRow, value: unknown, shown: string): string {
  if (row.kind === "flag" && value === true) return "";
  if (row.kind === "size" && Array.isArray(value) && value.every((side) => typeof side === "number")) {
    return value.join("x");
  }
  if (row.kind === "flag" && typeof value === "string") return JSON.stringify(value); // which then is refused
  if (typeof value !== "object") return String(value);
  throw new RangeError(`Cannot read ${shown} as it must be ${requirementOf(row)}: current value is ${kindOf(value)}`);
}

function refuse(path: string, key: string, names: readonly string[]): never {
  const flags = names.filter((name) => name !== "config").map((name) => flagOf(name).slice(2));
  throw new RangeError(
    `Cannot read ${path} as a configuration as its keys must be options that --help lists: current key is ${key}` +
      nearestOf(key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), flags),
  );
}

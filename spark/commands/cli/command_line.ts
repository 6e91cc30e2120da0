import { parseArgs } from "node:util";
import { type GivenOptions, type OptionRow, OPTIONS } from "../shared/option_table.ts";

/** `inputSize` as it is written: `--input-size`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** A token of `parseArgs`, as far as it is used. */
interface Token {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/**
 * Reads the command line of the training command.
 *
 * @param args Arguments, without the program.
 * @returns The options that were given, checked one by one; `"help"` if help was asked for.
 * @throws {RangeError} If an option is unknown, lacks its value, is given twice, or its value does not fit.
 */
export function parseCommandLine(args: readonly string[]): GivenOptions | "help" {
  return parseOptions(args, OPTIONS);
}

/**
 * Reads a command line by a table of options.
 *
 * @param args Arguments, without the program.
 * @param table The options by name, such as `inputSize` for `--input-size`.
 * @returns The options that were given, checked one by one; `"help"` if help was asked for.
 * @throws {RangeError} If an option is unknown, lacks its value, is given twice, or its value does not fit.
 */
export function parseOptions<T extends object>(
  args: readonly string[],
  table: Readonly<Record<keyof T & string, OptionRow>>,
): T | "help" {
  const rows: Readonly<Record<string, OptionRow>> = table;
  const names = new Map(Object.keys(rows).map((name) => [flagOf(name).slice(2), name]));
  const types = [...names].map(([flag, name]) => [flag, { type: rows[name]!.isFlag ? "boolean" : "string" }] as const);
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: { ...Object.fromEntries(types), help: { type: "boolean", short: "h" } },
  });
  if (tokens.some((token) => token.kind === "option" && token.name === "help")) return "help";
  const given: Record<string, unknown> = {};
  for (const token of tokens) {
    if (token.kind !== "option") refuseArgument(args[token.index]!);
    const name = names.get(token.name) ?? refuseUnknown(token.rawName, [...names.keys()]);
    if (name in given) {
      throw new RangeError(`Cannot read ${token.rawName} as it must be given once: current number is 2 or more`);
    }
    const row = rows[name]!;
    given[name] = row.parse(row.isFlag ? flagValue(token) : valueOf(token), token.rawName);
  }
  return given as T;
}

function valueOf({ rawName, value, inlineValue }: Token): string {
  if (value !== undefined && (inlineValue || !value.startsWith("--"))) return value;
  throw new RangeError(
    `Cannot read ${rawName} as it must be followed by a value: current value is ${value ?? "absent"}`,
  );
}

function flagValue({ rawName, value }: Token): string {
  if (value === undefined) return "true";
  throw new RangeError(`Cannot read ${rawName} as it must stand alone: current value is ${value}`);
}

function refuseArgument(text: string): never {
  throw new RangeError(
    `Cannot read the command line as every argument must belong to an option: current argument is ${text}`,
  );
}

function refuseUnknown(flag: string, names: readonly string[]): never {
  const nearest = names.map((name) => `--${name}`)
    .map((name) => ({ name, distance: editDistance(name, flag) }))
    .reduce((best, next) => next.distance < best.distance ? next : best);
  const hint = nearest.distance <= 3 ? `, did you mean ${nearest.name}` : "";
  throw new RangeError(
    `Cannot read ${flag} as it must be an option that --help lists: current option is unknown${hint}`,
  );
}

/** Levenshtein distance, one row of its table at a time. */
function editDistance(a: string, b: string): number {
  const first = Array.from({ length: b.length + 1 }, (_, j) => j);
  return [...a].reduce((above, letter, i) => {
    const row = [i + 1];
    for (let j = 0; j < b.length; j++) {
      row.push(Math.min(above[j + 1]! + 1, row[j]! + 1, above[j]! + (letter === b[j] ? 0 : 1)));
    }
    return row;
  }, first).at(-1)!;
}

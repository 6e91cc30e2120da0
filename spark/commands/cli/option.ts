/** @file What an option of a command line is: one row of plain data, from which everything else is read. */
import { nearestOf } from "./nearest.ts";

/** What every row says. */
interface Described {
  /** Help text, without the default if `default` states it. `{names}` stands for the names. */
  readonly help: string | readonly string[];
  /** What holds where the option is not given; `null`: nothing. Absent where it depends on others: the help says how. */
  readonly default?: unknown;
}

/** A number in a range. */
interface NumberRow extends Described {
  /** Any number, or a whole one. */
  readonly kind: "number" | "whole";
  /** The smallest that is taken. */
  readonly least?: number;
  /** All above it are taken. */
  readonly above?: number;
  /** The largest that is taken. */
  readonly most?: number;
}

/** One of some names. */
interface NameRow extends Described {
  /** A word of a list. */
  readonly kind: "name";
  /** The list. */
  readonly names: readonly string[];
  /** Endings of files that are taken too, such as `.ts`. */
  readonly files?: readonly string[];
}

/** Any text that is not empty. */
interface TextRow extends Described {
  /** Such as a path. */
  readonly kind: "text";
  /** What stands for it in the help text, such as `FILE`. */
  readonly placeholder: string;
  /** What it names, for errors: `a file`. */
  readonly what: string;
}

/** Height and width, `96` or `96x128`; or an option without a value. */
interface PlainRow extends Described {
  /** A size in pixels, or a flag. */
  readonly kind: "size" | "flag";
}

/** One option. */
export type OptionRow = NumberRow | NameRow | TextRow | PlainRow;

/** Options by name: `inputSize` for `--input-size`. Declare them `as const`, so that types can be read from them. */
export type OptionRows = Readonly<Record<string, OptionRow>>;

/** Type of the value of an option. */
export type ValueOf<Row extends OptionRow> = Row extends NameRow ? Row["names"][number]
  : Row extends NumberRow ? number
  : Row extends TextRow ? string
  : Row extends { readonly kind: "size" } ? readonly [height: number, width: number]
  : true;

/** Options as given on the command line: absent where they were not. */
export type OptionsOf<Rows extends OptionRows> = { readonly [Name in keyof Rows]?: ValueOf<Rows[Name]> };

/** Options of which every one has a value, or `null` where its row says that nothing may hold. */
export type SettledOf<Rows extends OptionRows> = {
  readonly [Name in keyof Rows]: ValueOf<Rows[Name]> | NullOf<Rows[Name]>;
};

/** Options with what holds where they are not given, as far as the rows state it. A flag is false. */
export type FilledOf<Rows extends OptionRows> =
  & SettledOf<{ readonly [Name in keyof Rows as IsStated<Rows[Name]> extends true ? Name : never]: Rows[Name] }>
  & OptionsOf<{ readonly [Name in keyof Rows as IsStated<Rows[Name]> extends true ? never : Name]: Rows[Name] }>;

type NullOf<Row> = Row extends { readonly default: null } ? null
  : Row extends { readonly kind: "flag" } ? false
  : never;
type IsStated<Row> = Row extends { readonly default: unknown } | { readonly kind: "flag" } ? true : false;

/** `inputSize` as it is written: `--input-size`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * What holds where nothing is given.
 *
 * @param rows Options.
 * @returns The value of each whose row states one.
 */
export function defaultsOf<Rows extends OptionRows>(rows: Rows): FilledOf<Rows> {
  const stated = Object.entries(rows).map(([name, row]) => [name, row.kind === "flag" ? false : row.default]);
  return Object.fromEntries(stated.filter(([, value]) => value !== undefined)) as FilledOf<Rows>;
}

/**
 * Reads the value of an option.
 *
 * @param row What it may be.
 * @param given Text; of a flag, nothing is read.
 * @param flag Name for errors, such as `--seed`.
 * @returns The value.
 * @throws {RangeError} If the text does not fit, naming the option and what fits.
 */
export function readValue(row: OptionRow, given: string, flag: string): unknown {
  const value = valueOf(row, given);
  if (value !== undefined) return value;
  const shown = given.trim() === "" && row.kind === "text" ? "empty" : given;
  const advice = row.kind === "name" ? nearestOf(given, row.names, 2) : "";
  throw new RangeError(`Cannot read ${flag} as it must be ${requirementOf(row)}: current value is ${shown}${advice}`);
}

/** The value; undefined if the text does not fit. */
function valueOf(row: OptionRow, given: string): unknown {
  switch (row.kind) {
    case "flag":
      return given === "" ? true : undefined;
    case "text":
      return given.trim() === "" ? undefined : given;
    case "name":
      return row.names.includes(given) || row.files?.some((ending) => given.endsWith(ending)) ? given : undefined;
    case "size":
      return sizeOf(given);
    default:
      return isWithin(row, given) ? Number(given) : undefined;
  }
}

function sizeOf(given: string): readonly [number, number] | undefined {
  const [height, width] = (/^(\d{1,5})(?:[x×](\d{1,5}))?$/.exec(given) ?? []).slice(1);
  const sides: [number, number] = [Number(height), Number(width ?? height)];
  return sides.every((side) => side > 0) ? sides : undefined;
}

function isWithin({ kind, least = -Infinity, above = -Infinity, most = Infinity }: NumberRow, given: string): boolean {
  const value = given.trim() === "" ? NaN : Number(given);
  return Number.isFinite(value) && value >= least && value > above && value <= most &&
    (kind === "number" || Number.isSafeInteger(value));
}

/** What the value must be, in words. */
export function requirementOf(row: OptionRow): string {
  if (row.kind === "name") {
    return `one of ${row.names.join(", ")}${row.files ? `, or a file ${row.files.join(", ")}` : ""}`;
  }
  if (row.kind === "flag") return "true or false";
  if (row.kind === "text") return row.what;
  if (row.kind === "number" || row.kind === "whole") {
    return `${row.kind === "whole" ? "a whole number" : "a number"}${rangeOf(row)}`;
  }
  return "N or HxW, in pixels";
}

function rangeOf({ least, above, most }: NumberRow): string {
  const from = least ?? above;
  if (from === undefined) return most === undefined ? "" : ` up to ${most}`;
  if (most === undefined) return above === undefined ? ` from ${from}` : ` above ${from}`;
  return ` from ${from} to ${most}${above === undefined ? "" : `, ${above} excluded`}`;
}

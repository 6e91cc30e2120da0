import {
  defaultsOf,
  type FilledOf,
  flagOf,
  type OptionRow,
  type OptionRows,
  type OptionsOf,
  readValue,
} from "./option.ts";
import { nearestOf } from "./nearest.ts";
import { type Token, tokensOf } from "./tokens.ts";

/** What stands on a command line beside options. */
export interface Operands {
  /** Their names, for errors and help: `["IN", "OUT"]`. */
  readonly names: readonly string[];
  /** How many there must be at the least; as many as there are names if not given. */
  readonly least?: number;
  /** How many there may be at the most; as many as there are names if not given. */
  readonly most?: number;
}

/** What a command takes. */
export interface CommandLine<Rows extends OptionRows = OptionRows> {
  /** Name of the task, such as `pretrain`. */
  readonly task: string;
  /** What it does, in a sentence or a few; the first part of its help. */
  readonly purpose: string;
  /** True if several ranks of `mpirun` run it together; else it is refused to them. */
  readonly ranks?: boolean;
  /** Its options, in the order of the help text. */
  readonly options: Rows;
  /** What else it takes; nothing if not given. */
  readonly operands?: Operands;
  /** Options that must be given, as the line of usage shows them: `--data PATH`. */
  readonly usage?: string;
  /** The last part of its help. */
  readonly details?: string;
}

/** A command line that was read. */
export interface Parsed<Rows extends OptionRows> {
  /** The options that were given, checked one by one. */
  readonly given: OptionsOf<Rows>;
  /** What stands beside them, in order. */
  readonly operands: readonly string[];
}

/**
 * Reads a command line by the rows of its options.
 *
 * @param args Arguments, without the program.
 * @param line What the command takes.
 * @returns Options and operands; `"help"` if help was asked for.
 * @throws {RangeError} If an option is unknown, lacks its value, is given twice, or its value does not fit; or if there
 * are too few or too many operands.
 */
export function parseCommandLine<const Rows extends OptionRows>(
  args: readonly string[],
  line: Pick<CommandLine<Rows>, "options" | "operands"> & { readonly task?: string },
): Parsed<Rows> | "help" {
  const names = new Map(Object.keys(line.options).map((name) => [flagOf(name), name]));
  const takesValue = [...names].map(([flag, name]) => [flag.slice(2), line.options[name]!.kind !== "flag"] as const);
  const tokens = tokensOf(args, new Map(takesValue));
  if (tokens.some((token) => token.kind === "option" && token.flag === "--help")) return "help";
  const given: Record<string, unknown> = {};
  for (const token of tokens) {
    if (token.kind === "operand") continue;
    const name = names.get(token.flag) ?? refuseUnknown(token.flag, [...names.keys()]);
    if (name in given) {
      throw new RangeError(`Cannot read ${token.flag} as it must be given once: current number is 2 or more`);
    }
    given[name] = readValue(line.options[name]!, textOf(token, line.options[name]!), token.flag);
  }
  const operands = tokens.flatMap((token) => token.kind === "operand" ? [token.text] : []);
  checkOperands(operands, line);
  return { given: given as OptionsOf<Rows>, operands };
}

/**
 * Adds what holds where options were not given, as far as their rows state it.
 *
 * @param rows The options.
 * @param given Those that were given; others among them are left out.
 * @returns All that is known.
 */
export function withDefaults<Rows extends OptionRows>(rows: Rows, given: OptionsOf<Rows>): FilledOf<Rows> {
  return { ...defaultsOf(rows), ...Object.fromEntries(Object.entries(given).filter(([name]) => name in rows)) };
}

/** The value of a token as text; empty for a flag. */
function textOf({ flag, value, isInline }: Token & { readonly kind: "option" }, { kind }: OptionRow): string {
  if (kind === "flag") {
    if (value === undefined) return "";
    throw new RangeError(`Cannot read ${flag} as it must stand alone: current value is ${value}`);
  }
  if (value !== undefined && (isInline || !value.startsWith("--"))) return value;
  throw new RangeError(
    `Cannot read ${flag} as it must be followed by a value: current value is ${value ?? "absent"}`,
  );
}

function checkOperands(
  found: readonly string[],
  { task = "run", operands = { names: [] } }: { readonly task?: string; readonly operands?: Operands },
): void {
  const { names, least = names.length, most = names.length } = operands;
  if (found.length >= least && found.length <= most) return;
  if (names.length === 0) {
    throw new RangeError(
      `Cannot read the command line as every argument must belong to an option: current argument is ${found[0]}`,
    );
  }
  throw new RangeError(
    `Cannot ${task} as there must be ${names.join(" and ")}: current number of files is ${found.length}; see --help`,
  );
}

function refuseUnknown(flag: string, flags: readonly string[]): never {
  throw new RangeError(
    `Cannot read ${flag} as it must be an option that --help lists: current option is unknown${nearestOf(flag, flags)}`,
  );
}

/** @file The only place that knows how a command line is cut up: flags, their values, and what stands between. */
import { parseArgs } from "node:util";

/** A part of a command line. */
export type Token =
  | {
    /** An option. */
    readonly kind: "option";
    /** As it was written: `--input-size`. */
    readonly flag: string;
    /** Text after it or after `=`; undefined if there is none. */
    readonly value: string | undefined;
    /** True for `--flag=value`. */
    readonly isInline: boolean;
  }
  | {
    /** What belongs to no option. */
    readonly kind: "operand";
    /** As it was written. */
    readonly text: string;
  };

/**
 * Cuts a command line into options and operands. What is unknown becomes a token too: nothing is refused here.
 *
 * @param args Arguments, without the program.
 * @param takesValue Of each known flag, without dashes, whether a value follows it.
 * @returns Its parts, in order; `-h` is `--help`, and `--` ends the options.
 */
export function tokensOf(args: readonly string[], takesValue: ReadonlyMap<string, boolean>): readonly Token[] {
  const types = [...takesValue].map(([name, takes]) => [name, { type: takes ? "string" : "boolean" }] as const);
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: { ...Object.fromEntries(types), help: { type: "boolean", short: "h" } },
  });
  return tokens.flatMap((token): readonly Token[] => {
    if (token.kind === "option-terminator") return [];
    if (token.kind === "positional") return [{ kind: "operand", text: token.value }];
    const flag = token.name === "help" ? "--help" : token.rawName;
    return [{ kind: "option", flag, value: token.value, isInline: token.inlineValue ?? false }];
  });
}

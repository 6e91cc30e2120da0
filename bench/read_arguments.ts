// deno-lint-ignore-file no-console
import { parseArgs } from "node:util";

/** Options by name: text, a whole number from 1, or a flag; each with what stands where it is not given, if anything. */
type Options = Readonly<
  Record<
    string,
    | { readonly type: "string"; readonly default?: string }
    | { readonly type: "whole"; readonly default?: number }
    | { readonly type: "boolean" }
  >
>;

/** What was given, or stands by default. */
type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends { type: "boolean" } ? boolean
    : O[K] extends { type: "whole" } ? (O[K] extends { default: number } ? number : number | undefined)
    : O[K] extends { default: string } ? string
    : string | undefined;
};

/** One line of help for an option. */
function helpLine(name: string, option: Options[string]): string {
  if (option.type === "boolean") return `  --${name}`;
  return `  --${name} VALUE${option.default === undefined ? "" : `  (default ${option.default || "none"})`}`;
}

/**
 * Reads the command line of a benchmark. `--help` prints its options and ends the process; so does what cannot be read,
 * with one line and exit code 1.
 *
 * @param task Name of the task, such as `bench:step`.
 * @param options Options that it takes.
 * @returns The value of each.
 */
export function readArguments<const O extends Options>(task: string, options: O): Values<O> {
  const help = () => [`Usage: deno task ${task} [OPTIONS]`, "", ...Object.entries(options).map((x) => helpLine(...x))];
  try {
    const given: Readonly<Record<string, unknown>> =
      parseArgs({ args: Deno.args, options: { ...parsedAs(options), help: { type: "boolean" } } }).values;
    if (given.help !== true) {
      return Object.fromEntries(
        Object.entries(options).map(([name, option]) => [name, valueOf(name, option, given[name])]),
      ) as Values<O>;
    }
    console.log(help().join("\n"));
    Deno.exit(0);
  } catch (error) {
    const message = (error as Error).message.replaceAll("\n", " ");
    console.error(
      message.startsWith("Cannot ")
        ? message
        : `Cannot read the command line as --help says what it takes: current error is ${message}`,
    );
    Deno.exit(1);
  }
}

/** Options as the parser takes them: numbers are text there. */
function parsedAs(options: Options): Readonly<Record<string, { readonly type: "string" | "boolean" }>> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { type }]) => [name, { type: type === "boolean" ? type : "string" }]),
  );
}

/** The value of an option, from the text that was given if any was. */
function valueOf(name: string, option: Options[string], given: unknown): unknown {
  if (option.type === "boolean") return given ?? false;
  if (option.type === "string" || given === undefined) return given ?? option.default;
  if (/^[1-9]\d{0,8}$/.test(String(given))) return Number(given);
  throw new RangeError(`Cannot read --${name} as it must be a whole number from 1: current value is ${given}`);
}

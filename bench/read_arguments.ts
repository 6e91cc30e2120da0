// deno-lint-ignore-file no-console
import { parseArgs } from "node:util";

/** Options by name, each with the text that stands where it is not given, if there is one. */
type Options = Readonly<
  Record<string, { readonly type: "string"; readonly default?: string } | { readonly type: "boolean" }>
>;

/** What was given, or stands by default. */
type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends { type: "boolean" } ? boolean
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
    const all: Options = { ...options, help: { type: "boolean" } };
    const values: Readonly<Record<string, unknown>> = parseArgs({ args: Deno.args, options: all }).values;
    if (!values.help) {
      const flags = Object.entries(options).filter(([, { type }]) => type === "boolean").map(([name]) => [name, false]);
      return { ...Object.fromEntries(flags), ...values } as Values<O>;
    }
    console.log(help().join("\n"));
    Deno.exit(0);
  } catch (error) {
    console.error(
      `Cannot read the command line as --help says what it takes: current error is ${(error as Error).message}`,
    );
    Deno.exit(1);
  }
}

import type { CommandLine } from "./command_line.ts";
import { flagOf, type OptionRow } from "./option.ts";

/** Width of the column of flags, and of the texts beside it. */
const [FLAGS, TEXTS] = [26, 90];

/**
 * Writes the text of `--help`.
 *
 * @param line What the command takes.
 * @returns Lines of at most 120 characters, if purpose, usage and details have such.
 */
export function helpOf({ task, purpose, options, operands, usage, details }: CommandLine): string {
  const words = [`deno task ${task}`, ...operands?.names ?? [], ...usage ? [usage] : [], "[OPTIONS]"];
  const rows = Object.entries(options).map(([name, row]) => [`${flagOf(name)} ${placeholderOf(row)}`, textOf(row)]);
  const lines = [...rows, ["-h, --help", "this text"]].flatMap(([flag, text]) =>
    wrap(text!, TEXTS).map((part, i) => `  ${(i === 0 ? flag! : "").padEnd(FLAGS)}${part}`.trimEnd())
  );
  return [purpose, "", `Usage: ${words.join(" ")}`, "", ...lines, ...details ? ["", details] : []].join("\n");
}

const PLACEHOLDERS = { number: "R", whole: "N", name: "NAME", size: "N|HxW", flag: "" } as const;

const placeholderOf = (row: OptionRow): string => row.kind === "text" ? row.placeholder : PLACEHOLDERS[row.kind];

/** The help of an option, with its default if there is one. */
function textOf(row: OptionRow): string {
  const text = [row.help].flat().join(" ").replace("{names}", row.kind === "name" ? row.names.join(", ") : "");
  return row.default === undefined || row.default === null ? text : `${text} (default ${row.default})`;
}

/** Breaks text into lines of at most `width` characters. */
function wrap(text: string, width: number): readonly string[] {
  return text.split(" ").reduce<string[]>((lines, word) => {
    const longer = `${lines.at(-1) ?? ""} ${word}`.trim();
    return lines.length > 0 && longer.length <= width ? [...lines.slice(0, -1), longer] : [...lines, word];
  }, []);
}

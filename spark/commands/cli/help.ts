import type { CommandLine, Operands } from "./command_line.ts";
import { groupedOptions } from "./option_groups.ts";
import { flagOf, type OptionRow } from "./option.ts";
import { wrap } from "./wrap.ts";

/** Width of the whole and of the column of flags; below the third, texts stand below their flags. */
const [WIDTH, FLAGS, NARROW] = [118, 28, 80];

/**
 * Writes the text of `--help`: what the command does, how it is called, its options, what else is to be known.
 *
 * @param line What the command takes. Lines of `purpose` and `details` that begin with blanks stay by themselves; others
 * are joined to paragraphs.
 * @param columns Width of the terminal.
 * @returns Lines of at most 118 characters and less than `columns`, but for words that are longer.
 */
export function helpOf(
  { task, purpose, options, operands, usage, details }: CommandLine,
  columns: number = WIDTH + 1,
): string {
  const width = Math.max(40, Math.min(WIDTH, columns - 1));
  const words = [`deno task ${task}`, ...operandWords(operands), ...usage ? [usage] : [], "[OPTIONS]"];
  const rowsOf = (names: readonly string[]) =>
    names.map((name) => [`${flagOf(name)} ${placeholderOf(options[name]!)}`, textOf(options[name]!)] as const);
  const groups = groupedOptions(Object.keys(options));
  return [
    ...paragraphs(purpose, width),
    "",
    ...wrap(`Usage: ${words.join(" ")}`, { width, indent: 7 }),
    ...groups.flatMap(([title, names], i) => [
      "",
      ...title === "" ? [] : [`${title}:`],
      ...[...rowsOf(names), ...i === groups.length - 1 ? [HELP] : []]
        .flatMap(([flag, text]) => optionLines(flag, text, width)),
    ]),
    ...details ? ["", ...paragraphs(details, width)] : [],
  ].join("\n");
}

const HELP = ["-h, --help", "this text"] as const;

/** What stands beside options: in brackets what may be left out, with dots what may be several. */
function operandWords(
  { names, least = names.length, most = names.length }: Operands = { names: [] },
): readonly string[] {
  const words = names.map((name, i) => i < least ? name : `[${name}]`);
  return most > names.length ? [...words.slice(0, -1), `${words.at(-1)} …`] : words;
}

/** An option: its text beside it; below it where there is no room, or the flag is long. */
function optionLines(flag: string, text: string, width: number): readonly string[] {
  const indent = width < NARROW ? 6 : FLAGS;
  if (flag.trimEnd().length + 4 > indent) {
    return [`  ${flag}`.trimEnd(), ...wrap(" ".repeat(indent) + text, { width, indent })];
  }
  return wrap(`  ${flag.trimEnd()}`.padEnd(indent) + text, { width, indent });
}

/** Joins lines and breaks them anew; of lines that begin with blanks each stays, its end below its second column. */
function paragraphs(text: string, width: number): readonly string[] {
  const parts = text.split("\n").reduce<string[]>((parts, line) => {
    const goesOn = parts.length > 0 && line !== "" && parts.at(-1) !== "" && !/^ /.test(line) &&
      !/^ /.test(parts.at(-1)!);
    return goesOn ? [...parts.slice(0, -1), `${parts.at(-1)} ${line}`] : [...parts, line];
  }, []);
  return parts.flatMap((part) => wrap(part, { width, indent: /^ +\S+ {2,}/.exec(part)?.[0].length ?? 0 }));
}

const PLACEHOLDERS = { number: "R", whole: "N", name: "NAME", size: "N|HxW", flag: "" } as const;

const placeholderOf = (row: OptionRow): string => row.kind === "text" ? row.placeholder : PLACEHOLDERS[row.kind];

/** The help of an option, with its default if there is one. */
function textOf(row: OptionRow): string {
  const text = [row.help].flat().join(" ").replace("{names}", row.kind === "name" ? row.names.join(", ") : "");
  return row.default === undefined || row.default === null ? text : `${text} (default ${row.default})`;
}

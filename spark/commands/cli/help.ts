import { flagOf } from "./command_line.ts";
import { type OptionRow, OPTIONS } from "../shared/option_table.ts";

const HEAD = `Pre-trains a convolutional network with SparK and leaves checkpoints, pictures and a log in a run folder.

Usage: deno task pretrain [OPTIONS]

Without options: a small ResNet on 3D emoji, a few minutes on two cores without a GPU.
`;

const TAIL = `
The run folder holds last.safetensors (all that --resume needs), log.jsonl (one line per step and epoch), report.html,
reconstructions/*.png (input, masked, reconstruction), loss.svg and tensorboard_log/.
Ctrl-C finishes the step, saves and exits with code 130; a second one exits at once.
Exit code 1: an error, said in one line on stderr.`;

/** Breaks text into lines of at most `width` characters. */
function wrap(text: string, width: number): readonly string[] {
  return text.split(" ").reduce<string[]>((lines, word) => {
    const longer = `${lines.at(-1) ?? ""} ${word}`.trim();
    return lines.length > 0 && longer.length <= width ? [...lines.slice(0, -1), longer] : [...lines, word];
  }, []);
}

/**
 * The text of `--help` of the training command.
 *
 * @returns Lines of at most 120 characters.
 */
export function helpText(): string {
  return helpOf(OPTIONS, { head: HEAD, tail: TAIL });
}

/**
 * Writes a help text.
 *
 * @param table The options.
 * @param texts What stands before and after them.
 * @returns Lines of at most 120 characters, if head and tail have such.
 */
export function helpOf(
  table: Readonly<Record<string, OptionRow>>,
  { head, tail }: { readonly head: string; readonly tail: string },
): string {
  const rows = Object.entries(table).map(([name, { placeholder, help }]) => [`${flagOf(name)} ${placeholder}`, help]);
  const lines = [...rows, ["-h, --help", "this text"]].flatMap(([flag, help]) =>
    wrap(help!, 90).map((line, i) => `  ${(i === 0 ? flag! : "").padEnd(26)}${line}`)
  );
  return [head, ...lines, tail].join("\n");
}

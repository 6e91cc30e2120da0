/** @file The only place where commands write to the terminal. */
import { OutputError } from "../../train/terminal.ts";
import { widthOf, wrap } from "./wrap.ts";

/** A stream of the process. */
export type OutputStream = "stdout" | "stderr";

/**
 * Width of a stream's terminal.
 *
 * @param stream The stream.
 * @returns Characters in a line, 80 of terminals that do not know; undefined where the stream is no terminal.
 */
export function columnsOf(stream: OutputStream): number | undefined {
  return Deno[stream].isTerminal() ? Deno.consoleSize().columns || 80 : undefined;
}

/** Names of files may hold what moves the cursor: control characters, but for line ends and tabs, become `?`. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, (letter) => letter === "\n" || letter === "\t" ? letter : "?");
}

/**
 * Writes a line to stdout, on terminals broken at words.
 *
 * @param line Text without a line end.
 * @throws {OutputError} If it cannot be written.
 */
export function print(line: string): void {
  printResult(fitted(plain(line), columnsOf("stdout")));
}

/** Says for all ranks what the first has to say. */
export function printOf({ rank }: { readonly rank: number }): (line: string) => void {
  return rank === 0 ? print : () => {};
}

/**
 * Writes a line or several to stdout as they are, for other programs to read.
 *
 * @param text Text without a line end at its end.
 * @throws {OutputError} If it cannot be written.
 */
export function printResult(text: string): void {
  printRaw(`${text}\n`);
}

/**
 * Writes a line to stderr, on terminals broken at words.
 *
 * @param line Text without a line end.
 * @throws {OutputError} If it cannot be written.
 */
export function printError(line: string): void {
  printRaw(`${fitted(plain(line), columnsOf("stderr"))}\n`, "stderr");
}

/**
 * Writes text as it is, such as a line that is written over.
 *
 * @param text Text, with its control characters.
 * @param stream Where to.
 * @throws {OutputError} If it cannot be written.
 */
export function printRaw(text: string, stream: OutputStream = "stdout"): void {
  const bytes = new TextEncoder().encode(text);
  try { // not by the console, which passes over readers that have gone
    for (let at = 0; at < bytes.length;) at += Deno[stream].writeSync(bytes.subarray(at));
  } catch (cause) {
    throw new OutputError(stream, cause as Error);
  }
}

/**
 * Breaks lines at words as a terminal has room for; one that holds a command stays whole, so that it can be copied.
 *
 * @param text Lines.
 * @param columns Width of the terminal; undefined where there is none.
 * @returns Lines of less than `columns` characters, but for words that are longer.
 */
export function fitted(text: string, columns: number | undefined): string {
  if (columns === undefined) return text;
  return text.split("\n").flatMap((line) => {
    if (widthOf(line) < columns || line.includes("deno task ")) return [line];
    return wrap(line, { width: columns - 1, indent: indentOf(line, columns) });
  }).join("\n");
}

/** Where the rest of a line stands: deeper than its beginning; of a row of a table below its last column. */
function indentOf(line: string, columns: number): number {
  const [, before = ""] = /^(.*\S {2,})\S/.exec(line) ?? [];
  const last = before.length;
  return last > 0 && last < columns * 2 / 3 ? last + 2 : /^ */.exec(line)![0].length + 4;
}

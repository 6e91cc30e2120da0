/** @file WebAssembly text as words, and a place among them. */

/** A text that is no module. */
export class WatError extends Error {}

/** Words of a text, and which is read next. */
export interface Reader {
  /** The text, comments blanked. */
  readonly text: string;
  /** Parentheses, strings with their quotes, and everything else between spaces. */
  readonly words: readonly string[];
  /** Number of the next word. */
  at: number;
}

const WORD = /[()]|"(?:[^"\\]|\\[^])*"|[^\s()"]+|"/g;

/** Number of the line of a place. */
function lineAt(text: string, place: number): number {
  return text.slice(0, place).split("\n").length;
}

/** Number of the line of a word. It is counted when it is asked for: most texts have no fault. */
export function lineOf({ text }: Reader, word: number): number {
  return lineAt(text, [...text.matchAll(WORD)][word]?.index ?? text.length);
}

/** Refuses a word. */
export function refuse(reader: Reader, must: string, at: number = reader.at): never {
  const current = at < reader.words.length ? `word is ${reader.words[at]}` : "text is at its end";
  throw new WatError(`Cannot assemble line ${lineOf(reader, at)} as ${must}: current ${current}`);
}

/** The place behind a comment `(; … ;)`, which may hold others. */
function behindComment(text: string, place: number): number {
  let [depth, at] = [0, place];
  do {
    const next = /\(;|;\)/g;
    next.lastIndex = at;
    const found = next.exec(text);
    if (!found) throw new WatError(`Cannot assemble line ${lineAt(text, place)} as its comment must end`);
    depth += found[0] === "(;" ? 1 : -1;
    at = next.lastIndex;
  } while (depth > 0);
  return at;
}

/** Spaces in place of comments; lines stay. Strings may hold what looks like one. */
function withoutComments(text: string): string {
  if (!text.includes(";")) return text;
  const parts: string[] = [];
  const next = /"(?:[^"\\]|\\[^])*"|;;[^\n]*|\(;/g;
  let from = 0;
  for (let found = next.exec(text); found; found = next.exec(text)) {
    if (found[0][0] === '"') continue;
    if (found[0] === "(;") next.lastIndex = behindComment(text, found.index);
    parts.push(text.slice(from, found.index), text.slice(found.index, next.lastIndex).replaceAll(/[^\n]/g, " "));
    from = next.lastIndex;
  }
  return parts.join("") + text.slice(from);
}

/**
 * Cuts a text into words.
 *
 * @param text WebAssembly text.
 * @returns A reader at its first word.
 * @throws {WatError} If a comment does not end.
 */
export function readerOf(text: string): Reader {
  const plain = withoutComments(text);
  return { text: plain, words: plain.match(WORD) ?? [], at: 0 };
}

/** The next word, which is read. */
export function take(reader: Reader): string {
  const word = reader.words[reader.at];
  if (word === undefined) refuse(reader, "each parenthesis must be closed");
  reader.at++;
  return word;
}

/** Reads a word that must be there. */
export function expect(reader: Reader, word: string): void {
  if (reader.words[reader.at] !== word) refuse(reader, `${word} must follow`);
  reader.at++;
}

/** Whether `(name` follows. */
export function opens(reader: Reader, name: string): boolean {
  return reader.words[reader.at] === "(" && reader.words[reader.at + 1] === name;
}

/** Reads `(name` if it follows. */
export function enter(reader: Reader, name: string): boolean {
  if (!opens(reader, name)) return false;
  reader.at += 2;
  return true;
}

/** Reads a name `$…` if one follows. */
export function takeName(reader: Reader): string | undefined {
  return reader.words[reader.at]?.startsWith("$") ? take(reader) : undefined;
}

/** Goes behind the parenthesis that closes the one before the next word. */
export function leave(reader: Reader): void {
  for (let depth = 1; depth > 0;) {
    const word = take(reader);
    if (word === "(") depth++;
    else if (word === ")") depth--;
  }
}

const ESCAPES: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13, '"': 34, "'": 39, "\\": 92 };

/** Reads a string as bytes. */
export function takeBytes(reader: Reader): readonly number[] {
  const word = take(reader);
  if (!/^".*"$/s.test(word)) refuse(reader, "a string must follow", reader.at - 1);
  const parts = word.slice(1, -1).match(/\\u\{[^}]*\}|\\[\da-fA-F]{2}|\\[^]|[^\\]+/g) ?? [];
  return parts.flatMap((part) => {
    if (part[0] !== "\\") return [...new TextEncoder().encode(part)];
    if (part[1] === "u") return [...new TextEncoder().encode(String.fromCodePoint(parseInt(part.slice(3, -1), 16)))];
    return [ESCAPES[part[1]!] ?? parseInt(part.slice(1), 16)];
  });
}

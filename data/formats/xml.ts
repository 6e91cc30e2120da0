/** @file XML without document types: what annotation files need, and nothing that a file could do harm with. */

/** An element of a document. */
export interface XmlElement {
  /** As it is written, with its prefix if it has one. */
  readonly name: string;
  /** By name. */
  readonly attributes: Readonly<Record<string, string>>;
  /** In order. */
  readonly children: readonly XmlElement[];
  /** All text that stands directly in it, with its white space. */
  readonly text: string;
}

interface Open {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: XmlElement[];
  readonly text: string[];
}

/** Elements within elements. */
const MOST_DEPTH = 256;
const NAME = String.raw`[\p{L}_:][\p{L}\p{N}_:.\-]*`;
const TAG_START = new RegExp(`<(${NAME})`, "uy");
const ATTRIBUTE = new RegExp(String.raw`\s+(${NAME})\s*=\s*("[^"<]*"|'[^'<]*')`, "uy");
const TAG_END = /\s*(\/?)>/y;
const CLOSING = new RegExp(String.raw`</(${NAME})\s*>`, "uy");
const REFERENCE = /&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|([^;&]{0,40}))(;?)/g;
const PREDEFINED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
/** Characters that no document may hold. */
// deno-lint-ignore no-control-regex
const FORBIDDEN = /[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]/;

/** Where a document is read, and its name for errors. */
interface Source {
  readonly text: string;
  readonly path: string;
}

function refuse({ text, path }: Source, at: number, requirement: string): never {
  const before = text.slice(0, at).split("\n");
  const found = JSON.stringify(text.slice(at, at + 20));
  throw new SyntaxError(
    `Cannot read ${path} as XML as ${requirement}: current text at line ${before.length}, column ` +
      `${before.at(-1)!.length + 1} is ${at < text.length ? found : "the end of the file"}`,
  );
}

function matchAt(pattern: RegExp, { text }: Source, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Text with its references resolved. */
function resolved(source: Source, from: number, to: number): string {
  const raw = source.text.slice(from, to);
  if (!raw.includes("&")) return raw;
  return raw.replace(REFERENCE, (_, decimal, hexadecimal, name, end, at) => {
    const code = decimal ? Number(decimal) : hexadecimal ? parseInt(hexadecimal, 16) : NaN;
    const isCharacter = code > 0 && code <= 0x10FFFF && !(code >= 0xD800 && code < 0xE000);
    const value = isCharacter
      ? String.fromCodePoint(code)
      : Object.hasOwn(PREDEFINED, name ?? "")
      ? PREDEFINED[name]
      : "";
    if (end === ";" && value !== "" && !FORBIDDEN.test(value!)) return value!;
    return refuse(source, from + at, "& must begin a character's number or one of &amp; &lt; &gt; &quot; &apos;");
  });
}

/** Where what begins at `at` ends, after its last characters. */
function endOf(source: Source, at: number, last: string, what: string): number {
  const end = source.text.indexOf(last, at);
  return end < 0 ? refuse(source, at, `${what} must end with ${last}`) : end + last.length;
}

/** An opening tag: its element, whether it is closed at once, and where it ends. */
function openTag(
  source: Source,
  at: number,
): { readonly element: Open; readonly isClosed: boolean; readonly end: number } {
  const start = matchAt(TAG_START, source, at) ?? refuse(source, at, "< must begin an element");
  const element: Open = { name: start[1]!, attributes: {}, children: [], text: [] };
  let end = at + start[0].length;
  for (let found = matchAt(ATTRIBUTE, source, end); found; found = matchAt(ATTRIBUTE, source, end)) {
    const [whole, name, value] = found as unknown as [string, string, string];
    if (Object.hasOwn(element.attributes, name)) refuse(source, end, `attribute ${name} must stand once`);
    const from = end + whole.length - value.length + 1;
    // A property of its own, whatever its name is.
    Object.defineProperty(element.attributes, name, {
      value: resolved(source, from, from + value.length - 2),
      enumerable: true,
    });
    end += whole.length;
  }
  const last = matchAt(TAG_END, source, end) ??
    refuse(source, end, `element ${element.name} must go on with an attribute or >`);
  return { element, isClosed: last[1] === "/", end: end + last[0].length };
}

const closed = ({ text, ...rest }: Open): XmlElement => ({ ...rest, text: text.join("") });

/** What a document is read into: elements that are open, the root if it is closed. */
interface Reading {
  readonly open: Open[];
  root: XmlElement | null;
}

function close(reading: Reading, element: Open): void {
  const parent = reading.open.at(-1);
  if (parent) parent.children.push(closed(element));
  else reading.root = closed(element);
}

/** Reads what begins at a `<`; gives where it ends. */
function readMarkup(source: Source, at: number, reading: Reading): number {
  const { text } = source;
  if (text.startsWith("<!--", at)) return endOf(source, at + 4, "-->", "a comment");
  if (text.startsWith("<?", at)) return endOf(source, at, "?>", "an instruction");
  if (text.startsWith("<![CDATA[", at)) {
    const end = endOf(source, at, "]]>", "a section of text");
    if (reading.open.length === 0) refuse(source, at, "text must stand within the root");
    reading.open.at(-1)!.text.push(text.slice(at + 9, end - 3));
    return end;
  }
  if (text.startsWith("<!", at)) refuse(source, at, "a document must have no type and declare no entities");
  if (text.startsWith("</", at)) {
    const open = reading.open.pop();
    const tag = matchAt(CLOSING, source, at);
    if (!open || tag?.[1] !== open.name) {
      refuse(source, at, open ? `</${open.name}> must close it` : "nothing is open here");
    }
    close(reading, open);
    return at + tag[0].length;
  }
  if (reading.root) refuse(source, at, "a document must have one root");
  const { element, isClosed, end } = openTag(source, at);
  if (isClosed) close(reading, element);
  else if (reading.open.push(element) > MOST_DEPTH) {
    refuse(source, at, `elements must stand within at most ${MOST_DEPTH} others`);
  }
  return end;
}

/**
 * Reads an XML document: elements, attributes, text, comments, sections of text, the five named entities and characters by number.
 * Document types, and with them entities of a file's own, are refused.
 *
 * @param text The document.
 * @param path Its file, for errors.
 * @returns The root.
 * @throws {SyntaxError} If it is not well-formed, naming file, line and column.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { parseXml } from "@tessera/tessera/data";
 *
 * const root = parseXml("<a n='1'><b>x &amp; y</b><b/></a>", "a.xml");
 * deepStrictEqual([root.name, root.attributes.n, root.children.map(({ text }) => text)], ["a", "1", ["x & y", ""]]);
 * ```
 */
export function parseXml(text: string, path: string): XmlElement {
  const source = { text: text.replace(/^\uFEFF/, ""), path };
  const forbidden = source.text.search(FORBIDDEN);
  if (forbidden >= 0) refuse(source, forbidden, "it must be text");
  const reading: Reading = { open: [], root: null };
  for (let at = 0; at < source.text.length;) {
    const next = source.text.indexOf("<", at);
    const end = next < 0 ? source.text.length : next;
    const parent = reading.open.at(-1);
    if (parent) parent.text.push(resolved(source, at, end));
    else if (source.text.slice(at, end).trim() !== "") refuse(source, at, "text must stand within the root");
    at = next < 0 ? end : readMarkup(source, next, reading);
  }
  const [open] = reading.open.slice(-1);
  if (open) refuse(source, source.text.length, `</${open.name}> must close it`);
  return reading.root ?? refuse(source, source.text.length, "a document must have a root");
}

/**
 * Reads the text of an XML file in the encoding that it declares; UTF-8 if it declares none.
 *
 * @param bytes The file.
 * @param path Its name, for errors.
 * @returns Its text.
 * @throws {SyntaxError} If the encoding is unknown, or a byte does not fit.
 */
export function xmlText(bytes: Uint8Array, path: string): string {
  const [first, second] = bytes;
  const marked = first === 0xFF && second === 0xFE ? "utf-16le" : first === 0xFE && second === 0xFF ? "utf-16be" : null;
  const head = String.fromCharCode(...bytes.subarray(0, 200));
  const declared = /^(?:\xEF\xBB\xBF)?<\?xml\s[^>]*?\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1];
  const encoding = marked ?? declared ?? "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(
      `Cannot read ${path} as XML as its text must be in its encoding: current encoding is ${encoding} ` +
        `(${(cause as Error).message})`,
      { cause },
    );
  }
}

/** @file Modules as bytes. */
import { type Bytes, type Draft, FIELDS, SECTION } from "./fields.ts";
import { unsigned } from "./numbers.ts";
import { expect, lineOf, type Reader, readerOf, refuse, take, takeName } from "./reader.ts";
import { noNames, typesBytes } from "./signatures.ts";

function readModule(reader: Reader, mark?: Draft["mark"]): Draft {
  const names = noNames("type");
  const draft: Draft = {
    types: { names, all: [] },
    functions: noNames("function"),
    tables: noNames("table"),
    memories: noNames("memory"),
    globals: noNames("global"),
    data: noNames("data segment"),
    later: [],
    uses: { data: false },
    mark,
    sections: new Map(Object.values(SECTION).map((number) => [number, []])),
  };
  expect(reader, "(");
  expect(reader, "module");
  takeName(reader);
  while (reader.words[reader.at] === "(") {
    reader.at++;
    const field = FIELDS[take(reader)] ??
      refuse(reader, `a field must be one of ${Object.keys(FIELDS).join(", ")}`, reader.at - 1);
    field(draft, reader);
  }
  expect(reader, ")");
  if (reader.at < reader.words.length) refuse(reader, "the text must end with the module");
  draft.later.forEach((work) => work());
  return draft;
}

function section(number: number, bytes: Bytes): Bytes {
  return [number, ...unsigned(bytes.length)].concat(bytes);
}

function counted(entries: readonly Bytes[]): Bytes {
  return entries.reduce<number[]>((all, bytes) => {
    for (const byte of bytes) all.push(byte);
    return all;
  }, [...unsigned(entries.length)]);
}

function bytesOf({ types, sections, uses }: Draft): Uint8Array<ArrayBuffer> {
  const signatures = types.all.map(({ params, results }) => [0x60, ...typesBytes(params), ...typesBytes(results)]);
  const parts: Bytes[] = [[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]];
  if (signatures.length > 0) parts.push(section(1, counted(signatures)));
  for (const [number, entries] of sections) {
    if (number === SECTION.code && uses.data) parts.push(section(12, unsigned(sections.get(SECTION.data)!.length)));
    if (entries.length === 0) continue;
    parts.push(section(number, number === SECTION.start ? entries[0]! : counted(entries)));
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}

/**
 * Assembles a module.
 *
 * @param text A module as text: WebAssembly 2.0 with threads and relaxed SIMD, one table of functions; of several
 * memories all but `memory.copy` use the first.
 * @returns Its bytes, the same as those of wabt's `wat2wasm`. Types of operands are not checked here: engines do.
 * @throws {WatError} If the text is no module, with the line and the word.
 */
export function assembleWat(text: string): Uint8Array<ArrayBuffer> {
  return bytesOf(readModule(readerOf(text)));
}

/**
 * Finds the line of an instruction.
 *
 * @param text A module that `assembleWat` takes.
 * @param byte Where in its bytes the instruction lies.
 * @returns Number of the line.
 */
export function lineOfByte(text: string, byte: number): number {
  const marks: (readonly [body: number, byte: number, word: number])[] = [];
  const reader = readerOf(text);
  const draft = readModule(reader, (...mark) => marks.push(mark));
  const [bodies, data] = [SECTION.code, SECTION.data].map((number) => draft.sections.get(number)!);
  const after = data!.length > 0 ? section(SECTION.data, counted(data!)).length : 0;
  const first = bytesOf(draft).length - after - bodies!.reduce((sum, { length }) => sum + length, 0);
  const starts = bodies!.map((_, i) => bodies!.slice(0, i + 1).reduce((at, { length }) => at + length, first));
  const places = marks.map(([body, at, word]) => [starts[body]! - lengthOfBody(bodies![body]!) + at, word] as const);
  const [, word] = places.filter(([at]) => at <= byte).reduce((a, b) => b[0] >= a[0] ? b : a, [0, 0] as const);
  return lineOf(reader, word);
}

/** Bytes of a body without its length before it. */
function lengthOfBody(entry: Bytes): number {
  return entry.length - entry.findIndex((byte) => byte < 128) - 1;
}

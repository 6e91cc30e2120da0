/** @file Fields of modules, read into the entries of their sections. */
import { END, folded, instructions, type Scope } from "./body.ts";
import { unsigned, wholeOf } from "./numbers.ts";
import { enter, expect, leave, type Reader, refuse, take, takeBytes, takeName } from "./reader.ts";
import {
  addName,
  indexFollows,
  type Names,
  noNames,
  takeIndex,
  takeSignature,
  takeTypes,
  takeValueType,
  type Types,
} from "./signatures.ts";

/** Bytes of a part of a module. */
export type Bytes = readonly number[];

/** A module while it is read: its things by name, and the entries of its sections. */
export interface Draft {
  readonly types: Types;
  readonly functions: Names;
  readonly tables: Names;
  readonly memories: Names;
  readonly globals: Names;
  readonly data: Names;
  /** Work of the second pass, in the order of the text: bodies may name what comes later. */
  readonly later: (() => void)[];
  readonly uses: { data: boolean };
  /** Told of each instruction of each function: the number of the function, of the byte in its body, and of the word. */
  readonly mark: ((body: number, byte: number, word: number) => void) | undefined;
  readonly sections: ReadonlyMap<number, Bytes[]>;
}

/** Numbers of the sections, in their order. */
export const SECTION = {
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
};
const KIND = { func: 0, table: 1, memory: 2, global: 3 } as const;
type Kind = keyof typeof KIND;

function takeKind(reader: Reader, what: string): Kind {
  const kind = take(reader);
  return kind in KIND
    ? kind as Kind
    : refuse(reader, `an ${what} must be a func, table, memory or global`, reader.at - 1);
}

function namesOf(draft: Draft, kind: Kind): Names {
  return { func: draft.functions, table: draft.tables, memory: draft.memories, global: draft.globals }[kind];
}

function add(draft: Draft, section: keyof typeof SECTION, bytes: Bytes): void {
  draft.sections.get(SECTION[section])!.push(bytes);
}

function bytesOfText(reader: Reader): Bytes {
  const bytes = takeBytes(reader);
  return [...unsigned(bytes.length), ...bytes];
}

function takeNumber(reader: Reader): number {
  const value = wholeOf(take(reader), 32);
  return value === null ? refuse(reader, "a number must follow", reader.at - 1) : Number(BigInt.asUintN(32, value));
}

/** Sizes of a memory or a table. */
function takeLimits(reader: Reader): Bytes {
  const least = takeNumber(reader);
  const most = /^\d/.test(reader.words[reader.at] ?? "") ? takeNumber(reader) : undefined;
  const shared = reader.words[reader.at] === "shared";
  if (shared) reader.at++;
  const flags = (most === undefined ? 0 : 1) | (shared ? 2 : 0);
  return [flags, ...unsigned(least), ...most === undefined ? [] : unsigned(most)];
}

function takeTable(reader: Reader): Bytes {
  const limits = takeLimits(reader);
  return [takeValueType(reader), ...limits];
}

function takeGlobalType(reader: Reader): Bytes {
  if (!enter(reader, "mut")) return [takeValueType(reader), 0];
  const type = takeValueType(reader);
  expect(reader, ")");
  return [type, 1];
}

/** An expression of constants, up to the parenthesis that closes what it is in, or one that is folded. */
function constant(draft: Draft, reader: Reader): Bytes {
  const out: number[] = [];
  instructions(reader, scopeOf(draft, noNames("local")), out);
  return [...out, END];
}

function scopeOf({ types, functions, memories, globals, data, uses, mark, sections }: Draft, locals: Names): Scope {
  const body = sections.get(SECTION.code)!.length;
  const told = mark && ((byte: number, word: number) => mark(body, byte, word));
  return { types, functions, memories, globals, data, uses, mark: told, locals, labels: [undefined] };
}

/** Exports that stand within what they export. */
function takeExports(draft: Draft, reader: Reader, kind: Kind, index: number): void {
  while (enter(reader, "export")) {
    add(draft, "export", [...bytesOfText(reader), KIND[kind], ...unsigned(index)]);
    expect(reader, ")");
  }
}

/** Runs again from a place when all names are known. */
function later(draft: Draft, reader: Reader, work: (reader: Reader) => void): void {
  const at = reader.at;
  draft.later.push(() => {
    reader.at = at;
    work(reader);
    expect(reader, ")");
  });
  leave(reader);
}

/** Runs of equal types of variables. */
function localBytes(types: readonly number[]): Bytes {
  const runs: [number, number][] = [];
  for (const type of types) {
    const last = runs.at(-1);
    if (last?.[1] === type) last[0]++;
    else runs.push([1, type]);
  }
  return [...unsigned(runs.length), ...runs.flatMap(([count, type]) => [...unsigned(count), type])];
}

function takeFunction(draft: Draft, reader: Reader): void {
  const index = addName(reader, draft.functions, takeName(reader));
  takeExports(draft, reader, "func", index);
  later(draft, reader, (reader) => {
    const { number, own } = takeSignature(reader, draft.types);
    add(draft, "function", unsigned(number()));
    const locals = noNames("local");
    own.params.forEach((_, i) => addName(reader, locals, own.names[i]));
    const { names, types } = takeTypes(reader, "local");
    types.forEach((_, i) => addName(reader, locals, names[i]));
    const out: number[] = [...localBytes(types)];
    instructions(reader, scopeOf(draft, locals), out);
    out.push(END);
    add(draft, "code", unsigned(out.length).concat(out));
  });
}

function takeImport(draft: Draft, reader: Reader): void {
  const from = [...bytesOfText(reader), ...bytesOfText(reader)];
  expect(reader, "(");
  const kind = takeKind(reader, "import");
  addName(reader, namesOf(draft, kind), takeName(reader));
  const type = {
    func: () => unsigned(takeSignature(reader, draft.types).number()),
    table: () => takeTable(reader),
    memory: () => takeLimits(reader),
    global: () => takeGlobalType(reader),
  }[kind]();
  add(draft, "import", [...from, KIND[kind], ...type]);
  expect(reader, ")");
  expect(reader, ")");
}

function takeType(draft: Draft, reader: Reader): void {
  const name = takeName(reader);
  expect(reader, "(");
  expect(reader, "func");
  const params = takeTypes(reader, "param");
  const results = takeTypes(reader, "result").types;
  addName(reader, draft.types.names, name);
  draft.types.all.push({ names: params.names, params: params.types, results });
  expect(reader, ")");
  expect(reader, ")");
}

function takeExport(draft: Draft, reader: Reader): void {
  const name = bytesOfText(reader);
  const exports = draft.sections.get(SECTION.export)!;
  const place = exports.push([]) - 1; // those that stand within what they export come in the order of the text too
  expect(reader, "(");
  const at = reader.at;
  leave(reader);
  expect(reader, ")");
  draft.later.push(() => {
    reader.at = at;
    const kind = takeKind(reader, "export");
    exports[place] = [...name, KIND[kind], ...unsigned(takeIndex(reader, namesOf(draft, kind)))];
    expect(reader, ")");
  });
}

function takeGlobal(draft: Draft, reader: Reader): void {
  takeExports(draft, reader, "global", addName(reader, draft.globals, takeName(reader)));
  later(draft, reader, (reader) => {
    const type = takeGlobalType(reader);
    add(draft, "global", [...type, ...constant(draft, reader)]);
  });
}

/** Where a segment goes, if it goes anywhere by itself. */
function takeOffset(draft: Draft, reader: Reader): Bytes | null {
  if (reader.words[reader.at] !== "(") return null;
  if (enter(reader, "offset")) {
    const bytes = constant(draft, reader);
    expect(reader, ")");
    return bytes;
  }
  const out: number[] = [];
  folded(reader, scopeOf(draft, noNames("local")), out);
  return [...out, END];
}

function takeElements(draft: Draft, reader: Reader): void {
  takeName(reader);
  later(draft, reader, (reader) => {
    const offset = takeOffset(draft, reader) ?? refuse(reader, "elements must have a place");
    if (reader.words[reader.at] === "func") reader.at++;
    const all: number[] = [];
    while (indexFollows(reader)) all.push(takeIndex(reader, draft.functions));
    add(draft, "element", [0, ...offset, ...unsigned(all.length), ...all.flatMap(unsigned)]);
  });
}

function takeData(draft: Draft, reader: Reader): void {
  addName(reader, draft.data, takeName(reader));
  later(draft, reader, (reader) => {
    const offset = takeOffset(draft, reader);
    const bytes: number[] = [];
    while (reader.words[reader.at]?.startsWith('"')) bytes.push(...takeBytes(reader));
    add(draft, "data", [...offset ? [0, ...offset] : [1], ...unsigned(bytes.length), ...bytes]);
  });
}

/** How fields are read, by their first word. */
export const FIELDS: Readonly<Record<string, (draft: Draft, reader: Reader) => void>> = {
  type: takeType,
  import: takeImport,
  func: takeFunction,
  global: takeGlobal,
  export: takeExport,
  elem: takeElements,
  data: takeData,
  table: (draft, reader) => {
    takeExports(draft, reader, "table", addName(reader, draft.tables, takeName(reader)));
    add(draft, "table", takeTable(reader));
    expect(reader, ")");
  },
  memory: (draft, reader) => {
    takeExports(draft, reader, "memory", addName(reader, draft.memories, takeName(reader)));
    add(draft, "memory", takeLimits(reader));
    expect(reader, ")");
  },
  start: (draft, reader) =>
    later(draft, reader, () => add(draft, "start", unsigned(takeIndex(reader, draft.functions)))),
};

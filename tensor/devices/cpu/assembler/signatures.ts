/** @file Types of functions and blocks. */
import { unsigned, wholeOf } from "./numbers.ts";
import { enter, expect, opens, type Reader, refuse, take, takeName } from "./reader.ts";

const VALUES: Readonly<Record<string, number>> = {
  ...{ i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b, funcref: 0x70, externref: 0x6f },
};

/** Reads the type of a value. */
export function takeValueType(reader: Reader): number {
  const code = VALUES[take(reader)];
  return code ?? refuse(reader, "a type of values must be i32, i64, f32, f64 or v128", reader.at - 1);
}

/** What goes in and out. */
export interface Signature {
  /** Names of the parameters, by which bodies call them. */
  readonly names: readonly (string | undefined)[];
  /** Types of the parameters. */
  readonly params: readonly number[];
  /** Types of the results. */
  readonly results: readonly number[];
}

/** Things of one kind by number and name. */
export interface Names {
  /** What they are, for errors. */
  readonly kind: string;
  /** Numbers by name. */
  readonly known: Map<string, number>;
  /** How many there are. */
  count: number;
}

/** No things yet. */
export function noNames(kind: string): Names {
  return { kind, known: new Map(), count: 0 };
}

/** Adds a thing, with a name or without. */
export function addName(reader: Reader, names: Names, name: string | undefined): number {
  if (name !== undefined) {
    if (names.known.has(name)) refuse(reader, `each ${names.kind} must have a name of its own`, reader.at - 1);
    names.known.set(name, names.count);
  }
  return names.count++;
}

/** Whether a number or a name follows. */
export function indexFollows(reader: Reader): boolean {
  return /^(?:\$|\d)/.test(reader.words[reader.at] ?? "");
}

/** Reads the number or the name of a thing. */
export function takeIndex(reader: Reader, names: Names): number {
  const word = take(reader);
  const index = word[0] === "$" ? names.known.get(word) : Number(wholeOf(word, 32) ?? -1n);
  if (index === undefined || index < 0) refuse(reader, `a ${names.kind} must be there`, reader.at - 1);
  return index;
}

/** Reads `(param …)` or `(local …)` or `(result …)` as often as they follow. */
export function takeTypes(
  reader: Reader,
  word: string,
): { readonly names: (string | undefined)[]; readonly types: number[] } {
  const all: { readonly names: (string | undefined)[]; readonly types: number[] } = { names: [], types: [] };
  while (enter(reader, word)) {
    const name = word === "result" ? undefined : takeName(reader);
    do {
      if (reader.words[reader.at] === ")") break;
      all.types.push(takeValueType(reader));
      all.names.push(name);
    } while (name === undefined);
    expect(reader, ")");
  }
  return all;
}

/** Types of functions of a module: each once, in the order in which they are first met. */
export interface Types {
  /** Numbers by name. */
  readonly names: Names;
  /** What they are. */
  readonly all: Signature[];
}

function sameTypes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((type, i) => type === b[i]);
}

/** Number of a type, which is added if there is none like it. */
function numberOf({ names, all }: Types, wanted: Signature): number {
  const known = all.findIndex(({ params, results }) =>
    sameTypes(params, wanted.params) && sameTypes(results, wanted.results)
  );
  if (known >= 0) return known;
  names.count++;
  return all.push(wanted) - 1;
}

/** Reads `(type …)`, `(param …)` and `(result …)`; gives the number of the type, and the signature with the names here. */
export function takeSignature(
  reader: Reader,
  types: Types,
): { readonly number: () => number; readonly own: Signature } {
  const at = reader.at;
  const given = enter(reader, "type") ? takeIndex(reader, types.names) : undefined;
  if (given !== undefined) expect(reader, ")");
  const params = takeTypes(reader, "param");
  if (opens(reader, "param")) refuse(reader, "parameters must come before results");
  const own = { names: params.names, params: params.types, results: takeTypes(reader, "result").types };
  if (given === undefined) return { number: () => numberOf(types, own), own };
  const known = types.all[given] ?? refuse(reader, "a type must be there", at + 2);
  const bare = own.params.length === 0 && own.results.length === 0;
  if (!bare && !(sameTypes(known.params, own.params) && sameTypes(known.results, own.results))) {
    refuse(reader, "parameters and results must be those of the type", at + 2);
  }
  return { number: () => given, own: bare ? known : own };
}

/** A list of types as bytes. */
export function typesBytes(types: readonly number[]): readonly number[] {
  return [...unsigned(types.length), ...types];
}

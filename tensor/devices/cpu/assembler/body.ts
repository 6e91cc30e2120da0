/** @file Instructions of a function as bytes: folded or one after the other. */
import { type Immediates, type Instruction, INSTRUCTIONS } from "./instructions.ts";
import { floatBytes, wholeBytes, wholeOf, writeSigned, writeSigned32, writeUnsigned } from "./numbers.ts";
import { enter, expect, opens, type Reader, refuse, take, takeName } from "./reader.ts";
import { indexFollows, type Names, takeIndex, takeSignature, takeTypes, type Types, typesBytes } from "./signatures.ts";

/** What the instructions of a body may name. */
export interface Scope {
  readonly types: Types;
  readonly functions: Names;
  readonly globals: Names;
  readonly locals: Names;
  readonly memories: Names;
  readonly data: Names;
  /** Names of the blocks around, the outermost first. */
  readonly labels: (string | undefined)[];
  /** Told of each instruction: the number of its first byte, and of its word. */
  readonly mark: ((byte: number, word: number) => void) | undefined;
  /** Set when an instruction names data, of which there must be a count then. */
  readonly uses: { data: boolean };
}

/** What ends blocks, bodies and expressions. */
export const END = 0x0b;
const ELSE = 0x05;
/** `select` of values whose type it names. */
const SELECT_TYPED = 0x1c;
const BLOCKS: Readonly<Record<string, number>> = { block: 0x02, loop: 0x03, if: 0x04 };
const LANES: Readonly<Record<string, readonly [count: number, bits: number]>> = {
  ...{ i8x16: [16, 8], i16x8: [8, 16], i32x4: [4, 32], i64x2: [2, 64], f32x4: [4, 32], f64x2: [2, 64] },
};

function isBlock(word: string): boolean {
  return word === "block" || word === "loop" || word === "if";
}

function push(out: number[], bytes: readonly number[]): void {
  for (const byte of bytes) out.push(byte);
}

function takeFloat(reader: Reader, bits: 32 | 64): readonly number[] {
  return floatBytes(take(reader), bits) ?? refuse(reader, `a float of ${bits} bits must follow`, reader.at - 1);
}

function takeWhole(reader: Reader, bits: number): readonly number[] {
  return wholeBytes(take(reader), bits) ?? refuse(reader, `a whole number of ${bits} bits must follow`, reader.at - 1);
}

function writeConst(reader: Reader, bits: 32 | 64, out: number[]): void {
  const word = take(reader);
  // Most are small: they need no large integers.
  if (bits === 32 && word.length < 10 && /^-?\d+$/.test(word)) return writeSigned32(out, Number(word));
  const value = wholeOf(word, bits);
  if (value === null) refuse(reader, `a whole number of ${bits} bits must follow`, reader.at - 1);
  writeSigned(out, value);
}

function takeVector(reader: Reader): readonly number[] {
  const shape = take(reader);
  const lanes = LANES[shape];
  if (!lanes) refuse(reader, "lanes must be i8x16, i16x8, i32x4, i64x2, f32x4 or f64x2", reader.at - 1);
  const [count, bits] = lanes;
  const lane = () => shape[0] === "f" ? takeFloat(reader, bits as 32 | 64) : takeWhole(reader, bits);
  return Array.from({ length: count }, lane).flat();
}

/** The value of a setting `name=…` if it follows. */
function takeSetting(reader: Reader, name: string): number | undefined {
  const word = reader.words[reader.at];
  if (!word?.startsWith(name)) return undefined;
  reader.at++;
  const value = wholeOf(word.slice(name.length), 33);
  return value === null || value < 0n ? refuse(reader, `${name} must be a number`, reader.at - 1) : Number(value);
}

/** `offset=…` and `align=…`, either of which may be left out. */
function writePlace(reader: Reader, natural: number, out: number[]): void {
  const [offset, align] = [takeSetting(reader, "offset=") ?? 0, takeSetting(reader, "align=")];
  const power = align === undefined ? natural : Math.log2(align);
  if (!Number.isInteger(power)) refuse(reader, "align must be a power of two", reader.at - 1);
  writeUnsigned(out, power);
  writeUnsigned(out, offset);
}

function writeLabel(reader: Reader, { labels }: Scope, out: number[]): void {
  const word = take(reader);
  const hasName = word[0] === "$";
  const depth = hasName ? labels.length - 1 - labels.lastIndexOf(word) : Number(wholeOf(word, 32) ?? -1n);
  if (depth < 0 || depth >= labels.length) refuse(reader, "a block of this name must be around", reader.at - 1);
  writeUnsigned(out, depth);
}

function writeLabels(reader: Reader, scope: Scope, out: number[]): void {
  const [all, count]: [number[], { value: number }] = [[], { value: 0 }];
  for (; indexFollows(reader); count.value++) writeLabel(reader, scope, all);
  if (count.value === 0) refuse(reader, "labels must follow");
  writeUnsigned(out, count.value - 1);
  push(out, all);
}

type Write = (reader: Reader, scope: Scope, out: number[], align: number) => void;

/** Writes the number of a thing. */
function named(kind: "locals" | "globals" | "functions" | "data"): Write {
  return (reader, scope, out) => writeUnsigned(out, takeIndex(reader, scope[kind]));
}

/** Writes the bytes that follow. */
function written(read: (reader: Reader) => readonly number[]): Write {
  return (reader, _, out) => push(out, read(reader));
}

/** Names data, of which there must be a count then. */
const writeData: Write = (reader, scope, out, align) => {
  scope.uses.data = true;
  named("data")(reader, scope, out, align);
};

/** Where bytes are copied to and from: two memories, or the first. */
const writeMemories: Write = (reader, { memories }, out) => {
  const named = indexFollows(reader);
  for (let i = 0; i < 2; i++) writeUnsigned(out, named ? takeIndex(reader, memories) : 0);
};

/** Writes what follows the code of an instruction. */
const IMMEDIATES: Readonly<Record<Immediates, Write>> = {
  none: () => {},
  zero: (_reader, _scope, out) => out.push(0),
  local: named("locals"),
  global: named("globals"),
  function: named("functions"),
  data: writeData,
  memories: writeMemories,
  dataMemory: (reader, scope, out, align) => {
    writeData(reader, scope, out, align);
    out.push(0);
  },
  memory: (reader, _, out, align) => writePlace(reader, align, out),
  memoryLane: (reader, _, out, align) => {
    writePlace(reader, align, out);
    push(out, takeWhole(reader, 8));
  },
  lane: written((reader) => takeWhole(reader, 8)),
  shuffle: written((reader) => Array.from({ length: 16 }, () => takeWhole(reader, 8)[0]!)),
  i32: (reader, _, out) => writeConst(reader, 32, out),
  i64: (reader, _, out) => writeConst(reader, 64, out),
  f32: written((reader) => takeFloat(reader, 32)),
  f64: written((reader) => takeFloat(reader, 64)),
  v128: written(takeVector),
  label: (reader, scope, out) => writeLabel(reader, scope, out),
  labels: (reader, scope, out) => writeLabels(reader, scope, out),
  indirect: (reader, { types }, out) => {
    writeUnsigned(out, takeSignature(reader, types).number());
    out.push(0);
  },
  select: (reader, _, out) => {
    if (!opens(reader, "result")) return;
    out[out.length - 1] = SELECT_TYPED;
    push(out, typesBytes(takeTypes(reader, "result").types));
  },
};

/** Writes the code of an instruction and what follows it. */
function writeInstruction(reader: Reader, word: string, scope: Scope, out: number[]): void {
  const { code, immediates, align } = known(reader, word);
  push(out, code);
  if (immediates !== "none") IMMEDIATES[immediates](reader, scope, out, align);
}

/** The type of a block: nothing, one result, or a type of functions. */
function takeBlockType(reader: Reader, types: Types): readonly number[] {
  const typed = opens(reader, "type");
  const { number, own } = takeSignature(reader, types);
  if (typed || own.params.length > 0 || own.results.length > 1) {
    const out: number[] = [];
    writeSigned32(out, number());
    return out;
  }
  return own.results.length === 1 ? own.results : [0x40];
}

/** Reads the head of a block, and puts it around what comes. */
function openBlock(reader: Reader, word: string, scope: Scope): readonly number[] {
  const label = takeName(reader);
  const bytes = [BLOCKS[word]!, ...takeBlockType(reader, scope.types)];
  scope.labels.push(label);
  return bytes;
}

/** Reads the name of a block where it may stand again, behind `else` and `end`. */
function takeLabelAgain(reader: Reader, { labels }: Scope): void {
  const name = takeName(reader);
  if (name !== undefined && name !== labels.at(-1)) refuse(reader, "the name must be that of the block", reader.at - 1);
}

/** Writes one instruction in parentheses, after the instructions of its operands. */
export function folded(reader: Reader, scope: Scope, out: number[]): void {
  expect(reader, "(");
  const word = take(reader);
  if (word === "if") return foldedIf(reader, scope, out);
  if (isBlock(word)) {
    push(out, openBlock(reader, word, scope));
    instructions(reader, scope, out);
    expect(reader, ")");
    out.push(END);
    scope.labels.pop();
    return;
  }
  const [from, at] = [out.length, reader.at - 1];
  writeInstruction(reader, word, scope, out);
  if (reader.words[reader.at] === "(") {
    const last = out.splice(from);
    while (reader.words[reader.at] === "(") folded(reader, scope, out);
    scope.mark?.(out.length, at);
    push(out, last);
  } else scope.mark?.(from, at);
  expect(reader, ")");
}

/** The condition comes before the code of `if`. */
function foldedIf(reader: Reader, scope: Scope, out: number[]): void {
  const head = openBlock(reader, "if", scope);
  const label = scope.labels.pop();
  while (!opens(reader, "then")) {
    if (reader.words[reader.at] !== "(") refuse(reader, "(then must follow");
    folded(reader, scope, out);
  }
  push(out, head);
  scope.labels.push(label);
  const branch = () => {
    instructions(reader, scope, out);
    expect(reader, ")");
  };
  enter(reader, "then");
  branch();
  if (enter(reader, "else")) {
    out.push(ELSE);
    branch();
  }
  expect(reader, ")");
  out.push(END);
  scope.labels.pop();
}

function known(reader: Reader, word: string): Instruction {
  return INSTRUCTIONS.get(word) ?? refuse(reader, "an instruction must be known", reader.at - 1);
}

/** An instruction that is not folded; a block up to its `end`. */
function plain(reader: Reader, scope: Scope, out: number[]): void {
  const word = take(reader);
  if (!isBlock(word)) {
    scope.mark?.(out.length, reader.at - 1);
    return writeInstruction(reader, word, scope, out);
  }
  push(out, openBlock(reader, word, scope));
  instructions(reader, scope, out);
  if (word === "if" && reader.words[reader.at] === "else") {
    reader.at++;
    takeLabelAgain(reader, scope);
    out.push(ELSE);
    instructions(reader, scope, out);
  }
  expect(reader, "end");
  takeLabelAgain(reader, scope);
  out.push(END);
  scope.labels.pop();
}

/**
 * Writes instructions up to a closing parenthesis, an `end` or an `else`.
 *
 * @param reader Where they begin.
 * @param scope What they may name.
 * @param out Takes their bytes.
 * @throws {WatError} If a word is none of theirs.
 */
export function instructions(reader: Reader, scope: Scope, out: number[]): void {
  for (;;) {
    const word = reader.words[reader.at];
    if (word === "(") folded(reader, scope, out);
    else if (word === undefined || word === ")" || word === "end" || word === "else") return;
    else plain(reader, scope, out);
  }
}

/** @file Python pickles, protocols 2 to 5, as far as plain values and tensors need them; nothing in a file is run. */
import { requireOptions } from "../../../tensor/errors.ts";
import { describe, PICKLE_OPTIONS, PickleMachine, type PickleOptions, type PickleRefusal } from "./pickle_machine.ts";
import { type PickleBuildable, PickleObject, PickleTuple } from "./pickle_value.ts";

export type { PickleConstructor, PickleOptions, PickleRefusal } from "./pickle_machine.ts";

/** Integers in files are sizes, counts and flags; longer ones are made to waste time. */
const MAX_INTEGER_BYTES = 256;

/** Little-endian two's complement; a plain number where that is exact. */
function longOf(machine: PickleMachine, bytes: number): number | bigint {
  if (bytes > MAX_INTEGER_BYTES) {
    machine.refuse(`integers must have at most ${MAX_INTEGER_BYTES} bytes`, `integer has ${bytes}`);
  }
  const digits = machine.take(bytes);
  const raw = digits.reduceRight((value, digit) => value << 8n | BigInt(digit), 0n);
  const value = BigInt.asIntN(8 * bytes, raw);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function setItems(machine: PickleMachine, flat: readonly unknown[]): void {
  const top = machine.top();
  const target = top instanceof PickleObject ? top.items : top;
  if (!(target instanceof Map) || flat.length % 2 !== 0) {
    return machine.refuse("items must be pairs for a dictionary", `target is ${describe(target)}`);
  }
  for (let i = 0; i < flat.length; i += 2) target.set(flat[i], flat[i + 1]);
}

function append(machine: PickleMachine, values: readonly unknown[]): void {
  const top = machine.top();
  const target = top instanceof PickleObject ? top.elements : top;
  if (!Array.isArray(target)) return machine.refuse("values must be added to a list", `target is ${describe(target)}`);
  for (const value of values) target.push(value);
}

/** Python's `__setstate__`, for the few values that have one here. A dictionary's own attributes are passed over. */
function build(machine: PickleMachine): void {
  const state = machine.pop();
  const target = machine.top() as Partial<PickleBuildable> | null;
  if (target instanceof Map) return;
  if (target === null || typeof target !== "object" || typeof target.setState !== "function") {
    return machine.refuse("only arrays and dictionaries may have a state", `target is ${describe(target)}`);
  }
  target.setState(state);
}

function stackGlobal(machine: PickleMachine): void {
  const [name, module] = [machine.pop(), machine.pop()];
  if (typeof name !== "string" || typeof module !== "string") {
    return machine.refuse("names must be texts", `name is ${describe(name)}`);
  }
  machine.global(`${module}.${name}`);
}

function reduce(machine: PickleMachine): void {
  const args = machine.pop();
  machine.push(machine.call(machine.pop(), args));
}

/** Python's call with arguments by name, which nothing here needs. */
function newObjectByNames(machine: PickleMachine): void {
  machine.pop();
  reduce(machine);
}

function frozenSet(machine: PickleMachine): void {
  const set = new PickleObject("builtins.frozenset");
  set.elements.push(...machine.popToMark());
  machine.push(set);
}

function tuple(count: number): (machine: PickleMachine) => void {
  return (machine) => {
    const items = Array.from({ length: count }, () => machine.pop()).reverse();
    machine.push(new PickleTuple(items));
  };
}

type Operation = (machine: PickleMachine) => void;

const text = (length: (m: PickleMachine) => number, encoding: "utf-8" | "latin1" = "utf-8"): Operation => (m) =>
  m.push(m.text(length(m), encoding));
const bytes = (length: (m: PickleMachine) => number): Operation => (m) => m.push(m.take(length(m)).slice());

/** Operations by their byte. What is missing here (old text formats, extension codes, out-of-band buffers) is refused. */
const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0x28, (m) => m.mark()], // MARK
  [0x30, (m) => void m.pop()], // POP
  [0x31, (m) => void m.popToMark()], // POP_MARK
  [0x32, (m) => m.push(m.top())], // DUP
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4a, (m) => m.push(m.int32())], // BININT
  [0x4b, (m) => m.push(m.uint(1))], // BININT1
  [0x4d, (m) => m.push(m.uint(2))], // BININT2
  [0x8a, (m) => m.push(longOf(m, m.uint(1)))], // LONG1
  [0x8b, (m) => m.push(longOf(m, m.uint(4)))], // LONG4
  [0x47, (m) => m.push(m.float64())], // BINFLOAT
  [0x58, text((m) => m.uint(4))], // BINUNICODE
  [0x8c, text((m) => m.uint(1))], // SHORT_BINUNICODE
  [0x8d, text((m) => m.uint(8))], // BINUNICODE8
  [0x54, text((m) => m.uint(4), "latin1")], // BINSTRING
  [0x55, text((m) => m.uint(1), "latin1")], // SHORT_BINSTRING
  [0x42, bytes((m) => m.uint(4))], // BINBYTES
  [0x43, bytes((m) => m.uint(1))], // SHORT_BINBYTES
  [0x8e, bytes((m) => m.uint(8))], // BINBYTES8
  [0x96, bytes((m) => m.uint(8))], // BYTEARRAY8
  [0x5d, (m) => m.push([])], // EMPTY_LIST
  [0x61, (m) => append(m, [m.pop()])], // APPEND
  [0x65, (m) => append(m, m.popToMark())], // APPENDS
  [0x29, tuple(0)], // EMPTY_TUPLE
  [0x85, tuple(1)], // TUPLE1
  [0x86, tuple(2)], // TUPLE2
  [0x87, tuple(3)], // TUPLE3
  [0x74, (m) => m.push(new PickleTuple(m.popToMark()))], // TUPLE
  [0x7d, (m) => m.push(new Map())], // EMPTY_DICT
  [0x73, (m) => setItems(m, [m.pop(), m.pop()].reverse())], // SETITEM
  [0x75, (m) => setItems(m, m.popToMark())], // SETITEMS
  [0x63, (m) => m.global(`${m.line()}.${m.line()}`)], // GLOBAL
  [0x93, stackGlobal], // STACK_GLOBAL
  [0x52, reduce], // REDUCE
  [0x81, reduce], // NEWOBJ: the class is called the same way
  [0x92, newObjectByNames], // NEWOBJ_EX
  [0x8f, (m) => m.push(new PickleObject("builtins.set"))], // EMPTY_SET
  [0x90, (m) => append(m, m.popToMark())], // ADDITEMS
  [0x91, frozenSet], // FROZENSET
  [0x62, build], // BUILD
  [0x51, (m) => m.persistent(m.pop())], // BINPERSID
  [0x71, (m) => m.memoize(m.uint(1))], // BINPUT
  [0x72, (m) => m.memoize(m.uint(4))], // LONG_BINPUT
  [0x94, (m) => m.memoize()], // MEMOIZE
  [0x68, (m) => m.recall(m.uint(1))], // BINGET
  [0x6a, (m) => m.recall(m.uint(4))], // LONG_BINGET
  [0x95, (m) => void m.uint(8)], // FRAME
]);

const [PROTO, STOP] = [0x80, 0x2e];

/**
 * Decodes a pickle and tells where it ends.
 *
 * @param bytes Bytes that hold a pickle at `options.start`.
 * @param options As of `decodePickle`.
 * @returns The value, and the position after its last byte.
 * @throws {RangeError} As `decodePickle`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { encodePickle, readPickle } from "@tessera/tessera/data";
 *
 * deepStrictEqual(readPickle(encodePickle([7])).value, [7]);
 * ```
 */
export function readPickle(
  bytes: Uint8Array,
  options: PickleOptions = {},
): { readonly value: unknown; readonly end: number } {
  requireOptions("readPickle", options, PICKLE_OPTIONS);
  const globals = { ...DICTIONARIES, ...options.globals };
  const machine = new PickleMachine(bytes, { ...options, globals });
  if (machine.uint(1) !== PROTO) machine.refuse("it must start with its protocol", "first byte is another");
  const protocol = machine.uint(1);
  if (protocol < 2 || protocol > 5) machine.refuse("its protocol must be 2 to 5", `protocol is ${protocol}`);
  for (;;) {
    const code = machine.operation();
    if (code === STOP) return { value: machine.result(), end: machine.at };
    const operation = OPERATIONS.get(code);
    if (!operation) {
      machine.refuse("its operations must be those of plain values", `operation is 0x${code.toString(16)}`);
    }
    operation!(machine);
  }
}

/** Dictionaries of classes of their own, which every pickle may use. */
const DICTIONARIES: NonNullable<PickleOptions["globals"]> = {
  "collections.OrderedDict": dictionary,
  "collections.Counter": dictionary,
  "collections.defaultdict": ([, items], refuse) => dictionary(items === undefined ? [] : [items], refuse),
};

/** Empty, of another dictionary, or of pairs. */
function dictionary(args: readonly unknown[], refuse: PickleRefusal): unknown {
  const [items = []] = args;
  if (items instanceof Map) return new Map(items);
  const pairs = Array.isArray(items) ? items.map((pair) => pair instanceof PickleTuple ? pair.items : pair) : [null];
  if (pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) return new Map(pairs as [unknown, unknown][]);
  return refuse("a dictionary must be made of pairs", `argument is ${describe(items)}`);
}

/**
 * Decodes a pickle to plain values. No code runs, whatever the file says: what a Python class or function would make
 * is a `PickleObject`, which does nothing, unless the caller gives a constructor for it.
 *
 * @param bytes A pickle of protocol 2 to 5.
 * @param options Name of the file, allowed names, storages outside.
 * @returns `null`, booleans, numbers (bigints beyond 2^53), strings, `Uint8Array`, arrays for lists, `PickleTuple`,
 * `Map` for dictionaries, `PickleGlobal` for names, `PickleObject` for other objects, and what the constructors give.
 * @throws {RangeError} If the pickle is truncated, invalid, deeper than 100, contains itself, or names what runs code in
 * Python, such as `os.system`, naming file, reason and name.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { decodePickle } from "@tessera/tessera/data";
 *
 * const bytes = new TextEncoder().encode("..cos\nsystem\n(X....lsq.tR."); // calls os.system("ls")
 * bytes.set([0x80, 2]);
 * throws(() => decodePickle(bytes, { file: "bad.pth" }), /Cannot read bad.pth as a pickle .* current name is os.system/);
 * ```
 */
export function decodePickle(bytes: Uint8Array, options: PickleOptions = {}): unknown {
  requireOptions("decodePickle", options, PICKLE_OPTIONS);
  return readPickle(bytes, options).value;
}

/** @file The state of the pickle reader and the checks that every operation goes through. */
import type { OptionNames } from "../../../tensor/errors.ts";
import { PickleGlobal, PickleObject, PickleTuple } from "./pickle_value.ts";

/** Makes the value of a call that a pickle asks for, of its arguments. */
export type PickleConstructor = (args: readonly unknown[], refuse: PickleRefusal) => unknown;

/** Refuses the file. */
export type PickleRefusal = (requirement: string, current: string) => never;

/** What a pickle may name, and what stands outside of it. */
export interface PickleOptions {
  /** What errors call the bytes, such as a path. */
  readonly file?: string;
  /** Where the pickle starts; 0 if not given. */
  readonly start?: number;
  /** Constructors by module and name. What any other name makes is a `PickleObject`, which does nothing. */
  readonly globals?: Readonly<Record<string, PickleConstructor>>;
  /** Gives the value of a persistent id; none is allowed if not given. */
  readonly persistent?: (id: unknown, refuse: PickleRefusal) => unknown;
}

/** Names of PickleOptions. */
export const PICKLE_OPTIONS: OptionNames<PickleOptions> = { file: true, start: true, globals: true, persistent: true };

/** Values nest no deeper in any file that has been seen; deeper ones are made to exhaust the stack. */
const MAX_DEPTH = 100;

/** Entries of the memo: a checkpoint has some ten per tensor. */
const MAX_MEMO = 2 ** 20;

/** Each operation makes at most one small value, so that this bounds the memory that a pickle takes beyond its size. */
const MAX_OPERATIONS = 2 ** 21;

/**
 * What no file of weights needs and would run code in Python. Nothing is ever run here: a file that names one of these is
 * hostile, and is refused so that nobody trusts it elsewhere.
 */
const RUNS_CODE =
  /^(?:(?:os|posix|nt|pty|subprocess|commands|sys|importlib|imp|runpy|socket|shutil|ctypes|_ctypes|code|marshal|pickle|_pickle|cPickle|dill|cloudpickle|webbrowser|pip|timeit|pydoc|pdb|bdb|profile|cProfile|trace|tempfile|multiprocessing|asyncio|http|urllib|urllib2|requests|torch\.hub)(?:\.|$)|(?:builtins|__builtin__)\.(?:eval|exec|execfile|compile|open|input|__import__|globals|locals|vars|breakpoint|apply)$)/;

/** Reader of one pickle: bytes, position, stack and memo. It can do nothing but make plain values. */
export class PickleMachine {
  /** Values that wait to be used. */
  readonly stack: unknown[] = [];
  /** Refuses the file. */
  readonly refuse: PickleRefusal;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: PickleOptions;
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  #at: number;
  #operations = 0;

  /**
   * Prepares to read.
   *
   * @param bytes All bytes.
   * @param options As of `decodePickle`.
   */
  constructor(bytes: Uint8Array, options: PickleOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
    this.#at = options.start ?? 0;
    this.refuse = (requirement, current) => {
      throw new RangeError(
        `Cannot read ${options.file ?? "bytes"} as a pickle as ${requirement}: current ${current} (byte ${this.#at})`,
      );
    };
  }

  /** Position of the next byte. */
  get at(): number {
    return this.#at;
  }

  /** Takes the code of the next operation. */
  operation(): number {
    if (++this.#operations > MAX_OPERATIONS) {
      this.refuse(`it must have at most ${MAX_OPERATIONS} operations`, "number is larger");
    }
    return this.uint(1);
  }

  /** Takes bytes. */
  take(count: number): Uint8Array {
    const left = this.#bytes.length - this.#at;
    if (count > left) this.refuse(`the ${count} bytes of its next value must follow`, `file has ${left} left`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** Takes a little-endian unsigned number of 1, 2, 4 or 8 bytes; one beyond 2^53 is refused. */
  uint(bytes: 1 | 2 | 4 | 8): number {
    const at = this.#at;
    this.take(bytes);
    if (bytes === 1) return this.#view.getUint8(at);
    if (bytes === 2) return this.#view.getUint16(at, true);
    if (bytes === 4) return this.#view.getUint32(at, true);
    const value = Number(this.#view.getBigUint64(at, true));
    return Number.isSafeInteger(value) ? value : this.refuse("lengths must be below 2^53", `length is ${value}`);
  }

  /** Takes a little-endian int32. */
  int32(): number {
    this.take(4);
    return this.#view.getInt32(this.#at - 4, true);
  }

  /** Takes a big-endian float64. */
  float64(): number {
    this.take(8);
    return this.#view.getFloat64(this.#at - 8);
  }

  /** Takes a line of text. */
  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0 || end - this.#at > 1000) this.refuse("names must end with a line", "line has no end");
    const text = this.text(end - this.#at, "utf-8");
    this.#at++;
    return text;
  }

  /** Takes text of a number of bytes. */
  text(bytes: number, encoding: "utf-8" | "latin1"): string {
    const part = this.take(bytes);
    if (encoding === "latin1") return latin1(part);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(part);
    } catch {
      return this.refuse("texts must be UTF-8", `text of ${bytes} bytes is none`);
    }
  }

  /** Puts a value on the stack. */
  push(value: unknown): void {
    this.stack.push(value);
  }

  /** Takes the last value from the stack; never one below the last mark. */
  pop(): unknown {
    if (this.stack.length <= (this.#marks.at(-1) ?? 0)) {
      this.refuse("operations must find their values", "stack is empty");
    }
    return this.stack.pop();
  }

  /** The last value on the stack. */
  top(): unknown {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  /** Marks the stack. */
  mark(): void {
    this.#marks.push(this.stack.length);
  }

  /** Takes all values above the last mark, and the mark. */
  popToMark(): unknown[] {
    const mark = this.#marks.pop();
    return mark === undefined
      ? this.refuse("operations must find their mark", "stack has none")
      : this.stack.splice(mark);
  }

  /** Keeps the last value under a number. */
  memoize(index: number = this.#memo.size): void {
    if (this.#memo.size >= MAX_MEMO) this.refuse(`its memo must have at most ${MAX_MEMO} entries`, "memo is full");
    this.#memo.set(index, this.top());
  }

  /** Puts a kept value on the stack. */
  recall(index: number): void {
    if (!this.#memo.has(index)) this.refuse("what is recalled must have been kept", `number is ${index}`);
    this.push(this.#memo.get(index));
  }

  /** Puts the name of a class or function on the stack. It stays a name. */
  global(name: string): void {
    if (RUNS_CODE.test(name)) {
      this.refuse(
        "it must not name what would run code in Python, and no code of a file is ever run",
        `name is ${name}`,
      );
    }
    this.push(new PickleGlobal(name));
  }

  /** Makes the value that a call stands for: by a known constructor, else an object that does nothing. */
  call(callee: unknown, args: unknown): unknown {
    if (!(callee instanceof PickleGlobal || callee instanceof PickleObject) || !(args instanceof PickleTuple)) {
      return this.refuse("a call must be of a name with a tuple", `callee is ${describe(callee)}`);
    }
    const { globals = {} } = this.#options;
    if (Object.hasOwn(globals, callee.name)) return globals[callee.name]!(args.items, this.refuse);
    const [made] = args.items; // copyreg._reconstructor and its like name the class first
    const isRemade = /^copy_?reg\./.test(callee.name) && made instanceof PickleGlobal;
    return new PickleObject(isRemade ? made.name : callee.name, args.items);
  }

  /** Puts the value of a persistent id on the stack. */
  persistent(id: unknown): void {
    const { persistent } = this.#options;
    this.push(persistent ? persistent(id, this.refuse) : this.refuse("it must be whole", "pickle refers to storages"));
  }

  /** The one value that must be left; refused if it contains itself or nests too deeply. */
  result(): unknown {
    const value = this.pop();
    if (this.stack.length > 0 || this.#marks.length > 0) {
      this.refuse("one value must be left at its end", `stack holds ${this.stack.length + 1}`);
    }
    checkDepth(value, this.refuse, new Map(), 0);
    return value;
  }
}

/** What a value is called in errors. */
export function describe(value: unknown): string {
  if (value instanceof PickleGlobal || value instanceof PickleObject) return value.name;
  return value === null || typeof value !== "object" ? String(value).slice(0, 80) : value.constructor?.name ?? "object";
}

/**
 * Depth of a value, each part visited once. A value inside itself is as deep as can be. What an object that does nothing
 * holds is not visited: such may refer to each other.
 */
function checkDepth(value: unknown, refuse: PickleRefusal, known: Map<unknown, number>, above: number): number {
  const parts = value instanceof Map
    ? [...value.keys(), ...value.values()]
    : value instanceof PickleTuple
    ? value.items
    : Array.isArray(value)
    ? value
    : [];
  if (parts.length === 0) return 0;
  const before = known.get(value);
  const depth = before ?? 0;
  if (above + depth > MAX_DEPTH) refuse(`values must nest at most ${MAX_DEPTH} deep`, "values nest deeper");
  if (before !== undefined) return before;
  known.set(value, Infinity); // until it is known: whoever meets it now stands inside it
  let deepest = 0;
  for (const part of parts) deepest = Math.max(deepest, 1 + checkDepth(part, refuse, known, above + 1));
  known.set(value, deepest);
  return deepest;
}

/** Each byte as the letter of its number, a stretch at a time: arrays of Python 2 are such texts, of any length. */
function latin1(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return parts.join("");
}

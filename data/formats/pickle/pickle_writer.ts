/** @file Writes Python pickles of protocol 2 or 3. */
import { joinBytes } from "../bytes.ts";
import { PickleCall, PickleFloat, PickleGlobal, PicklePersistent, PickleTuple } from "./pickle_value.ts";

/** Collects bytes; long ones are kept as they are, not copied. */
class PickleOutput {
  readonly parts: Uint8Array[] = [];
  #part = new Uint8Array(4096);
  #length = 0;

  byte(...values: readonly number[]): void {
    this.raw(Uint8Array.from(values));
  }

  raw(bytes: Uint8Array): void {
    if (bytes.length > 65536) {
      this.flush();
      this.parts.push(bytes);
      return;
    }
    if (this.#length + bytes.length > this.#part.length) {
      const larger = new Uint8Array(2 * (this.#length + bytes.length));
      larger.set(this.#part.subarray(0, this.#length));
      this.#part = larger;
    }
    this.#part.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  uint32(code: number, value: number): void {
    const bytes = new Uint8Array(5);
    bytes[0] = code;
    new DataView(bytes.buffer).setUint32(1, value, true);
    this.raw(bytes);
  }

  flush(): void {
    if (this.#length > 0) this.parts.push(this.#part.slice(0, this.#length));
    this.#length = 0;
  }
}

function writeFloat(out: PickleOutput, value: number): void {
  const bytes = new Uint8Array(9);
  bytes[0] = 0x47; // BINFLOAT
  new DataView(bytes.buffer).setFloat64(1, value);
  out.raw(bytes);
}

function writeNumber(out: PickleOutput, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) writeFloat(out, value);
  else if (value >= 0 && value < 256) out.byte(0x4b, value); // BININT1
  else if (value === (value | 0)) out.uint32(0x4a, value >>> 0); // BININT
  else writeLong(out, BigInt(value));
}

function writeLong(out: PickleOutput, value: bigint): void {
  const bytes = Array.from({ length: 9 }, (_, i) => Number(value >> BigInt(8 * i) & 255n));
  if (BigInt.asIntN(72, value) !== value) {
    throw new RangeError(`Cannot write an integer as it must have at most 72 bits: current value is ${value}`);
  }
  out.byte(0x8a, bytes.length, ...bytes); // LONG1
}

function writeText(out: PickleOutput, text: string): void {
  const bytes = new TextEncoder().encode(text);
  out.uint32(0x58, bytes.length); // BINUNICODE
  out.raw(bytes);
}

/** Protocol 2 has no bytes: Python writes them as text to be encoded again. */
function writeBytes(out: PickleOutput, bytes: Uint8Array, protocol: number): void {
  if (protocol >= 3) {
    out.uint32(0x42, bytes.length); // BINBYTES
    out.raw(bytes);
    return;
  }
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  writeValue(out, new PickleCall("_codecs.encode", [text, "latin1"]), protocol);
}

function writeGlobal(out: PickleOutput, name: string): void {
  const dot = name.lastIndexOf(".");
  out.byte(0x63); // GLOBAL
  out.raw(new TextEncoder().encode(`${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`));
}

function writeItems(out: PickleOutput, items: ReadonlyMap<unknown, unknown>, protocol: number): void {
  if (items.size === 0) return;
  out.byte(0x28); // MARK
  for (const [key, value] of items) {
    writeValue(out, key, protocol);
    writeValue(out, value, protocol);
  }
  out.byte(0x75); // SETITEMS
}

function writeSequence(out: PickleOutput, items: readonly unknown[], protocol: number, end: number): void {
  out.byte(0x28); // MARK
  for (const item of items) writeValue(out, item, protocol);
  out.byte(end);
}

function writeCall(out: PickleOutput, { global, args, items, state }: PickleCall, protocol: number): void {
  writeGlobal(out, global);
  writeSequence(out, args, protocol, 0x74); // TUPLE
  out.byte(0x52); // REDUCE
  writeItems(out, items, protocol);
  if (state === undefined) return;
  writeValue(out, state, protocol);
  out.byte(0x62); // BUILD
}

function writeValue(out: PickleOutput, value: unknown, protocol: number): void {
  if (value === null) return out.byte(0x4e); // NONE
  if (typeof value === "boolean") return out.byte(value ? 0x88 : 0x89); // NEWTRUE, NEWFALSE
  if (typeof value === "number") return writeNumber(out, value);
  if (typeof value === "bigint") return writeLong(out, value);
  if (typeof value === "string") return writeText(out, value);
  if (value instanceof Uint8Array) return writeBytes(out, value, protocol);
  if (value instanceof PickleFloat) return writeFloat(out, value.value);
  if (value instanceof PickleTuple) return writeSequence(out, value.items, protocol, 0x74);
  if (value instanceof PickleGlobal) return writeGlobal(out, value.name);
  if (value instanceof PickleCall) return writeCall(out, value, protocol);
  if (value instanceof PicklePersistent) {
    writeValue(out, value.id, protocol);
    return out.byte(0x51); // BINPERSID
  }
  if (Array.isArray(value)) {
    out.byte(0x5d); // EMPTY_LIST
    if (value.length > 0) writeSequence(out, value, protocol, 0x65); // APPENDS
    return;
  }
  if (value instanceof Map) {
    out.byte(0x7d); // EMPTY_DICT
    return writeItems(out, value, protocol);
  }
  throw new TypeError(`Cannot write a pickle as its values must be plain: current value is ${Deno.inspect(value)}`);
}

/** As `encodePickle`, in parts, long byte strings not copied. */
export function pickleParts(value: unknown, protocol: 2 | 3 = 2): readonly Uint8Array[] {
  const out = new PickleOutput();
  out.byte(0x80, protocol); // PROTO
  writeValue(out, value, protocol);
  out.byte(0x2e); // STOP
  out.flush();
  return out.parts;
}

/**
 * Encodes plain values as a Python pickle.
 *
 * @param value `null`, booleans, numbers (integers become Python ints), strings, `Uint8Array`, arrays, maps, and the
 * classes of `pickle_value.ts`; no value may contain itself.
 * @param protocol 2, which every Python reads, or 3, in which bytes take their own size.
 * @returns The pickle.
 * @throws {TypeError} If a value is something else.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodePickle, encodePickle, PickleTuple } from "@tessera/tessera/data";
 *
 * const value = new Map<string, unknown>([["betas", new PickleTuple([0.9, 0.95])], ["step", 70000]]);
 * deepStrictEqual(decodePickle(encodePickle(value)), value);
 * ```
 */
export function encodePickle(value: unknown, protocol: 2 | 3 = 2): Uint8Array<ArrayBuffer> {
  return joinBytes(pickleParts(value, protocol));
}

/** @file Pickles of NumPy arrays, such as Detectron2's model files. */
import { writeFileAtomic } from "../atomic_file.ts";
import { FileTensor, valuesOfBytes } from "../file_tensor.ts";
import { fromFortranOrder, numpyDtype, numpyName } from "../npy.ts";
import { decodePickle, type PickleConstructor, type PickleRefusal } from "./pickle_reader.ts";
import { joinBytes } from "../bytes.ts";
import { pickleParts } from "./pickle_writer.ts";
import { type PickleBuildable, PickleCall, PickleGlobal, PickleTuple } from "./pickle_value.ts";
import { SAFETENSORS_BYTES } from "../safetensors_header.ts";

/** A data type while its pickle is read. */
class NumpyDtype implements PickleBuildable {
  readonly text: string;
  order = "|";

  constructor(text: string) {
    this.text = text;
  }

  /** Takes version, byte order and fields, of which the order alone matters here. */
  setState(state: unknown): void {
    const order = state instanceof PickleTuple ? state.items[1] : undefined;
    this.order = typeof order === "string" ? order : this.order;
  }
}

/** An array while its pickle is read: made empty, then given its state. */
class NumpyArray implements PickleBuildable {
  readonly refuse: PickleRefusal;
  tensor: FileTensor | null = null;

  constructor(refuse: PickleRefusal) {
    this.refuse = refuse;
  }

  setState(state: unknown): void {
    const [, shape, dtype, fortran, data] = state instanceof PickleTuple ? state.items : [];
    this.tensor = arrayOf({ shape, dtype, data, fortran: fortran === true }, this.refuse);
  }
}

function arrayOf(
  { shape, dtype, data, fortran }: { shape: unknown; dtype: unknown; data: unknown; fortran: boolean },
  refuse: PickleRefusal,
): FileTensor {
  const sizes = shape instanceof PickleTuple ? shape.items : [NaN];
  const isValid = sizes.length <= 32 && sizes.every((x) => Number.isSafeInteger(x) && (x as number) >= 0);
  if (!isValid || !(dtype instanceof NumpyDtype) || !(data instanceof Uint8Array)) {
    return refuse("an array must have sizes, a type and bytes", "array is something else");
  }
  const type = numpyDtype(dtype.order + dtype.text, refuse);
  const size = (sizes as readonly number[]).reduce((product, axis) => product * axis, 1) * SAFETENSORS_BYTES[type];
  if (size !== data.length) {
    return refuse(`an array of [${sizes}] ${type} needs ${size} bytes`, `data has ${data.length}`);
  }
  const values = valuesOfBytes(data, type);
  const dims = sizes as readonly number[];
  return new FileTensor(type, dims, fortran ? fromFortranOrder(values, dims) : values);
}

function textToBytes([text, encoding]: readonly unknown[], refuse: PickleRefusal): Uint8Array {
  if (typeof text !== "string" || encoding !== "latin1") return refuse("text must be bytes as latin1", "text is other");
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Old and new places of the same functions. */
const both = (name: string, make: PickleConstructor): Record<string, PickleConstructor> => ({
  [`numpy.core.${name}`]: make,
  [`numpy._core.${name}`]: make,
});

const GLOBALS: Readonly<Record<string, PickleConstructor | null>> = {
  "numpy.ndarray": null,
  "numpy.dtype": ([text], refuse) =>
    typeof text === "string" ? new NumpyDtype(text) : refuse("a type must have a name", "it has none"),
  "_codecs.encode": textToBytes,
  ...both("multiarray._reconstruct", (_, refuse) => new NumpyArray(refuse)),
  ...both("numeric._frombuffer", ([data, dtype, shape, order], refuse) => {
    const array = new NumpyArray(refuse);
    array.tensor = arrayOf({ shape, dtype, data, fortran: order === "F" }, refuse);
    return array;
  }),
};

/**
 * Decodes a pickle of plain values and NumPy arrays. No code in it is run.
 *
 * @param bytes The whole file.
 * @param file What errors call it, such as its path.
 * @returns As `decodePickle`, with a `FileTensor` for each array.
 * @throws {RangeError} If the file is damaged, or names anything but arrays and their types, naming file and reason.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeNumpyPickle, encodeNumpyPickle, FileTensor } from "@tessera/tessera/data";
 *
 * const value = new Map([["w", new FileTensor("F32", [2], Float32Array.of(1, 2))]]);
 * deepStrictEqual(decodeNumpyPickle(encodeNumpyPickle(value)), value);
 * ```
 */
export function decodeNumpyPickle(bytes: Uint8Array, file = "bytes"): unknown {
  const known = new Map<unknown, unknown>(); // a value that stands in many places is visited once
  const finish = (value: unknown): unknown => {
    if (value instanceof NumpyArray) {
      return value.tensor ?? value.refuse("an array must have its bytes", "array has none");
    }
    if (value === null || typeof value !== "object") return value;
    if (!known.has(value)) known.set(value, finishParts(value));
    return known.get(value);
  };
  const finishParts = (value: object): unknown => {
    if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, finish(item)]));
    if (value instanceof PickleTuple) return new PickleTuple(value.items.map(finish));
    return Array.isArray(value) ? value.map(finish) : value;
  };
  return finish(decodePickle(bytes, { file, globals: GLOBALS }));
}

function numpyArray({ dtype, shape, data }: FileTensor): PickleCall {
  const name = numpyName(dtype);
  const order = name[0] === "|" ? "|" : "<";
  const type = new PickleCall("numpy.dtype", [name.slice(1), false, true], {
    state: new PickleTuple([3, order, null, null, null, -1, -1, 0]),
  });
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const start = [new PickleGlobal("numpy.ndarray"), new PickleTuple([0]), Uint8Array.of(0x62)];
  return new PickleCall("numpy.core.multiarray._reconstruct", start, {
    state: new PickleTuple([1, new PickleTuple(shape), type, false, raw]),
  });
}

function numpyPickleParts(value: unknown): readonly Uint8Array[] {
  const replace = (x: unknown): unknown => {
    if (x instanceof FileTensor) return numpyArray(x);
    if (x instanceof Map) return new Map([...x].map(([key, item]) => [key, replace(item)]));
    if (x instanceof PickleTuple) return new PickleTuple(x.items.map(replace));
    return Array.isArray(x) ? x.map(replace) : x;
  };
  return pickleParts(replace(value), 3);
}

/**
 * Encodes plain values and arrays as a pickle of protocol 3, which Python 3 with NumPy reads.
 *
 * @param value Plain values as `encodePickle` takes them, and `FileTensor`s at any place.
 * @returns The bytes of the file.
 * @throws {RangeError} If NumPy lacks a data type.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { decodeNumpyPickle, encodeNumpyPickle } from "@tessera/tessera/data";
 *
 * equal(decodeNumpyPickle(encodeNumpyPickle("text")), "text");
 * ```
 */
export function encodeNumpyPickle(value: unknown): Uint8Array<ArrayBuffer> {
  return joinBytes(numpyPickleParts(value));
}

/**
 * Writes a pickle of plain values and arrays, atomically.
 *
 * @param path The file; its folder must exist.
 * @param value As of `encodeNumpyPickle`.
 * @returns When the file is safe on the disk.
 * @throws {RangeError} If NumPy lacks a data type.
 * @throws {Error} If the file cannot be written; an old one stays as it was.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { FileTensor, readStateDict, writeNumpyPickle } from "@tessera/tessera/data";
 *
 * const path = await Deno.makeTempFile();
 * const w = new FileTensor("F32", [1], Float32Array.of(2));
 * await writeNumpyPickle(path, new Map([["model", new Map([["w", w]])]]));
 * deepStrictEqual((await readStateDict(path)).tensors, { w });
 * await Deno.remove(path);
 * ```
 */
export async function writeNumpyPickle(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, numpyPickleParts(value));
}

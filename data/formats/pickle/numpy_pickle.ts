/** @file Pickles of NumPy arrays, such as Detectron2's model files. */
import { writeFileAtomic } from "../atomic_file.ts";
import { FileTensor, numbersOf, valuesOfBytes } from "../file_tensor.ts";
import { fromFortranOrder, numpyDtype, numpyName } from "../npy.ts";
import { decodePickle, type PickleConstructor, type PickleRefusal } from "./pickle_reader.ts";
import { joinBytes } from "../bytes.ts";
import { pickleParts } from "./pickle_writer.ts";
import { type PickleBuildable, PickleCall, PickleGlobal, PickleObject, PickleTuple } from "./pickle_value.ts";
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

/** Arrays of these hold bytes that are numbers; those of objects, texts, dates and records stay objects. */
const isNumeric = (dtype: unknown): dtype is NumpyDtype =>
  dtype instanceof NumpyDtype && /^(?:b1|\?|[iuf][1248])$/.test(dtype.text);

/** An array while its pickle is read: made empty, then given its state, which makes it a `FileTensor` if it can be. */
class NumpyArray extends PickleObject {
  readonly #refuse: PickleRefusal;

  constructor(refuse: PickleRefusal) {
    super("numpy.ndarray");
    this.#refuse = refuse;
  }

  override setState(state: unknown): void {
    const [, shape, dtype, fortran, data] = state instanceof PickleTuple ? state.items : [];
    if (!isNumeric(dtype)) return super.setState(state);
    const tensor = arrayOf({ shape, dtype, data, fortran: fortran === true }, this.#refuse);
    // The pickle may have kept the array already: it becomes the tensor in place.
    for (const field of Object.keys(this)) Reflect.deleteProperty(this, field);
    Object.setPrototypeOf(Object.assign(this, tensor), FileTensor.prototype);
  }
}

function arrayOf(
  { shape, dtype, data: given, fortran }: { shape: unknown; dtype: unknown; data: unknown; fortran: boolean },
  refuse: PickleRefusal,
): FileTensor {
  const data = typeof given === "string" ? latin1Bytes(given) : given; // Python 2 had no bytes
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
  return latin1Bytes(text);
}

function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Old and new places of the same functions. */
const both = (name: string, make: PickleConstructor): Record<string, PickleConstructor> => ({
  [`numpy.core.${name}`]: make,
  [`numpy._core.${name}`]: make,
});

/** What NumPy's arrays, types and single numbers are made by. */
export const NUMPY_GLOBALS: Readonly<Record<string, PickleConstructor>> = {
  "numpy.dtype": ([text], refuse) =>
    typeof text === "string" ? new NumpyDtype(text) : refuse("a type must have a name", "it has none"),
  "_codecs.encode": textToBytes,
  ...both("multiarray._reconstruct", (_, refuse) => new NumpyArray(refuse)),
  ...both(
    "numeric._frombuffer",
    ([data, dtype, shape, order], refuse) =>
      isNumeric(dtype)
        ? arrayOf({ shape, dtype, data, fortran: order === "F" }, refuse)
        : new PickleObject("numpy.ndarray", [data, dtype, shape]),
  ),
  ...both("multiarray.scalar", ([dtype, data], refuse) => {
    if (!isNumeric(dtype)) return new PickleObject("numpy.generic", [dtype, data]);
    const scalar = arrayOf({ shape: new PickleTuple([]), dtype, data, fortran: false }, refuse);
    const [value = 0] = numbersOf(scalar);
    return scalar.dtype === "BOOL" ? value === 1 : value;
  }),
};

/**
 * Decodes a pickle of plain values and NumPy arrays. No code in it is run.
 *
 * @param bytes The whole file.
 * @param file What errors call it, such as its path.
 * @returns As `decodePickle`, with a `FileTensor` for each array.
 * @throws {RangeError} If the file is damaged, or names what runs code, naming file and reason.
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
  return decodePickle(bytes, { file, globals: NUMPY_GLOBALS });
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

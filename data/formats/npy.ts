/** @file NumPy's array files: `.npy`, one array, and `.npz`, a ZIP archive of such. */
import { writeFileAtomic } from "./atomic_file.ts";
import { FileTensor, valuesOfBytes } from "./file_tensor.ts";
import { joinBytes, readBytes } from "./bytes.ts";
import type { SafetensorsTensor } from "./safetensors.ts";
import { SAFETENSORS_BYTES, type SafetensorsArray, type SafetensorsDType } from "./safetensors_header.ts";
import { readZip } from "./zip_reader.ts";
import { zipParts } from "./zip_writer.ts";

/** Data types by NumPy's names. */
const DTYPES: Readonly<Record<string, SafetensorsDType>> = {
  b1: "BOOL",
  i1: "I8",
  u1: "U8",
  i2: "I16",
  u2: "U16",
  f2: "F16",
  i4: "I32",
  u4: "U32",
  f4: "F32",
  i8: "I64",
  u8: "U64",
  f8: "F64",
};

const NAMES = new Map(Object.entries(DTYPES).map(([name, dtype]) => [dtype, name]));

type Refuse = (requirement: string, current: string) => never;

/** Finds the data type that NumPy calls so; big-endian ones, structures and objects are refused. */
export function numpyDtype(text: string, refuse: Refuse): SafetensorsDType {
  const [, order, name] = /^([<|=>]?)([a-z]\d+)$/.exec(text) ?? [];
  const dtype = name !== undefined && Object.hasOwn(DTYPES, name) ? DTYPES[name]! : undefined;
  if (dtype && (order !== ">" || SAFETENSORS_BYTES[dtype] === 1)) return dtype;
  return refuse("arrays must hold plain little-endian numbers", `type is ${text.slice(0, 80)}`);
}

/** NumPy's name of a data type. */
export function numpyName(dtype: SafetensorsDType): string {
  const name = NAMES.get(dtype);
  if (!name) {
    throw new RangeError(`Cannot write a NumPy array as its dtype must be one of NumPy's: current dtype is ${dtype}`);
  }
  return `${SAFETENSORS_BYTES[dtype] === 1 ? "|" : "<"}${name}`;
}

/** Puts values of column-major order into row-major order. */
export function fromFortranOrder(values: SafetensorsArray, shape: readonly number[]): SafetensorsArray {
  const out = values.slice();
  const rows = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, next) => size * next, 1));
  const position = shape.map(() => 0);
  let to = 0;
  for (let from = 0; from < values.length; from++) {
    out[to] = values[from]!;
    for (let axis = 0; axis < shape.length; axis++) {
      to += rows[axis]!;
      if (++position[axis]! < shape[axis]!) break;
      to -= rows[axis]! * shape[axis]!;
      position[axis] = 0;
    }
  }
  return out;
}

/**
 * Decodes a `.npy` file.
 *
 * @param bytes The whole file.
 * @param file What errors call it, such as its path.
 * @returns The array, row-major whatever the order in the file.
 * @throws {RangeError} If the file is damaged, or holds structures, objects or big-endian numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeNpy, encodeNpy } from "@tessera/tessera/data";
 *
 * const array = decodeNpy(encodeNpy({ dtype: "I32", shape: [2], data: Int32Array.of(1, 2) }));
 * deepStrictEqual(array.data, Int32Array.of(1, 2));
 * ```
 */
export function decodeNpy(bytes: Uint8Array, file = "bytes"): FileTensor {
  const refuse: Refuse = (requirement, current) => {
    throw new RangeError(`Cannot read ${file} as a NumPy array as ${requirement}: current ${current}`);
  };
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (bytes.length < 12 || magic.some((byte, i) => bytes[i] !== byte)) {
    refuse("it must start so", "file starts otherwise");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [at, length] = bytes[6] === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  if (at + length > bytes.length) refuse(`its header of ${length} bytes must be whole`, `size is ${bytes.length}`);
  const text = new TextDecoder().decode(bytes.subarray(at, at + Math.min(length, 65536)));
  const { dtype, fortran, shape } = parseHeader(text, refuse);
  const size = shape.reduce((product, axis) => product * axis, 1) * SAFETENSORS_BYTES[dtype];
  if (at + length + size !== bytes.length) {
    refuse(`its shape [${shape}] of ${dtype} needs ${size} bytes`, `data has ${bytes.length - at - length}`);
  }
  const values = valuesOfBytes(bytes.subarray(at + length), dtype);
  return new FileTensor(dtype, shape, fortran ? fromFortranOrder(values, shape) : values);
}

/** The header is a Python dictionary of three known keys, written by NumPy itself in one way. */
function parseHeader(text: string, refuse: Refuse) {
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const sizes = /'shape':\s*\(([\d\s,L]*)\)/.exec(text)?.[1];
  if (descr === undefined || fortran === undefined || sizes === undefined) {
    return refuse("its header must name descr, fortran_order and shape", `header is ${text.trim().slice(0, 80)}`);
  }
  const shape = sizes.split(",").map((size) => size.replace("L", "").trim()).filter((size) => size !== "").map(Number);
  if (shape.length > 32 || !shape.every(Number.isSafeInteger)) {
    refuse("its shape must be integers", `shape is (${sizes})`);
  }
  return { dtype: numpyDtype(descr, refuse), fortran: fortran === "True", shape };
}

/**
 * Encodes a `.npy` file.
 *
 * @param tensor Any data type but `BF16`, which NumPy lacks.
 * @returns The bytes of the file.
 * @throws {RangeError} If NumPy lacks the data type.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { encodeNpy } from "@tessera/tessera/data";
 *
 * equal(encodeNpy({ dtype: "F32", shape: [2], data: new Float32Array(2) }).length, 128 + 8);
 * ```
 */
export function encodeNpy(tensor: SafetensorsTensor): Uint8Array<ArrayBuffer> {
  return joinBytes(npyParts(tensor));
}

function npyParts({ dtype, shape, data }: SafetensorsTensor): readonly Uint8Array[] {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${numpyName(dtype)}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64; // data starts at a multiple of 64
  const header = new TextEncoder().encode("\x00NUMPY" + "\x01\x00\x00\x00" + text.padEnd(length - 11) + "\n");
  header[0] = 0x93;
  new DataView(header.buffer).setUint16(8, length - 10, true);
  return [header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

/**
 * Decodes a `.npz` file.
 *
 * @param bytes The whole file.
 * @param file What errors call it, such as its path.
 * @returns Arrays by name, without `.npy`.
 * @throws {RangeError} As `readZip` and `decodeNpy`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeNpz, encodeNpz } from "@tessera/tessera/data";
 *
 * const bytes = encodeNpz({ w: { dtype: "F64", shape: [], data: Float64Array.of(3) } });
 * deepStrictEqual(decodeNpz(bytes).w!.shape, []);
 * ```
 */
export function decodeNpz(bytes: Uint8Array, file = "bytes"): Readonly<Record<string, FileTensor>> {
  const files = [...readZip(bytes, { file })];
  return Object.fromEntries(
    files.map(([name, content]) => [name.replace(/\.npy$/, ""), decodeNpy(content, `${name} of ${file}`)]),
  );
}

function npzParts(tensors: Readonly<Record<string, SafetensorsTensor>>): readonly Uint8Array[] {
  return zipParts(new Map(Object.entries(tensors).map(([name, tensor]) => [`${name}.npy`, npyParts(tensor)])));
}

/**
 * Encodes a `.npz` file, which `numpy.load` reads.
 *
 * @param tensors Arrays by name.
 * @returns The bytes of the file.
 * @throws {RangeError} If NumPy lacks a data type.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeNpz, encodeNpz } from "@tessera/tessera/data";
 *
 * deepStrictEqual(decodeNpz(encodeNpz({})), {});
 * ```
 */
export function encodeNpz(tensors: Readonly<Record<string, SafetensorsTensor>>): Uint8Array<ArrayBuffer> {
  return joinBytes(npzParts(tensors));
}

/**
 * Writes a `.npz` file, atomically.
 *
 * @param path The file; its folder must exist.
 * @param tensors Arrays by name.
 * @returns When the file is safe on the disk.
 * @throws {RangeError} If NumPy lacks a data type.
 * @throws {Error} If the file cannot be written; an old one stays as it was.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { readNpz, writeNpz } from "@tessera/tessera/data";
 *
 * const path = await Deno.makeTempFile();
 * await writeNpz(path, { step: { dtype: "I32", shape: [], data: Int32Array.of(7) } });
 * equal((await readNpz(path)).step!.data[0], 7);
 * await Deno.remove(path);
 * ```
 */
export async function writeNpz(path: string, tensors: Readonly<Record<string, SafetensorsTensor>>): Promise<void> {
  await writeFileAtomic(path, npzParts(tensors));
}

/**
 * Reads a `.npz` file.
 *
 * @param path The file.
 * @returns As `decodeNpz`.
 * @throws {RangeError} As `decodeNpz`.
 * @throws {Error} If it cannot be read.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { readNpz } from "@tessera/tessera/data";
 *
 * await rejects(readNpz("missing.npz"), /Cannot read missing.npz/);
 * ```
 */
export async function readNpz(path: string): Promise<Readonly<Record<string, FileTensor>>> {
  return decodeNpz(await readBytes(path), path);
}

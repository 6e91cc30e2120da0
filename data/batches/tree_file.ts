/** @file Trees of tensors as one file, by the names of their leaves. */
import {
  cast,
  defaultDevice,
  type DType,
  DTYPES,
  evaluate,
  type Tensor,
  tensor,
  type Tree,
  treeFlatten,
  treePaths,
  treeUnflatten,
  type TypedArray,
} from "../../tensor/mod.ts";
import { bufferOf, holds, leaf, leafSource, requireTensor, sameShape } from "../../tensor/kernel.ts";
import { numbersOf } from "../formats/file_tensor.ts";
import { readNpz, writeNpz } from "../formats/npy.ts";
import { readSafetensors, type SafetensorsTensor, writeSafetensors } from "../formats/safetensors.ts";
import type { SafetensorsArray, SafetensorsDType } from "../formats/safetensors_header.ts";

type Named<T> = Readonly<Record<string, T>>;

/** How files name the dtypes of tensors. */
export const FILE_DTYPES: Readonly<Record<DType, SafetensorsDType>> = {
  float32: "F32",
  float64: "F64",
  float16: "F16",
  int32: "I32",
  uint32: "U32",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

/** Types of files that no tensor has, and the one that takes their values: those of 64 bits only if they fit. */
const CONVERTED: Readonly<Partial<Record<SafetensorsDType, "int32" | "uint32" | "float32">>> = {
  BF16: "float32",
  U16: "uint32",
  U64: "uint32",
  I16: "int32",
  I64: "int32",
};

/** The names of the leaves of a tree: its keys, joined by points. */
function namesOf(tree: Tree): readonly string[] {
  return treePaths(tree).map((path) => {
    const bad = path.find((key) => typeof key === "string" && (key === "" || key.includes(".")));
    if (bad === undefined) return path.join(".");
    throw new RangeError(
      `Cannot name the leaves of a tree as keys must not be empty or hold a point: current key is ${
        JSON.stringify(bad)
      }`,
    );
  });
}

/**
 * The tensors of a tree in the form in which files hold them, computed in one program.
 *
 * @param tree Any tree of tensors.
 * @returns Tensors by name: the keys that lead to each, joined by points.
 * @throws {TypeError} If a leaf is no tensor.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { fileTensors } from "@tessera/tessera/data";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const named = await fileTensors({ layers: [{ w: tensor([1, 2]) }] });
 * deepStrictEqual(named["layers.0.w"], { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) });
 * ```
 */
export async function fileTensors(tree: Tree): Promise<Readonly<Record<string, SafetensorsTensor>>> {
  const [names, leaves] = [namesOf(tree), treeFlatten(tree).leaves as readonly Tensor[]];
  leaves.forEach((x, i) => requireTensor("save a tree", names[i]!, x));
  const isComputed = (x: Tensor) => leafSource(x) !== undefined || bufferOf(x) !== undefined; // on whatever device
  await evaluate(leaves.filter((x) => !isComputed(x)), { device: defaultDevice() });
  const entries = await Promise.all(
    leaves.map(async (x, i) =>
      [names[i]!, { dtype: FILE_DTYPES[x.dtype], shape: x.shape, data: savedValues(await x.data()) }] as const
    ),
  );
  return Object.fromEntries(entries);
}

/** Values as files hold them: those of float16 are their bits. */
function savedValues(values: TypedArray): SafetensorsArray {
  if (values.BYTES_PER_ELEMENT !== 2) return values as SafetensorsArray;
  return new Uint16Array(values.buffer, values.byteOffset, values.length);
}

/** Readers and writers by the ending of a file. */
const FORMATS: Named<{
  write(path: string, tensors: Named<SafetensorsTensor>): Promise<void>;
  read(path: string): Promise<Named<SafetensorsTensor>>;
}> = {
  safetensors: {
    write: (path, tensors) => writeSafetensors(path, tensors, {}),
    read: async (path) => (await readSafetensors(path)).tensors,
  },
  npz: { write: writeNpz, read: readNpz },
};

function formatOf(operation: string, path: string) {
  const ending = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  if (Object.hasOwn(FORMATS, ending)) return FORMATS[ending]!;
  throw new RangeError(
    `Cannot ${operation} ${path} as its name must end with ${
      Object.keys(FORMATS).map((name) => `.${name}`).join(" or ")
    }`,
  );
}

/**
 * Saves a tree of tensors as one file: safetensors, or NumPy's npz, by the ending of its name. The file is written beside its
 * name and then renamed, so that a crash leaves the old one or the new one, whole.
 *
 * @param tree Records and arrays of tensors, such as parameters; all are computed in one program.
 * @param path The file, `….safetensors` or `….npz`; its folder must exist.
 * @returns When the file is safe on the disk.
 * @throws {RangeError} If the name ends otherwise, or a key of the tree is empty or holds a point.
 * @throws {TypeError} If a leaf is no tensor.
 * @throws {Error} If the file cannot be written.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { load, save } from "@tessera/tessera/data";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const params = { layers: [{ w: tensor([1, 2]) }] };
 * await save(params, path);
 * const { layers: [first] } = await load(path, params);
 * deepStrictEqual(await first!.w.data(), new Float32Array([1, 2]));
 * await Deno.remove(path);
 * ```
 */
export async function save(tree: Tree, path: string): Promise<void> {
  const { write } = formatOf("save", path);
  await write(path, await fileTensors(tree));
}

/** A tensor of a file, its type kept where a tensor can have it, and converted where that loses nothing. */
function tensorOf(path: string, name: string, saved: SafetensorsTensor): Tensor {
  const { dtype, shape } = saved;
  const own = (Object.keys(FILE_DTYPES) as DType[]).find((kind) => FILE_DTYPES[kind] === dtype);
  if (own) {
    const { buffer, byteOffset, length } = saved.data;
    return leaf({ shape, dtype: own }, { host: new DTYPES[own].Array(buffer as ArrayBuffer, byteOffset, length) });
  }
  const to = CONVERTED[dtype]!;
  const values = Array.from(numbersOf(saved));
  const large = to === "float32" ? undefined : values.find((value) => !holds(to, value));
  if (large === undefined) return tensor(values, { shape, dtype: to });
  throw new RangeError(
    `Cannot load ${path} as whole numbers of ${dtype} must fit into ${to}: current value in ${name} is ${large}`,
  );
}

/** A tree from the names of its leaves: keys 0, 1, 2 … make an array. */
function nested(path: string, named: Named<Tensor>): Tree {
  const root = new Map<string, unknown>();
  for (const [name, x] of Object.entries(named)) {
    const keys = name.split(".");
    let at = root;
    keys.slice(0, -1).forEach((key) => {
      if (!at.has(key)) at.set(key, new Map());
      const next = at.get(key);
      if (!(next instanceof Map)) throw crossed(path, name);
      at = next;
    });
    if (at.has(keys.at(-1)!)) throw crossed(path, name);
    at.set(keys.at(-1)!, x);
  }
  return builtFrom(root) as Tree;
}

function crossed(path: string, name: string): RangeError {
  return new RangeError(
    `Cannot load ${path} as a tree as no tensor may lie below another: current name ${name} is below one, or above`,
  );
}

function builtFrom(node: unknown): unknown {
  if (!(node instanceof Map)) return node;
  const isArray = node.size > 0 && [...node.keys()].every((_, i) => node.has(String(i)));
  if (isArray) return Array.from({ length: node.size }, (_, i) => builtFrom(node.get(String(i))));
  return Object.fromEntries([...node].map(([key, item]) => [key, builtFrom(item)]));
}

/**
 * Loads a tree of tensors that `save` or another program wrote, as it is.
 *
 * @param path The file, `….safetensors` or `….npz`.
 * @returns Records and arrays; a node whose keys are 0, 1, 2 … is an array. Bfloat16 becomes float32, and
 * integers of 16 and 64 bits become int32 or uint32.
 * @throws {RangeError} If the name ends otherwise, or a 64-bit integer does not fit.
 * @throws {Error} If the file cannot be read or is damaged.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { load } from "@tessera/tessera/data";
 *
 * await rejects(load("missing.npz"), /Cannot read missing.npz/);
 * ```
 */
export async function load(path: string): Promise<Tree>;
/**
 * Loads a tree of tensors into the form of another.
 *
 * @param path The file, `….safetensors` or `….npz`.
 * @param like A tree of the same keys, shapes and types, such as freshly made parameters; its values are not computed. A type
 * may be wider than that of the file, as float32 for half precision.
 * @returns The tree, of the type of `like`.
 * @throws {RangeError} If a leaf is missing, too many, or of another shape or type, with its name.
 * @throws {Error} If the file cannot be read or is damaged.
 */
export async function load<T extends Tree>(path: string, like: T): Promise<T>;
export async function load(path: string, like?: Tree): Promise<Tree> {
  const named = Object.fromEntries(
    Object.entries(await formatOf("load", path).read(path)).map(([name, x]) => [name, tensorOf(path, name, x)]),
  );
  if (like === undefined) return nested(path, named);
  const { leaves, structure } = treeFlatten(like);
  const names = namesOf(like);
  const extra = Object.keys(named).find((name) => !names.includes(name));
  if (extra !== undefined) refuse(path, extra, "absent", specText(named[extra]!));
  return treeUnflatten(
    structure,
    names.map((name, i) => {
      const [wanted, found] = [leaves[i] as Tensor, named[name]];
      if (found && holdsAll(wanted, found)) return found.dtype === wanted.dtype ? found : cast(found, wanted.dtype);
      return refuse(path, name, specText(wanted), found ? specText(found) : "absent");
    }),
  ) as Tree;
}

/** True for equal shapes where the dtype of the one holds all values of the other's: half precision becomes float32. */
function holdsAll(wanted: Tensor, found: Tensor): boolean {
  const fits = found.dtype === wanted.dtype || DTYPES[found.dtype].within.includes(wanted.dtype);
  return fits && sameShape(found.shape, wanted.shape);
}

function specText({ dtype, shape }: Pick<Tensor, "dtype" | "shape">): string {
  return `${dtype} [${shape.join(", ")}]`;
}

function refuse(path: string, name: string, wanted: string, found: string): never {
  throw new RangeError(`Cannot load ${path} as ${name} must be ${wanted}: current ${name} is ${found}`);
}

/** @file How PyTorch's pickles name tensors: typed storages outside of the pickle, and views into them. */
import { FileTensor, valuesOfBytes } from "../file_tensor.ts";
import { NUMPY_GLOBALS } from "./numpy_pickle.ts";
import type { PickleConstructor, PickleOptions, PickleRefusal } from "./pickle_reader.ts";
import { orderedDict, PickleCall, PickleGlobal, PickleObject, PicklePersistent, PickleTuple } from "./pickle_value.ts";
import { SAFETENSORS_BYTES, type SafetensorsArray, type SafetensorsDType } from "../safetensors_header.ts";

/** Data types by the names of storages. */
const STORAGES: Readonly<Record<string, SafetensorsDType>> = {
  "torch.FloatStorage": "F32",
  "torch.DoubleStorage": "F64",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
};

const NAMES = new Map(Object.entries(STORAGES).map(([name, dtype]) => [dtype, name]));

/** What a pickle says of a storage. */
export interface StorageReference {
  /** Data type. */
  readonly dtype: SafetensorsDType;
  /** Its name among the storages. */
  readonly key: string;
  /** Its number of elements. */
  readonly numel: number;
}

/** Views that are not row-major are copied: so many bytes for each of the file, and some more, and no further. */
const COPY_FACTOR = 8;
const COPY_SLACK = 2 ** 24;

class Storage {
  readonly dtype: SafetensorsDType;
  readonly values: SafetensorsArray;

  constructor(dtype: SafetensorsDType, values: SafetensorsArray) {
    this.dtype = dtype;
    this.values = values;
  }
}

const isSize = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;

function sizesOf(value: unknown, what: string, refuse: PickleRefusal): readonly number[] {
  const items = value instanceof PickleTuple ? value.items : Array.isArray(value) ? value : [NaN];
  if (items.length > 32 || !items.every(isSize)) {
    refuse(`${what} of a tensor must be at most 32 integers of 0 or more`, `value is ${String(items.slice(0, 4))}`);
  }
  return items as readonly number[];
}

/** Reads the reference that stands for a storage. */
function referenceOf(id: unknown, refuse: PickleRefusal): StorageReference {
  const [kind, type, key, , numel, view] = id instanceof PickleTuple ? id.items : [];
  const dtype = type instanceof PickleGlobal ? STORAGES[type.name] : undefined;
  const isName = typeof key === "string" || Number.isSafeInteger(key);
  if (kind !== "storage" || !dtype || !isName || !isSize(numel)) {
    return refuse("what stands outside of it must be storages of tensors", `reference is of kind ${String(kind)}`);
  }
  if (view !== undefined && view !== null) {
    refuse("storages must be whole, as PyTorch 0.4 and later save them", "storage is a view");
  }
  return { dtype, key: String(key), numel };
}

/** Types of storages that hold no plain numbers: complex, quantized, of types that are newer than this. */
const isOtherStorage = (type: unknown): type is PickleGlobal =>
  type instanceof PickleGlobal && !Object.hasOwn(STORAGES, type.name) && /^torch\.\w*Storage$/.test(type.name);

/** Makes a tensor of a view into a storage; of a storage of another type, an object that does nothing. */
function rebuild(
  args: readonly unknown[],
  budget: { copies: number },
  refuse: PickleRefusal,
): FileTensor | PickleObject {
  const [storage, offset, size, stride] = args;
  if (storage instanceof PickleObject) return new PickleObject("torch.Tensor", args);
  if (!(storage instanceof Storage) || !isSize(offset)) {
    return refuse("a tensor must be a view of a storage", "it is none");
  }
  const [shape, strides] = [sizesOf(size, "sizes", refuse), sizesOf(stride, "strides", refuse)];
  if (shape.length !== strides.length) refuse("a tensor must have as many strides as sizes", `size is [${shape}]`);
  const { dtype, values } = storage;
  const count = shape.reduce((product, axis) => product * axis, 1);
  if (count === 0) return new FileTensor(dtype, shape, values.slice(0, 0));
  const last = shape.reduce((sum, axis, i) => sum + (axis - 1) * strides[i]!, offset);
  if (last >= values.length) {
    refuse(
      "a tensor must lie in its storage",
      `size [${shape}] ends at ${last}, storage has ${values.length} elements`,
    );
  }
  if (isRowMajor(shape, strides)) return new FileTensor(dtype, shape, values.subarray(offset, offset + count));
  budget.copies -= count * SAFETENSORS_BYTES[dtype];
  if (budget.copies < 0) refuse("views must not unfold to many times the file", `size is [${shape}]`);
  return new FileTensor(dtype, shape, copyView(values, offset, { shape, strides, count }));
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis]!;
  }
  return true;
}

function copyView(
  values: SafetensorsArray,
  offset: number,
  { shape, strides, count }: { shape: readonly number[]; strides: readonly number[]; count: number },
): SafetensorsArray {
  const copy = new (values.constructor as new (length: number) => SafetensorsArray)(count);
  const position = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < count; to++) {
    copy[to] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++position[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      position[axis] = 0;
    }
  }
  return copy;
}

/** What tensors, parameters and tensors with attributes are made by. */
function tensorGlobals(budget: { copies: number }): Readonly<Record<string, PickleConstructor>> {
  const view: PickleConstructor = (args, refuse) => rebuild(args, budget, refuse);
  const first: PickleConstructor = ([tensor]) => tensor;
  return {
    "torch._utils._rebuild_tensor": view,
    "torch._utils._rebuild_tensor_v2": view,
    "torch._utils._rebuild_parameter": first,
    "torch._utils._rebuild_parameter_with_state": first,
    "torch._utils._rebuild_device_tensor_from_numpy": first,
    "torch._tensor._rebuild_from_type_v2": ([make, , args], refuse) => {
      const isView = make instanceof PickleGlobal && /^torch\._utils\._rebuild_tensor(_v2)?$/.test(make.name);
      const inner = args instanceof PickleTuple ? args.items : [];
      return isView ? view(inner, refuse) : new PickleObject("torch.Tensor", inner);
    },
  };
}

/**
 * What the pickle reader needs to make the tensors of `pickle.dump`, whose storages are files within the pickle.
 *
 * @param load Reads the file of one storage, which gives what `torchPickle` makes of it.
 * @param fileBytes Bytes of the whole file.
 * @returns Options for `readPickle`.
 */
export function plainTorchPickle(
  load: (bytes: Uint8Array) => unknown,
  fileBytes: number,
): Pick<PickleOptions, "globals"> {
  const loaded: PickleConstructor = ([bytes], refuse) =>
    bytes instanceof Uint8Array ? load(bytes) : refuse("a storage must be bytes", "it is something else");
  const budget = { copies: COPY_FACTOR * fileBytes + COPY_SLACK };
  return { globals: { ...NUMPY_GLOBALS, ...tensorGlobals(budget), "torch.storage._load_from_bytes": loaded } };
}

/**
 * What the pickle reader needs to make tensors.
 *
 * @param storage Gives the bytes of a storage.
 * @param fileBytes Bytes of the whole file, which bound what its views may unfold to.
 * @returns Options for `readPickle`.
 */
export function torchPickle(
  storage: (reference: StorageReference, refuse: PickleRefusal) => Uint8Array,
  fileBytes: number,
): Pick<PickleOptions, "globals" | "persistent"> {
  const budget = { copies: COPY_FACTOR * fileBytes + COPY_SLACK };
  const made = new Map<string, Storage>();
  return {
    globals: { ...NUMPY_GLOBALS, ...tensorGlobals(budget) },
    persistent: (id, refuse) => {
      const [kind, type] = id instanceof PickleTuple ? id.items : [];
      if (kind === "module") return type; // a class, with its source, which nobody reads
      if (kind === "storage" && isOtherStorage(type)) return new PickleObject(type.name);
      const reference = referenceOf(id, refuse);
      const known = made.get(reference.key);
      if (known?.dtype === reference.dtype && known.values.length === reference.numel) return known;
      if (known) refuse(`storage ${reference.key} must have one type and size`, `type is ${reference.dtype}, too`);
      const bytes = storage(reference, refuse);
      const expected = reference.numel * SAFETENSORS_BYTES[reference.dtype];
      if (bytes.length !== expected) {
        refuse(`storage ${reference.key} must have ${expected} bytes`, `storage has ${bytes.length}`);
      }
      const fresh = new Storage(reference.dtype, valuesOfBytes(bytes, reference.dtype));
      made.set(reference.key, fresh);
      return fresh;
    },
  };
}

/** A tensor as PyTorch writes it, its storage under a number. */
export function torchTensor({ dtype, shape }: FileTensor, key: number): PickleCall {
  const name = NAMES.get(dtype);
  if (!name) {
    throw new RangeError(
      `Cannot write a .pth tensor as its dtype must be one of PyTorch's, ${
        [...NAMES.keys()].join(", ")
      }: current dtype ` +
        `is ${dtype}`,
    );
  }
  const numel = shape.reduce((size, axis) => size * axis, 1);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, next) => size * Math.max(1, next), 1));
  const id = new PickleTuple(["storage", new PickleGlobal(name), String(key), "cpu", numel]);
  const args = [new PicklePersistent(id), 0, new PickleTuple(shape), new PickleTuple(strides), false];
  return new PickleCall("torch._utils._rebuild_tensor_v2", [...args, orderedDict(new Map())]);
}

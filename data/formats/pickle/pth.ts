/** @file PyTorch's files: a ZIP archive of a pickle and raw storages; the older form, pickles one after another, is read. */
import { writeFileAtomic } from "../atomic_file.ts";
import { kindText } from "../file_kind.ts";
import { FileTensor } from "../file_tensor.ts";
import { pickleParts } from "./pickle_writer.ts";
import { readPickle } from "./pickle_reader.ts";
import { PickleCall, PickleTuple } from "./pickle_value.ts";
import { joinBytes, readBytes } from "../bytes.ts";
import { SAFETENSORS_BYTES } from "../safetensors_header.ts";
import { plainTorchPickle, type StorageReference, torchPickle, torchTensor } from "./torch_tensors.ts";
import { readZip } from "../zip_reader.ts";
import { zipParts } from "../zip_writer.ts";

/** First value of files written before PyTorch 1.6, and of those without zip. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;

/**
 * Tells whether bytes start like a PyTorch file of the older form.
 *
 * @param bytes The file or its beginning.
 * @returns True if they do.
 */
function isLegacyPth(bytes: Uint8Array): boolean {
  const head = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
  return head.every((byte, i) => bytes[i] === byte);
}

function refuse(file: string, requirement: string, current: string): never {
  throw new RangeError(`Cannot read ${file} as a PyTorch file as ${requirement}: current ${current}`);
}

/**
 * Decodes a file of `torch.save`. No code in it is run: objects of Python classes are values that do nothing.
 *
 * @param bytes The whole file: the zip form of PyTorch 1.6 and later, or the older one. Row-major tensors are views of it.
 * @param file What errors call it, such as its path.
 * @returns What was saved: maps for dictionaries, arrays for lists, `PickleTuple`, strings, numbers, `FileTensor`, and
 * `PickleObject` for everything else.
 * @throws {RangeError} If the file is damaged, is no PyTorch file, is TorchScript, names what runs code in Python, or has a tensor that does not lie in its storage; the message names file and reason.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodePth, encodePth, FileTensor } from "@tessera/tessera/data";
 *
 * const saved = new Map<string, unknown>([["epoch", 3], ["w", new FileTensor("F32", [2], Float32Array.of(1, 2))]]);
 * deepStrictEqual(decodePth(encodePth(saved)), saved);
 * ```
 */
export function decodePth(bytes: Uint8Array, file = "bytes"): unknown {
  if (isLegacyPth(bytes)) return decodeLegacy(bytes, file);
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) {
    throw new RangeError(
      `Cannot read ${file} as a PyTorch file as it must be what torch.save writes: ${kindText(bytes)}`,
    );
  }
  const files = readZip(bytes, { file });
  const pickle = [...files.keys()].find((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
  if (pickle === undefined) {
    return refuse(file, "its archive must hold data.pkl", `archive has ${files.size} other files`);
  }
  const root = pickle.slice(0, -"data.pkl".length);
  if (files.has(`${root}constants.pkl`)) {
    refuse(
      file,
      "it must be what torch.save writes",
      `file is TorchScript, of torch.jit.save, whose code cannot be run here; in Python: ` +
        `torch.save(torch.jit.load(${JSON.stringify(file)}).state_dict(), "weights.pth")`,
    );
  }
  const order = files.get(`${root}byteorder`);
  if (order && new TextDecoder().decode(order) === "big") refuse(file, "it must be little-endian", "byte order is big");
  const storage = ({ key }: StorageReference) =>
    files.get(`${root}data/${key}`) ?? refuse(file, `its archive must hold storage ${key}`, "archive does not");
  return readPickle(files.get(pickle)!, { file, ...torchPickle(storage, bytes.length) }).value;
}

/**
 * Decodes a pickle of plain values, NumPy's arrays and PyTorch's tensors, as `pickle.dump` leaves them.
 *
 * @param bytes The whole file.
 * @param file What errors call it.
 * @returns As `decodePth`.
 * @throws {RangeError} As `decodePth`.
 */
export function decodeTensorPickle(bytes: Uint8Array, file = "bytes"): unknown {
  return readPickle(bytes, { file, ...plainTorchPickle((inner) => decodePth(inner, file), bytes.length) }).value;
}

/** Magic number, protocol, system, value, list of storages, then each with its number of elements. */
function decodeLegacy(bytes: Uint8Array, file: string): unknown {
  const magic = readPickle(bytes, { file });
  const protocol = readPickle(bytes, { file, start: magic.end });
  if (magic.value !== LEGACY_MAGIC || protocol.value !== LEGACY_PROTOCOL) {
    refuse(file, `its protocol must be ${LEGACY_PROTOCOL}`, `protocol is ${String(protocol.value)}`);
  }
  const system = readPickle(bytes, { file, start: protocol.end });
  const references = new Map<string, StorageReference>();
  // First only to learn what storages there are: their bytes come after it.
  let left = bytes.length;
  const missing = (reference: StorageReference) => {
    const size = reference.numel * SAFETENSORS_BYTES[reference.dtype];
    left -= size;
    if (left < 0) refuse(file, "its storages must lie in it", `file has ${bytes.length} bytes, storages have more`);
    references.set(reference.key, reference);
    return new Uint8Array(size);
  };
  const first = readPickle(bytes, { file, start: system.end, ...torchPickle(missing, bytes.length) });
  const keys = readPickle(bytes, { file, start: first.end });
  const storages = legacyStorages(bytes, keys, { references, file });
  const storage = ({ key }: StorageReference) =>
    storages.get(key) ?? refuse(file, `it must hold storage ${key}`, "not");
  return readPickle(bytes, { file, start: system.end, ...torchPickle(storage, bytes.length) }).value;
}

function legacyStorages(
  bytes: Uint8Array,
  keys: { readonly value: unknown; readonly end: number },
  { references, file }: { readonly references: ReadonlyMap<string, StorageReference>; readonly file: string },
): ReadonlyMap<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const storages = new Map<string, Uint8Array>();
  let at = keys.end;
  for (const key of Array.isArray(keys.value) ? keys.value : []) {
    const reference = references.get(String(key));
    if (!reference) return refuse(file, "its storages must belong to tensors", `storage ${String(key)} does not`);
    if (at + 8 > bytes.length) return refuse(file, "its storages must be whole", `storage ${reference.key} is missing`);
    const size = Number(view.getBigUint64(at, true)) * SAFETENSORS_BYTES[reference.dtype];
    if (at + 8 + size > bytes.length) {
      return refuse(
        file,
        `storage ${reference.key} must have ${size} bytes`,
        `file ends after ${bytes.length - at - 8}`,
      );
    }
    storages.set(reference.key, bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return storages;
}

/** Files of the archive that `torch.save` would write. */
function pthParts(value: unknown): readonly Uint8Array[] {
  const tensors: FileTensor[] = [];
  const known = new Map<FileTensor, PickleCall>();
  const replace = (x: unknown): unknown => {
    if (x instanceof FileTensor) {
      if (!known.has(x)) known.set(x, torchTensor(x, tensors.push(x) - 1));
      return known.get(x);
    }
    if (x instanceof Map) return replaceItems(x);
    if (x instanceof PickleCall) {
      return new PickleCall(x.global, x.args.map(replace), { items: replaceItems(x.items), state: replace(x.state) });
    }
    if (x instanceof PickleTuple) return new PickleTuple(x.items.map(replace));
    return Array.isArray(x) ? x.map(replace) : x;
  };
  const replaceItems = (items: ReadonlyMap<unknown, unknown>) => new Map([...items].map(([k, v]) => [k, replace(v)]));
  const pickle = pickleParts(replace(value));
  const raw = tensors.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return zipParts(
    new Map([
      ["archive/data.pkl", pickle],
      ...raw.map((bytes, i) => [`archive/data/${i}`, [bytes]] as const),
      ["archive/version", [new TextEncoder().encode("3\n")]],
    ]),
  );
}

/**
 * Encodes a file that `torch.load` reads.
 *
 * @param value Plain values as `encodePickle` takes them, and `FileTensor`s at any place.
 * @returns The bytes of the file. Equal content gives equal bytes.
 * @throws {RangeError} If a tensor has a dtype that PyTorch lacks, or the file would have 4 GiB or more.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { decodePth, encodePth } from "@tessera/tessera/data";
 *
 * equal(decodePth(encodePth("text")), "text");
 * ```
 */
export function encodePth(value: unknown): Uint8Array<ArrayBuffer> {
  return joinBytes(pthParts(value));
}

/**
 * Writes a file that `torch.load` reads, atomically.
 *
 * @param path The file; its folder must exist.
 * @param value As of `encodePth`.
 * @returns When the file is safe on the disk.
 * @throws {RangeError} As `encodePth`.
 * @throws {Error} If the file cannot be written; an old one stays as it was.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { readPth, writePth } from "@tessera/tessera/data";
 *
 * const path = await Deno.makeTempFile();
 * await writePth(path, [1, 2]);
 * deepStrictEqual(await readPth(path), [1, 2]);
 * await Deno.remove(path);
 * ```
 */
export async function writePth(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, pthParts(value));
}

/**
 * Reads a file of `torch.save`.
 *
 * @param path The file.
 * @returns As `decodePth`.
 * @throws {RangeError} As `decodePth`.
 * @throws {Error} If it cannot be read.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { readPth } from "@tessera/tessera/data";
 *
 * await rejects(readPth("missing.pth"), /Cannot read missing.pth/);
 * ```
 */
export async function readPth(path: string): Promise<unknown> {
  return decodePth(await readBytes(path), path);
}

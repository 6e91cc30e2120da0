/** @file The safetensors format (github.com/huggingface/safetensors): eight bytes of length, a JSON header, raw data. */
import { writeFileAtomic } from "./atomic_file.ts";
import { closing, joinBytes } from "./bytes.ts";
import { KIND_BYTES } from "./file_kind.ts";
import {
  headerLength,
  MAX_HEADER_BYTES,
  parseHeader,
  refuseSafetensors,
  SAFETENSORS_ARRAYS,
  SAFETENSORS_BYTES,
  type SafetensorsArray,
  type SafetensorsDType,
  type SafetensorsHeader,
} from "./safetensors_header.ts";

/** A tensor in a safetensors file. */
export interface SafetensorsTensor {
  /** Data type. */
  readonly dtype: SafetensorsDType;
  /** Sizes of the axes, outermost first. */
  readonly shape: readonly number[];
  /** Row-major values. */
  readonly data: SafetensorsArray;
}

/** Content of a safetensors file. */
export interface Safetensors {
  /** Free text under names. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors by name. */
  readonly tensors: Readonly<Record<string, SafetensorsTensor>>;
}

/** Cuts a file into its parts: the header, then each tensor's bytes, widest data types first, so that all are aligned. */
function partsOf(tensors: Safetensors["tensors"], metadata: Safetensors["metadata"]): readonly Uint8Array[] {
  const entries = Object.entries(tensors).sort(([a, { dtype: x }], [b, { dtype: y }]) =>
    SAFETENSORS_BYTES[y] - SAFETENSORS_BYTES[x] || (a < b ? -1 : 1)
  );
  let at = 0;
  const rows = entries.map(([name, { dtype, shape, data }]) => {
    const bytes = shape.reduce((size, axis) => size * axis, 1) * SAFETENSORS_BYTES[dtype];
    if (bytes !== data.byteLength) {
      throw new RangeError(
        `Cannot encode tensor ${name} as its shape [${shape}] of ${dtype} needs ${bytes} bytes: ` +
          `current data has ${data.byteLength}`,
      );
    }
    at += bytes;
    return [name, { dtype, shape, data_offsets: [at - bytes, at] }] as const;
  });
  const text = JSON.stringify(Object.fromEntries([["__metadata__", metadata], ...rows]));
  const json = new TextEncoder().encode(text);
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  if (header.length - 8 > MAX_HEADER_BYTES) {
    throw new RangeError(`Cannot encode a header beyond ${MAX_HEADER_BYTES} bytes: current size is ${json.length}`);
  }
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(json, 8);
  const bodies = entries.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return [header, ...bodies];
}

/**
 * Encodes tensors as a safetensors file. Equal content gives equal bytes, whatever the order of the names.
 *
 * @param tensors Tensors by name.
 * @param metadata Free text under names.
 * @returns The bytes of the file.
 * @throws {RangeError} If a tensor's data does not have the bytes of its shape.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeSafetensors, encodeSafetensors } from "@tessera/tessera/data";
 *
 * const bytes = encodeSafetensors({ w: { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) } });
 * deepStrictEqual(decodeSafetensors(bytes).tensors.w!.data, Float32Array.of(1, 2));
 * ```
 */
export function encodeSafetensors(
  tensors: Safetensors["tensors"],
  metadata: Safetensors["metadata"] = {},
): Uint8Array<ArrayBuffer> {
  return joinBytes(partsOf(tensors, metadata));
}

/**
 * Decodes a safetensors file.
 *
 * @param bytes The whole file.
 * @param file What errors call it, such as its path.
 * @returns Tensors, with their own copies of the values, and metadata.
 * @throws {RangeError} If the file is truncated, too long, or its header is invalid, naming the file and the reason.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { decodeSafetensors } from "@tessera/tessera/data";
 *
 * throws(() => decodeSafetensors(new Uint8Array(3), "short.safetensors"), /at least 8 bytes: current size is 3/);
 * ```
 */
export function decodeSafetensors(bytes: Uint8Array, file = "bytes"): Safetensors {
  const length = headerLength(bytes, bytes.length, file);
  const { metadata, tensors, dataStart } = parseHeader(bytes.subarray(8, 8 + length), bytes.length, file);
  const decoded = Object.entries(tensors).map(([name, { dtype, shape, begin, end }]) => {
    const data = new SAFETENSORS_ARRAYS[dtype](bytes.slice(dataStart + begin, dataStart + end).buffer);
    return [name, { dtype, shape, data }] as const;
  });
  return { metadata, tensors: Object.fromEntries(decoded) };
}

/**
 * Writes tensors as a safetensors file, atomically: a crash leaves the old file or the new one.
 *
 * @param path The file; its folder must exist.
 * @param tensors Tensors by name.
 * @param metadata Free text under names.
 * @returns When the file is safe on the disk.
 * @throws {RangeError} If a tensor's data does not have the bytes of its shape.
 * @throws {Error} If the file cannot be written; the old one stays as it was.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { readSafetensors, writeSafetensors } from "@tessera/tessera/data";
 *
 * const path = await Deno.makeTempFile();
 * await writeSafetensors(path, { step: { dtype: "I32", shape: [], data: Int32Array.of(7) } }, { format: "mine" });
 * deepStrictEqual((await readSafetensors(path)).metadata, { format: "mine" });
 * await Deno.remove(path);
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: Safetensors["tensors"],
  metadata: Safetensors["metadata"] = {},
): Promise<void> {
  await writeFileAtomic(path, partsOf(tensors, metadata));
}

/**
 * Reads a safetensors file.
 *
 * @param path The file.
 * @returns Tensors and metadata.
 * @throws {RangeError} If it is no valid safetensors file, naming the path and the reason.
 * @throws {Error} If it cannot be read.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { readSafetensors } from "@tessera/tessera/data";
 *
 * await rejects(readSafetensors("missing.safetensors"), /Cannot read missing.safetensors/);
 * ```
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  return decodeSafetensors(await Deno.readFile(path).catch((cause) => refuseUnreadable(path, cause)), path);
}

/**
 * Reads and checks the head of a safetensors file, not its data.
 *
 * @param path The file.
 * @returns Metadata, and each tensor's data type, shape and place.
 * @throws {RangeError} If it is no valid safetensors file, naming the path and the reason.
 * @throws {Error} If it cannot be read.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { readSafetensorsHeader } from "@tessera/tessera/data";
 *
 * await rejects(readSafetensorsHeader("missing.safetensors"), /Cannot read missing.safetensors/);
 * ```
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  return await closing(await Deno.open(path).catch((cause) => refuseUnreadable(path, cause)), async (file) => {
    const { size } = await file.stat();
    const head = await readBytes(file, Math.min(KIND_BYTES, size), path);
    const length = headerLength(head, size, path);
    await file.seek(8, Deno.SeekMode.Start);
    return parseHeader(await readBytes(file, length, path), size, path);
  });
}

async function readBytes(file: Deno.FsFile, count: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await file.read(bytes.subarray(at));
    if (read === null) refuseSafetensors(path, `${count} bytes must follow`, `file ends after ${at}`);
    at += read;
  }
  return bytes;
}

function refuseUnreadable(path: string, cause: Error): never {
  throw new Error(`Cannot read ${path} as it must be a readable file: current error is ${cause.message}`, { cause });
}

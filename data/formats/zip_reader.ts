/** @file Reads ZIP archives whole. */
import { requireOptions } from "../../tensor/errors.ts";
import { memoryRange } from "./byte_range.ts";
import { readZipDirectory, readZipEntry, zipRefusal } from "./zip_directory.ts";

/** How an archive is read. */
export interface ZipOptions {
  /** What errors call the bytes, such as a path. */
  readonly file?: string;
  /** Bound on the bytes of all files together; 64 GiB if not given. */
  readonly maxBytes?: number;
}

/**
 * Reads a ZIP archive.
 *
 * @param bytes The whole archive.
 * @param options Name of the file and bound of its size.
 * @returns Files by name, in the order of the directory. Those that are not compressed are views of `bytes`.
 * @throws {RangeError} If the archive is truncated or invalid, is encrypted or compressed other than by deflate, declares
 * sizes that cannot be, or a checksum is wrong, naming file, entry and reason.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { encodeZip, readZip } from "@tessera/tessera/data";
 *
 * const archive = encodeZip(new Map([["a/b.txt", [Uint8Array.of(104, 105)]]]));
 * deepStrictEqual([...readZip(archive)], [["a/b.txt", Uint8Array.of(104, 105)]]);
 * ```
 */
export function readZip(bytes: Uint8Array, options: ZipOptions = {}): ReadonlyMap<string, Uint8Array> {
  requireOptions("readZip", options, { file: true, maxBytes: true });
  const { file = "bytes", maxBytes = 2 ** 36 } = options;
  const range = memoryRange(bytes, file);
  const files = new Map<string, Uint8Array>();
  for (const entry of readZipDirectory(range, { maxBytes })) {
    if (files.has(entry.name)) zipRefusal(file)("names must differ", `name ${entry.name} comes twice`);
    files.set(entry.name, readZipEntry(range, entry));
  }
  return files;
}

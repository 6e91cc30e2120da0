/** @file Reads ZIP archives whole: directory, sizes and checksums are all checked before anything is believed. */
import { crc32 } from "node:zlib";
import { inflateSync } from "fflate";

/** A file in the directory of an archive. */
interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly checksum: number;
  /** Bytes in the archive. */
  readonly packed: number;
  /** Bytes of the file. */
  readonly size: number;
  /** Where its own header is. */
  readonly at: number;
}

/** How an archive is read. */
export interface ZipOptions {
  /** What errors call the bytes, such as a path. */
  readonly file?: string;
  /** Bound on the bytes of all files together; 64 GiB if not given. */
  readonly maxBytes?: number;
}

type Refuse = (requirement: string, current: string) => never;

const [END, END_64, LOCATOR_64, CENTRAL, LOCAL] = [0x06054b50, 0x06064b50, 0x07064b50, 0x02014b50, 0x04034b50];
const [STORED, DEFLATED] = [0, 8];

/** Deflate cannot pack more bytes into one: what claims to is a bomb. */
const MAX_RATIO = 1032;

/** The end record may be followed by a comment of 16 bits of length. */
const END_BYTES = 22;

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
  const { file = "bytes", maxBytes = 2 ** 36 } = options;
  const refuse: Refuse = (requirement, current) => {
    throw new RangeError(`Cannot read ${file} as a zip archive as ${requirement}: current ${current}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = readDirectory(bytes, view, refuse);
  checkSizes(entries, bytes.length, maxBytes, refuse);
  const files = new Map<string, Uint8Array>();
  for (const entry of entries) {
    if (files.has(entry.name)) refuse("names must differ", `name ${entry.name} comes twice`);
    files.set(entry.name, readEntry(bytes, view, entry, refuse));
  }
  return files;
}

/** Directories whose files together are larger than the archive overlap, which is how the worst bombs are made. */
function checkSizes(entries: readonly ZipEntry[], bytes: number, maxBytes: number, refuse: Refuse): void {
  const packed = entries.reduce((sum, entry) => sum + entry.packed, 0);
  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (packed > bytes) refuse("its files must lie in it side by side", `files have ${packed} bytes of ${bytes}`);
  if (size > maxBytes) refuse(`its files must have at most ${maxBytes} bytes`, `files have ${size}`);
  for (const { name, method, packed, size } of entries) {
    const fits = method === STORED ? packed === size : size <= MAX_RATIO * packed + 64;
    if (!fits) refuse(`the ${packed} bytes of ${name} must be able to hold it`, `declared size is ${size}`);
  }
}

function readDirectory(bytes: Uint8Array, view: DataView, refuse: Refuse): readonly ZipEntry[] {
  const end = findEnd(view, refuse);
  const directory = end64(view, end, refuse) ?? {
    count: view.getUint16(end + 10, true),
    size: view.getUint32(end + 12, true),
    start: view.getUint32(end + 16, true),
  };
  const { count, size, start } = directory;
  if (start + size > end || count * 46 > size) {
    refuse("its directory must lie before its end", `directory of ${count} files has ${size} bytes at ${start}`);
  }
  const entries: ZipEntry[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 46 > start + size || view.getUint32(at, true) !== CENTRAL) {
      refuse(`its directory must list ${count} files`, `entry ${i} is broken`);
    }
    const { entry, next } = directoryEntry(bytes, view, at, refuse);
    entries.push(entry);
    at = next;
  }
  return entries;
}

function findEnd(view: DataView, refuse: Refuse): number {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= 0 && at >= last - 0xffff; at--) {
    if (view.getUint32(at, true) === END && at + END_BYTES + view.getUint16(at + 20, true) === view.byteLength) {
      return at;
    }
  }
  return refuse("it must end with its directory", `file of ${view.byteLength} bytes is truncated or something else`);
}

/** The directory of a large archive. */
function end64(view: DataView, end: number, refuse: Refuse) {
  const locator = end - 20;
  if (locator < 0 || view.getUint32(locator, true) !== LOCATOR_64) return null;
  const at = Number(view.getBigUint64(locator + 8, true));
  if (at + 56 > locator || view.getUint32(at, true) !== END_64) {
    return refuse("the end of its directory must be where it says", `place is ${at}`);
  }
  const number = (offset: number) => Number(view.getBigUint64(at + offset, true));
  return { count: number(32), size: number(40), start: number(48) };
}

function directoryEntry(bytes: Uint8Array, view: DataView, at: number, refuse: Refuse) {
  const [nameBytes, extraBytes, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
  const next = at + 46 + nameBytes! + extraBytes! + comment!;
  if (next > bytes.length) refuse("its directory must be whole", `entry at ${at} ends at ${next}`);
  const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameBytes!));
  const flags = view.getUint16(at + 8, true);
  if (flags & 1) refuse("its files must not be encrypted", `file ${name} is`);
  const extra = { at: at + 46 + nameBytes!, end: at + 46 + nameBytes! + extraBytes! };
  const [size, packed, place] = sizes64(view, extra, [24, 20, 42].map((offset) => view.getUint32(at + offset, true)));
  const entry: ZipEntry = {
    name,
    method: view.getUint16(at + 10, true),
    checksum: view.getUint32(at + 16, true),
    packed: packed!,
    size: size!,
    at: place!,
  };
  return { entry, next };
}

/** Numbers that do not fit into 32 bits stand in the extra field 1, in this order. */
function sizes64(view: DataView, extra: { at: number; end: number }, numbers: readonly number[]): readonly number[] {
  let { at } = extra;
  while (at + 4 <= extra.end && view.getUint16(at, true) !== 1) at += 4 + view.getUint16(at + 2, true);
  at += 4;
  return numbers.map((number) => {
    if (number !== 0xffffffff || at + 8 > extra.end) return number;
    at += 8;
    return Number(view.getBigUint64(at - 8, true));
  });
}

function readEntry(bytes: Uint8Array, view: DataView, entry: ZipEntry, refuse: Refuse): Uint8Array {
  const { name, at, packed, size, method, checksum } = entry;
  if (at + 30 > bytes.length || view.getUint32(at, true) !== LOCAL) {
    refuse(`${name} must start with its header`, `place is ${at}`);
  }
  const start = at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
  if (start + packed > bytes.length) refuse(`${name} must be whole`, `bytes ${start} to ${start + packed} are not`);
  const raw = bytes.subarray(start, start + packed);
  if (method !== STORED && method !== DEFLATED) {
    refuse("files must be stored or deflated", `method of ${name} is ${method}`);
  }
  const data = method === STORED ? raw : inflate(raw, size, name, refuse);
  const found = crc32(data);
  if (found !== checksum) refuse(`the checksum of ${name} must be ${checksum}`, `checksum is ${found}: it is damaged`);
  return data;
}

function inflate(raw: Uint8Array, size: number, name: string, refuse: Refuse): Uint8Array {
  try {
    // One byte more than declared, to see it if the data goes on.
    const data = inflateSync(raw, { out: new Uint8Array(size + 1) });
    if (data.length === size) return data;
    return refuse(`${name} must have the ${size} bytes that the directory says`, `size is another`);
  } catch (error) {
    if (error instanceof RangeError && error.message.startsWith("Cannot ")) throw error;
    return refuse(`${name} must be valid deflate data`, `error is ${(error as Error).message}`);
  }
}

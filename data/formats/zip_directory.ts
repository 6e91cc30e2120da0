/** @file The directory of a ZIP archive, and its files one by one: sizes and checksums are checked before they are believed. */
import { hostModule } from "./host_module.ts";
import { inflateSync } from "fflate";
import type { ByteRange } from "./byte_range.ts";

/** A file in the directory of an archive. Plain data. */
export interface ZipEntry {
  /** Path as it stands in the archive; that of a folder ends with `/`. */
  readonly name: string;
  /** How it is packed: 0 stored, 8 deflated. */
  readonly method: number;
  /** CRC-32 of the file. */
  readonly checksum: number;
  /** Bytes in the archive. */
  readonly packed: number;
  /** Bytes of the file. */
  readonly size: number;
  /** Where its own header is. */
  readonly at: number;
}

/** Throws what is wrong. */
export type Refuse = (requirement: string, current: string) => never;

const [END, END_64, LOCATOR_64, CENTRAL, LOCAL] = [0x06054b50, 0x06064b50, 0x07064b50, 0x02014b50, 0x04034b50];
const [STORED, DEFLATED] = [0, 8];

/** Deflate cannot pack more bytes into one: what claims to is a bomb. */
const MAX_RATIO = 1032;

/** The end record may be followed by a comment of 16 bits of length, and comes after that of large archives. */
const END_BYTES = 22;
const TAIL_BYTES = END_BYTES + 0xffff + 20;

/** A directory of some ten million files. */
const MAX_DIRECTORY = 2 ** 30;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Makes the errors of an archive.
 *
 * @param file What they call it.
 * @returns Throws a `RangeError`.
 */
export function zipRefusal(file: string): Refuse {
  return (requirement, current) => {
    throw new RangeError(`Cannot read ${file} as a zip archive as ${requirement}: current ${current}`);
  };
}

/**
 * Reads the directory of an archive.
 *
 * @param range The archive.
 * @param options Bound on the bytes of all files together.
 * @returns Its files and folders in the order of the directory.
 * @throws {RangeError} If it is truncated, invalid or encrypted, or declares sizes that cannot be.
 */
export function readZipDirectory(range: ByteRange, { maxBytes }: { readonly maxBytes: number }): readonly ZipEntry[] {
  const refuse = zipRefusal(range.name);
  const entries = listEntries(range, refuse);
  const packed = entries.reduce((sum, entry) => sum + entry.packed, 0);
  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (packed > range.size) {
    refuse("its files must lie in it side by side", `files have ${packed} bytes of ${range.size}`);
  }
  if (size > maxBytes) refuse(`its files must have at most ${maxBytes} bytes`, `files have ${size}`);
  for (const { name, method, packed, size } of entries) {
    const fits = method === STORED ? packed === size : size <= MAX_RATIO * packed + 64;
    if (!fits) refuse(`the ${packed} bytes of ${name} must be able to hold it`, `declared size is ${size}`);
  }
  return entries;
}

function listEntries(range: ByteRange, refuse: Refuse): readonly ZipEntry[] {
  const { end, directory: { count, size, start } } = findDirectory(range, refuse);
  if (start + size > end || count * 46 > size || size > MAX_DIRECTORY) {
    refuse("its directory must lie before its end", `directory of ${count} files has ${size} bytes at ${start}`);
  }
  const bytes = range.read(start, size);
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL) {
      refuse(`its directory must list ${count} files`, `entry ${i} is broken`);
    }
    const { entry, next } = directoryEntry(bytes, view, at, refuse);
    entries.push(entry);
    at = next;
  }
  return entries;
}

function findDirectory(range: ByteRange, refuse: Refuse) {
  const base = Math.max(0, range.size - TAIL_BYTES);
  const tail = viewOf(range.read(base, range.size - base));
  const last = tail.byteLength - END_BYTES;
  for (let at = last; at >= 0 && at >= last - 0xffff; at--) {
    if (tail.getUint32(at, true) !== END || at + END_BYTES + tail.getUint16(at + 20, true) !== tail.byteLength) {
      continue;
    }
    const directory = largeDirectory(range, tail, { at, base }, refuse) ?? {
      count: tail.getUint16(at + 10, true),
      size: tail.getUint32(at + 12, true),
      start: tail.getUint32(at + 16, true),
    };
    return { end: base + at, directory };
  }
  return refuse("it must end with its directory", `file of ${range.size} bytes is truncated or something else`);
}

/** The directory of an archive that 32 bits do not suffice for. */
function largeDirectory(
  range: ByteRange,
  tail: DataView,
  { at: end, base }: { readonly at: number; readonly base: number },
  refuse: Refuse,
) {
  const locator = end - 20;
  if (locator < 0 || tail.getUint32(locator, true) !== LOCATOR_64) return null;
  const at = Number(tail.getBigUint64(locator + 8, true));
  const record = at + 56 > base + locator ? null : viewOf(range.read(at, 56));
  if (record?.byteLength !== 56 || record.getUint32(0, true) !== END_64) {
    return refuse("the end of its directory must be where it says", `place is ${at}`);
  }
  const number = (offset: number) => Number(record.getBigUint64(offset, true));
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

/**
 * Reads a file of an archive.
 *
 * @param range The archive.
 * @param entry The file, of the directory.
 * @returns Its content, unpacked and checked; a view of the archive where that is in memory and the file is stored.
 * @throws {RangeError} If it is not whole, is packed other than by deflate, or has another checksum.
 */
export function readZipEntry(range: ByteRange, entry: ZipEntry): Uint8Array {
  const refuse = zipRefusal(range.name);
  const { name, at, packed, size, method, checksum } = entry;
  const header = viewOf(range.read(at, 30));
  if (header.byteLength < 30 || header.getUint32(0, true) !== LOCAL) {
    refuse(`${name} must start with its header`, `place is ${at}`);
  }
  const start = at + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + packed > range.size) refuse(`${name} must be whole`, `bytes ${start} to ${start + packed} are not`);
  const raw = range.read(start, packed);
  if (method !== STORED && method !== DEFLATED) {
    refuse("files must be stored or deflated", `method of ${name} is ${method}`);
  }
  const data = method === STORED ? raw : inflate(raw, size, name, refuse);
  const found = hostModule("zlib").crc32(data);
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

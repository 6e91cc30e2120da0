/** @file Writes ZIP archives without compression, data at multiples of 64 bytes, as PyTorch does. */
import { hostModule } from "./host_module.ts";
import { joinBytes } from "./bytes.ts";

/** Where data starts in the archive: at multiples of this, so that files can be mapped into memory. */
const ALIGNMENT = 64;

/** Every part of an archive without ZIP64 lies below this. */
const MAX_BYTES = 0xffffffff;

interface Written {
  readonly name: Uint8Array;
  readonly size: number;
  readonly checksum: number;
  readonly at: number;
}

/** Fields of the directory and of a file's own header share most of their form. */
function header(signature: number, { name, size, checksum, at }: Written, extra: number): Uint8Array {
  const central = signature === 0x02014b50;
  const base = central ? 46 : 30;
  const bytes = new Uint8Array(base + name.length + extra);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signature, true);
  const fields = central ? 6 : 4;
  if (central) view.setUint16(4, 20, true); // made by version 2.0
  view.setUint16(fields, 20, true); // needs version 2.0
  view.setUint16(fields + 2, 0x800, true); // names are UTF-8
  view.setUint16(fields + 8, 0x21, true); // 1 January 1980: equal content gives equal bytes
  view.setUint32(fields + 10, checksum, true);
  view.setUint32(fields + 14, size, true);
  view.setUint32(fields + 18, size, true);
  view.setUint16(fields + 22, name.length, true);
  view.setUint16(fields + 24, extra, true);
  if (central) view.setUint32(42, at, true);
  bytes.set(name, base);
  if (extra >= 4) {
    view.setUint16(base + name.length, 0x4246, true); // "FB": padding
    view.setUint16(base + name.length + 2, extra - 4, true);
  }
  return bytes;
}

/**
 * As `encodeZip`, in parts, contents not copied.
 *
 * @param files Contents in parts, by name.
 * @returns Parts of the archive.
 * @throws {RangeError} If the archive would have 4 GiB or more, or 65,535 files or more.
 */
export function zipParts(files: ReadonlyMap<string, readonly Uint8Array[]>): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  const written: Written[] = [];
  let at = 0;
  const put = (part: Uint8Array) => (parts.push(part), at += part.length);
  for (const [text, content] of files) {
    const name = new TextEncoder().encode(text);
    const size = content.reduce((sum, part) => sum + part.length, 0);
    const { crc32 } = hostModule("zlib");
    const checksum = content.reduce((sum, part) => crc32(part, sum), 0);
    const entry = { name, size, checksum, at };
    const start = at + 30 + name.length;
    const extra = 4 + (ALIGNMENT - (start + 4) % ALIGNMENT) % ALIGNMENT;
    put(header(0x04034b50, entry, extra));
    content.forEach(put);
    written.push(entry);
  }
  const directory = at;
  for (const entry of written) put(header(0x02014b50, entry, 0));
  if (at > MAX_BYTES || written.length >= 0xffff) {
    throw new RangeError(
      `Cannot write a zip archive as it must have less than 4 GiB and 65535 files: current size is ${at} bytes, ` +
        `${written.length} files; write safetensors instead`,
    );
  }
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, written.length, true);
  end.setUint16(10, written.length, true);
  end.setUint32(12, at - directory, true);
  end.setUint32(16, directory, true);
  put(new Uint8Array(end.buffer));
  return parts;
}

/**
 * Encodes files as a ZIP archive without compression. Equal content gives equal bytes.
 *
 * @param files Contents in parts, by name.
 * @returns The archive.
 * @throws {RangeError} If the archive would have 4 GiB or more, or 65,535 files or more.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { encodeZip, readZip } from "@tessera/tessera/data";
 *
 * equal(readZip(encodeZip(new Map([["empty", []]]))).get("empty")!.length, 0);
 * ```
 */
export function encodeZip(files: ReadonlyMap<string, readonly Uint8Array[]>): Uint8Array<ArrayBuffer> {
  return joinBytes(zipParts(files));
}

/** @file The 512-byte header of a tar entry: POSIX.1-2001 `pax`, ustar, GNU and the older form without a magic word. */

/** Bytes of a block, the unit of the format. */
export const TAR_BLOCK = 512;

/** What a header tells. */
export interface TarHeader {
  /** Path, with the prefix of ustar before it; as it stands, not checked. */
  readonly path: string;
  /** Bytes of the content. */
  readonly size: number;
  /** Kind: `0` a file, `5` a folder, `x`, `g` and `L` names and attributes of what follows, … */
  readonly type: string;
  /** Of a link the path that it leads to; as it stands. */
  readonly link: string;
}

/** Where in the header things stand. */
const FIELDS = {
  path: [0, 100],
  size: [124, 12],
  checksum: [148, 8],
  type: [156, 1],
  link: [157, 100],
  prefix: [345, 155],
} as const;

/**
 * Reads a header.
 *
 * @param block 512 bytes.
 * @returns What it tells; `"end"` for a block of zeros, which ends an archive; else what is wrong with it.
 */
export function readTarHeader(block: Uint8Array): TarHeader | "end" | { readonly wrong: string } {
  if (block.every((byte) => byte === 0)) return "end";
  const field = ([start, length]: readonly [number, number]) => block.subarray(start, start + length);
  const checksum = numberOf(field(FIELDS.checksum));
  if (checksum === null || !sumsOf(block).includes(checksum)) {
    return {
      wrong: `every header must have the checksum that it tells: current checksum is ${checksum ?? "no number"}`,
    };
  }
  const size = numberOf(field(FIELDS.size));
  if (size === null) return { wrong: "sizes must be numbers from 0 to 2^53 - 1: current size is another" };
  const isPosix = textOf(block.subarray(257, 263)) === "ustar"; // GNU has spaces after it, and times in the prefix
  const prefix = isPosix ? textOf(field(FIELDS.prefix)) : "";
  const path = textOf(field(FIELDS.path));
  const type = String.fromCharCode(block[FIELDS.type[0]]! || 0x30);
  return { path: prefix ? `${prefix}/${path}` : path, size, type, link: textOf(field(FIELDS.link)) };
}

/** Text up to the first zero byte. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Octal digits, or GNU's binary form where they do not suffice; null if it is neither, or beyond 2^53 - 1. */
function numberOf(bytes: Uint8Array): number | null {
  if (bytes[0] === 0x80) {
    const value = bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : null;
  }
  const text = new TextDecoder("latin1").decode(bytes).replace(/^[ ]*/, "").replace(/[\0 ].*$/s, "");
  if (text === "") return 0;
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : null;
}

/** Sum of the bytes with the checksum as spaces; some old writers took bytes as signed. */
function sumsOf(block: Uint8Array): readonly [number, number] {
  const [start, length] = FIELDS.checksum;
  let [unsigned, signed] = [0, 0];
  block.forEach((byte, i) => {
    const value = i >= start && i < start + length ? 0x20 : byte;
    unsigned += value;
    signed += value < 128 ? value : value - 256;
  });
  return [unsigned, signed];
}

/**
 * Reads the records of a pax header, `length key=value\n` each.
 *
 * @param bytes Content of an `x` entry.
 * @returns Values by key; null if a record is malformed.
 */
export function readPaxRecords(bytes: Uint8Array): ReadonlyMap<string, string> | null {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? "" : new TextDecoder().decode(bytes.subarray(at, Math.min(space, at + 12)));
    const end = at + Number(digits);
    if (!/^[1-9]\d*$/.test(digits) || end > bytes.length || end <= space || bytes[end - 1] !== 0x0a) return null;
    const record = new TextDecoder().decode(bytes.subarray(space + 1, end - 1));
    const equals = record.indexOf("=");
    if (equals < 1) return null;
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

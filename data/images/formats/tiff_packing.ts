/** @file How parts of TIFF files are packed. */
import { unzlibSync } from "fflate";

const [CLEAR, END, MOST_BITS] = [256, 257, 12];

/** LZW with the highest bit first and codes that widen one early, as TIFF has it; stops where `out` is full. */
function unpackLzw(packed: Uint8Array, out: Uint8Array): number {
  // A code stands for a piece of what was written: that of the code before, and the byte after it.
  const [starts, lengths] = [new Int32Array(1 << MOST_BITS), new Int32Array(1 << MOST_BITS)];
  let [at, next, width, bits, held, before] = [0, END + 1, 9, 0, 0, -1];
  let last = { start: 0, length: 0 };
  for (const byte of packed) {
    held = (held << 8 | byte) & 0xffffff;
    bits += 8;
    if (bits < width) continue;
    bits -= width;
    const code = held >> bits & ((1 << width) - 1);
    if (code === END || at >= out.length) break;
    if (code === CLEAR) {
      [next, width, before] = [END + 1, 9, -1];
      continue;
    }
    if (code > next || (code === next && before < 0)) break;
    if (before >= 0 && next < 1 << MOST_BITS) {
      [starts[next], lengths[next]] = [last.start, last.length + 1];
      next++;
    }
    const start = at;
    if (code < CLEAR) out[at++] = code;
    else for (let k = 0; k < lengths[code]! && at < out.length; k++) out[at++] = out[starts[code]! + k]!;
    last = { start, length: at - start };
    before = code;
    if (next >= (1 << width) - 1 && width < MOST_BITS) width++;
  }
  return at;
}

/** Runs: a count and a byte that is repeated, or a count and bytes. */
function unpackRuns(packed: Uint8Array, out: Uint8Array): number {
  let at = 0;
  for (let i = 0; i + 1 < packed.length && at < out.length;) {
    const count = packed[i++]! << 24 >> 24;
    if (count === -128) continue;
    const length = Math.min(Math.abs(count) + 1, out.length - at);
    if (count < 0) out.fill(packed[i++]!, at, at + length);
    else {
      const bytes = packed.subarray(i, i + length);
      out.set(bytes, at);
      if (bytes.length < length) return at + bytes.length;
      i += length;
    }
    at += length;
  }
  return at;
}

/** Deflate, with zlib's head. */
function unpackDeflate(packed: Uint8Array, out: Uint8Array): number {
  const unpacked = unzlibSync(packed, { out: new Uint8Array(out.length) });
  out.set(unpacked.subarray(0, out.length));
  return unpacked.length;
}

function copy(packed: Uint8Array, out: Uint8Array): number {
  const bytes = packed.subarray(0, out.length);
  out.set(bytes);
  return bytes.length;
}

/** What unpacks a part, by number of the compression: fills `out` and tells how many bytes there were. */
export const UNPACK: ReadonlyMap<number, (packed: Uint8Array, out: Uint8Array) => number> = new Map([
  [1, copy],
  [5, unpackLzw],
  [8, unpackDeflate],
  [32773, unpackRuns],
  [32946, unpackDeflate],
]);

/** Names of what is not unpacked. */
export const OTHER_PACKINGS: Readonly<Record<number, string>> = {
  2: "CCITT run lengths",
  3: "CCITT group 3",
  4: "CCITT group 4",
  6: "JPEG of old",
  7: "JPEG",
  33003: "JPEG 2000",
  33005: "JPEG 2000",
  34712: "JPEG 2000",
  34887: "LERC",
  34925: "LZMA",
  50000: "Zstandard",
  50001: "WebP",
  50002: "JPEG XL",
};

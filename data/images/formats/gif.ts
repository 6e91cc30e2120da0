import type { ImageFormat } from "../image_format.ts";
import type { Raster } from "../raster.ts";
import { hasText, viewOf } from "./head.ts";

const [EXTENSION, IMAGE, CONTROL] = [0x21, 0x2c, 0xf9];

/** Codes have 12 bits at most. */
const MAX_CODES = 4096;

function refuse(requirement: string, current: string): never {
  throw new Error(`Cannot decode as ${requirement}: current ${current}`);
}

/** The first picture: its place on the canvas, its colours, and where its codes begin. */
interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly isInterlaced: boolean;
  /** First byte of the palette, and number of its colours. */
  readonly palette: { readonly at: number; readonly count: number };
  /** Index that is transparent; -1 if none is. */
  readonly clear: number;
  readonly codes: number;
}

/** Passes over blocks up to the one of length 0. */
function passBlocks(bytes: Uint8Array, at: number): number {
  while (bytes[at]) at += 1 + bytes[at]!;
  return at + 1;
}

function firstFrame(bytes: Uint8Array): Frame {
  const view = viewOf(bytes);
  const paletteAt = (flags: number, at: number) => ({ at, count: flags & 0x80 ? 2 << (flags & 7) : 0 });
  const shared = paletteAt(bytes[10]!, 13);
  let at = 13 + 3 * shared.count;
  let clear = -1;
  while (at + 10 < bytes.length) {
    if (bytes[at] === EXTENSION) {
      if (bytes[at + 1] === CONTROL) clear = bytes[at + 3]! & 1 ? bytes[at + 6]! : -1;
      at = passBlocks(bytes, at + 2);
      continue;
    }
    if (bytes[at] !== IMAGE) refuse("blocks must be of a kind that is known", `kind at ${at} is ${bytes[at]}`);
    const [left, top, width, height] = [1, 3, 5, 7].map((offset) => view.getUint16(at + offset, true));
    const own = paletteAt(bytes[at + 9]!, at + 10);
    const palette = own.count > 0 ? own : shared;
    const size = { left: left!, top: top!, width: width!, height: height! };
    return { ...size, isInterlaced: (bytes[at + 9]! & 0x40) !== 0, palette, clear, codes: at + 10 + 3 * own.count };
  }
  return refuse("there must be a picture", "file ends before one");
}

/** Bytes of the blocks of a picture, one behind the other. */
function* blockBytes(bytes: Uint8Array, start: number): Generator<number> {
  for (let at = start; bytes[at]; at += 1 + bytes[at]!) yield* bytes.subarray(at + 1, at + 1 + bytes[at]!);
}

/** What codes stand for: a code before, and one index more. */
interface Table {
  readonly prefix: Uint16Array;
  readonly suffix: Uint8Array;
  readonly lengths: Uint16Array;
  /** Codes so far, bits of the next code, and the code before it; -1 for none. */
  count: number;
  bits: number;
  previous: number;
}

/** Writes what a code stands for, adds a code to the table, and returns how many indices were written. */
function expand(table: Table, code: number, out: Uint8Array, done: number): number {
  const { prefix, suffix, lengths, count, previous } = table;
  if (code > count || (code === count && previous < 0)) refuse("codes must be known", `code ${code} is not`);
  const isNew = code === count;
  const length = lengths[isNew ? previous : code]!;
  let from = isNew ? previous : code;
  for (let i = length - 1; i >= 0; i--) {
    if (done + i < out.length) out[done + i] = suffix[from]!;
    if (i > 0) from = prefix[from]!;
  }
  const first = suffix[from]!;
  if (isNew && done + length < out.length) out[done + length] = first;
  if (previous >= 0 && count < MAX_CODES) {
    prefix[count] = previous;
    suffix[count] = first;
    lengths[count] = lengths[previous]! + 1;
    table.count++;
    if (table.count === 1 << table.bits && table.bits < 12) table.bits++;
  }
  table.previous = code;
  return length + (isNew ? 1 : 0);
}

/** Unpacks LZW codes of growing length. Every code must be known when it comes. */
function unpack(bytes: Uint8Array, { codes, width, height }: Frame): Uint8Array {
  const least = bytes[codes] ?? 0;
  if (least < 1 || least > 8) refuse("codes must start with 1 to 8 bits", `number is ${least}`);
  const [clear, end] = [1 << least, (1 << least) + 1];
  const fresh = { count: end + 1, bits: least + 1, previous: -1 };
  const table: Table = {
    prefix: new Uint16Array(MAX_CODES),
    suffix: Uint8Array.from({ length: MAX_CODES }, (_, i) => i < clear ? i : 0),
    lengths: new Uint16Array(MAX_CODES).fill(1, 0, clear),
    ...fresh,
  };
  const out = new Uint8Array(width * height);
  let [done, buffer, filled] = [0, 0, 0];
  for (const byte of blockBytes(bytes, codes + 1)) {
    buffer |= byte << filled;
    filled += 8;
    while (filled >= table.bits && done < out.length) {
      const { bits } = table;
      const code = buffer & ((1 << bits) - 1);
      buffer >>>= bits;
      filled -= bits;
      if (code === end) return finished(out, done);
      if (code === clear) Object.assign(table, fresh);
      else done += expand(table, code, out, done);
    }
  }
  return finished(out, done);
}

function finished(out: Uint8Array, done: number): Uint8Array {
  if (done < out.length) refuse(`its picture must have ${out.length} pixels`, `file has ${done}: it is truncated`);
  return out;
}

/** Order of rows: every eighth, those between, … */
function rowsOf({ height, isInterlaced }: Frame): readonly number[] {
  const all = Array.from({ length: height }, (_, y) => y);
  if (!isInterlaced) return all;
  const passes = [[0, 8], [4, 8], [2, 4], [1, 2]] as const;
  return passes.flatMap(([start, step]) => all.filter((y) => y % step === start));
}

function decode(bytes: Uint8Array): Raster {
  const view = viewOf(bytes);
  const [width, height] = [view.getUint16(6, true), view.getUint16(8, true)];
  const frame = firstFrame(bytes);
  const { left, top, palette, clear } = frame;
  if (left + frame.width > width || top + frame.height > height) {
    refuse("its picture must lie on its canvas", "one does not");
  }
  const indices = unpack(bytes, frame);
  const data = new Uint8Array(width * height * 4);
  rowsOf(frame).forEach((y, row) => {
    for (let x = 0; x < frame.width; x++) {
      const index = indices[row * frame.width + x]!;
      if (index >= palette.count) {
        refuse(`colours must be among the ${palette.count} of its palette`, `one is ${index}`);
      }
      const [from, to] = [palette.at + 3 * index, ((top + y) * width + left + x) * 4];
      for (let c = 0; c < 3; c++) data[to + c] = bytes[from + c]!;
      data[to + 3] = index === clear ? 0 : 255;
    }
  });
  return { width, height, channels: 4, data };
}

/** GIF, the first picture of an animation, on a transparent canvas. */
export const GIF: ImageFormat = {
  name: "GIF",
  endings: [".gif"],
  sniff: (bytes) => hasText(bytes, 0, "GIF87a") || hasText(bytes, 0, "GIF89a"),
  measure: (bytes) => {
    if (bytes.length < 13) return null;
    const view = viewOf(bytes);
    return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  },
  decode,
};

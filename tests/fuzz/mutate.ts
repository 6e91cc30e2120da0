/** @file Damages files in every way that a seed picks: bits, lengths, ends, order, nesting. */

/** Draws a number in [0, 1). */
export type Draw = () => number;

const below = (draw: Draw, n: number): number => Math.floor(draw() * n);

/** Values that length fields are set to. */
const EXTREMES = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
];

function flipBits(bytes: Uint8Array, draw: Draw): Uint8Array {
  const out = bytes.slice();
  for (let k = 1 + below(draw, 8); k > 0; k--) out[below(draw, out.length)]! ^= 1 << below(draw, 8);
  return out;
}

function setBytes(bytes: Uint8Array, draw: Draw): Uint8Array {
  const out = bytes.slice();
  for (let k = 1 + below(draw, 8); k > 0; k--) out[below(draw, out.length)] = below(draw, 256);
  return out;
}

function truncate(bytes: Uint8Array, draw: Draw): Uint8Array {
  return bytes.slice(0, below(draw, bytes.length));
}

function extend(bytes: Uint8Array, draw: Draw): Uint8Array {
  const out = new Uint8Array(bytes.length + 1 + below(draw, 1000));
  out.set(bytes);
  for (let i = bytes.length; i < out.length; i++) out[i] = draw() < 0.5 ? 0 : below(draw, 256);
  return out;
}

/** Writes an extreme value of 2, 4 or 8 bytes somewhere, likelier near the start and the end, where headers are. */
function setLength(bytes: Uint8Array, draw: Draw): Uint8Array {
  const out = bytes.slice();
  const size = [2, 4, 8][below(draw, 3)]!;
  if (out.length < size) return out;
  const near = Math.min(out.length - size, 200);
  const at = [
    below(draw, out.length - size + 1),
    below(draw, near + 1),
    out.length - size - below(draw, near + 1),
  ][below(draw, 3)]!;
  const value = BigInt.asUintN(8 * size, EXTREMES[below(draw, EXTREMES.length)]!);
  const little = draw() < 0.5;
  for (let i = 0; i < size; i++) out[at + (little ? i : size - 1 - i)] = Number((value >> BigInt(8 * i)) & 255n);
  return out;
}

/** Copies a stretch over another place, or leaves it out, or doubles it. */
function moveStretch(bytes: Uint8Array, draw: Draw): Uint8Array {
  const from = below(draw, bytes.length);
  const stretch = bytes.subarray(from, from + 1 + below(draw, Math.min(512, bytes.length - from)));
  const at = below(draw, bytes.length);
  const kind = below(draw, 3);
  if (kind === 0) {
    const out = bytes.slice();
    out.set(stretch.subarray(0, out.length - at), at);
    return out;
  }
  const cut = kind === 1 ? new Uint8Array(0) : stretch;
  const rest = kind === 1 ? bytes.subarray(from + stretch.length) : bytes.subarray(at);
  return joined([bytes.subarray(0, kind === 1 ? from : at), cut, rest]);
}

/** What opens a structure in pickles, JSON and Python text. */
const OPENERS = ["]", "(", "}", ")", "[", '{"a":', "(K\x01", "]q\0h\0a", "2", "\x85", "]("];

/** Puts many openings somewhere. */
function nest(bytes: Uint8Array, draw: Draw): Uint8Array {
  const opener = OPENERS[below(draw, OPENERS.length)]!;
  const text = opener.repeat(1 + below(draw, draw() < 0.1 ? 100_000 : 200));
  const at = below(draw, bytes.length);
  const middle = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return joined([bytes.subarray(0, at), middle, bytes.subarray(at)]);
}

const MUTATIONS = [flipBits, setBytes, truncate, extend, setLength, setLength, moveStretch, nest];

/** One after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

/**
 * Damages bytes in one to three ways.
 *
 * @param bytes A file, at least one byte.
 * @param draw Where all choices come from.
 * @returns Other bytes.
 */
export function mutate(bytes: Uint8Array, draw: Draw): Uint8Array {
  let out = bytes;
  for (let k = 1 + below(draw, 3); k > 0 && out.length > 0; k--) {
    out = MUTATIONS[below(draw, MUTATIONS.length)]!(out, draw);
  }
  return out;
}

/** Values that a reader of JSON meets in files of other tools, and worse. */
const VALUES = [
  ...["null", "true", "-1", "1e9", "1e308", "1e999", "0.5", "65535", "4294967296", '""', "[]", "{}", "[[]]"],
  ...["[0,0]", '{"size":[1,1],"counts":[1]}', "[".repeat(5000) + "]".repeat(5000), '"toString"', '{"toString":1}'],
];

/**
 * Puts another value in the place of a few numbers: what is damaged is still JSON.
 *
 * @param bytes JSON.
 * @param draw Where all choices come from.
 * @returns JSON.
 */
export function innerJson(bytes: Uint8Array, draw: Draw): Uint8Array {
  const content = new TextDecoder().decode(bytes);
  const numbers = [...content.matchAll(/(?<=[:,[])-?\d+(?:\.\d+)?/g)];
  const chosen = new Set(Array.from({ length: 1 + Math.floor(draw() * 4) }, () => Math.floor(draw() * numbers.length)));
  let last = 0;
  const parts = [...chosen].sort((a, b) => a - b).flatMap((i) => {
    const { index, 0: number } = numbers[i]!;
    const before = content.slice(last, index);
    last = index + number.length;
    return [before, VALUES[Math.floor(draw() * VALUES.length)]!];
  });
  return new TextEncoder().encode([...parts, content.slice(last)].join(""));
}

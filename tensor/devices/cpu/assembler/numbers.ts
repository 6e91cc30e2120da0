/** @file Numbers of WebAssembly text as bytes. */

/** A number as LEB128, not negative. */
export function unsigned(value: number): readonly number[] {
  const out: number[] = [];
  writeUnsigned(out, value);
  return out;
}

/** Writes a number as LEB128, not negative. */
export function writeUnsigned(out: number[], value: number): void {
  for (let rest = value;; rest = Math.floor(rest / 128)) {
    if (rest < 128) return void out.push(rest);
    out.push(rest & 127 | 128);
  }
}

/** Writes an int32 as signed LEB128. */
export function writeSigned32(out: number[], value: number): void {
  for (let rest = value;;) {
    const low = rest & 127;
    rest >>= 7;
    if (rest === (low & 64 ? -1 : 0)) return void out.push(low);
    out.push(low | 128);
  }
}

/** Writes a whole number of 64 bits as signed LEB128. */
export function writeSigned(out: number[], value: bigint): void {
  for (let rest = value;;) {
    const low = Number(rest & 127n);
    rest >>= 7n;
    if (rest === (low & 64 ? -1n : 0n)) return void out.push(low);
    out.push(low | 128);
  }
}

const WHOLE = /^[+-]?(?:0x[\da-f]+(?:_[\da-f]+)*|\d+(?:_\d+)*)$/i;

/**
 * A whole number.
 *
 * @param text Decimal or hexadecimal, with a sign or without one.
 * @param bits 8 to 64.
 * @returns The number, negative if its highest bit is set; `null` if it is none or does not fit.
 */
export function wholeOf(text: string, bits: number): bigint | null {
  if (!WHOLE.test(text)) return null;
  const size = BigInt(text.replace(/^[+-]/, "").replaceAll("_", ""));
  const value = text[0] === "-" ? -size : size;
  const fits = value < 2n ** BigInt(bits) && value >= -(2n ** BigInt(bits - 1));
  return fits ? BigInt.asIntN(bits, value) : null;
}

const NAN = /^([+-])?nan(?::0x([\da-f_]+))?$/i;
const HEXADECIMAL = /^([+-])?0x([\da-f]+(?:_[\da-f]+)*)(?:\.([\da-f_]*))?(?:p([+-]?\d+))?$/i;
const DECIMAL = /^[+-]?\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?(?:e[+-]?\d+)?$/i;

/** Numerator and denominator of a decimal text. */
function ratioOf(text: string): readonly [bigint, bigint] {
  const [, sign, whole, part = "", power = "0"] = /^([+-]?)(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(text)!;
  const digits = BigInt(whole! + part) * (sign === "-" ? -1n : 1n);
  const shift = Number(power) - part.length;
  return shift >= 0 ? [digits * 10n ** BigInt(shift), 1n] : [digits, 10n ** BigInt(-shift)];
}

/** Numerator and denominator of a finite float64. */
function exactOf(value: number): readonly [bigint, bigint] {
  let [scaled, shift] = [value, 0];
  while (!Number.isInteger(scaled)) [scaled, shift] = [scaled * 2, shift + 1];
  return [BigInt(scaled), 2n ** BigInt(shift)];
}

/** The float32 next to a decimal text: where its float64 lies between two, the text itself tells which is nearer. */
function nearest32(text: string): number {
  const double = Number(text);
  const single = Math.fround(double);
  if (single === double || !Number.isFinite(double)) return single;
  const [word] = new BigUint64Array(Float64Array.of(double).buffer);
  const normal = Math.abs(double) >= 2 ** -126;
  if (normal && (word! & 0x1fffffffn) !== 0x10000000n) return single;
  const [[a, b], [c, d]] = [ratioOf(text), exactOf(double)];
  if (a * d === c * b) return single;
  const above = a * d > c * b;
  return Math.fround(double + (above ? 1 : -1) * Math.abs(double) * 2 ** -52);
}

/** A hexadecimal float of at most 53 bits, or as many as a float64 keeps. */
function hexadecimal([, sign, whole, part = "", power = "0"]: RegExpExecArray): number {
  const digits = (whole! + part).replaceAll("_", "");
  const size = Number(BigInt(`0x${digits}`)) * 2 ** (Number(power) - 4 * part.replaceAll("_", "").length);
  return sign === "-" ? -size : size;
}

function nanOf([, sign, payload]: RegExpExecArray, bits: 32 | 64): bigint {
  const mantissa = bits === 32 ? 23n : 52n;
  const ones = bits === 32 ? 0xffn : 0x7ffn;
  const low = payload ? BigInt(`0x${payload.replaceAll("_", "")}`) : 1n << (mantissa - 1n);
  return (sign === "-" ? 1n << BigInt(bits - 1) : 0n) | ones << mantissa | low;
}

function bytesOf(word: bigint, bits: number): readonly number[] {
  return Array.from({ length: bits / 8 }, (_, i) => Number(word >> BigInt(8 * i) & 255n));
}

/**
 * A float.
 *
 * @param text Decimal or hexadecimal, `inf`, `nan`, or `nan:` with its bits.
 * @param bits 32 or 64.
 * @returns Its bytes, the lowest first; `null` if it is none.
 */
export function floatBytes(text: string, bits: 32 | 64): readonly number[] | null {
  const nan = NAN.exec(text);
  if (nan) return bytesOf(nanOf(nan, bits), bits);
  const value = floatOf(text, bits);
  if (value === null) return null;
  return [...new Uint8Array((bits === 32 ? Float32Array : Float64Array).of(value).buffer)];
}

function floatOf(text: string, bits: 32 | 64): number | null {
  if (/^[+-]?inf$/i.test(text)) return text[0] === "-" ? -Infinity : Infinity;
  const hex = HEXADECIMAL.exec(text);
  if (hex) return hexadecimal(hex);
  if (!DECIMAL.test(text)) return null;
  const plain = text.replaceAll("_", "");
  return bits === 32 ? nearest32(plain) : Number(plain);
}

/** A whole number as bytes, the lowest first; `null` if it is none. */
export function wholeBytes(text: string, bits: number): readonly number[] | null {
  const value = wholeOf(text, bits);
  return value === null ? null : bytesOf(BigInt.asUintN(bits, value), bits);
}

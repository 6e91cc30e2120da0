/** @file float16 in registers of 32 bits: numbers that it holds, and their bits. No device needs to have the type. */
import { withSign, type Words } from "./words.ts";

/** The least float16 that is not subnormal: below, neighbours are 2^-24 apart. */
const LEAST_NORMAL = 2 ** -14;
/** Bits that a float32 has more: of the fraction, and of the bias of the exponent in place. */
const [MORE_BITS, BIAS] = [13, 112 << 23];

/** The nearest float16, the even one of two: as IEEE 754 rounds. From 65520 on it is infinite. */
export function halfOf<T>(w: Words<T>, x: T): T {
  const size = w.abs(x);
  const bits = w.asUint(size);
  const odd = w.and(w.shiftRight(bits, w.uint(MORE_BITS)), w.uint(1));
  const carried = w.add(w.add(bits, w.uint(0xfff)), odd);
  const normal = w.asFloat(w.and(carried, w.uint(0xffffe000)));
  const subnormal = w.mul(w.round(w.mul(size, w.float(2 ** 24))), w.float(2 ** -24));
  const near = w.select(w.lt(size, w.float(LEAST_NORMAL)), subnormal, normal);
  const bounded = w.select(w.lt(w.float(65504), near), w.float(Infinity), near);
  return w.select(w.isNaN(x), x, withSign(w, bounded, x));
}

/** The 16 bits of a float32 that is a float16, as uint32. */
export function halfBits<T>(w: Words<T>, x: T): T {
  const bits = w.asUint(x);
  const own = w.and(bits, w.uint(0x7fffffff));
  const size = w.asFloat(own);
  const normal = w.shiftRight(w.sub(own, w.uint(BIAS)), w.uint(MORE_BITS));
  const subnormal = w.asUint(w.toInt(w.mul(size, w.float(2 ** 24))));
  const finite = w.select(w.lt(size, w.float(LEAST_NORMAL)), subnormal, normal);
  const bounded = w.select(w.lt(w.float(65504), size), w.uint(0x7c00), finite);
  const told = w.select(w.isNaN(x), w.uint(0x7e00), bounded);
  return w.or(told, w.and(w.shiftRight(bits, w.uint(16)), w.uint(0x8000)));
}

/** The float32 of 16 bits, which are a uint32. */
export function ofHalfBits<T>(w: Words<T>, bits: T): T {
  const own = w.and(bits, w.uint(0x7fff));
  const moved = w.shiftLeft(own, w.uint(MORE_BITS));
  const normal = w.asFloat(w.add(moved, w.uint(BIAS)));
  const endless = w.asFloat(w.add(moved, w.uint(2 * BIAS)));
  const subnormal = w.mul(w.toFloat(w.asInt(own)), w.float(2 ** -24));
  const finite = w.select(w.lt(own, w.uint(0x0400)), subnormal, normal);
  const size = w.select(w.lt(own, w.uint(0x7c00)), finite, endless);
  return w.asFloat(w.or(w.asUint(size), w.shiftLeft(w.and(bits, w.uint(0x8000)), w.uint(16))));
}

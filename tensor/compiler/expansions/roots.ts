/** @file The cube root and the length of a vector of two. */
import { withSign, type Words } from "./words.ts";

/** A third of the exponent first, then two rounds of Halley's method, neither of which overflows. */
export function cbrtOf<T>(w: Words<T>, x: T): T {
  const size = w.abs(x);
  const tiny = w.lt(size, w.float(1.17549435e-38));
  const a = w.select(tiny, w.mul(size, w.float(2 ** 24)), size);
  const bits = w.toInt(w.mul(w.toFloat(w.asInt(a)), w.float(1 / 3)));
  const first = w.asFloat(w.add(bits, w.int(0x2a5137a0)));
  const better = (t: T) => {
    const r = w.div(a, w.mul(t, t));
    return w.add(t, w.mul(t, w.div(w.sub(r, t), w.add(w.add(t, t), r))));
  };
  const root = better(better(better(first)));
  const scaled = w.select(tiny, w.mul(root, w.float(2 ** -8)), root);
  const plain = w.and(w.lt(w.float(0), size), w.lt(size, w.float(Infinity)));
  return w.select(plain, withSign(w, scaled, x), x);
}

/** √(x² + y²) without overflow on the way; Infinity beside NaN is Infinity. */
export function hypotOf<T>(w: Words<T>, x: T, y: T): T {
  const [a, b] = [w.abs(x), w.abs(y)];
  const [zero, infinity] = [w.float(0), w.float(Infinity)];
  const isSteep = w.lt(b, a);
  const [least, most] = [w.select(isSteep, b, a), w.select(isSteep, a, b)];
  const ratio = w.select(w.eq(most, zero), zero, w.div(least, most));
  const length = w.mul(most, w.sqrt(w.add(w.float(1), w.mul(ratio, ratio))));
  const endless = w.or(w.eq(a, infinity), w.eq(b, infinity));
  const unknown = w.or(w.isNaN(x), w.isNaN(y));
  return w.select(endless, infinity, w.select(unknown, w.float(NaN), length));
}

/** @file Functions of four float32 values whose steps need float64: two lanes at a time, as WAT text. */

const f = (x: number): string => `(f64x2.splat (f64.const ${Number.isFinite(x) ? x : x > 0 ? "inf" : "-inf"}))`;
const i = (x: bigint): string => `(i64x2.splat (i64.const ${x}))`;
const get = (name: string): string => `(local.get $${name})`;
const set = (name: string, value: string): string => `(local.set $${name} ${value})`;
const add = (a: string, b: string): string => `(f64x2.add ${a} ${b})`;
const sub = (a: string, b: string): string => `(f64x2.sub ${a} ${b})`;
const mul = (a: string, b: string): string => `(f64x2.mul ${a} ${b})`;
const select = (mask: string, a: string, b: string): string => `(v128.bitselect ${a} ${b} ${mask})`;

/** Horner's rule, highest coefficient first. */
function polynomial(x: string, coefficients: readonly number[]): string {
  return coefficients.slice(1).reduce((sum, c) => add(mul(sum, x), f(c)), f(coefficients[0]!));
}

function define(name: string, body: readonly string[], locals: readonly string[]): string {
  return `(func $${name} (param $x v128) (param $y v128) (result v128) ` +
    `${locals.map((local) => `(local $${local} v128)`).join(" ")}\n  ${body.join("\n  ")})`;
}

/** Applies a function of two doubles to the lower and to the upper two lanes. */
function onHalves(name: string, x: string, y: string): string {
  const upper = (v: string) => `(i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 ${v} ${v})`;
  const promote = (v: string) => `(f64x2.promote_low_f32x4 ${v})`;
  const half = (of: (v: string) => string) =>
    `(f32x4.demote_f64x2_zero (call $${name} ${promote(of(x))} ${promote(of(y))}))`;
  return `(i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 ${half((v) => v)} ${half(upper)})`;
}

/** 2^52 as bits: the low bits of a double near it count in ones. */
const COUNTING = 0x4330000000000000n;
/** 2^52 + 2^51: as above, also for negative numbers. */
const COUNTING_SIGNED = 6755399441055744;

/** 2 / 19, 2 / 17, … 2: logarithm of (1 + s) / (1 - s) in s², divided by s. */
const LOGARITHM = Array.from({ length: 10 }, (_, n) => 2 / (19 - 2 * n));

/** 1 / 12!, … 1: the exponential. */
const EXPONENTIAL = Array.from(
  { length: 13 },
  (_, n) => 1 / Array.from({ length: 12 - n }, (_, k) => k + 1).reduce((a, b) => a * b, 1),
);

/** x^y for two doubles, x at least 0. */
const POWER = define("pow64", [
  set("e", `(v128.or (i64x2.shr_u ${get("x")} (i32.const 52)) ${i(COUNTING)})`),
  set("e", sub(get("e"), f(2 ** 52 + 1023))),
  set("m", `(v128.or (v128.and ${get("x")} ${i(0xfffffffffffffn)}) ${f(1)})`), // in [1, 2)
  set("s", `(f64x2.gt ${get("m")} ${f(Math.SQRT2)})`),
  set("e", add(get("e"), `(v128.and ${get("s")} ${f(1)})`)),
  set("m", select(get("s"), mul(get("m"), f(0.5)), get("m"))),
  set("s", `(f64x2.div ${sub(get("m"), f(1))} ${add(get("m"), f(1))})`),
  set("m", mul(get("s"), polynomial(mul(get("s"), get("s")), LOGARITHM))),
  set("m", add(get("m"), mul(get("e"), f(Math.LN2)))),
  set("m", select(`(f64x2.eq ${get("x")} ${f(0)})`, f(-Infinity), get("m"))),
  set("m", select(`(f64x2.lt ${get("x")} ${f(Infinity)})`, get("m"), get("x"))), // infinity and NaN stay
  // Beyond ±200 a float32 is 0 or infinity.
  set("m", `(f64x2.max ${f(-200)} (f64x2.min ${f(200)} ${mul(get("y"), get("m"))}))`),
  set("e", `(f64x2.nearest ${mul(get("m"), f(Math.LOG2E))})`),
  set("s", sub(get("m"), mul(get("e"), f(Math.LN2)))),
  set("e", `(i64x2.shl (i64x2.add ${add(get("e"), f(COUNTING_SIGNED))} ${i(1023n)}) (i32.const 52))`),
  mul(polynomial(get("s"), EXPONENTIAL), get("e")),
], ["e", "m", "s"]);

const POW = define("pow", [
  set("a", `(f32x4.abs ${get("x")})`),
  set("p", onHalves("pow64", get("a"), get("y"))),
  set("whole", `(f32x4.eq (f32x4.trunc ${get("y")}) ${get("y")})`),
  set("half", `(f32x4.mul ${get("y")} (f32x4.splat (f32.const 0.5)))`),
  set("odd", `(v128.andnot ${get("whole")} (f32x4.eq (f32x4.trunc ${get("half")}) ${get("half")}))`),
  set("sign", `(v128.and (v128.and ${get("x")} ${get("odd")}) (i32x4.splat (i32.const -2147483648)))`),
  set("p", `(v128.xor ${get("p")} ${get("sign")})`),
  // A finite negative number has no power that is not whole.
  set("a", `(v128.and (f32x4.lt ${get("x")} (f32x4.splat (f32.const 0))) (f32x4.gt ${get("x")} ${single("-inf")}))`),
  set("p", select(`(v128.andnot ${get("a")} ${get("whole")})`, single("nan"), get("p"))),
  select(`(f32x4.eq ${get("y")} ${single("0")})`, single("1"), get("p")),
], ["a", "p", "whole", "half", "odd", "sign"]);

function single(value: string): string {
  return `(f32x4.splat (f32.const ${value}))`;
}

/** The remainder of two doubles that were floats: exact for quotients below 2^28. */
const REMAINDER = define("fmod64", [
  sub(get("x"), mul(`(f64x2.trunc (f64x2.div ${get("x")} ${get("y")}))`, get("y"))),
], []);

const FMOD = define("fmod", [
  set("r", onHalves("fmod64", get("x"), get("y"))),
  set(
    "big",
    `(v128.and (f32x4.eq (f32x4.abs ${get("y")}) ${single("inf")}) (f32x4.lt (f32x4.abs ${get("x")}) ${
      single("inf")
    }))`,
  ),
  set("r", select(get("big"), get("x"), get("r"))),
  `(v128.or ${get("r")} (v128.and ${get("x")} (i32x4.splat (i32.const -2147483648))))`, // -6 mod 3 is -0
], ["r", "big"]);

/** Text of each function, and the functions that it calls. */
export const DOUBLE_FUNCTIONS: Readonly<Record<string, { readonly text: string; readonly uses: readonly string[] }>> = {
  pow64: { text: POWER, uses: [] },
  pow: { text: POW, uses: ["pow64"] },
  fmod64: { text: REMAINDER, uses: [] },
  fmod: { text: FMOD, uses: ["fmod64"] },
};

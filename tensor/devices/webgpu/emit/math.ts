/**
 * @file Functions of one value in WGSL. WGSL lets drivers compute exp, log, pow, sin and cos with few right digits
 * (section 15.7.4) and compare NaN as they like, so they are written out; polynomials are those of Cephes' single precision.
 */

/** Constants that WGSL has no literal for, read from a variable so that the compiler does not refuse them. */
const PREAMBLE = `var<private> infinity_bits: u32 = 0x7f800000u;
var<private> nan_bits: u32 = 0x7fc00000u;
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`;

/** A function and those that it calls. */
interface MathFunction {
  readonly text: string;
  readonly calls?: readonly string[];
}

const FUNCTIONS: Readonly<Record<string, MathFunction>> = {
  max: { text: `fn max_nan(x: f32, y: f32) -> f32 { return select(max(x, y), x + y, is_nan(x) || is_nan(y)); }` },
  min: { text: `fn min_nan(x: f32, y: f32) -> f32 { return select(min(x, y), x + y, is_nan(x) || is_nan(y)); }` },
  // x - trunc(x / y) y with exact products of 12-bit halves; the rounded quotient may be one too large or too small.
  mod: {
    text: `fn mod_real(x: f32, y: f32) -> f32 {
  let q = trunc(x / y);
  if (q == 0.0) { return x; }
  let q_high = bitcast<f32>(bitcast<u32>(q) & 0xfffff000u);
  let y_high = bitcast<f32>(bitcast<u32>(y) & 0xfffff000u);
  let r = (((x - q_high * y_high) - q_high * (y - y_high)) - (q - q_high) * y_high) - (q - q_high) * (y - y_high);
  let step = select(-abs(y), abs(y), x >= 0.0);
  if (abs(r) >= abs(y)) { return r - step; }
  return select(r, r + step, (r < 0.0 && x > 0.0) || (r > 0.0 && x < 0.0));
}`,
  },
  // e^x = 2^n e^r with |r| <= ln 2 / 2; 2^n in two factors, as it may be out of range where the product is not.
  // Not written with fma: Mesa adds the constants of nested ones up.
  exp: {
    text: `fn exp_real(x: f32) -> f32 {
  let bounded = clamp(x, -104.0, 89.0);
  let n = round(bounded * 1.4426950408889634);
  let r = (bounded - n * 0.693359375) + n * 2.12194440e-4;
  let p = (((((1.9875691500e-4 * r + 1.3981999507e-3) * r + 8.3334519073e-3) * r + 4.1665795894e-2) * r + 1.6666665459e-1) * r + 5.0000001201e-1) * r * r + r + 1.0;
  let half_n = i32(n) >> 1u;
  let scaled = p * bitcast<f32>((half_n + 127) << 23u) * bitcast<f32>((i32(n) - half_n + 127) << 23u);
  return select(scaled, x, is_nan(x));
}`,
  },
  // x = 2^e m with m in [sqrt 1/2, sqrt 2).
  log: {
    text: `fn log_real(x: f32) -> f32 {
  let tiny = x < 1.17549435e-38;
  let bits = bitcast<i32>(select(x, x * 8388608.0, tiny));
  let fraction = bitcast<f32>((bits & 0x007fffff) | 0x3f000000);
  let low = fraction < 0.70710678118654752;
  let e = f32((bits >> 23u) - 126 - select(0, 1, low) - select(0, 23, tiny));
  let m = select(fraction, fraction + fraction, low) - 1.0;
  let z = m * m;
  let p = ((((((((7.0376836292e-2 * m - 1.1514610310e-1) * m + 1.1676998740e-1) * m - 1.2420140846e-1) * m + 1.4249322787e-1) * m - 1.6668057665e-1) * m + 2.0000714765e-1) * m - 2.4999993993e-1) * m + 3.3333331174e-1) * m * z;
  let y = m + (fma(e, -2.12194440e-4, p) - 0.5 * z) + e * 0.693359375;
  if (x < 0.0) { return bitcast<f32>(nan_bits); }
  if (x == 0.0) { return -bitcast<f32>(infinity_bits); }
  return select(y, x, (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u);
}`,
  },
  // x = q π / 2 + r with |r| <= π / 4; quarter 0 is the sine, 1 the cosine.
  sin: {
    text: `fn wave(x: f32, quarter: i32) -> f32 {
  let q = round(x * 0.63661977236758134);
  let r = ((x - q * 1.5703125) - q * 4.83751296997070312e-4) - q * 7.54978995489188216e-8;
  let z = r * r;
  let s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
  let c = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
  let turn = i32(q) + quarter;
  let y = select(s, c, (turn & 1) == 1);
  return select(y, -y, (turn & 2) == 2);
}`,
  },
  tanh: {
    calls: ["exp"],
    text: `fn tanh_safe(x: f32) -> f32 {
  let z = x * x;
  let p = ((((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1) * z * x + x;
  let e = 1.0 - 2.0 / (exp_real(2.0 * min(abs(x), 40.0)) + 1.0);
  return select(select(select(e, -e, x < 0.0), p, abs(x) < 0.625), x, is_nan(x));
}`,
  },
  sigmoid: {
    calls: ["exp"],
    text: `fn sigmoid(x: f32) -> f32 {
  let e = exp_real(-abs(x));
  let p = 1.0 / (1.0 + e);
  return select(p, e * p, x < 0.0);
}`,
  },
  // |x| < 1: Taylor series; beyond: Numerical Recipes, section 6.2 (error below 1.2e-7).
  erf: {
    calls: ["exp"],
    text: `fn erf(x: f32) -> f32 {
  let z = x * x;
  let p = x * (((((((((((1.480719282e-08) * z - 1.636584469e-07) * z + 1.646211437e-06) * z - 1.492565036e-05) * z + 1.205533298e-04) * z - 8.548327023e-04) * z + 5.223977625e-03) * z - 2.686617065e-02) * z + 1.128379167e-01) * z - 3.761263890e-01) * z + 1.128379167e+00);
  let t = 1.0 / (1.0 + 0.5 * abs(x));
  let e = 1.0 - t * exp_real((((((((((0.17087277) * t - 0.82215223) * t + 1.48851587) * t - 1.13520398) * t + 0.27886807) * t - 0.18628806) * t + 0.09678418) * t + 0.37409196) * t + 1.00002368) * t - 1.26551223 - z);
  return select(select(e, -e, x < 0.0), p, abs(x) < 1.0);
}`,
  },
  pow: {
    calls: ["exp", "log"],
    text: `fn pow_real(x: f32, y: f32) -> f32 {
  let whole = trunc(y);
  let odd = trunc(y * 0.5) * 2.0 != whole;
  var p = exp_real(y * log_real(abs(x)));
  if (y == 2.0) { p = x * x; }
  if (y == 3.0) { p = abs(x) * x * x; }
  if (x < 0.0 && odd) { p = -p; }
  if (x < 0.0 && y != whole) { p = bitcast<f32>(nan_bits); }
  if (y == 0.0 || x == 1.0) { p = 1.0; }
  return p;
}`,
  },
};

/** Texts of functions and those they call, each once, after what all of them use. */
function textsOf(needs: Iterable<string>): readonly string[] {
  const names = new Set<string>();
  const add = (name: string): void => {
    FUNCTIONS[name]!.calls?.forEach(add);
    names.add(name);
  };
  for (const name of needs) add(name);
  return [PREAMBLE, ...[...names].map((name) => FUNCTIONS[name]!.text)];
}

/**
 * Module-scope text for the functions that a shader uses.
 *
 * @param needs Names of operations.
 * @returns Their functions and those they call, each once.
 */
export function mathText(needs: Iterable<string>): string {
  return textsOf(needs).join("\n");
}

/**
 * Adds the functions that a text uses to a shader that may have some of them.
 *
 * @param code The shader.
 * @param needs Names of operations.
 * @param text The text to be added.
 * @returns The shader with functions and text at its end.
 */
export function addWithMath(code: string, needs: Iterable<string>, text: string): string {
  return [code, ...textsOf(needs).filter((each) => !code.includes(each)), text].join("\n");
}

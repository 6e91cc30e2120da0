/** @file Operations that WGSL has no exact word for: it lets drivers compute with few right digits and compare NaN as they like. */
import type { ScalarOp } from "../../../compiler/operations.ts";

/** Constants that WGSL has no literal for, read from a variable so that the compiler does not refuse them. */
export const PREAMBLE = `var<private> infinity_bits: u32 = 0x7f800000u;
var<private> nan_bits: u32 = 0x7fc00000u;
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`;

/** A function and the operations that it calls. */
export interface MathFunction {
  /** Its definition. */
  readonly text: string;
  /** What has to be defined before. */
  readonly calls?: readonly ScalarOp[];
}

/** Functions of floats by the operation that they are. */
export const FUNCTIONS: Readonly<Partial<Record<ScalarOp, MathFunction>>> = {
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
  pow: {
    calls: ["exp", "log"],
    text: `fn pow_real(x: f32, y: f32) -> f32 {
  let whole = trunc(y);
  let odd = trunc(y * 0.5) * 2.0 != whole;
  var p = exp_f32(y * log_f32(abs(x)));
  if (y == 2.0) { p = x * x; }
  if (y == 3.0) { p = abs(x) * x * x; }
  if (x < 0.0 && odd) { p = -p; }
  if (x < 0.0 && y != whole) { p = bitcast<f32>(nan_bits); }
  if (y == 0.0 || x == 1.0) { p = 1.0; }
  return p;
}`,
  },
};

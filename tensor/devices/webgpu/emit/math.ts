/** @file Operations that WGSL has no exact word for: it lets drivers compute with few right digits and compare NaN as they like. */
import type { FunctionName } from "../../../compiler/expansions/expanded.ts";

/** Constants that WGSL has no literal for, read from a variable so that the compiler does not refuse them. */
export const PREAMBLE = `var<private> infinity_bits: u32 = 0x7f800000u;
var<private> nan_bits: u32 = 0x7fc00000u;
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`;

/** A function and those that it calls. */
export interface MathFunction {
  /** Its definition. */
  readonly text: string;
  /** What has to be defined before. */
  readonly calls?: readonly FunctionName[];
}

/** The value of `operator`, and 0 where the divisor is zero. */
const divided = (type: string, operator: string) =>
  `select(x ${operator} select(y, ${type}(1), y == ${type}(0)), ${type}(0), y == ${type}(0))`;

/** Name, type and value of each. */
const ROWS: readonly (readonly [FunctionName, string, string])[] = [
  ["max_float32", "f32", "select(max(x, y), x + y, is_nan(x) || is_nan(y))"],
  ["min_float32", "f32", "select(min(x, y), x + y, is_nan(x) || is_nan(y))"],
  ["div_int32", "i32", divided("i32", "/")],
  ["div_uint32", "u32", divided("u32", "/")],
  ["mod_int32", "i32", divided("i32", "%")],
  ["mod_uint32", "u32", divided("u32", "%")],
];

/** Operations on two values that devices compute as they like. */
export const FUNCTIONS: Readonly<Partial<Record<FunctionName, MathFunction>>> = Object.fromEntries(
  ROWS.map(([name, type, value]) => [
    name,
    { text: `fn ${name}(x: ${type}, y: ${type}) -> ${type} { return ${value}; }` },
  ]),
);

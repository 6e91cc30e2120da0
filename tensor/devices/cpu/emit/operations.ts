/** @file Operations of expressions as WAT over four lanes. Bools in registers are masks: all bits set or none. */
import { expansionName } from "../../../compiler/expansions/expanded.ts";
import type { ScalarOp } from "../../../compiler/operations.ts";
import type { Scalar } from "../../../compiler/scalar.ts";
import type { DType } from "../../../spec.ts";

/** Text of a float constant. */
export function float(value: number): string {
  if (Number.isNaN(value)) return "(f32.const nan)";
  if (!Number.isFinite(value)) return `(f32.const ${value > 0 ? "inf" : "-inf"})`;
  return `(f32.const ${Object.is(value, -0) ? "-0" : Math.fround(value)})`;
}

/** All lanes of a constant. Bools are masks: all bits set or none. */
export function splat(value: number, dtype: DType): string {
  if (dtype === "float32") return `(f32x4.splat ${float(value)})`;
  return `(i32x4.splat (i32.const ${dtype === "bool" ? (value ? -1 : 0) : value | 0}))`;
}

/** Texts of vectors without a bit. */
const ZEROS: ReadonlySet<string> = new Set([splat(0, "float32"), splat(0, "int32")]);

/**
 * A float32 of which the last bit of the fraction is a one: what is added to it is rounded to a whole number, which then
 * stands in its last bits. Two instructions for those of rounding and conversion, which are eight on x86.
 */
const WHOLE = 1.5 * 2 ** 23;
const WHOLE_BITS = 0x4b400000;

/** Writes the call of a function. */
type Call = (name: string, ...args: readonly string[]) => string;

/**
 * Text of one operation on four lanes.
 *
 * @param x The operation.
 * @param args Text of its operands.
 * @param call Calls a function, which the module is to include.
 * @returns Text of the result; bools are masks.
 */
export function operationText(x: Scalar & { kind: "op" }, args: readonly string[], call: Call): string {
  const { op: name, dtype } = x;
  const of = x.args.at(-1)!.dtype;
  const [a, b, c] = args as [string, string, string];
  if (name === "select") return selectText(a, b, c);
  if (name === "cast") return castText(a, of, dtype);
  if (name === "bitcast") return a;
  if (name === "roundToInt") {
    return `(i32x4.sub (f32x4.add ${a} ${splat(WHOLE, of)}) (i32x4.splat (i32.const ${WHOLE_BITS})))`;
  }
  const expansion = expansionName(name, of);
  if (expansion) return call(expansion, ...args);
  return of === "float32" ? floatText(name, a, b) : integerText(name, of, a, b, call);
}

/** One of two values by a mask; fewer instructions where one is zero. */
function selectText(mask: string, whenTrue: string, whenFalse: string): string {
  if (ZEROS.has(whenFalse)) return `(v128.and ${mask} ${whenTrue})`;
  if (ZEROS.has(whenTrue)) return `(v128.andnot ${whenFalse} ${mask})`;
  return `(v128.bitselect ${whenTrue} ${whenFalse} ${mask})`;
}

function floatText(name: ScalarOp, x: string, y: string): string {
  switch (name) {
    case "rsqrt":
      return `(f32x4.div ${splat(1, "float32")} (f32x4.sqrt ${x}))`;
    case "neg":
    case "abs":
    case "sqrt":
    case "floor":
    case "trunc":
      return `(f32x4.${name} ${x})`;
    case "round":
      return `(f32x4.nearest ${x})`;
    case "isNaN":
      return `(f32x4.ne ${x} ${x})`;
    case "lesser":
    case "greater":
      return `(f32x4.${name === "lesser" ? "pmin" : "pmax"} ${x} ${y})`;
    default:
      return `(f32x4.${name} ${x} ${y})`; // add sub mul div max min eq ne lt le
  }
}

function integerText(name: ScalarOp, dtype: DType, x: string, y: string, call: Call): string {
  const sign = dtype === "int32" ? "s" : "u";
  switch (name) {
    case "add":
    case "sub":
    case "mul":
    case "eq":
    case "ne":
      return `(i32x4.${name} ${x} ${y})`;
    case "lt":
    case "le":
    case "max":
    case "min":
      return `(i32x4.${name}_${sign} ${x} ${y})`;
    case "abs":
      return dtype === "uint32" ? x : `(i32x4.abs ${x})`;
    case "neg":
      return `(i32x4.neg ${x})`;
    case "and":
    case "or":
    case "xor":
      return `(v128.${name} ${x} ${y})`;
    case "not":
      return `(v128.not ${x})`;
    case "div":
      return call(dtype === "int32" ? "idiv" : "udiv", x, y);
    case "mod":
      return call(dtype === "int32" ? "imod" : "umod", x, y);
    case "shiftLeft":
    case "shiftRight":
      return shiftText(name === "shiftLeft" ? "shl" : `shr_${sign}`, x, y, call);
    default:
      throw new TypeError(`Cannot write ${name} as it takes floats: current dtype is ${dtype}`);
  }
}

function shiftText(name: string, x: string, y: string, call: Call): string {
  const constant = y.match(/^\(i32x4\.splat (\(i32\.const \d+\))\)$/);
  return constant ? `(i32x4.${name} ${x} ${constant[1]})` : call(name, x, y);
}

function castText(x: string, from: DType, to: DType): string {
  if (from === to) return x;
  if (from === "bool") {
    return `(v128.and ${x} ${to === "float32" ? splat(1, "float32") : "(i32x4.splat (i32.const 1))"})`;
  }
  if (to === "bool") {
    return from === "float32" ? `(f32x4.ne ${x} ${splat(0, from)})` : `(i32x4.ne ${x} ${splat(0, from)})`;
  }
  if (to === "float32") return `(f32x4.convert_i32x4_${from === "int32" ? "s" : "u"} ${x})`;
  return from === "float32" ? `(i32x4.trunc_sat_f32x4_${to === "int32" ? "s" : "u"} ${x})` : x;
}

/** Memory holds bools as 0 and 1, registers as masks. */
export function asMask(dtype: DType, loaded: string): string {
  return dtype === "bool" ? `(i32x4.ne ${loaded} (v128.const i32x4 0 0 0 0))` : loaded;
}

/** What is stored for a value. */
export function stored(dtype: DType, value: string): string {
  return dtype === "bool" ? `(v128.and ${value} (i32x4.splat (i32.const 1)))` : value;
}

/** @file Scalar expressions as WGSL statements, one value per invocation. */
import type { Access, Bound, Scalar, ScalarOp } from "../../compiler/scalar.ts";
import type { DType } from "../../spec.ts";

/** WGSL type of values in registers. */
export const TYPES: Readonly<Record<DType, string>> = {
  float32: "f32",
  float64: "f32",
  int32: "i32",
  uint32: "u32",
  bool: "bool",
};

/** WGSL type of elements in memory: bools are 0 and 1. */
export function storageType(dtype: DType): string {
  return dtype === "bool" ? "u32" : TYPES[dtype];
}

/** Constants that WGSL has no literal for, read from a variable so that the compiler does not refuse them. */
const PREAMBLE = `var<private> infinity_bits: u32 = 0x7f800000u;
var<private> nan_bits: u32 = 0x7fc00000u;`;

/** Functions by the operation that needs them. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  max: `fn max_nan(x: f32, y: f32) -> f32 { return select(max(x, y), x + y, x != x || y != y); }`,
  min: `fn min_nan(x: f32, y: f32) -> f32 { return select(min(x, y), x + y, x != x || y != y); }`,
  tanh: `fn tanh_safe(x: f32) -> f32 {
  let z = x * x;
  let p = ((((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1) * z * x + x;
  let e = 1.0 - 2.0 / (exp(2.0 * min(abs(x), 40.0)) + 1.0);
  return select(select(e, -e, x < 0.0), p, abs(x) < 0.625);
}`,
  sigmoid: `fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  let p = 1.0 / (1.0 + e);
  return select(p, e * p, x < 0.0);
}`,
  // |x| < 1: Taylor series; beyond: Numerical Recipes, section 6.2 (error below 1.2e-7).
  erf: `fn erf(x: f32) -> f32 {
  let z = x * x;
  let p = x * (((((((((((1.480719282e-08) * z - 1.636584469e-07) * z + 1.646211437e-06) * z - 1.492565036e-05) * z + 1.205533298e-04) * z - 8.548327023e-04) * z + 5.223977625e-03) * z - 2.686617065e-02) * z + 1.128379167e-01) * z - 3.761263890e-01) * z + 1.128379167e+00);
  let t = 1.0 / (1.0 + 0.5 * abs(x));
  let e = 1.0 - t * exp((((((((((0.17087277) * t - 0.82215223) * t + 1.48851587) * t - 1.13520398) * t + 0.27886807) * t - 0.18628806) * t + 0.09678418) * t + 0.37409196) * t + 1.00002368) * t - 1.26551223 - z);
  return select(select(e, -e, x < 0.0), p, abs(x) < 1.0);
}`,
  pow: `fn pow_real(x: f32, y: f32) -> f32 {
  let whole = trunc(y);
  let odd = trunc(y * 0.5) * 2.0 != whole;
  var p = pow(abs(x), y);
  if (y == 2.0) { p = x * x; }
  if (y == 3.0) { p = abs(x) * x * x; }
  if (x < 0.0 && odd) { p = -p; }
  if (x < 0.0 && y != whole) { p = bitcast<f32>(nan_bits); }
  if (y == 0.0 || x == 1.0) { p = 1.0; }
  return p;
}`,
};

/** Text of a literal. */
export function literalOf(value: number, dtype: DType): string {
  if (dtype === "bool") return value ? "true" : "false";
  if (dtype === "uint32") return `${value >>> 0}u`;
  if (dtype === "int32") return value === -2147483648 ? "bitcast<i32>(0x80000000u)" : `i32(${value | 0})`;
  if (Number.isNaN(value)) return "bitcast<f32>(nan_bits)";
  if (!Number.isFinite(Math.fround(value))) return `${value < 0 ? "-" : ""}bitcast<f32>(infinity_bits)`;
  return `f32(${Math.fround(value)})`;
}

/** Sum of products of indices with constants, as an i32 expression. */
export function affine(indices: readonly string[], coefficients: readonly number[], offset: number): string {
  const terms = coefficients.flatMap((c, axis) =>
    c === 0 ? [] : [c === 1 ? indices[axis]! : `${indices[axis]} * ${c}`]
  );
  if (offset !== 0 || terms.length === 0) terms.push(`${offset}`);
  return terms.join(" + ");
}

const BINARY: Readonly<Partial<Record<ScalarOp, string>>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  mod: "%",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  and: "&",
  or: "|",
  xor: "^", // deno-fmt-ignore
};
const CALLS: Readonly<Partial<Record<ScalarOp, string>>> = {
  tanh: "tanh_safe",
  sigmoid: "sigmoid",
  erf: "erf",
  max: "max_nan",
  min: "min_nan",
  pow: "pow_real", // deno-fmt-ignore
};

/** Writes the values of expressions as `let` statements. */
export class ValueWriter {
  /** Statements so far. */
  readonly lines: string[] = [];
  readonly #indices: readonly string[];
  readonly #shared: { readonly needs: Set<string>; count: number };
  readonly #known: Map<Scalar, string>;
  readonly #dtypes: readonly DType[];

  /** `indices` are i32 expressions of the iteration indices; `shared` counts names and collects functions of a shader. */
  constructor(
    indices: readonly string[],
    dtypes: readonly DType[],
    shared: { readonly needs: Set<string>; count: number },
    known: Map<Scalar, string> = new Map(),
  ) {
    this.#indices = indices;
    this.#dtypes = dtypes;
    this.#shared = shared;
    this.#known = known;
  }

  /** The value of an expression; shared parts are computed once. */
  value(x: Scalar): string {
    if (x.kind === "const") return literalOf(x.value, x.dtype);
    const known = this.#known.get(x);
    if (known) return known;
    const name = this.#write(x);
    this.#known.set(x, name);
    return name;
  }

  #name(): string {
    return `v${this.#shared.count++}`;
  }

  #let(text: string): string {
    const name = this.#name();
    this.lines.push(`let ${name} = ${text};`);
    return name;
  }

  #write(x: Scalar): string {
    switch (x.kind) {
      case "const":
        return literalOf(x.value, x.dtype);
      case "load":
        return this.#let(this.#element(x.access, x.dtype, affine(this.#indices, x.access.strides, x.access.offset)));
      case "index":
        return this.#let(affine(this.#indices, x.coefficients, x.offset));
      case "guard":
        return this.#guard(x);
      case "gather":
        return this.#gather(x);
      case "op":
        return this.#let(this.#operation(x.op, x.dtype, x.args.map((arg) => this.value(arg)), x.args.at(-1)!.dtype));
    }
  }

  #element({ buffer }: Access, dtype: DType, at: string): string {
    const element = `in${buffer}[${at}]`;
    return dtype === "bool" ? `(${element} != 0u)` : element;
  }

  #guard(x: Scalar & { kind: "guard" }): string {
    const name = this.#name();
    const holds = x.bounds.map((bound) => this.#holds(bound)).join(" && ");
    const inner = new ValueWriter(this.#indices, this.#dtypes, this.#shared, new Map(this.#known));
    const value = inner.value(x.value);
    this.lines.push(`var ${name}: ${TYPES[x.dtype]} = ${literalOf(x.fill, x.dtype)};`);
    this.lines.push(`if (${holds}) { ${inner.lines.join(" ")} ${name} = ${value}; }`);
    return name;
  }

  #holds({ coefficients, offset, extent }: Bound): string {
    return `u32(${affine(this.#indices, coefficients, offset)}) < ${extent}u`; // negative is large unsigned
  }

  #gather(x: Scalar & { kind: "gather" }): string {
    const index = this.value(x.index);
    const name = this.#name();
    const at = `${affine(this.#indices, x.access.strides, x.access.offset)} + ${index} * ${x.axisStride}`;
    this.lines.push(`var ${name}: ${TYPES[x.dtype]} = ${literalOf(x.fill, x.dtype)};`);
    this.lines.push(`if (u32(${index}) < ${x.extent}u) { ${name} = ${this.#element(x.access, x.dtype, at)}; }`);
    return name;
  }

  #operation(name: ScalarOp, dtype: DType, args: readonly string[], of: DType): string {
    const [x, y, z] = args as [string, string, string];
    const float = of === "float32";
    if (name === "select") return `select(${z}, ${y}, ${x})`;
    if (name === "cast") return this.#cast(x, of, dtype);
    if (name === "bitcast") return `bitcast<${TYPES[dtype]}>(${x})`;
    if (name === "not") return of === "bool" ? `!${x}` : `~${x}`;
    if (name === "xor" && of === "bool") return `${x} != ${y}`;
    if (name === "shiftLeft" || name === "shiftRight") return `${x} ${name === "shiftLeft" ? "<<" : ">>"} u32(${y})`;
    if (name === "mod" && float) return `${x} - trunc(${x} / ${y}) * ${y}`;
    if (name === "rsqrt") return `1.0 / sqrt(${x})`;
    if (name === "neg") return of === "uint32" ? `0u - ${x}` : `-${x}`;
    const call = CALLS[name];
    if (call && (float || !["max", "min"].includes(name))) {
      this.#shared.needs.add(name);
      return `${call}(${args.join(", ")})`;
    }
    const operator = BINARY[name];
    if (operator && of === "bool" && (name === "lt" || name === "le")) return `u32(${x}) ${operator} u32(${y})`;
    return operator ? `${x} ${operator} ${y}` : `${name}(${args.join(", ")})`;
  }

  #cast(x: string, from: DType, to: DType): string {
    if (to === "bool") return `${x} != ${literalOf(0, from)}`;
    if (from === "bool") return `select(${literalOf(0, to)}, ${literalOf(1, to)}, ${x})`;
    if (from === "float32") {
      const [low, high] = to === "int32" ? ["-2147483648.0", "2147483520.0"] : ["0.0", "4294967040.0"];
      // Saturating, NaN to zero; the conversion alone is undefined outside the range on some drivers.
      const bound = to === "int32" ? ["bitcast<i32>(0x80000000u)", "2147483647"] : ["0u", "4294967295u"];
      const inside = `${TYPES[to]}(clamp(${x}, ${low}, ${high}))`;
      return `select(select(select(${inside}, ${bound[1]}, ${x} > ${high}), ${bound[0]}, ${x} < ${low}), ${
        literalOf(0, to)
      }, ${x} != ${x})`;
    }
    return `${TYPES[to]}(${x})`;
  }
}

/** What stands in memory for a value. */
export function stored(dtype: DType, value: string): string {
  return dtype === "bool" ? `select(0u, 1u, ${value})` : value;
}

/** Statements that split a flat i32 index into the indices of axes. */
export function decode(flat: string, sizes: readonly number[], names: readonly string[]): string {
  let inner = 1;
  const lines: string[] = [];
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const quotient = inner === 1 ? flat : `${flat} / ${inner}`;
    lines.unshift(`let ${names[axis]} = ${axis === 0 ? quotient : `(${quotient}) % ${sizes[axis]}`};`);
    inner *= sizes[axis]!;
  }
  return lines.join(" ");
}

/** A whole shader: bindings, the functions it needs, and `main` over a linear group id. */
export function shader(
  bindings: readonly string[],
  needs: ReadonlySet<string>,
  size: number,
  groups: number,
  body: string,
): string {
  const declared = bindings.map((text, i) => `@group(0) @binding(${i}) var<storage, read_write> ${text};`);
  return `${PREAMBLE}
${[...needs].map((name) => FUNCTIONS[name]).join("\n")}
${declared.join("\n")}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let linear = group.x + group.y * groups.x;
  if (linear >= ${groups}u) { return; }
  ${body}
}`;
}

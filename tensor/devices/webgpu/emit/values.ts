/** @file Scalar expressions as WGSL statements, one value per invocation. */
import { orderBy } from "../../../order.ts";
import { expansionName, type FunctionName } from "../../../compiler/expansions/expanded.ts";
import type { ScalarOp } from "../../../compiler/operations.ts";
import { type Access, alwaysRead, type Bound, type Scalar } from "../../../compiler/scalar.ts";
import { type DType, DTYPES } from "../../../spec.ts";
import { FUNCTIONS } from "./math.ts";

/** WGSL type of elements in memory: bools are 0 and 1. */
export function storageType(dtype: DType): "f32" | "i32" | "u32" {
  const { wgsl } = DTYPES[dtype];
  return wgsl === "bool" ? "u32" : wgsl;
}

/** Names of the parts of a vec4. */
export const LANES = ["x", "y", "z", "w"] as const;

/** Text of a literal. */
export function literalOf(value: number, dtype: DType): string {
  if (dtype === "bool") return value ? "true" : "false";
  if (dtype === "uint32") return `${value >>> 0}u`;
  if (dtype === "int32") return value === -2147483648 ? "bitcast<i32>(0x80000000u)" : `i32(${value | 0})`;
  if (Number.isNaN(value)) return "bitcast<f32>(nan_bits)";
  if (!Number.isFinite(Math.fround(value))) return `${value < 0 ? "-" : ""}bitcast<f32>(infinity_bits)`;
  return Object.is(value, -0) ? "bitcast<f32>(0x80000000u)" : `f32(${Math.fround(value)})`;
}

/** Sum of products of indices with constants, as an i32 expression, or with the suffix `u` as a u32 one. */
export function affine(
  indices: readonly string[],
  coefficients: readonly number[],
  offset: number,
  suffix: "" | "u" = "",
): string {
  const terms = coefficients.flatMap((c, axis) =>
    c === 0 ? [] : [c === 1 ? indices[axis]! : `${indices[axis]} * ${c}${suffix}`]
  );
  if (offset !== 0 || terms.length === 0) terms.push(`${offset}${suffix}`);
  return terms.join(" + ");
}

/** Whether an index lies in `[0, extent)`: negative is large unsigned. A negative literal is no u32 before it is an i32. */
function isBelow(index: string, extent: number): string {
  return `u32(i32(${index})) < ${extent}u`;
}

/** Whether a bound is broken wherever one stands. What it guards is not written then: a constant negative index is refused. */
function neverHolds({ coefficients, offset, extent }: Bound): boolean {
  return coefficients.every((c) => c === 0) && !(offset >= 0 && offset < extent);
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

/** Expression of an element of the buffer at a position of the loads; the index is an i32 expression. */
export type Load = (buffer: number, index: string) => string;

/** Writes the values of expressions as `let` statements. */
export class ValueWriter {
  /** Statements so far. */
  readonly lines: string[] = [];
  readonly #indices: readonly string[];
  readonly #shared: { readonly needs: Set<FunctionName>; count: number };
  readonly #known: Map<Scalar, string>;
  readonly #load: Load;

  /** `indices` are i32 expressions of the iteration indices; `load` writes what loads read; `shared` counts names and collects functions of a shader. */
  constructor(
    indices: readonly string[],
    load: Load,
    shared: { readonly needs: Set<FunctionName>; count: number },
    known: Map<Scalar, string> = new Map(),
  ) {
    this.#indices = indices;
    this.#load = load;
    this.#shared = shared;
    this.#known = known;
  }

  /** The value of an expression; shared parts are computed once. */
  value(x: Scalar): string {
    const unwritten = (y: Scalar) => this.#known.has(y) ? [] : alwaysRead(y);
    orderBy([x], unwritten).forEach((y) => this.#one(y));
    return this.#one(x);
  }

  #one(x: Scalar): string {
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
        if (x.op === "rarely") return this.#rarely(x);
        return this.#let(this.#operation(x.op, x.dtype, this.#operands(x.args), x.args.at(-1)!.dtype));
    }
  }

  /** Operands; of literals alone the first is named, as WGSL refuses to divide constants by zero before it runs. */
  #operands(args: readonly Scalar[]): readonly string[] {
    const texts = args.map((arg) => this.#one(arg));
    return args.every(({ kind }) => kind === "const") ? [this.#let(texts[0]!), ...texts.slice(1)] : texts;
  }

  #element({ buffer }: Access, dtype: DType, at: string): string {
    const element = this.#load(buffer, at);
    return dtype === "bool" ? `(${element} != 0u)` : element;
  }

  #guard(x: Scalar & { kind: "guard" }): string {
    if (x.bounds.some(neverHolds)) return this.#let(literalOf(x.fill, x.dtype));
    const name = this.#name();
    const holds = x.bounds.map((bound) => this.#holds(bound)).join(" && ");
    const inner = new ValueWriter(this.#indices, this.#load, this.#shared, new Map(this.#known));
    const value = inner.value(x.value);
    this.lines.push(`var ${name}: ${DTYPES[x.dtype].wgsl} = ${literalOf(x.fill, x.dtype)};`);
    this.lines.push(`if (${holds}) { ${inner.lines.join(" ")} ${name} = ${value}; }`);
    return name;
  }

  /** A choice whose first value is computed only where it is taken. */
  #rarely({ args: [condition, rare, usual], dtype }: Scalar & { kind: "op" }): string {
    const name = this.#name();
    const [taken, other] = [this.value(condition!), this.value(usual!)];
    const inner = new ValueWriter(this.#indices, this.#load, this.#shared, new Map(this.#known));
    const value = inner.value(rare!);
    this.lines.push(`var ${name}: ${DTYPES[dtype].wgsl} = ${other};`);
    this.lines.push(`if (${taken}) { ${inner.lines.join(" ")} ${name} = ${value}; }`);
    return name;
  }

  #holds({ coefficients, offset, extent }: Bound): string {
    return isBelow(affine(this.#indices, coefficients, offset), extent);
  }

  #gather(x: Scalar & { kind: "gather" }): string {
    if (x.index.kind === "const" && neverHolds({ coefficients: [], offset: x.index.value, extent: x.extent })) {
      return this.#let(literalOf(x.fill, x.dtype));
    }
    const index = this.#one(x.index);
    const name = this.#name();
    const at = `${affine(this.#indices, x.access.strides, x.access.offset)} + ${index} * ${x.axisStride}`;
    this.lines.push(`var ${name}: ${DTYPES[x.dtype].wgsl} = ${literalOf(x.fill, x.dtype)};`);
    this.lines.push(`if (${isBelow(index, x.extent)}) { ${name} = ${this.#element(x.access, x.dtype, at)}; }`);
    return name;
  }

  #operation(name: ScalarOp, dtype: DType, args: readonly string[], of: DType): string {
    const [x, y, z] = args as [string, string, string];
    const float = of === "float32";
    if (name === "select") return `select(${z}, ${y}, ${x})`;
    if (name === "cast") return this.#cast(x, of, dtype);
    if (name === "bitcast") return `bitcast<${DTYPES[dtype].wgsl}>(${x})`;
    if (name === "roundToInt") return `i32(round(${x}))`;
    if (name === "not") return of === "bool" ? `!${x}` : `~${x}`;
    if (name === "xor" && of === "bool") return `${x} != ${y}`;
    if (name === "shiftLeft" || name === "shiftRight") return `${x} ${name === "shiftLeft" ? "<<" : ">>"} u32(${y})`;
    if (name === "rsqrt") return `1.0 / sqrt(${x})`;
    if (name === "neg") return of === "uint32" ? `0u - ${x}` : `-${x}`;
    // Drivers may take `!=` as ordered: false for NaN.
    if (name === "ne" && float) return `!(${x} == ${y})`;
    if (float && name === "lesser") return `select(${x}, ${y}, ${y} < ${x})`;
    if (float && name === "greater") return `select(${x}, ${y}, ${x} < ${y})`;
    if (name === "isNaN") return `is_nan(${x})`;
    const called: FunctionName = `${name}_${of}`;
    if (called in FUNCTIONS || expansionName(name, of)) {
      this.#shared.needs.add(called);
      return `${called}(${args.join(", ")})`;
    }
    const operator = BINARY[name];
    if (operator && of === "bool" && (name === "lt" || name === "le")) return `u32(${x}) ${operator} u32(${y})`;
    return operator ? `${x} ${operator} ${y}` : `${name}(${args.join(", ")})`;
  }

  #cast(x: string, from: DType, to: DType): string {
    if (to === "bool") return `!(${x} == ${literalOf(0, from)})`;
    if (from === "bool") return `select(${literalOf(0, to)}, ${literalOf(1, to)}, ${x})`;
    if (from === "float32") {
      const [low, high] = to === "int32" ? ["-2147483648.0", "2147483520.0"] : ["0.0", "4294967040.0"];
      // Saturating, NaN to zero; the conversion alone is undefined outside the range on some drivers.
      const bound = to === "int32" ? ["bitcast<i32>(0x80000000u)", "2147483647"] : ["0u", "4294967295u"];
      const inside = `${DTYPES[to].wgsl}(clamp(${x}, ${low}, ${high}))`;
      return `select(select(select(${inside}, ${bound[1]}, ${x} > ${high}), ${bound[0]}, ${x} < ${low}), ${
        literalOf(0, to)
      }, is_nan(${x}))`;
    }
    return `${DTYPES[to].wgsl}(${x})`;
  }
}

/** What stands in memory for a value. */
export function stored(dtype: DType, value: string): string {
  return dtype === "bool" ? `select(0u, 1u, ${value})` : value;
}

/** Statements that split a flat index, i32 or u32, into the indices of axes. */
export function decode(
  flat: string,
  sizes: readonly number[],
  names: readonly string[],
  declare: "let" | "var" = "let",
): string {
  let inner = 1;
  const lines: string[] = [];
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const quotient = inner === 1 ? flat : `${flat} / ${inner}`;
    lines.unshift(`${declare} ${names[axis]} = ${axis === 0 ? quotient : `(${quotient}) % ${sizes[axis]}`};`);
    inner *= sizes[axis]!;
  }
  return lines.join(" ");
}

/** @file Scalar expressions as WAT over four lanes. In `scalar` mode all lanes hold one element. */
import { orderBy } from "../../../order.ts";
import { type Access, alwaysRead, type Bound, countNodes, type Scalar } from "../../../compiler/scalar.ts";
import { expanded, expansionName } from "../../../compiler/expansions/expanded.ts";
import { asMask, operationText, splat } from "./operations.ts";
import type { Place, SharedText } from "./place.ts";
import { varies } from "./varies.ts";

/** What an instruction on memory takes besides its access. */
interface MemoryOperand {
  /** Number of a lane. */
  readonly k?: number;
  /** What is stored, or what a lane is loaded into. */
  readonly value?: string;
  /** Who holds the address in a local. */
  readonly held?: ValueWriter | null;
}

/** Nodes of a composed operation up to which it is written in place of a call, where it is computed for many elements. */
const SHORT = 160;

function sum(terms: readonly string[]): string {
  return terms.length === 0 ? "(i32.const 0)" : terms.reduce((a, b) => `(i32.add ${a} ${b})`);
}

function times(value: string, factor: number): string {
  return factor === 1 ? value : `(i32.mul ${value} (i32.const ${factor}))`;
}

/**
 * Writes the values of expressions. Code goes to `lines` in order; each value has a v128 local. Values that do not
 * depend on the lane axis go to `outer`, before the loop over lanes.
 */
export class ValueWriter {
  readonly #shared: SharedText;
  readonly #place: Place;
  readonly #outer: ValueWriter | null;
  readonly #known: Map<string, string>;
  readonly #addresses: ValueWriter | null;
  /** Code so far. */
  readonly lines: string[] = [];
  /** Vectors that the code sets. */
  readonly vectors: string[] = [];

  /**
   * `outer` writes before the loop over lanes; `known` are values that there are already; `addresses` writes, before these
   * lines, where the first of vectors side by side lies: each of them reads at a distance from there.
   */
  constructor(
    shared: SharedText,
    place: Place,
    outer: ValueWriter | null,
    { known = new Map(), addresses = null }: {
      readonly known?: Map<string, string>;
      readonly addresses?: ValueWriter | null;
    } = {},
  ) {
    this.#shared = shared;
    this.#place = place;
    this.#outer = outer;
    this.#known = known;
    this.#addresses = addresses;
  }

  #local(type: "v128" | "i32"): string {
    const { locals } = this.#shared;
    const name = `$${type === "i32" ? "p" : "v"}${locals.length}`;
    locals.push(`(local ${name} ${type})`);
    return name;
  }

  #once(key: string, type: "v128" | "i32", code: () => string): string {
    const known = this.#find(key);
    if (known) return known;
    const text = code();
    const name = this.#local(type);
    if (type === "v128") this.vectors.push(name);
    this.lines.push(`(local.set ${name} ${text})`);
    this.#known.set(key, `(local.get ${name})`);
    return `(local.get ${name})`;
  }

  #find(key: string): string | undefined {
    return this.#known.get(key) ?? (this.#outer ? this.#outer.#find(key) : undefined);
  }

  #idOf(x: Scalar): number {
    const { ids } = this.#shared;
    const id = ids.get(x) ?? ids.size;
    ids.set(x, id);
    return id;
  }

  /** The value of an expression; its code is written where it belongs, after that of its operands. */
  value(x: Scalar): string {
    const unwritten = (y: Scalar) => this.#find(`v${this.#idOf(y)}`) ? [] : alwaysRead(y);
    orderBy([x], unwritten).forEach((y) => this.#one(y));
    return this.#one(x);
  }

  #one(x: Scalar): string {
    if (x.kind === "const") return this.#constant(x);
    if (this.#outer && !varies(x, this.#place.lane)) return this.#outer.value(x);
    return this.#once(`v${this.#idOf(x)}`, "v128", () => this.#code(x));
  }

  /** A float has a local for the whole function. Of others the text tells more: operations look at it. */
  #constant({ value, dtype }: Scalar & { kind: "const" }): string {
    const text = splat(value, dtype);
    const { constants } = this.#shared;
    if (!constants || dtype !== "float32" || value === 0) return text;
    const name = constants.get(text) ?? this.#local("v128");
    constants.set(text, name);
    return `(local.get ${name})`;
  }

  #code(x: Scalar): string {
    switch (x.kind) {
      case "const":
        return splat(x.value, x.dtype);
      case "load":
        return asMask(x.dtype, this.#load(x.access));
      case "index":
        return this.#index(x.coefficients, x.offset);
      case "guard":
        return this.#guard(x);
      case "gather":
        return asMask(x.dtype, this.#gather(x));
      case "op":
        if (x.op === "rarely") return this.#rarely(x);
        return this.#operation(x, x.args.map((arg) => this.#one(arg)));
    }
  }

  #operation(x: Scalar & { kind: "op" }, args: readonly string[]): string {
    const name = expansionName(x.op, x.args.at(-1)!.dtype);
    const whole = name && this.#shared.constants && !this.#place.scalar ? expanded(name) : null;
    if (!whole || countNodes([whole.result]) > SHORT) {
      return operationText(x, args, (...call) => this.#call(...call));
    }
    whole.parameters.forEach((parameter, i) => this.#known.set(`v${this.#idOf(parameter)}`, args[i]!));
    return this.value(whole.result);
  }

  /** Stores a value to an element of an output, whose buffers are numbered -1, -2, … */
  store(output: number, strides: readonly number[], value: string): string {
    const access = { buffer: -1 - output, strides, offset: 0 };
    return this.#place.scalar
      ? this.#memory("v128.store32_lane", access, { k: 0, value })
      : this.#memory("v128.store", access, { value });
  }

  /** An instruction on memory: of an access, or of that of its lane `k`, whose number the instruction takes. */
  #memory(name: string, access: Access, { k, value, held = this.#addresses }: MemoryOperand = {}): string {
    const { lane, shift } = this.#place;
    const distance = lane < 0 ? 0 : 4 * access.strides[lane]! * (shift + (k ?? 0));
    const start = held ? held.#held(access) : this.#start(access);
    // Distances in instructions have no sign.
    const [within, address] = distance < 0
      ? ["", `(i32.add ${start} (i32.const ${distance}))`]
      : [distance === 0 ? "" : ` offset=${distance}`, start];
    return `(${name}${within}${k === undefined ? "" : ` ${k}`} ${address}${value === undefined ? "" : ` ${value}`})`;
  }

  /** Byte address of an access in a local of its own. */
  #held(access: Access): string {
    const { buffer, strides, offset } = access;
    return this.#once(`s${buffer}:${offset}:${strides}`, "i32", () => this.#start(access));
  }

  /** Byte address of an access at the place without its shift. */
  #start({ buffer, strides, offset }: Access): string {
    const { lane, indices } = this.#place;
    const step = lane < 0 ? 0 : strides[lane]!;
    const base = (this.#outer ?? this).#pointer(buffer, strides, offset, lane);
    return step === 0 ? base : `(i32.add ${base} (i32.shl ${times(indices[lane]!, step)} (i32.const 2)))`;
  }

  /** The part of an address that does not depend on the lane axis, computed once. */
  #pointer(buffer: number, strides: readonly number[], offset: number, lane: number): string {
    const { indices } = this.#place;
    const terms = strides.flatMap((stride, axis) =>
      axis === lane || stride === 0 ? [] : [times(indices[axis]!, stride)]
    );
    if (offset !== 0) terms.push(`(i32.const ${offset})`);
    const key = `a${buffer}:${offset}:${strides.map((stride, axis) => axis === lane ? "-" : stride)}`;
    const start = `(local.get ${buffer < 0 ? `$out${-1 - buffer}` : `$in${buffer}`})`;
    if (terms.length === 0) return start;
    return this.#once(key, "i32", () => `(i32.add ${start} (i32.shl ${sum(terms)} (i32.const 2)))`);
  }

  #load(access: Access): string {
    const { lane, scalar } = this.#place;
    const step = lane < 0 ? 0 : access.strides[lane]!;
    if (scalar || step === 0) return this.#memory("v128.load32_splat", access);
    if (step === 1) return this.#memory("v128.load", access);
    const held = this.#addresses ?? this;
    const first = this.#memory("v128.load32_splat", access, { held });
    return [1, 2, 3].reduce((value, k) => this.#memory("v128.load32_lane", access, { k, value, held }), first);
  }

  /** Index of one lane axis position, as an i32. */
  #coordinate(coefficients: readonly number[], offset: number): string {
    const { indices, lane, shift } = this.#place;
    const terms = coefficients.flatMap((c, axis) => c === 0 ? [] : [times(indices[axis]!, c)]);
    const constant = offset + (lane < 0 ? 0 : shift * coefficients[lane]!);
    return sum(constant === 0 ? terms : [...terms, `(i32.const ${constant})`]);
  }

  #index(coefficients: readonly number[], offset: number): string {
    const base = `(i32x4.splat ${this.#coordinate(coefficients, offset)})`;
    const step = this.#place.lane < 0 || this.#place.scalar ? 0 : coefficients[this.#place.lane]!;
    return step === 0 ? base : `(i32x4.add ${base} (v128.const i32x4 0 ${step} ${2 * step} ${3 * step}))`;
  }

  /** Holds for every lane at once: bounds along the lanes are met in scalar mode only. */
  #holds({ coefficients, offset, extent }: Bound): string {
    return `(i32.lt_u ${this.#coordinate(coefficients, offset)} (i32.const ${extent}))`; // negative is large unsigned
  }

  /** Code of a branch, with locals of its own; `last` makes its result of the value. */
  #branch(x: Scalar, last = (value: string) => value): string {
    const inner = new ValueWriter(this.#shared, this.#place, null, { known: new Map(this.#visible()) });
    const value = inner.value(x);
    return `${inner.lines.join(" ")} ${last(value)}`;
  }

  #visible(): [string, string][] {
    return [...(this.#outer ? this.#outer.#visible() : []), ...this.#known];
  }

  #guard(x: Scalar & { kind: "guard" }): string {
    const holds = x.bounds.map((bound) => this.#holds(bound)).reduce((a, b) => `(i32.and ${a} ${b})`);
    return `(if (result v128) ${holds} (then ${this.#branch(x.value)}) (else ${splat(x.fill, x.dtype)}))`;
  }

  /** A choice whose first value is computed only where a lane takes it. */
  #rarely({ args: [condition, rare, usual] }: Scalar & { kind: "op" }): string {
    const [mask, other] = [this.#one(condition!), this.#one(usual!)];
    const chosen = this.#branch(rare!, (value) => `(v128.bitselect ${value} ${other} ${mask})`);
    return `(if (result v128) (v128.any_true ${mask}) (then ${chosen}) (else ${other}))`;
  }

  #gather(x: Scalar & { kind: "gather" }): string {
    const { lane, scalar, shift } = this.#place;
    const index = this.#one(x.index);
    const base = this.#local("i32");
    this.lines.push(`(local.set ${base} ${this.#start(x.access)})`);
    const at = (k: number) => `(i32x4.extract_lane ${k} ${index})`;
    const inside = (k: number) => `(i32.lt_u ${at(k)} (i32.const ${x.extent}))`;
    const step = lane < 0 ? 0 : x.access.strides[lane]!;
    const address = (k: number, along: number) =>
      `(i32.add (i32.add (local.get ${base}) (i32.const ${4 * step * (shift + along)})) (i32.mul ${at(k)} (i32.const ${
        4 * x.axisStride
      })))`;
    // Fill of a bool is 0 or 1 here: the mask is made from the loaded value.
    const fill = x.dtype === "float32" ? splat(x.fill, "float32") : `(i32x4.splat (i32.const ${x.fill}))`;
    if (scalar || lane < 0 || !varies(x.index, lane)) {
      const load = scalar || step === 0 ? "v128.load32_splat" : step === 1 ? "v128.load" : null;
      if (load) return `(if (result v128) ${inside(0)} (then (${load} ${address(0, 0)})) (else ${fill}))`;
    }
    const varying = varies(x.index, lane);
    return [0, 1, 2, 3].reduce((v, k) => {
      const j = varying ? k : 0;
      const element = `(if (result f32) ${inside(j)} (then (f32.load ${
        address(j, k)
      })) (else (f32x4.extract_lane 0 ${fill})))`;
      return `(f32x4.replace_lane ${k} ${v} ${element})`;
    }, "(v128.const i32x4 0 0 0 0)");
  }

  #call(name: string, ...args: readonly string[]): string {
    this.#shared.calls.add(name);
    return `(call $${name} ${args.join(" ")})`;
  }
}

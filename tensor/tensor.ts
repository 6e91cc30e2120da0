import type { Device, DeviceBuffer } from "./device.ts";
import { deviceOf } from "./device.ts";
import { nestedValues } from "./nested_values.ts";
import { LEAF, type LeafSource } from "./leaf_primitive.ts";
import type { Params, Primitive } from "./primitive.ts";
import { MOST_STORED, mostOf, requireFits } from "./result_size.ts";
import { type DType, type Shape, sizeOf, type TensorSpec, type TypedArray } from "./spec.ts";

/** How many tensors there are. Only the order matters, never the number. */
const counter = { next: 0 };

/** What a tensor is made of. */
interface Made {
  readonly inputs: readonly Tensor[];
  readonly params: Params;
}

/** What is forgotten is nothing. */
const FORGOTTEN: Made = { inputs: [], params: {} };

/** What only this file does to tensors; filled in once, by the class. */
const inner = {} as {
  madeOf(x: Tensor): Made;
  bufferOf(x: Tensor): DeviceBuffer | null;
  setMade(x: Tensor, made: Made): void;
  settle(x: Tensor, buffer: DeviceBuffer): void;
};

/**
 * An immutable node of a lazy program: a primitive applied to inputs, or a leaf that holds values.
 * Making one checks shapes and computes nothing; reading it (`await x.data()`) compiles and runs its program.
 *
 * Once it is computed a tensor is its values: it lets go of what it was made of, so that a loop that goes on from its own
 * results costs the same at every step, in time and memory. A pullback holds what it needs itself.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { add, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await add(tensor([1, 2]), 1).data(), new Float32Array([2, 3]));
 * ```
 */
export class Tensor implements TensorSpec {
  /** Sizes of the axes, outermost first. */
  readonly shape: Shape;
  /** Element type. */
  readonly dtype: DType;
  /** Operation that produces this tensor. */
  readonly primitive: Primitive;
  /** True if a placeholder is among its ancestors: it has no values of its own. */
  readonly traced: boolean;
  /** Grows with every tensor made. Programs run in this order, so that what is used together is computed together. */
  readonly sequence: number;
  /** Held until the values are there. */
  #made: Made;
  #buffer: DeviceBuffer | null = null;

  static {
    inner.madeOf = (x) => x.#made;
    inner.bufferOf = (x) => x.#buffer;
    inner.settle = (x, buffer) => {
      x.#buffer = buffer;
      if (x.primitive.lowering.kind !== "leaf") x.#made = FORGOTTEN;
    };
    inner.setMade = (x, made) => {
      x.#made = made;
    };
  }

  /** Library code makes tensors with `bind`, `leaf` and `placeholder`. */
  constructor(spec: TensorSpec, primitive: Primitive, inputs: readonly Tensor[], params: Params, traced: boolean) {
    this.shape = Object.isFrozen(spec.shape) ? spec.shape : Object.freeze([...spec.shape]);
    this.dtype = spec.dtype;
    this.primitive = primitive;
    this.#made = { inputs, params };
    this.traced = traced;
    this.sequence = counter.next++;
    Object.freeze(this);
  }

  /** Operands, in the order of the rules; none once the tensor was computed, but while a pullback goes through it. */
  get inputs(): readonly Tensor[] {
    return inner.madeOf(this).inputs;
  }

  /** Settings of this application; none as of `inputs`. */
  get params(): Params {
    return inner.madeOf(this).params;
  }

  /**
   * Computes the tensor, if that is still to do, and reads its values.
   *
   * @param options `device`: where to compute; the default device if not named.
   * @returns Row-major values; the array kind follows the dtype (`bool`: `Uint8Array` of 0 and 1).
   * @throws {TypeError} If the tensor is traced: inside `jit` there are no values.
   */
  async data(options: { readonly device?: Device } = {}): Promise<TypedArray> {
    const device = deviceOf("read values", options.device ?? bufferOf(this)?.device);
    const source = leafSource(this);
    if (source && "host" in source) return source.host.slice();
    return await device.read(this.traced ? refuseTraced(this) : realize([this], device)[0]!);
  }

  /**
   * Reads the one value of a tensor of one element.
   *
   * @param options As of `data`.
   * @returns The value as a number.
   * @throws {TypeError} If the tensor has more or fewer than one element.
   */
  async item(options: { readonly device?: Device } = {}): Promise<number> {
    if (sizeOf(this.shape) !== 1) {
      throw new TypeError(`Cannot read an item as the tensor must have one element: current shape is [${this.shape}]`);
    }
    return (await this.data(options))[0]!;
  }

  /**
   * The tensor as text: dtype, shape, and the first values if they can be read without waiting. Templates use it too.
   *
   * @returns Such as `Tensor float32 [2] [1, 2]`.
   */
  toString(): string {
    const head = `Tensor ${this.dtype} [${this.shape.join(", ")}]`;
    const values = valuesAtHand(this);
    if (!values) return this.primitive.lowering.kind === "leaf" ? head : `${head} = ${this.primitive.name}(…)`;
    const shown = values.length > 8 ? `${values.subarray(0, 8).join(", ")}, … of ${values.length}` : values.join(", ");
    return `${head} [${shown}]`;
  }

  /**
   * The tensor as plain data, for `JSON.stringify`, which writes what is not finite as null.
   *
   * @returns dtype, shape and values in nested arrays.
   * @throws {TypeError} If the values cannot be read without waiting: write what `await x.data()` gives instead.
   */
  toJSON(): { readonly dtype: DType; readonly shape: Shape; readonly values: unknown } {
    const values = valuesAtHand(this);
    if (values) return { dtype: this.dtype, shape: this.shape, values: nestedValues(this.shape, values) };
    throw new TypeError(
      `Cannot write a tensor as JSON as its values must be on the host: current tensor is ${this}; ` +
        "write what await x.data() gives",
    );
  }

  /** Gives the device memory back at once; otherwise that happens when the tensor is collected. */
  [Symbol.dispose](): void {
    bufferOf(this)?.free();
  }
}

// Assigned, not declared: a computed name has no type under isolated declarations.
Object.defineProperty(Tensor.prototype, Symbol.for("Deno.customInspect"), {
  value(this: Tensor, inspect: (x: unknown, options: object) => string, options: object): string {
    const values = valuesAtHand(this);
    if (!values) return this.toString();
    return `Tensor ${this.dtype} [${this.shape.join(", ")}] ${
      inspect(nestedValues(this.shape, values), { ...options, iterableLimit: 8 })
    }`;
  },
});

// Operators would compute with the text of a tensor, or compare objects.
Object.defineProperty(Tensor.prototype, Symbol.toPrimitive, {
  value(this: Tensor, hint: string): string {
    if (hint === "string") return this.toString();
    throw new TypeError(
      `Cannot use an operator on a tensor as its values are not known here: current operand is ${this}; use functions ` +
        "such as add and less, or, for a plain number of a jitted function, name its position in `static`",
    );
  },
});

/** Values that can be read without waiting. */
function valuesAtHand(x: Tensor): TypedArray | undefined {
  const source = leafSource(x);
  return source && "host" in source ? source.host : bufferOf(x)?.peek?.();
}

function refuseTraced(x: Tensor): never {
  throw new TypeError(
    `Cannot read values as a tensor inside jit or grad has none until the function has run: current tensor is ` +
      `${x.primitive.name} [${x.shape}]; return it instead`,
  );
}

/**
 * Applies a primitive: runs its shape rule now, computes nothing.
 *
 * @param primitive The operation.
 * @param inputs Its operands.
 * @param params Its settings.
 * @returns The tensor that evaluation will produce.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { exp, zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(exp(zeros([2])).shape, [2]); // calls bind
 * ```
 */
export function bind<P extends Params>(primitive: Primitive<P>, inputs: readonly Tensor[], params: P): Tensor {
  const spec = primitive.shapeRule(inputs, params);
  requireFits(primitive.name, spec, mostOf(primitive.lowering.kind));
  const erased = primitive as unknown as Primitive;
  return new Tensor(spec, erased, Object.freeze([...inputs]), params, inputs.some((input) => input.traced));
}

/**
 * Makes a tensor of values that are there already. The array is not copied: it must not change afterwards.
 *
 * @param spec Shape and dtype.
 * @param source Host array (row-major) or device buffer.
 * @returns The leaf.
 */
export function leaf(spec: TensorSpec, source: NonNullable<LeafSource>): Tensor {
  return new Tensor(spec, LEAF as unknown as Primitive, [], { spec, source }, false);
}

/**
 * Makes the stand-in for an argument while a function is traced.
 *
 * @param spec Shape and dtype of the argument.
 * @returns A leaf without values.
 */
export function placeholder(spec: TensorSpec): Tensor {
  const { shape, dtype } = spec;
  return new Tensor({ shape, dtype }, LEAF as unknown as Primitive, [], { spec: { shape, dtype }, source: null }, true);
}

/**
 * Tells what a leaf holds.
 *
 * @param x Any tensor.
 * @returns The source; `undefined` if `x` is to be computed, `null` if it is a placeholder.
 */
export function leafSource(x: Tensor): LeafSource | undefined {
  if (x.primitive.lowering.kind !== "leaf") return undefined;
  return (x.params as { readonly source: LeafSource }).source;
}

/**
 * Finds the device memory that holds a tensor's values.
 *
 * @param x Any tensor.
 * @returns The buffer of a leaf or of a tensor that was computed before; otherwise `undefined`.
 */
export function bufferOf(x: Tensor): DeviceBuffer | undefined {
  const source = leafSource(x);
  return source && "buffer" in source ? source.buffer : inner.bufferOf(x) ?? undefined;
}

/** Makes a tensor that is not traced its values: it need not be computed again, and lets go of what it was made of. */
export function settle(x: Tensor, buffer: DeviceBuffer): void {
  inner.settle(x, buffer);
}

/** What a tensor is made of. Who holds it can go through the tensor after it was computed, by `withMade`. */
export function madeOf(x: Tensor): Pick<Tensor, "inputs" | "params"> {
  return inner.madeOf(x);
}

/** Makes a tensor of other inputs of the same values: of a program that nobody has but who changes it. */
export const remake = (x: Tensor, made: Pick<Tensor, "inputs" | "params">): void => inner.setMade(x, made);

/** Lets a tensor be what it was made of while something runs, though its values may be there since. */
export function withMade<R>(x: Tensor, made: Pick<Tensor, "inputs" | "params">, run: () => R): R {
  const now = inner.madeOf(x);
  try {
    inner.setMade(x, made);
    return run();
  } finally {
    inner.setMade(x, now);
  }
}

/**
 * Computes tensors in one program and keeps their values on the device.
 *
 * @param tensors Tensors that are not traced.
 * @param device Where to compute.
 * @returns Their buffers, in order.
 */
export function realize(tensors: readonly Tensor[], device: Device): readonly DeviceBuffer[] {
  tensors.forEach((x) => x.traced && refuseTraced(x));
  const missing = [...new Set(tensors.filter((x) => bufferOf(x)?.device !== device))];
  missing.forEach((x) => requireFits("compute a tensor", x, MOST_STORED));
  if (missing.length > 0) device.evaluate(missing).forEach((buffer, i) => settle(missing[i]!, buffer));
  return tensors.map((x) => {
    const buffer = bufferOf(x)!;
    return buffer.device === device ? buffer : inner.bufferOf(x)!;
  });
}

/** The sequence number that the next tensor will have: what is younger is made from now on. */
export const nextSequence = (): number => counter.next;

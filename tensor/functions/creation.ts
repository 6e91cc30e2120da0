import { constant, iota } from "../primitives/constant.ts";
import { ShapeError } from "../errors.ts";
import { cast } from "../primitives/cast.ts";
import { add, mul } from "../primitives/arithmetic.ts";
import { type DType, type Shape, sizeOf, type TypedArray } from "../spec.ts";
import { hostArray, leaf, type Tensor } from "../tensor.ts";

/** Numbers or booleans, nested to the depth of the rank. */
export type Nested = number | boolean | readonly Nested[];

function isTyped(x: unknown): x is TypedArray {
  return ArrayBuffer.isView(x) && !(x instanceof DataView);
}

function dtypeOf(x: TypedArray): DType {
  if (x instanceof Float64Array) return "float64";
  if (x instanceof Int32Array) return "int32";
  if (x instanceof Uint32Array) return "uint32";
  return x instanceof Uint8Array ? "bool" : "float32";
}

function shapeOf(values: Nested): Shape {
  return Array.isArray(values) ? [values.length, ...(values.length > 0 ? shapeOf(values[0]) : [])] : [];
}

/** Nested arrays in row-major order, with the dtype of their first element. */
function flatten(values: Nested): { readonly shape: Shape; readonly flat: readonly number[]; readonly kind: DType } {
  const shape = shapeOf(values);
  const flat: (number | boolean)[] = [];
  const visit = (part: Nested, axis: number): void => {
    if ((Array.isArray(part) ? part.length : undefined) !== shape[axis]) {
      throw new ShapeError("make a tensor", "nested arrays must have equal lengths", [shape]);
    }
    if (Array.isArray(part)) part.forEach((item) => visit(item, axis + 1));
    else flat.push(part as number | boolean);
  };
  visit(values, 0);
  return { shape, flat: flat.map(Number), kind: typeof flat[0] === "boolean" ? "bool" : "float32" };
}

/**
 * Makes a tensor of given values, copied.
 *
 * @param values A number, nested arrays, or a typed array (its kind gives the dtype; `Uint8Array` gives bool).
 * @param options `dtype` (float32, or bool for booleans, if left out) and, for typed arrays, `shape`.
 * @returns A tensor that holds the values.
 * @throws {ShapeError} If nested arrays are ragged, or the shape does not hold the typed array.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(tensor([[1, 2], [3, 4]]).shape, [2, 2]);
 * deepStrictEqual(tensor(new Float32Array(6), { shape: [2, 3] }).shape, [2, 3]);
 * ```
 */
export function tensor(
  values: Nested | TypedArray,
  options: DType | { readonly dtype?: DType; readonly shape?: Shape } = {},
): Tensor {
  const { dtype, shape: target } = typeof options === "string" ? { dtype: options, shape: undefined } : options;
  const { shape, flat, kind } = isTyped(values)
    ? { shape: [values.length], flat: values, kind: dtypeOf(values) }
    : flatten(values);
  if (target && sizeOf(target) !== flat.length) {
    throw new ShapeError("make a tensor", `the shape must hold ${flat.length} values`, [target]);
  }
  return leaf({ shape: target ?? shape, dtype: dtype ?? kind }, { host: hostArray(flat, dtype ?? kind) });
}

/**
 * Fills a shape with one value.
 *
 * @param shape Any shape.
 * @param value The value.
 * @param dtype Its dtype.
 * @returns A lazy constant; it takes no memory where it is fused.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { full } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await full([2], 7).data(), new Float32Array([7, 7]));
 * ```
 */
export function full(shape: Shape, value: number, dtype: DType = "float32"): Tensor {
  if (!shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ShapeError("fill", "sizes must be whole and not negative", [shape]);
  }
  return constant(shape, value, dtype);
}

/**
 * Fills a shape with zeros.
 *
 * @param shape Any shape.
 * @param dtype Dtype of the result.
 * @returns A lazy constant.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { zeros } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await zeros([2]).data(), new Float32Array(2));
 * ```
 */
export function zeros(shape: Shape, dtype: DType = "float32"): Tensor {
  return full(shape, 0, dtype);
}

/**
 * Fills a shape with ones.
 *
 * @param shape Any shape.
 * @param dtype Dtype of the result.
 * @returns A lazy constant.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await ones([2]).data(), new Float32Array([1, 1]));
 * ```
 */
export function ones(shape: Shape, dtype: DType = "float32"): Tensor {
  return full(shape, 1, dtype);
}

/** Options of `arange`. */
export interface ArangeOptions {
  /** int32 if left out. */
  readonly dtype?: DType;
}

/**
 * Counts from 0 to a stop.
 *
 * @param stop End, exclusive.
 * @param options `dtype`, int32 if left out.
 * @returns Tensor of shape `[ceil(stop)]`, empty for a stop below 0.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { arange } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await arange(3).data(), new Int32Array([0, 1, 2]));
 * ```
 */
export function arange(stop: number, options?: ArangeOptions): Tensor;
/**
 * Counts from a start to a stop.
 *
 * @param start First value.
 * @param stop End, exclusive.
 * @param options `dtype`, int32 if left out.
 * @returns Tensor of shape `[ceil(stop - start)]`.
 */
export function arange(start: number, stop: number, options?: ArangeOptions): Tensor;
/**
 * Counts from a start to a stop by steps.
 *
 * @param start First value.
 * @param stop End, exclusive.
 * @param step Distance of neighbours, not 0; negative counts down.
 * @param options `dtype`, int32 if left out.
 * @returns Tensor of shape `[ceil((stop - start) / step)]`.
 * @throws {RangeError} If the step is 0.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { arange } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await arange(1, 7, 2).data(), new Int32Array([1, 3, 5]));
 * ```
 */
export function arange(start: number, stop: number, step: number, options?: ArangeOptions): Tensor;
export function arange(...args: readonly (number | ArangeOptions | undefined)[]): Tensor {
  const numbers = args.filter((arg) => typeof arg === "number");
  const { dtype = "int32" } = args.find((arg) => typeof arg === "object") ?? {};
  const [start = 0, stop = 0, step = 1] = numbers.length === 1 ? [0, ...numbers] : numbers;
  if (step === 0) throw new RangeError("Cannot count as the step must not be 0: current step is 0");
  const positions = cast(iota([Math.max(0, Math.ceil((stop - start) / step))], 0), dtype);
  const scaled = step === 1 ? positions : mul(positions, step);
  return start === 0 ? scaled : add(scaled, start);
}

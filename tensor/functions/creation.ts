import { type OptionNames, requireOptions, shown } from "../errors.ts";
import { hostValues, type Nested, requireSizes } from "../host_values.ts";
import { constant, iota } from "../primitives/constant.ts";
import { cast } from "../primitives/cast.ts";
import { add, mul } from "../primitives/arithmetic.ts";
import { type DType, holds, requireDType, type Shape } from "../spec.ts";
import { leaf, type Tensor } from "../tensor.ts";

/**
 * Makes a tensor of given values, copied.
 *
 * @param values A number, a boolean, nested arrays of one of them, or a typed array.
 * @param options `dtype` and, for typed arrays, `shape`. Without a dtype numbers become float32, booleans bool, and a
 * typed array its own (`Uint8Array`: uint8); those of 16-bit and clamped numbers need one.
 * @returns A tensor that holds the values; floats rounded, bool true unless 0.
 * @throws {TypeError} If a value is neither number nor boolean, a typed array has no dtype and none is named, or the engine
 * has no `Float16Array` for float16.
 * @throws {RangeError} If there is no such dtype, or it does not hold a value: a fraction or 3e9 as int32.
 * @throws {ShapeError} If nested arrays are ragged, or the shape does not hold the values.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(tensor([[1, 2], [3, 4]]).shape, [2, 2]);
 * deepStrictEqual(tensor(new Float32Array(6), { shape: [2, 3] }).shape, [2, 3]);
 * deepStrictEqual(tensor(new Uint8Array([200]), { dtype: "int32" }).dtype, "int32");
 * ```
 */
export function tensor(
  values: Nested | ArrayLike<number>,
  options: { readonly dtype?: DType; readonly shape?: Shape } = {},
): Tensor {
  requireOptions("make a tensor", options, { dtype: true, shape: true });
  const { shape, dtype, data } = hostValues(values, options);
  return leaf({ shape, dtype }, { host: data });
}

/** Options of `full`, `zeros` and `ones`. */
export interface DtypeOption {
  /** Dtype of the result, float32 if left out. */
  readonly dtype?: DType | undefined;
}

/** Names of DtypeOption. */
export const DTYPE_OPTION: OptionNames<DtypeOption> = { dtype: true };

/**
 * Fills a shape with one value.
 *
 * @param shape Any shape.
 * @param value The value.
 * @param options `dtype`, float32 if left out.
 * @returns A lazy constant; it takes no memory where it is fused.
 * @throws {ShapeError} If sizes are negative or no whole numbers.
 * @throws {RangeError} If there is no such dtype, or it does not hold the value.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { full } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await full([2], 7).data(), new Float32Array([7, 7]));
 * ```
 */
export function full(shape: Shape, value: number, options: DtypeOption = {}): Tensor {
  requireOptions("fill", options, DTYPE_OPTION);
  const { dtype = "float32" } = options;
  requireSizes("fill", shape);
  requireDType("fill", dtype);
  if (!holds(dtype, value)) {
    throw new RangeError(`Cannot fill as the value must be of ${dtype}: current value is ${shown(value)}`);
  }
  return constant(shape, value, dtype);
}

/**
 * Fills a shape with zeros.
 *
 * @param shape Any shape.
 * @param options `dtype`, float32 if left out.
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
export function zeros(shape: Shape, options: DtypeOption = {}): Tensor {
  requireOptions("zeros", options, DTYPE_OPTION);
  return full(shape, 0, options);
}

/**
 * Fills a shape with ones.
 *
 * @param shape Any shape.
 * @param options `dtype`, float32 if left out.
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
export function ones(shape: Shape, options: DtypeOption = {}): Tensor {
  requireOptions("ones", options, DTYPE_OPTION);
  return full(shape, 1, options);
}

/** Options of `arange`. */
export interface ArangeOptions {
  /** If left out, int32 where start and step are whole, else float32. */
  readonly dtype?: DType;
}

/**
 * Counts from 0 to a stop.
 *
 * @param stop End, exclusive.
 * @param options `dtype`; if left out, int32 where start and step are whole, else float32.
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
 * @param options `dtype`; if left out, int32 where start and step are whole, else float32.
 * @returns Tensor of shape `[ceil(stop - start)]`.
 */
export function arange(start: number, stop: number, options?: ArangeOptions): Tensor;
/**
 * Counts from a start to a stop by steps.
 *
 * @param start First value.
 * @param stop End, exclusive.
 * @param step Distance of neighbours, not 0; negative counts down.
 * @param options `dtype`; if left out, int32 where start and step are whole, else float32.
 * @returns Tensor of shape `[ceil((stop - start) / step)]`.
 * @throws {RangeError} If the step is 0, a number is not finite, or the dtype does not hold the values.
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
  const options = args.find((arg) => typeof arg === "object") ?? {};
  requireOptions("count", options, { dtype: true });
  const numbers = args.filter((arg) => arg !== undefined && arg !== options) as readonly number[];
  const [start = 0, stop = 0, step = 1] = numbers.length === 1 ? [0, ...numbers] : numbers;
  const whole = Number.isInteger(start) && Number.isInteger(step);
  const { dtype = whole ? "int32" : "float32" } = options;
  const count = countOf(start, stop, step);
  requireDType("count", dtype);
  const last = start + Math.max(0, count - 1) * step;
  if (!holds(dtype, start) || !holds(dtype, step) || !holds(dtype, last)) {
    throw new RangeError(
      `Cannot count as all values must be of ${dtype}: current values go from ${start} to ${last} by ${step}`,
    );
  }
  const positions = cast(iota([count], 0), dtype);
  const scaled = step === 1 ? positions : mul(positions, step);
  return start === 0 ? scaled : add(scaled, start);
}

/** How many steps there are from a start to a stop. */
function countOf(start: number, stop: number, step: number): number {
  for (const [name, value] of Object.entries({ start, stop, step })) {
    if (Number.isFinite(value)) continue;
    throw new RangeError(`Cannot count as ${name} must be a finite number: current ${name} is ${shown(value)}`);
  }
  if (step === 0) throw new RangeError("Cannot count as the step must not be 0: current step is 0");
  return Math.max(0, Math.ceil((stop - start) / step));
}

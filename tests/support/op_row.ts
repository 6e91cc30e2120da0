import { type DType, DTYPES, type Shape, sizeOf, type Tensor, tensor } from "../../tensor/mod.ts";
import { randomValues } from "./random_values.ts";

/** One input of a case. */
export interface InputSpec {
  /** Sizes of the axes. */
  readonly shape: Shape;
  /** float32 if left out. */
  readonly dtype?: DType;
  /** Where values lie, `[low, high)`; whole numbers for integer dtypes. `[-1, 1)`, or `[0, 2)` for integers, if left out. */
  readonly domain?: readonly [number, number];
  /** Exact values instead. */
  readonly values?: ArrayLike<number>;
}

/** Inputs to run an operation on. */
export interface OpCase {
  /** One per operand. */
  readonly inputs: readonly InputSpec[];
  /** True for more than 65,535 groups of 64 elements: seconds on the reference, so run once per device. */
  readonly large?: boolean;
}

/** One operation with one set of settings: what every device and every gradient is tested on. */
export interface OpRow {
  /** Name of the operation and its settings; unique. */
  readonly name: string;
  /** Applies it. */
  readonly f: (...inputs: Tensor[]) => Tensor;
  /** Inputs; gradients are checked on the first. */
  readonly cases: readonly OpCase[];
  /** Highest order of derivative to check; 0 where there is none. */
  readonly order: number;
  /** How far a float32 device may be from float64. */
  readonly tolerance: { readonly absolute: number; readonly relative: number };
  /** Calls that must throw `ShapeError`. */
  readonly rejects: readonly (() => unknown)[];
}

/** Fills in what most rows have in common. */
export function row(
  name: string,
  f: OpRow["f"],
  cases: readonly OpCase[],
  rest: Partial<Pick<OpRow, "order" | "tolerance" | "rejects">> = {},
): OpRow {
  return { name, f, cases, order: 2, tolerance: { absolute: 2e-6, relative: 1e-5 }, rejects: [], ...rest };
}

/** A case of float32 inputs of these shapes. */
export function floats(...shapes: readonly Shape[]): OpCase {
  return { inputs: shapes.map((shape) => ({ shape })) };
}

/** A case of float32 inputs of these shapes, with values in a domain. */
export function within(domain: readonly [number, number], ...shapes: readonly Shape[]): OpCase {
  return { inputs: shapes.map((shape) => ({ shape, domain })) };
}

/** A case of inputs of one integer dtype, with values in a domain. */
export function integers(dtype: DType, domain: readonly [number, number], ...shapes: readonly Shape[]): OpCase {
  return { inputs: shapes.map((shape) => ({ shape, dtype, domain })) };
}

/**
 * Makes the inputs of a case; the same at every call.
 *
 * @param testCase Specs of the inputs.
 * @param floating What float32 inputs become: float64 for gradient checks on the reference.
 * @returns One leaf per operand.
 */
export function inputsOf({ inputs }: OpCase, floating: "float32" | "float64" = "float32"): Tensor[] {
  return inputs.map(({ shape, dtype = "float32", domain, values }, i) => {
    const real = DTYPES[dtype].floating;
    const drawn = values ?? randomValues(17 + i, sizeOf(shape), domain ?? (real ? [-1, 1] : [0, 2]));
    const data = Float64Array.from(drawn, (x) => real ? x : Math.floor(x));
    return tensor(data, { shape, dtype: dtype === "float32" ? floating : dtype });
  });
}

/** @file Operands of a row in several dtypes, for this library and for NumPy. */
import { type DType, DTYPES, type Shape, type Tensor, tensor } from "../../tensor/mod.ts";
import { inputsOf, type InputSpec } from "../support/op_row.ts";
import type { ConformanceRow } from "./row.ts";

/** Dtypes that operations are tried with, in their column's order. */
export const TRIED = ["float32", "float16", "int32", "uint32", "int8", "uint8", "bool"] as const;

/** Numbers as a script of Python reads them: what is not finite as text. */
export interface Written {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: readonly (number | string)[];
}

/** Which operands change their dtype: the floating ones, or those of the first's dtype. */
export function variedIn({ inputs: { inputs }, kind }: ConformanceRow): readonly number[] {
  if (kind === "drawn" || inputs.length === 0) return [];
  const dtypeOf = ({ dtype = "float32" }: InputSpec) => dtype;
  const floating = [...inputs.keys()].filter((i) => dtypeOf(inputs[i]!) === "float32");
  return floating.length > 0 ? floating : [...inputs.keys()].filter((i) => dtypeOf(inputs[i]!) === dtypeOf(inputs[0]!));
}

/** A number of a dtype near another: quarters become whole numbers. */
function converted(x: number, from: DType, to: DType): number {
  if (to === "bool") return Number(x > 0);
  const { floating, limits: [least, largest], round } = DTYPES[to];
  if (floating) return round(x);
  const near = Number.isFinite(x) ? 4 * x : 3; // no integer is NaN
  const whole = from === "float32" ? Math.round(near) : x;
  return Math.min(least === 0 ? Math.abs(whole) : whole, largest);
}

async function valuesOf(x: Tensor): Promise<Float64Array> {
  return Float64Array.from(await x.data());
}

/** Operands of a row as they stand, their floating numbers in 32 or in 64 bits. */
export const givenOperands = ({ inputs }: ConformanceRow, floating: "float32" | "float64"): readonly Tensor[] =>
  inputsOf(inputs, floating);

/** Operands of a row of which those that may vary have a dtype. */
export async function operandsOf(row: ConformanceRow, dtype: DType): Promise<readonly Tensor[]> {
  const varied = variedIn(row);
  return await Promise.all(
    givenOperands(row, "float32").map(async (x, i) => {
      if (!varied.includes(i)) return x;
      const values = (await valuesOf(x)).map((value) => converted(value, x.dtype, dtype));
      return tensor(values, { shape: x.shape, dtype });
    }),
  );
}

/** The same as text for Python; `given` are those that stand in the row. */
export async function writtenOperands(row: ConformanceRow, form: DType | "given"): Promise<readonly Written[]> {
  const operands = form === "given" ? givenOperands(row, "float32") : await operandsOf(row, form);
  return await Promise.all(operands.map(async (x) => ({
    shape: x.shape,
    dtype: x.dtype,
    values: Array.from(await valuesOf(x), (value) => Number.isFinite(value) ? value : String(value).toLowerCase()),
  })));
}

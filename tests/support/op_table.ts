/** @file The operations, each with inputs to run it on: gradients and devices are tested row by row. */
import { CONTRACTION_ROWS } from "./contraction_rows.ts";
import { DETECTION_ROWS } from "./detection_rows.ts";
import { ELEMENTWISE_ROWS } from "./elementwise_rows.ts";
import { FUNCTION_ROWS } from "./function_rows.ts";
import { LAYOUT_ROWS } from "./layout_rows.ts";
import { LINALG_ROWS } from "./linalg_rows.ts";
import { integers, type OpCase, type OpRow, row } from "./op_row.ts";
import { t } from "./public_calls.ts";

const { arange, full, mul, random } = t;

export type { InputSpec, OpCase, OpRow } from "./op_row.ts";
export { inputsOf } from "./op_row.ts";

const NO_INPUT: readonly OpCase[] = [{ inputs: [] }];
const KEY: readonly OpCase[] = [integers("uint32", [0, 2 ** 32], [2])];

/** Operations that make values of their own. */
const GENERATORS: readonly OpRow[] = [
  row("full", () => full([3, 5], -2.5), NO_INPUT, { order: 0, rejects: [() => full([-1], 0), () => full([1.5], 0)] }),
  row("full of nothing", () => full([0, 3], 1), NO_INPUT, { order: 0 }),
  row("arange", () => arange(-3, 200, 2), NO_INPUT, { order: 0 }),
  row("arange of floats", () => mul(arange(0, 3, 1, { dtype: "float32" }), 0.5), NO_INPUT, { order: 0 }),
  row("randomBits", (key) => random.bits(key, [3, 67]), KEY, { order: 0 }),
  row("randomBits of a scalar", (key) => random.bits(key, []), KEY, { order: 0 }),
  row("uniform", (key) => random.uniform(key, [300], { min: -2, max: 3 }), KEY, { order: 0 }),
  row("permutation", (key) => random.permutation(key, 100), KEY, { order: 0 }),
];

/** One row for each operation and choice of settings. */
export const ROWS: readonly OpRow[] = [
  ...[...GENERATORS, ...ELEMENTWISE_ROWS, ...LAYOUT_ROWS, ...CONTRACTION_ROWS],
  ...FUNCTION_ROWS,
  ...LINALG_ROWS,
  ...DETECTION_ROWS,
];

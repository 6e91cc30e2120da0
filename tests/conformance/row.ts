/** @file One public operation: what it is called with, and what NumPy, SciPy or PyTorch say it is. */
import type { Tensor } from "../../tensor/mod.ts";
import type { OpCase, OpRow } from "../support/op_row.ts";
import { ROWS } from "../support/op_table.ts";

/** A column of the table. */
export type Column =
  | "shape"
  | "reference"
  | "cpu"
  | "webgpu"
  | "grad"
  | "grad of grad"
  | "jvp"
  | "vmap"
  | "jit"
  | "dtypes";

/** Columns of the table, in order. */
export const COLUMNS: readonly Column[] = [
  ...["shape", "reference", "cpu", "webgpu"] as const,
  ...["grad", "grad of grad", "jvp", "vmap", "jit", "dtypes"] as const,
];

/** A reason for an empty cell. */
export type Reason = "H" | "N" | "W" | "K" | "S" | "B";

/** Why a cell may be empty: there is no other reason. */
export const REASONS: Readonly<Record<Reason, string>> = {
  H: "host-only: a function of values that cannot be traced; it is awaited, and a test shows that `jit` refuses it",
  N: "no operand: there is nothing to differentiate, to map over, or of another dtype",
  W: "whole numbers: integers and bools have no derivative; a test shows that such operands are refused, and that nothing but " +
    "zeros flows through such results",
  K: "a key: what is drawn has no derivative by its key, which a test shows to be refused, and the key has one dtype",
  S: "stopped: the derivative is zero by definition, which a test shows",
  B: "no bound: a loop that runs until its data say so has no pullback, which a test shows to be refused",
};

/** A result, or several. */
export type Results = Tensor | readonly Tensor[];

/** One public operation. */
export interface ConformanceRow {
  /** As it is exported: `linalg.svd`. */
  readonly name: string;
  /** Applies it; only a host-only operation may be awaited. */
  readonly f: (...inputs: Tensor[]) => Results | Promise<Results>;
  /** What it is called with. */
  readonly inputs: OpCase;
  /** An expression in Python over `a`, `b`, `c` … that gives the same. */
  readonly truth: string;
  /** How far float32 may be from it. */
  readonly tolerance: OpRow["tolerance"];
  /** How far float64 may be from it. */
  readonly exact: number;
  /** Calls that must throw `ShapeError`. */
  readonly rejects: OpRow["rejects"];
  /** What is special about it. */
  readonly kind?: "host" | "drawn" | "stopped" | "unbounded";
}

/** Settings of a row beside its function and truth. */
export type Rest = Partial<Omit<ConformanceRow, "name" | "f" | "inputs" | "truth">>;

/** A row with inputs of its own. */
export function op(
  name: string,
  f: ConformanceRow["f"],
  inputs: OpCase,
  truth: string,
  rest: Rest = {},
): ConformanceRow {
  return {
    ...{ name, f, inputs, truth, tolerance: { absolute: 2e-6, relative: 1e-5 }, exact: 1e-9, rejects: [] },
    ...rest,
  };
}

/** A row of the table that every device is tested on, with what it is. */
export function known(name: string, truth: string, rest: Rest & { readonly row?: string } = {}): ConformanceRow {
  const { row: rowName = name, ...others } = rest;
  const found = ROWS.find((row) => row.name === rowName);
  if (!found) throw new RangeError(`Cannot find a row as its name must stand in the table: current name is ${rowName}`);
  const { f, cases, tolerance, rejects } = found;
  return op(name, f, cases[0]!, truth, { tolerance, rejects, ...others });
}

/** A function of the host alone. */
export function hosted(name: string, f: ConformanceRow["f"], inputs: OpCase, truth: string): ConformanceRow {
  return op(name, f, inputs, truth, { kind: "host" });
}

/** A draw: its first operand is a key. */
export function drawn(
  name: string,
  f: ConformanceRow["f"],
  inputs: OpCase,
  truth: string,
  rest: Rest = {},
): ConformanceRow {
  const tolerance = { absolute: 2e-6, relative: 2e-6 };
  return op(name, f, inputs, truth, { kind: "drawn", tolerance, exact: 2e-6, ...rest });
}

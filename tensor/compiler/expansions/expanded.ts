import type { DType } from "../../spec.ts";
import { operationOf, OPERATIONS, type ScalarOp } from "../operations.ts";
import { cast, literal, op, type Scalar } from "../scalar.ts";
import type { Words } from "./words.ts";

/** A function of one or two values as an expression of its parameters. */
export interface Expanded {
  /** Stand for the operands: whoever writes the result has names for them. */
  readonly parameters: readonly Scalar[];
  /** Made of the parameters. */
  readonly result: Scalar;
}

const bitcast = (x: Scalar, dtype: DType): Scalar => ({ kind: "op", op: "bitcast", args: [x], dtype });

const named = (name: ScalarOp) => (...args: readonly Scalar[]): Scalar => op(name, ...args);
/** Every operation of the table under its own name. */
const OPERATIONS_BY_NAME = Object.fromEntries(
  (Object.keys(OPERATIONS) as ScalarOp[]).map((name) => [name, named(name)]),
) as Readonly<Record<ScalarOp, (...args: readonly Scalar[]) => Scalar>>;

/** Words that make expressions. */
const SCALARS: Words<Scalar> = {
  ...OPERATIONS_BY_NAME,
  float: (value) => literal(value, "float32"),
  int: (value) => literal(value, "int32"),
  uint: (value) => literal(value, "uint32"),
  toFloat: (x) => cast(x, "float32"),
  toInt: (x) => cast(x, "int32"),
  asFloat: (x) => bitcast(x, "float32"),
  asInt: (x) => bitcast(x, "int32"),
  asUint: (x) => bitcast(x, "uint32"),
};

/**
 * Writes a function of floats as an expression.
 *
 * @param name An operation that has an expansion.
 * @returns The expression and its parameters.
 */
export function expanded(name: ScalarOp): Expanded {
  const { arity, expand } = operationOf(name);
  if (!expand) throw new TypeError(`Cannot expand ${name} as devices write it themselves: current expansion is none`);
  const parameters = Array.from({ length: arity }, (_, buffer): Scalar => (
    { kind: "load", dtype: "float32", access: { buffer, strides: [], offset: 0 } }
  ));
  const [x, y = x] = parameters;
  return { parameters, result: expand(SCALARS, x!, y!) };
}

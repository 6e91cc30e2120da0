import type { DType } from "../../spec.ts";
import { operationOf, OPERATIONS, type ScalarOp } from "../operations.ts";
import { applyOp, cast, literal, type Scalar } from "../scalar.ts";
import { expansionOf } from "./applied.ts";
import type { Words } from "./words.ts";

/** An operation on one or two values as an expression of its parameters. */
export interface Expanded {
  /** Stand for the operands: whoever writes the result has names for them. */
  readonly parameters: readonly Scalar[];
  /** Made of the parameters. */
  readonly result: Scalar;
}

const bitcast = (x: Scalar, dtype: DType): Scalar => ({ kind: "op", op: "bitcast", args: [x], dtype });

const named = (name: ScalarOp) => (...args: readonly Scalar[]): Scalar => applyOp(name, args);
/** Every operation of the table under its own name. */
const OPERATIONS_BY_NAME = Object.fromEntries(
  (Object.keys(OPERATIONS) as ScalarOp[]).map((name) => [name, named(name)]),
) as Readonly<Record<ScalarOp, (...args: readonly Scalar[]) => Scalar>>;

/** Words that make expressions. */
export const SCALARS: Words<Scalar> = {
  ...OPERATIONS_BY_NAME,
  float: (value) => literal(value, "float32"),
  int: (value) => literal(value, "int32"),
  uint: (value) => literal(value, "uint32"),
  toFloat: (x) => cast(x, "float32"),
  toInt: (x) => cast(x, "int32"),
  roundToInt: (x) => ({ kind: "op", op: "roundToInt", args: [x], dtype: "int32" }),
  asFloat: (x) => bitcast(x, "float32"),
  asInt: (x) => bitcast(x, "int32"),
  asUint: (x) => bitcast(x, "uint32"),
};

/** Name of a function: an operation, and the dtype of its operands. */
export type FunctionName = `${ScalarOp}_${DType}`;

/**
 * Names the function that an operation is where it has an expansion.
 *
 * @param name The operation.
 * @param dtype Of its operands.
 * @returns The name; `undefined` if devices write the operation themselves.
 */
export function expansionName(name: ScalarOp, dtype: DType): FunctionName | undefined {
  return operationOf(name).composed?.includes(dtype) ? `${name}_${dtype}` : undefined;
}

/**
 * Writes an operation as an expression.
 *
 * @param name An operation that has an expansion, and the dtype of its operands.
 * @returns The expression and its parameters.
 * @throws {TypeError} If devices write it themselves, or no expression names it.
 */
export function expanded(name: FunctionName): Expanded {
  const [operation, dtype] = name.split("_") as [ScalarOp, DType];
  const { arity } = operationOf(operation);
  const expansion = expansionOf(operation, dtype);
  if (!expansion) {
    throw new TypeError(
      `Cannot expand ${name} as it must be composed of others and be applied by \`op\` before: current expansion is none`,
    );
  }
  const parameters = Array.from({ length: arity }, (_, buffer): Scalar => (
    { kind: "load", dtype, access: { buffer, strides: [], offset: 0 } }
  ));
  const [x, y = x] = parameters;
  return { parameters, result: expansion(SCALARS, x!, y!) };
}

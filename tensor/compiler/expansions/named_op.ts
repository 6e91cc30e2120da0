import type { ScalarOp } from "../operations.ts";
import { applyOp, op, type Scalar } from "../scalar.ts";
import * as composed from "./composed.ts";

const BY_NAME = new Map(Object.values(composed).map((operation) => [operation.name, operation]));

/**
 * Applies an operation by its name; the dtype is that of the last argument, or `bool` if the operation tells.
 *
 * @param name Any operation of `OPERATIONS`.
 * @param args Its operands, of one dtype (`select`: bool first).
 * @returns The expression.
 */
export function namedOp(name: ScalarOp, ...args: readonly Scalar[]): Scalar {
  const operation = BY_NAME.get(name);
  return operation ? op(operation, ...args) : applyOp(name, args);
}

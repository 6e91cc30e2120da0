/** @file How much a kernel computes for one element, so that kernels stay of a size that assemblers and drivers take. */
import type { GraphNode } from "./graph.ts";
import { operationOf } from "./operations.ts";
import { literal, type Scalar, visitScalars } from "./scalar.ts";

/**
 * Bound of the work of one kernel: twice what random bits take, the longest expression that the library makes. A chain of
 * 100,000 operations becomes some hundreds of kernels, each with text, variables and a depth that every device takes; what
 * is between them goes through memory once.
 */
export const MAX_WORK = 512;
/**
 * Nodes of the expressions of a reduction up to which a device may add up more elements side by side. Reductions that share
 * nothing are joined within it alone, so that each keeps the order of its sum.
 */
export const SHORT_NODES = 8;
/** Work of a view: its moves are followed anew for each access. */
export const VIEW_WORK = 16;
/** Work of an operation that is made of some twenty others. */
const LONG_WORK = 24;

/** The expression of one node, as if its operands were zero. */
export function expressionOf(node: GraphNode): Scalar {
  const args = node.inputs.map(({ dtype }) => literal(0, dtype));
  if (node.lowering.kind === "expression") return node.lowering.expression(args, node.params, node);
  throw new TypeError(`Cannot write ${node.name} as it must be an expression: current kind is ${node.lowering.kind}`);
}

/** Work of expressions, shared parts counted once. */
export function workOf(values: readonly Scalar[]): number {
  let work = 0;
  visitScalars(values, (x) => {
    if (x.kind !== "const") work += x.kind === "op" && operationOf(x.op).composed ? LONG_WORK : 1;
  });
  return work;
}

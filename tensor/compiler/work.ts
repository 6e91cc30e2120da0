/** @file How much a kernel computes for one element, so that kernels stay of a size that assemblers and drivers take. */
import type { GraphNode } from "./graph.ts";
import { type MapKernel, type ReduceKernel, scalarsOf } from "./kernel.ts";
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

/**
 * The expression of one node by itself.
 *
 * @param node Its lowering is an expression.
 * @param args Its operands: zeros if not given.
 * @returns The expression.
 */
export function expressionOf(
  node: GraphNode,
  args: readonly Scalar[] = node.inputs.map(({ dtype }) => literal(0, dtype)),
): Scalar {
  if (node.lowering.kind === "expression") return node.lowering.expression(args, node.params, node);
  throw new TypeError(`Cannot write ${node.name} as it must be an expression: current kind is ${node.lowering.kind}`);
}

/** Work of a node of an expression. */
function workOfNode(x: Scalar): number {
  if (x.kind === "const") return 0;
  return x.kind === "op" && operationOf(x.op).composed ? LONG_WORK : 1;
}

/** Work of expressions, shared parts counted once. */
export function workOf(values: readonly Scalar[]): number {
  let work = 0;
  visitScalars(values, (x) => void (work += workOfNode(x)));
  return work;
}

/** What is asked about the expressions of a kernel again and again. */
export interface KernelFacts {
  readonly nodes: number;
  readonly work: number;
  /** True if a part is computed within bounds only. */
  readonly guarded: boolean;
  /** What is read from memory. */
  readonly reads: readonly (Scalar & { readonly kind: "load" | "gather" })[];
}

/** Documented cache by kernel; weak. */
const facts = new WeakMap<MapKernel | ReduceKernel, KernelFacts>();

/** Goes through the expressions of a kernel, once. */
export function factsOf(kernel: MapKernel | ReduceKernel): KernelFacts {
  const known = facts.get(kernel);
  if (known) return known;
  const reads: (Scalar & { readonly kind: "load" | "gather" })[] = [];
  let [nodes, work, guarded] = [0, 0, false];
  visitScalars(scalarsOf(kernel), (x) => {
    nodes++;
    work += workOfNode(x);
    guarded ||= x.kind === "guard";
    if (x.kind === "load" || x.kind === "gather") reads.push(x);
  });
  const found = { nodes, work, guarded, reads };
  facts.set(kernel, found);
  return found;
}

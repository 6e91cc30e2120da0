/** @file Gives buffers to nodes until no kernel reads or computes more than one may. */
import { isTemplate } from "./lowering.ts";
import type { Graph, GraphNode } from "./graph.ts";
import { expressionOf, MAX_WORK, VIEW_WORK, workOf } from "./work.ts";

/**
 * Gives buffers to operands until every kernel stays within its bounds. One pass from the inputs on: what is cut is
 * the largest operand, so that a chain becomes kernels of the largest size.
 *
 * @param graph The program.
 * @param buffers Nodes that have buffers; more are added.
 * @param maxInputs Buffers that one kernel may read.
 */
export function limitKernels(graph: Graph, buffers: Set<GraphNode>, maxInputs: number): void {
  const reads = new Map<GraphNode, ReadonlySet<GraphNode>>();
  const work = new Map<GraphNode, number>();
  const readsOf = (node: GraphNode) => buffers.has(node) ? new Set([node]) : reads.get(node)!;
  const union = (node: GraphNode) => new Set(node.inputs.flatMap((input) => [...readsOf(input)]));
  const cut = (node: GraphNode, sizeOf: (input: GraphNode) => number) => {
    const candidates = node.inputs.filter((input) => !buffers.has(input) && input.inputs.length > 0);
    if (candidates.length > 0) buffers.add(candidates.reduce((a, b) => sizeOf(a) >= sizeOf(b) ? a : b));
    return candidates.length > 0;
  };
  for (const node of graph.nodes) {
    if (node.lowering.kind === "leaf" || isTemplate(node.lowering)) continue;
    while (union(node).size > maxInputs && cut(node, (input) => readsOf(input).size));
    const total = () => workUnder(node, buffers, work);
    let most = total();
    while (most > MAX_WORK && cut(node, (input) => work.get(input)!)) most = total();
    reads.set(node, union(node));
    work.set(node, most);
  }
}

/** Work of the node itself. */
function ownWork(node: GraphNode): number {
  if (node.lowering.kind === "expression") return workOf([expressionOf(node)]);
  return node.lowering.kind === "iota" ? 1 : VIEW_WORK;
}

/** Work of a kernel that ends in a node. Operands that share nothing are added up; only where that is too much it is counted. */
function workUnder(node: GraphNode, buffers: ReadonlySet<GraphNode>, work: ReadonlyMap<GraphNode, number>): number {
  const inside = new Set(node.inputs.filter((input) => !buffers.has(input)));
  const most = [...inside].reduce((sum, input) => sum + work.get(input)!, ownWork(node));
  return most <= MAX_WORK ? most : countWork(node, buffers);
}

/** Counts the work under a node, up to a little more than a kernel may do. What is seen through other views is computed anew. */
function countWork(root: GraphNode, buffers: ReadonlySet<GraphNode>): number {
  const paths = new Map<string, number>();
  const seen = new Set<string>();
  let work = 0;
  const stack = [{ node: root, path: 0 }];
  while (stack.length > 0 && work <= MAX_WORK) {
    const { node, path } = stack.pop()!;
    const key = `${path}/${node.id}`;
    if (seen.has(key) || (node !== root && buffers.has(node))) continue;
    seen.add(key);
    work += ownWork(node);
    const straight = node.lowering.kind === "expression" || node.lowering.kind === "reduction";
    if (!straight) paths.set(key, paths.get(key) ?? paths.size + 1);
    node.inputs.forEach((input) => stack.push({ node: input, path: straight ? path : paths.get(key)! }));
  }
  return work;
}

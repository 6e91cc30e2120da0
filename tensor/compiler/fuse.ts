/** @file Decides which nodes get a buffer, and makes their kernels. */
import { sizeOf } from "../spec.ts";
import { NeedsBuffer } from "./expand.ts";
import { type FusedStep, kernelOf } from "./fused_step.ts";
import { type Graph, type GraphNode, storageOf } from "./graph.ts";
import { operationOf, type ScalarOp } from "./operations.ts";
import { literal, type Scalar } from "./scalar.ts";
import { sideBySide } from "./side_by_side.ts";

/** Limits of a device that shape the kernels. */
export interface FusionLimits {
  /** Buffers one kernel may read. */
  readonly maxInputs: number;
  /** Buffers one kernel may read and write, scratch included. */
  readonly maxBuffers: number;
  /** True if templates of the device compute operands and finish results by maps. */
  readonly joins?: boolean;
}

/**
 * Fuses a graph into kernels.
 *
 * @param graph The program.
 * @param limits Of the device.
 * @returns Kernels in an order in which inputs come first.
 */
export function fuse(graph: Graph, limits: FusionLimits): readonly FusedStep[] {
  const buffers = chooseBuffers(graph, limits);
  const steps = new Map<GraphNode, FusedStep>();
  const pending = graph.nodes.filter((node) => buffers.has(node) && node.lowering.kind !== "leaf");
  while (pending.length > 0) {
    const node = pending.pop()!;
    if (steps.has(node)) continue;
    try {
      steps.set(node, kernelOf([node], (x) => buffers.has(x)));
    } catch (error) {
      if (!(error instanceof NeedsBuffer)) throw error;
      if (buffers.has(error.node)) throw error;
      buffers.add(error.node);
      pending.push(node, error.node);
    }
  }
  return sideBySide(needed(graph, steps), { ...limits, buffers });
}

/** Drops kernels that nobody reads after all, and puts the rest in order. */
function needed(graph: Graph, steps: ReadonlyMap<GraphNode, FusedStep>): readonly FusedStep[] {
  const used = new Set<GraphNode>();
  const stack = [...graph.outputs];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (used.has(node)) continue;
    used.add(node);
    stack.push(...steps.get(node)?.inputs ?? []);
  }
  return graph.nodes.flatMap((node) => used.has(node) && steps.has(node) ? [steps.get(node)!] : []);
}

/** Nodes that must be in memory: leaves, results, operands and results of templates, and what is shared and dear. */
function chooseBuffers(graph: Graph, limits: FusionLimits): Set<GraphNode> {
  const buffers = new Set<GraphNode>(graph.outputs);
  const uses = new Map<GraphNode, number>();
  for (const node of graph.nodes) {
    const { kind } = node.lowering;
    if (kind === "leaf" || kind === "kernel" || kind === "reduction") buffers.add(node);
    if (kind === "kernel") node.inputs.forEach((input) => buffers.add(storageOf(input)));
    if (kind === "gather") buffers.add(storageOf(node.inputs[0]!));
    if (expands(node) && isComputed(node.inputs[0]!)) buffers.add(computedUnder(node.inputs[0]!));
    node.inputs.forEach((input) => uses.set(input, (uses.get(input) ?? 0) + 1));
  }
  for (const node of graph.nodes) {
    if ((uses.get(node) ?? 0) > 1 && isComputed(node) && isDear(node, buffers)) buffers.add(node);
  }
  limitInputs(graph, buffers, limits.maxInputs);
  return buffers;
}

/** True for a broadcast that repeats elements: what is under it is computed once, not for every repetition. */
function expands(node: GraphNode): boolean {
  if (node.lowering.kind !== "view" || node.lowering.view(node.params, node).move !== "broadcast") return false;
  return sizeOf(node.shape) > sizeOf(node.inputs[0]!.shape);
}

/** The expression below views, such as the `[C]` under `[1, 1, 1, C]`. */
function computedUnder(node: GraphNode): GraphNode {
  return node.lowering.kind === "view" && node.lowering.view(node.params, node).move !== "pad"
    ? computedUnder(node.inputs[0]!)
    : node;
}

/** True if an expression with operands would have to be evaluated to read the node. */
function isComputed(node: GraphNode): boolean {
  const { kind } = node.lowering;
  if (kind === "gather") return true;
  if (kind === "view") return isComputed(node.inputs[0]!);
  return kind === "expression" && node.inputs.length > 0;
}

/** Worth storing when several kernels read it: it loads two or more buffers or calls something slow. */
function isDear(node: GraphNode, buffers: ReadonlySet<GraphNode>): boolean {
  const loads = new Set<GraphNode>();
  let [dear, veryDear] = [false, false];
  let operations = 0;
  const visit = (x: GraphNode, root = false): void => {
    // Operands that repeat, such as one value per channel, stay in cache and count for nothing.
    if (!root && buffers.has(x)) return void (2 * sizeOf(x.shape) > sizeOf(node.shape) && loads.add(x));
    const { lowering } = x;
    if (lowering.kind === "gather") veryDear = true;
    if (lowering.kind === "expression") {
      for (const name of operationsOf(x)) {
        operations++;
        const { repeat } = operationOf(name);
        dear ||= repeat !== "cheap";
        veryDear ||= repeat === "dearest";
      }
    }
    if (!veryDear && operations <= 6 && loads.size < 2) x.inputs.forEach((input) => visit(input));
  };
  if (node.lowering.kind === "view") return false;
  visit(node, true);
  return veryDear || operations > 6 || loads.size > 1 || (dear && loads.size === 0);
}

/** Names of the scalar operations of one expression node. */
function operationsOf(node: GraphNode): readonly ScalarOp[] {
  if (node.lowering.kind !== "expression") return [];
  const args = node.inputs.map((input) => literal(0, input.dtype));
  const names: ScalarOp[] = [];
  const seen = new Set<Scalar>();
  const visit = (x: Scalar): void => {
    if (x.kind !== "op" || seen.has(x)) return;
    seen.add(x);
    names.push(x.op);
    x.args.forEach(visit);
  };
  visit(node.lowering.expression(args, node.params, node));
  return names;
}

/** Gives buffers to expressions until no kernel reads more than `maxInputs`. */
function limitInputs(graph: Graph, buffers: Set<GraphNode>, maxInputs: number): void {
  const reads = new Map<GraphNode, ReadonlySet<GraphNode>>();
  const readsOf = (node: GraphNode) => buffers.has(node) ? new Set([node]) : reads.get(node)!;
  for (const node of graph.nodes) {
    const { kind } = node.lowering;
    if (kind === "leaf" || kind === "kernel") continue;
    const union = () => new Set(node.inputs.flatMap((input) => [...readsOf(input)]));
    while (union().size > maxInputs) {
      const candidates = node.inputs.filter((input) => !buffers.has(input));
      if (candidates.length === 0) break;
      buffers.add(candidates.reduce((a, b) => readsOf(a).size >= readsOf(b).size ? a : b));
    }
    reads.set(node, union());
  }
}

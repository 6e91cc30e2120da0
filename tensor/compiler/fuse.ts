/** @file Decides which nodes get a buffer, and makes their kernels. */
import { sizeOf } from "../spec.ts";
import { NeedsBuffer } from "./expand.ts";
import { type FusedStep, kernelOf } from "./fused_step.ts";
import { exchangeParts } from "./brought.ts";
import { type Graph, type GraphNode, storageOf } from "./graph.ts";
import { limitKernels } from "./limit_kernels.ts";
import { loopGroups, loopStep } from "./loop_step.ts";
import { isTemplate } from "./lowering.ts";
import { operationOf, type ScalarOp } from "./operations.ts";
import { visitScalars } from "./scalar.ts";
import type { ProductReruns } from "./schedule/reruns.ts";
import type { LaunchLimits } from "./schedule/gather.ts";
import { sideBySide } from "./schedule/side_by_side.ts";
import { expressionOf } from "./work.ts";

/** Limits of a device that shape the kernels. */
export interface FusionLimits extends LaunchLimits {
  /** Buffers one kernel may read. */
  readonly maxInputs: number;
  /** Products that are made again to save memory; none by default. */
  readonly reruns?: ProductReruns;
}

/** Nodes to look at before one counts as dear: a bound for long chains of views. */
const MAX_VISITS = 64;
/** Operations and buffers of what is computed again where several kernels read it, and of scalars that are. */
const MAX_CHEAP = { operations: 6, loads: 1 };
const MAX_LIGHT = { operations: 16, loads: 2 };

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
  const exchanging = exchangeParts(graph.nodes.some(({ lowering }) => lowering.kind === "collective"));
  const loops = loopGroups(graph.nodes);
  const exchanges = exchanging?.exchangeGroups(graph.nodes) ?? new Map<GraphNode, readonly GraphNode[]>();
  const pending = graph.nodes.filter((node) => buffers.has(node) && node.lowering.kind !== "leaf");
  while (pending.length > 0) {
    const node = pending.pop()!;
    if (steps.has(node)) continue;
    const group = loops.get(node) ?? exchanges.get(node);
    if (group) {
      const step = loops.has(node) ? loopStep(group) : exchanging!.exchangeStep(group);
      group.forEach((each) => steps.set(each, step));
      continue;
    }
    try {
      steps.set(node, kernelOf([node], (x) => buffers.has(x)));
    } catch (error) {
      if (!(error instanceof NeedsBuffer)) throw error;
      if (buffers.has(error.node)) throw error;
      buffers.add(error.node);
      pending.push(node, error.node);
    }
  }
  const lasting = new Set([...graph.inputs, ...graph.capturedNodes, ...graph.outputs]);
  const nodes = exchanging?.soonest(graph.nodes, exchanges) ?? graph.nodes;
  return sideBySide(needed(graph, nodes, steps), { ...limits, buffers, lasting });
}

/** Drops kernels that nobody reads after all, and puts the rest in the order of the nodes. */
function needed(
  graph: Graph,
  nodes: readonly GraphNode[],
  steps: ReadonlyMap<GraphNode, FusedStep>,
): readonly FusedStep[] {
  const used = new Set<GraphNode>();
  const stack = [...graph.outputs];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (used.has(node)) continue;
    used.add(node);
    stack.push(...steps.get(node)?.inputs ?? []);
  }
  return [...new Set(nodes.flatMap((node) => used.has(node) && steps.has(node) ? [steps.get(node)!] : []))];
}

/** Nodes that must be in memory: leaves, results, operands and results of templates, and what is shared and dear. */
function chooseBuffers(graph: Graph, limits: FusionLimits): Set<GraphNode> {
  const buffers = new Set<GraphNode>(graph.outputs);
  const uses = new Map<GraphNode, number>();
  const under = underViews(graph);
  const repeated = (source: GraphNode) => void (isLight(source, buffers) || buffers.add(source));
  for (const node of graph.nodes) {
    const { kind } = node.lowering;
    if (kind === "leaf" || isTemplate(node.lowering) || kind === "reduction") buffers.add(node);
    if (isTemplate(node.lowering)) node.inputs.forEach((input) => buffers.add(storageOf(input)));
    if (kind === "gather") buffers.add(storageOf(node.inputs[0]!));
    if (expands(node) && under.computed.has(node.inputs[0]!)) repeated(under.source.get(node.inputs[0]!)!);
    node.inputs.forEach((input) => uses.set(input, (uses.get(input) ?? 0) + 1));
  }
  for (const node of graph.nodes) {
    if ((uses.get(node) ?? 0) > 1 && under.computed.has(node) && isDear(node, buffers)) buffers.add(node);
  }
  limitKernels(graph, buffers, limits.maxInputs);
  return buffers;
}

/** True for a broadcast that repeats elements: what is under it is computed once, not for every repetition. */
function expands(node: GraphNode): boolean {
  if (node.lowering.kind !== "view" || node.lowering.view(node.params, node).move !== "broadcast") return false;
  return sizeOf(node.shape) > sizeOf(node.inputs[0]!.shape);
}

/**
 * For each node what lies below its views, such as the `[C]` under `[1, 1, 1, C]`; and the nodes of which an expression with
 * operands would have to be evaluated to read them.
 */
function underViews(graph: Graph) {
  const source = new Map<GraphNode, GraphNode>();
  const computed = new Set<GraphNode>();
  for (const node of graph.nodes) {
    const { lowering, params, inputs } = node;
    const isView = lowering.kind === "view";
    source.set(node, isView && lowering.view(params, node).move !== "pad" ? source.get(inputs[0]!)! : node);
    const expression = lowering.kind === "expression" && inputs.length > 0;
    if (expression || lowering.kind === "gather" || (isView && computed.has(inputs[0]!))) computed.add(node);
  }
  return { source, computed };
}

/** What a node takes to compute from buffers, counted up to the bounds. */
interface Weight {
  /** Operations, and buffers that are read along with it. */
  readonly operations: number;
  readonly loads: number;
  /** True if one of the operations is no cheap one; if one is among the dearest, or something is looked up; if one is made of others. */
  readonly dear: boolean;
  readonly dearest: boolean;
  readonly composed: boolean;
}

function weightOf(node: GraphNode, buffers: ReadonlySet<GraphNode>): Weight {
  const loads = new Set<GraphNode>();
  let [dear, dearest, composed] = [false, false, false];
  let [operations, visits] = [0, 0];
  const stack = [node];
  while (stack.length > 0 && !dearest && operations <= MAX_LIGHT.operations && loads.size <= MAX_LIGHT.loads) {
    const x = stack.pop()!;
    // Operands that repeat, such as one value per channel, stay in cache and count for nothing.
    if (x !== node && buffers.has(x)) {
      if (2 * sizeOf(x.shape) > sizeOf(node.shape)) loads.add(x);
      continue;
    }
    const rows = operationsOf(x).map(operationOf);
    operations += rows.length;
    dear ||= rows.some(({ repeat }) => repeat !== "cheap");
    composed ||= rows.some((row) => row.composed);
    dearest ||= x.lowering.kind === "gather" || rows.some(({ repeat }) => repeat === "dearest") ||
      visits++ > MAX_VISITS;
    stack.push(...x.inputs.toReversed());
  }
  return { operations, loads: loads.size, dear, dearest, composed };
}

/** Worth storing when several kernels read it: it loads two or more buffers or calls something slow. */
function isDear(node: GraphNode, buffers: ReadonlySet<GraphNode>): boolean {
  if (node.lowering.kind === "view" || isLight(node, buffers)) return false;
  const { operations, loads, dear, dearest } = weightOf(node, buffers);
  return dearest || operations > MAX_CHEAP.operations || loads > MAX_CHEAP.loads || (dear && loads === 0);
}

/** A scalar of a few operations: a launch of its own would cost more than to compute it wherever it is read. */
function isLight(node: GraphNode, buffers: ReadonlySet<GraphNode>): boolean {
  if (sizeOf(node.shape) !== 1) return false;
  const { operations, loads, dearest, composed } = weightOf(node, buffers);
  return !dearest && !composed && operations <= MAX_LIGHT.operations && loads <= MAX_LIGHT.loads;
}

/** Names of the scalar operations of one expression node. */
function operationsOf(node: GraphNode): readonly ScalarOp[] {
  if (node.lowering.kind !== "expression") return [];
  const names: ScalarOp[] = [];
  visitScalars([expressionOf(node)], (x) => x.kind === "op" && names.push(x.op));
  return names;
}

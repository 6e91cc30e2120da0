/** @file Makes the kernel of one node, or of several that run over the same indices. */
import type { ViewMove } from "../primitive.ts";
import { type Shape, stridesOf } from "../spec.ts";
import { Expander } from "./expand.ts";
import { type GraphNode, storageOf } from "./graph.ts";
import type { Kernel } from "./kernel.ts";
import { isTemplate } from "./lowering.ts";
import { templateOf } from "./template.ts";

/** A kernel with the nodes it reads and the nodes it computes. */
export interface FusedStep {
  readonly kernel: Kernel;
  readonly inputs: readonly GraphNode[];
  /** In the order of the kernel's outputs. */
  readonly outputs: readonly GraphNode[];
}

/** The axes over which a node's kernel runs, and which of them are reduced. */
export interface Space {
  readonly shape: Shape;
  readonly reduced: readonly number[];
}

/** The space of one node: its own axes, or those of what it reduces. */
export function spaceOf({ lowering, params, inputs, shape }: GraphNode): Space {
  return lowering.kind === "reduction"
    ? { shape: inputs[0]!.shape, reduced: lowering.axes(params) }
    : { shape, reduced: [] };
}

/**
 * Makes a kernel.
 *
 * @param nodes One node; or expressions and reductions whose spaces have one size.
 * @param hasBuffer Tells which nodes are read from memory.
 * @param space Axes to run over; those of the first node if not given.
 * @returns The kernel. Its outputs are the reductions, then the others, each in the order given.
 * @throws {NeedsBuffer} If a node inside must be computed before, or a space does not fit.
 * @throws {NotAtHand} If one of the nodes reads another one elsewhere than at its own index.
 */
export function kernelOf(
  nodes: readonly GraphNode[],
  hasBuffer: (x: GraphNode) => boolean,
  space: Space = spaceOf(nodes[0]!),
): FusedStep {
  const first = nodes[0]!;
  if (isTemplate(first.lowering)) {
    return { kernel: templateOf(first), inputs: first.inputs.map(storageOf), outputs: [first] };
  }
  const { shape, reduced } = space;
  const kept = shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
  const permutation = [...kept, ...reduced];
  const order: ViewMove[] = permutation.every((axis, i) => axis === i) ? [] : [{ move: "transpose", permutation }];
  const movesFrom = (own: Shape): ViewMove[] =>
    own.join() === shape.join() ? order : [{ move: "reshape", shape }, ...order];
  const isReduction = ({ lowering }: GraphNode) => lowering.kind === "reduction";
  const [reductions, maps] = [nodes.filter(isReduction), nodes.filter((node) => !isReduction(node))];
  const expander = new Expander(hasBuffer);
  if (nodes.length > 1) {
    reductions.forEach((node) => expander.keepAtHand(node, null));
    maps.forEach((node) => expander.keepAtHand(node, movesFrom(node.shape)));
  }
  const results = reductions.map((node) => ({
    op: node.lowering.kind === "reduction" ? node.lowering.op : "sum" as const,
    value: expander.operand(node.inputs[0]!, movesFrom(node.inputs[0]!.shape)),
  }));
  const values = maps.map((node) => expander.root(node, movesFrom(node.shape)));
  const strides = stridesOf(shape);
  const pick = (list: readonly number[], axes: readonly number[]) => axes.map((axis) => list[axis]!);
  const kernel: Kernel = results.length === 0 ? { kind: "map", shape, values } : {
    ...{ kind: "reduce", shape: pick(shape, kept), reduceShape: pick(shape, reduced), results },
    stores: values.map((value) => ({ value, strides: pick(strides, permutation) })),
  };
  return { kernel, inputs: expander.inputs, outputs: [...reductions, ...maps] };
}

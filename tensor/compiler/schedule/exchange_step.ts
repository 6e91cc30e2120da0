/** @file Exchanges as kernels: all wanted results of one in one step, or, of a large sum, in several. */
import { bytesOf } from "./draft.ts";
import type { FusedStep } from "../fused_step.ts";
import { exchangeKey, type GraphNode, storageOf } from "../graph.ts";

/** Nodes that the same exchange of the same operands makes, by one text. */
function groupKey({ lowering, params, inputs }: GraphNode): string {
  if (lowering.kind !== "collective") return "";
  return `${exchangeKey(lowering.exchange(params))}|${inputs.map(({ id }) => id)}`;
}

/** The operand of a result. */
function operandOf({ lowering, params, inputs }: GraphNode): GraphNode {
  return inputs[lowering.kind === "collective" ? lowering.result(params) : 0]!;
}

/**
 * Cuts the results of a sum into parts that end when they hold so many bytes. Their order is that in which the program that was
 * written makes the operands, whatever kernels become of it: the same on every process, even if one has more examples.
 */
function bucketsOf(group: readonly GraphNode[]): readonly (readonly GraphNode[])[] {
  const [{ lowering, params }] = group as [GraphNode];
  const { buckets } = lowering.kind === "collective" ? lowering.exchange(params) : {};
  if (!buckets) return [group];
  const [first, others] = buckets;
  const parts: { nodes: GraphNode[]; bytes: number }[] = [{ nodes: [], bytes: 0 }];
  for (const node of group.toSorted((a, b) => operandOf(a).id - operandOf(b).id)) {
    if (parts.at(-1)!.bytes >= (parts.length === 1 ? first : others)) parts.push({ nodes: [], bytes: 0 });
    parts.at(-1)!.nodes.push(node);
    parts.at(-1)!.bytes += bytesOf(node);
  }
  return parts.map(({ nodes }) => nodes);
}

/**
 * Gathers the results of exchanges.
 *
 * @param nodes Of a graph.
 * @returns For each result all results that are exchanged with it.
 */
export function exchangeGroups(nodes: readonly GraphNode[]): ReadonlyMap<GraphNode, readonly GraphNode[]> {
  const groups = Map.groupBy(nodes.filter(({ lowering }) => lowering.kind === "collective"), groupKey);
  return new Map(
    [...groups.values()].flatMap(bucketsOf).flatMap((group) => group.map((node) => [node, group] as const)),
  );
}

/**
 * Puts the results of sums where their last operand is made: each begins as soon as it can.
 *
 * @param nodes Of a graph, in the order in which they were written.
 * @param groups Results that are exchanged together.
 * @returns The nodes in the order in which their steps run.
 */
export function soonest(
  nodes: readonly GraphNode[],
  groups: ReadonlyMap<GraphNode, readonly GraphNode[]>,
): readonly GraphNode[] {
  if (groups.size === 0) return nodes;
  const place = new Map(nodes.map((node, at) => [node, at]));
  const keyOf = (node: GraphNode) => {
    const group = node.lowering.kind === "collective" ? groups.get(node) : undefined;
    return group ? Math.max(...group.map((each) => place.get(operandOf(each))!)) + 0.5 : place.get(node)!;
  };
  return nodes.map((node) => [node, keyOf(node)] as const).toSorted((a, b) => a[1] - b[1]).map(([node]) => node);
}

/**
 * Makes the step of an exchange.
 *
 * @param group Its results that are wanted.
 * @returns The step: output i is of input i.
 */
export function exchangeStep(group: readonly GraphNode[]): FusedStep {
  const [{ lowering, params, name }] = group as [GraphNode];
  if (lowering.kind !== "collective") throw new TypeError(`Cannot make an exchange of ${name} as it must be one`);
  const exchange = lowering.exchange(params);
  const operands = group.map(operandOf);
  const specs = [...operands, ...group].map(({ shape, dtype }) => ({ shape, dtype }));
  return {
    kernel: {
      kind: "template",
      name,
      key: `${name} ${exchangeKey(exchange)} of ${specs.map(({ shape, dtype }) => `${dtype}[${shape}]`)}`,
      specs,
      flops: 0,
      finishes: false,
      computes: [],
      prologues: [],
      body: { kind: "exchange", exchange },
    },
    inputs: operands.map(storageOf),
    outputs: group,
  };
}

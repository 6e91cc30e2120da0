/** @file Exchanges as kernels: all wanted results of one, in one step. */
import type { FusedStep } from "./fused_step.ts";
import { exchangeKey, type GraphNode, storageOf } from "./graph.ts";

/** Nodes that the same exchange of the same operands makes, by one text. */
function groupKey({ lowering, params, inputs }: GraphNode): string {
  if (lowering.kind !== "collective") return "";
  return `${exchangeKey(lowering.exchange(params))}|${inputs.map(({ id }) => id)}`;
}

/**
 * Gathers the results of exchanges.
 *
 * @param nodes Of a graph.
 * @returns For each result all results of its exchange, in the order of the graph.
 */
export function exchangeGroups(nodes: readonly GraphNode[]): ReadonlyMap<GraphNode, readonly GraphNode[]> {
  const groups = Map.groupBy(nodes.filter(({ lowering }) => lowering.kind === "collective"), groupKey);
  return new Map([...groups.values()].flatMap((group) => group.map((node) => [node, group] as const)));
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
  const operands = group.map((node) =>
    node.inputs[node.lowering.kind === "collective" ? node.lowering.result(node.params) : 0]!
  );
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

/** @file Loops as kernels: all wanted results of one, in one step. */
import type { FusedStep } from "./fused_step.ts";
import { type GraphNode, loopGraph, storageOf } from "./graph.ts";
import type { LoopBody } from "./kernel.ts";
import type { Loop } from "../primitive.ts";
import { widened } from "./narrow/widened.ts";
import { templateFlops } from "./lowering.ts";

/** Nodes that the same loop on the same operands computes, by one text. */
function groupKey({ lowering, params, inputs }: GraphNode): string {
  if (lowering.kind !== "program") return "";
  return `${loopGraph(lowering.loop(params)).key}|${inputs.map(({ id }) => id)}`;
}

/**
 * Gathers the results of loops.
 *
 * @param nodes Of a graph.
 * @returns For each result of a loop all results of that loop, in the order of the graph.
 */
export function loopGroups(nodes: readonly GraphNode[]): ReadonlyMap<GraphNode, readonly GraphNode[]> {
  const groups = Map.groupBy(nodes.filter(({ lowering }) => lowering.kind === "program"), groupKey);
  return new Map([...groups.values()].flatMap((group) => group.map((node) => [node, group] as const)));
}

/**
 * How often a loop runs at most, as far as that can be counted.
 *
 * @param loop The loop.
 * @returns Its length; 1 where nothing bounds it.
 */
export function runsOf({ length }: Pick<Loop, "length">): number {
  return Number.isFinite(length) ? length : 1;
}

/** Operations of a program, loops inside it as often as they run. */
function flopsIn(nodes: readonly GraphNode[]): number {
  const groups = loopGroups(nodes);
  return nodes.reduce((sum, node) => {
    const { lowering, params } = node;
    if (lowering.kind !== "program") return sum + templateFlops(node);
    const loop = lowering.loop(params);
    return groups.get(node)![0] === node ? sum + runsOf(loop) * flopsIn(loopGraph(loop).graph.nodes) : sum;
  }, 0);
}

/**
 * Makes the step of a loop.
 *
 * @param group Its results that are wanted.
 * @returns The step; its body is a graph still.
 */
export function loopStep(group: readonly GraphNode[]): FusedStep {
  const [{ lowering, params, inputs, name }] = group as [GraphNode];
  if (lowering.kind !== "program") throw new TypeError(`Cannot make a loop of ${name} as it must be one`);
  const loop = lowering.loop(params);
  const { carries, constants, length, reverse, stops } = loop;
  const results = group.map((node) => node.lowering.kind === "program" ? node.lowering.result(node.params) : 0);
  const rows = results.filter((result) => result >= carries).map((result) => result - carries);
  const { graph, key } = loopGraph(loop, rows);
  const body: LoopBody = {
    ...{ kind: "loop", carries, constants, length, reverse, stops, graph: widened(graph, "wide"), schedule: null },
    results: results.map((result) => result < carries ? result : carries + rows.indexOf(result - carries)),
  };
  const spec = ({ shape, dtype }: GraphNode) => ({ shape, dtype });
  return {
    kernel: {
      kind: "template",
      name,
      key: `${name} ${results} of ${key}`,
      specs: [...inputs, ...group].map(spec),
      flops: runsOf(loop) * flopsIn(graph.nodes),
      finishes: false,
      computes: [],
      prologues: [],
      body,
    },
    inputs: inputs.map(storageOf),
    outputs: group,
  };
}

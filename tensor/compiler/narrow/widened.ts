/** @file Graphs as devices can compute them: those with narrow dtypes are rewritten by what `/tensor` brings. */
import { DTYPES, type TensorSpec } from "../../spec.ts";
import { broughtPart } from "../brought.ts";
import type { Graph, Outside, WideGraph } from "../graph.ts";

/** True for dtypes that devices compute in a wider one. */
export function isNarrow({ dtype }: Pick<TensorSpec, "dtype">): boolean {
  return DTYPES[dtype].computed !== dtype;
}

/**
 * Rewrites a graph for devices, which compute in 32 bits.
 *
 * @param graph Any graph.
 * @param outside How narrow tensors lie outside.
 * @returns The graph itself if nothing in it is narrow.
 * @throws {TypeError} If something is, and no entry has brought what rewrites it.
 */
export function widened(graph: Graph, outside: Outside): WideGraph {
  const narrow = graph.nodes.find(isNarrow);
  if (!narrow) return { ...graph, narrow: new Map() };
  return broughtPart("widen", `compute ${narrow.dtype}`)(graph, outside);
}

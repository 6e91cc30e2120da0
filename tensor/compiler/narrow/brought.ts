/** @file What rewrites graphs of narrow dtypes, brought by the entries that have it: pages that compute in 32 bits do without. */
import { DTYPES, type TensorSpec } from "../../spec.ts";
import type { Graph, GraphNode } from "../graph.ts";

/** A graph that devices can compute. */
export interface WideGraph extends Graph {
  /** What the narrow tensors are whose words are among the outputs. */
  readonly narrow: ReadonlyMap<GraphNode, TensorSpec>;
}

/** How narrow tensors lie outside of a program: packed as in memory, or, for the body of a loop, as within one. */
export type Outside = "words" | "wide";

/** The rewriting, once an entry has brought it. */
const brought: { rewrite?: (graph: Graph, outside: Outside) => WideGraph } = {};

/** Brings what rewrites graphs; called by the entry whose loading it belongs to. */
export function bringNarrow(rewrite: (graph: Graph, outside: Outside) => WideGraph): void {
  brought.rewrite = rewrite;
}

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
 * @throws {TypeError} If something is, and nobody has brought what rewrites it.
 */
export function widened(graph: Graph, outside: Outside): WideGraph {
  const narrow = graph.nodes.find(isNarrow);
  if (!narrow) return { ...graph, narrow: new Map() };
  if (brought.rewrite) return brought.rewrite(graph, outside);
  throw new TypeError(
    `Cannot compute ${narrow.dtype} as it must be loaded: current entry is core; import @tessera/tessera/tensor`,
  );
}

/** @file Narrow dtypes are how tensors lie in memory: a program computes them in 32 bits, each operation rounded. */
import type { Lowering, Params } from "../../primitive.ts";
import { DTYPES, type TensorSpec } from "../../spec.ts";
import type { Graph, GraphNode, Outside, WideGraph } from "../graph.ts";
import type { Scalar } from "../scalar.ts";
import { isNarrow } from "./widened.ts";
import { bounded, computedWide, rounded, staysNarrow } from "./rounding.ts";
import { type Add, packed, stepNode, unpacked, wordSpec } from "./words.ts";

/** A lowering of operands and results in the dtypes that they are computed in. */
function wideLowering(lowering: Lowering<Params>): Lowering<Params> {
  if (lowering.kind !== "expression") return lowering;
  return {
    kind: "expression",
    expression: (args, params, output) => computedWide(lowering.expression(args, params, output)),
  };
}

/** What makes elements of the narrow dtype of a node of what was computed; `null` where they are that already. */
function finish({ lowering, params, inputs, dtype }: GraphNode, wide: GraphNode): ((x: Scalar) => Scalar) | null {
  const isExtremum = lowering.kind === "reduction"
    ? lowering.op !== "sum"
    : lowering.kind === "kernel" && lowering.form?.chooses;
  if (isExtremum) return (x) => bounded(x, dtype); // of nothing: the ends
  if (lowering.kind === "view" || lowering.kind === "gather" || lowering.kind === "program") return null;
  if (wide.lowering.kind === "expression") {
    const loads = wide.inputs.map((input, buffer): Scalar => (
      { kind: "load", dtype: input.dtype, access: { buffer, strides: [], offset: 0 } }
    ));
    const isElement = inputs.every((input) => input.dtype === dtype || input.dtype === "bool");
    if (isElement && staysNarrow(wide.lowering.expression(loads, params, wide), dtype)) return null;
  }
  return (x) => rounded(x, dtype);
}

/** Adds what computes a node, in the dtype that it is computed in. */
function addWide(add: Add, node: GraphNode, inputs: readonly GraphNode[]): GraphNode {
  if (!isNarrow(node) && !node.inputs.some(isNarrow)) return add({ ...node, inputs });
  const dtype = DTYPES[node.dtype].computed;
  const wide = add({ ...node, inputs, dtype, lowering: wideLowering(node.lowering) });
  const last = isNarrow(node) ? finish(node, wide) : null;
  return last ? stepNode(add, wide, "round", [wide], (x) => last(x!)) : wide;
}

/** Nodes of a graph that is written anew. */
interface Rewriting {
  readonly nodes: readonly GraphNode[];
  readonly add: Add;
  /** For each leaf of the old graph that of the new one. */
  readonly leaves: Map<GraphNode, GraphNode>;
  /** For each node the one that holds its elements, in the dtype that they are computed in. */
  readonly wide: Map<GraphNode, GraphNode>;
}

function startRewriting(): Rewriting {
  const nodes: GraphNode[] = [];
  const add: Add = (node) => {
    const made = { ...node, id: nodes.length, key: `${node.name} ${nodes.length}` };
    nodes.push(made);
    return made;
  };
  return { nodes, add, leaves: new Map(), wide: new Map() };
}

/** Adds a leaf, and what reads its elements. */
function addLeaf({ add, leaves, wide }: Rewriting, node: GraphNode, outside: Outside): void {
  const inWords = isNarrow(node) && outside === "words";
  const leaf = add({ ...node, ...inWords ? wordSpec(node) : { dtype: DTYPES[node.dtype].computed } });
  leaves.set(node, leaf);
  wide.set(node, inWords ? unpacked(add, leaf, node) : leaf);
}

/**
 * Rewrites a graph for devices, which compute in 32 bits: after each operation of a narrow dtype its result is rounded.
 *
 * @param graph Any graph.
 * @param outside How narrow tensors lie outside: `words`, packed as in memory; `wide` for the body of a loop, as within a
 * program.
 * @returns The graph of 32 bits.
 */
export function widen(graph: Graph, outside: Outside): WideGraph {
  const rewriting = startRewriting();
  const { nodes, add, leaves, wide } = rewriting;
  for (const node of graph.nodes) {
    if (node.lowering.kind === "leaf") addLeaf(rewriting, node, outside);
    else wide.set(node, addWide(add, node, node.inputs.map((input) => wide.get(input)!)));
  }
  const words = new Map(leaves);
  const narrow = new Map<GraphNode, TensorSpec>();
  const outputs = graph.outputs.map((node) => {
    if (!isNarrow(node) || outside === "wide") return wide.get(node)!;
    const own = words.get(node) ?? packed(add, wide.get(node)!, node.dtype);
    words.set(node, own);
    narrow.set(own, { shape: node.shape, dtype: node.dtype });
    return own;
  });
  const leafOf = (node: GraphNode) => leaves.get(node)!;
  const [inputs, capturedNodes] = [graph.inputs.map(leafOf), graph.capturedNodes.map(leafOf)];
  return { ...graph, nodes, outputs, narrow, inputs, capturedNodes };
}

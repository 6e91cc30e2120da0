import type { Program } from "../device.ts";
import type { Exchange, Loop, Lowering, Params, Primitive } from "../primitive.ts";
import type { Shape, TensorSpec } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { idOf, textOf } from "../text_of.ts";
import { isValue, programOf, readInputs } from "./boundary.ts";

/** A tensor of the program after common subexpressions became one. */
export interface GraphNode extends TensorSpec {
  /** Position in the graph; inputs come first. */
  readonly id: number;
  /** What it computes of which nodes, as text. */
  readonly key: string;
  /** Name of the operation, for people. */
  readonly name: string;
  /** The operation: a record is itself, two of one name are two operations. */
  readonly primitive: Primitive;
  /** How devices compute it. */
  readonly lowering: Lowering<Params>;
  /** Settings of this application. */
  readonly params: Params;
  /** Its operands. */
  readonly inputs: readonly GraphNode[];
}

/**
 * The node whose buffer holds a node's elements in the same order: reshapes cost nothing.
 *
 * @param node Any node.
 * @returns The node under its reshapes.
 */
export function storageOf(node: GraphNode): GraphNode {
  let storage = node;
  while (isReshape(storage)) storage = storage.inputs[0]!;
  return storage;
}

function isReshape(node: GraphNode): boolean {
  return node.lowering.kind === "view" && node.lowering.view(node.params, node).move === "reshape";
}

/** A program as the compiler sees it: no duplicates, nothing that is not needed. */
export interface Graph {
  /** In the order of execution. */
  readonly nodes: readonly GraphNode[];
  /** Nodes of the program's inputs, in call order. */
  readonly inputs: readonly GraphNode[];
  /** Nodes of the program's outputs. */
  readonly outputs: readonly GraphNode[];
  /** Leaves with values inside the program, which become inputs after the program's own. */
  readonly captured: readonly Tensor[];
  /** Their nodes. */
  readonly capturedNodes: readonly GraphNode[];
}

/** A graph that devices can compute. */
export interface WideGraph extends Graph {
  /** What the narrow tensors are whose words are among the outputs. */
  readonly narrow: ReadonlyMap<GraphNode, TensorSpec>;
}

/** How narrow tensors lie outside of a program: packed as in memory, or, for the body of a loop, as within one. */
export type Outside = "words" | "wide";

function isOpaque({ primitive: { lowering } }: Pick<Tensor, "primitive">): boolean {
  return lowering.kind === "view" && lowering.opaque === true;
}

/** Only input 0 of a view is computed with; it may be the identity. */
function aliasOf(x: Tensor): Tensor {
  const { lowering } = x.primitive;
  if (lowering.kind !== "view" || isOpaque(x)) return x;
  const view = lowering.view(x.params, x);
  const input = x.inputs[0]!;
  return view.move === "reshape" && view.shape.join() === input.shape.join() ? input : x;
}

/**
 * Reads a program.
 *
 * @param program Placeholders and results.
 * @returns Its graph, in the order in which the tensors were made.
 */
export function graphOf(program: Program): Graph {
  const order = programOf(program.outputs, new Set(program.inputs)).sort((a, b) => a.sequence - b.sequence);
  const byTensor = new Map<Tensor, GraphNode>();
  const byKey = new Map<string, GraphNode>();
  const nodes: GraphNode[] = [];
  const copies = new Map<string, GraphNode>();
  const captured: Tensor[] = [];
  const capturedNodes: GraphNode[] = [];
  const add = (x: Tensor, key: string, inputs: readonly GraphNode[], lowering = x.primitive.lowering): GraphNode => {
    const { shape, dtype, params, primitive } = x;
    const node = { id: nodes.length, key, shape, dtype, params, name: primitive.name, primitive, lowering, inputs };
    nodes.push(node);
    return node;
  };
  const inputs = program.inputs.map((input) => add(input, leafKey(input), [], { kind: "leaf" }));
  program.inputs.forEach((input, i) => byTensor.set(input, inputs[i]!));
  for (const x of order) {
    if (byTensor.has(x)) continue;
    if (isValue(x)) {
      captured.push(x);
      capturedNodes.push(add(x, leafKey(x), [], { kind: "leaf" }));
      byTensor.set(x, capturedNodes.at(-1)!);
      continue;
    }
    const alias = aliasOf(x);
    if (alias !== x) {
      byTensor.set(x, byTensor.get(alias)!);
      continue;
    }
    const found = operandsOf(x, readInputs(x).map((input) => byTensor.get(input)!));
    const operands = x.primitive.lowering.kind === "program" ? apart(nodes, found, copies) : found;
    const key = keyOf(x, operands);
    const node = (isOpaque(x) ? undefined : byKey.get(key)) ?? add(x, key, operands);
    byKey.set(key, node);
    byTensor.set(x, node);
  }
  return alive({ nodes, inputs, outputs: program.outputs.map((x) => byTensor.get(x)!), captured, capturedNodes });
}

/** What a loop reads or writes has memory of its own: a copy where that of something else would be. */
const COPIED: Primitive = {
  name: "copied",
  shapeRule: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  reference: ([x]) => x!.data,
  vjpRule: (cotangent) => [cotangent],
  lowering: { kind: "expression", expression: ([x]) => x! },
};

/** Nodes with a copy of each that lies where an earlier one does, or that is `taken`. */
function apart(
  nodes: GraphNode[],
  list: readonly GraphNode[],
  copies: Map<string, GraphNode>,
  taken: (x: GraphNode) => boolean = () => false,
): readonly GraphNode[] {
  const times = new Map<GraphNode, number>();
  return list.map((node) => {
    const storage = storageOf(node);
    const time = times.get(storage) ?? 0;
    times.set(storage, time + 1);
    if (time === 0 && !taken(storage)) return node;
    const key = `copy ${time} of ${node.id}`;
    const known = copies.get(key);
    if (known) return known;
    const { shape, dtype } = node;
    const { name, lowering } = COPIED;
    const id = nodes.at(-1)!.id + 1; // some before it may have been left out
    const copy = {
      id,
      key: `${name} ${id}`,
      shape,
      dtype,
      params: {},
      name,
      primitive: COPIED,
      lowering,
      inputs: [node],
    };
    nodes.push(copy);
    return copy;
  });
}

/** The body of a loop as the compiler sees it. */
export interface LoopGraph {
  readonly graph: Graph;
  /** Text that is equal for equal loops. */
  readonly key: string;
}

/** Graphs of bodies, by the results that are wanted. Documented cache; weak. */
const bodies = new WeakMap<Loop, Map<string, LoopGraph>>();

/**
 * Reads the body of a loop.
 *
 * @param loop The loop.
 * @param rows Which of the results that are written by rows are wanted; all if left out.
 * @returns Its graph, the same one for the same question.
 */
export function loopGraph(loop: Loop, rows?: readonly number[]): LoopGraph {
  const known = bodies.get(loop) ?? new Map<string, LoopGraph>();
  bodies.set(loop, known);
  const made = known.get(`${rows}`) ?? readLoop(loop, rows);
  known.set(`${rows}`, made);
  return made;
}

function readLoop({ program, carries, constants, length, reverse, stops }: Loop, rows?: readonly number[]): LoopGraph {
  const { outputs, inputs } = program;
  const wanted = rows ? [...outputs.slice(0, carries), ...rows.map((row) => outputs[carries + row]!)] : outputs;
  const read = graphOf({ inputs, outputs: wanted, donated: new Set() });
  if (read.captured.length > 0) {
    throw new TypeError(
      `Cannot read the body of a loop as all that it uses must be an operand: current number of others is ${read.captured.length}`,
    );
  }
  const nodes = [...read.nodes];
  const graph = {
    ...read,
    nodes,
    outputs: apart(nodes, read.outputs, new Map(), ({ lowering }) => lowering.kind === "leaf"),
  };
  return { graph, key: `${constants},${carries},${length},${reverse},${stops}\n${graphKey(graph, new Set())}` };
}

/** A reshape of a reshape is one reshape. */
function operandsOf(x: Tensor, operands: readonly GraphNode[]): readonly GraphNode[] {
  const { lowering } = x.primitive;
  if (lowering.kind !== "view" || isOpaque(x) || lowering.view(x.params, x).move !== "reshape") return operands;
  const [input] = operands as [GraphNode];
  return isReshape(input) && !isOpaque(input) ? input.inputs : operands;
}

function keyOf(x: Tensor, inputs: readonly GraphNode[]): string {
  const shape: Shape = x.shape;
  const { lowering } = x.primitive;
  const settings = lowering.kind === "program"
    ? `${lowering.result(x.params)} of ${loopGraph(lowering.loop(x.params)).key}`
    : lowering.kind === "collective"
    ? `${lowering.result(x.params)} of ${exchangeKey(lowering.exchange(x.params))}`
    : textOf(x.params);
  return `${idOf(x.primitive)}|${x.dtype}|${shape}|${settings}|${inputs.map((input) => input.id)}`;
}

/**
 * Writes an exchange as text.
 *
 * @param exchange What is done, and by whom.
 * @returns Text that is equal for equal exchanges.
 */
export function exchangeKey({ kind, collective, buckets }: Exchange): string {
  return `${kind} by @${idOf(collective)}${buckets ? ` in ${buckets}` : ""}`;
}

function leafKey({ dtype, shape }: TensorSpec): string {
  return `leaf|${dtype}|${shape}`;
}

/**
 * Writes a graph as text.
 *
 * @param graph What is to be computed.
 * @param donated Positions of the inputs that may be overwritten.
 * @returns Text that is equal for graphs that become the same kernels, whatever values their leaves hold.
 */
export function graphKey({ nodes, inputs, outputs, capturedNodes }: Graph, donated: ReadonlySet<number>): string {
  const ids = (list: readonly GraphNode[]) => list.map(({ id }) => id).join();
  const lines = nodes.map(({ id, key }) => `${id}=${key}`);
  return [...lines, ids(inputs), ids(capturedNodes), ids(outputs), [...donated].join()].join("\n");
}

/** Leaves out what only gradients used. */
function alive(graph: Graph): Graph {
  const used = new Set<GraphNode>(graph.inputs);
  const stack = [...graph.outputs];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (used.has(node)) continue;
    used.add(node);
    stack.push(...node.inputs);
  }
  const capturedNodes = graph.capturedNodes.filter((node) => used.has(node));
  const captured = graph.captured.filter((_, i) => used.has(graph.capturedNodes[i]!));
  return { ...graph, nodes: graph.nodes.filter((node) => used.has(node)), captured, capturedNodes };
}

/** @file What a program computes, as text that is the same in each process. */
import type { Loop } from "../../primitive.ts";
import type { TensorSpec } from "../../spec.ts";
import { NUMBERED, textOf } from "../../text_of.ts";
import { type Graph, type GraphNode, loopGraph } from "../../compiler/graph.ts";
import type { KernelForm } from "../../compiler/kernel_forms.ts";
import { kernelKey } from "../../compiler/kernel_key.ts";
import { templateFlops } from "../../compiler/lowering.ts";
import type { Scalar } from "../../compiler/scalar.ts";
import { expressionOf } from "../../compiler/work.ts";

/** What is asked on the way. */
interface Asked {
  /** True for kernels that follow from their settings and this library alone. */
  readonly isKnown: (form: KernelForm) => boolean;
  /** Numbers of the bodies of loops by their content: each result of a loop names it. */
  readonly bodies: Map<string, number>;
}

/**
 * Writes what a graph computes: of each node what its lowering says, whatever record that stands in.
 *
 * @param graph Any graph.
 * @param donated Positions of the inputs that may be overwritten.
 * @param isKnown Tells the kernels that follow from their settings and this library alone.
 * @returns Text that is equal for graphs only that this version of the library compiles to the same program, in this process as
 * in the next; `null` of graphs with texts of others, with exchanges, and with settings that are no plain data.
 */
export function graphContent(graph: Graph, donated: ReadonlySet<number>, isKnown: Asked["isKnown"]): string | null {
  const asked: Asked = { isKnown, bodies: new Map() };
  const content = contentOf(graph, asked);
  return content === null ? null : [...asked.bodies.keys(), content, [...donated].join()].join("\n\n");
}

const specText = ({ dtype, shape }: TensorSpec) => `${dtype}[${shape}]`;

function contentOf({ nodes, inputs, outputs, capturedNodes }: Graph, asked: Asked): string | null {
  const places = new Map(nodes.map((node, place) => [node, place]));
  const placesOf = (list: readonly GraphNode[]) => list.map((node) => places.get(node)!).join();
  const heads = new Map<string, number>(); // equal nodes, of which a deep network has many, are written once
  const lines: string[] = [];
  for (const node of nodes) {
    const name = `${node.key.slice(0, node.key.lastIndexOf("|"))}|${specText(node)}<${node.inputs.map(specText)}`;
    if (!heads.has(name)) {
      const head = headOf(node, asked);
      if (head === null || head.includes(NUMBERED)) return null;
      heads.set(name, heads.size);
      lines.push(`${JSON.stringify(node.name)} ${specText(node)} ${head}`);
    }
    lines.push(`${heads.get(name)} ${placesOf(node.inputs)}`);
  }
  return [...lines, placesOf(inputs), placesOf(capturedNodes), placesOf(outputs)].join("\n");
}

/** What a node computes of its operands. */
function headOf(node: GraphNode, asked: Asked): string | null {
  const { lowering, params, inputs, shape } = node;
  switch (lowering.kind) {
    case "leaf":
      return "leaf";
    case "expression":
      return kernelKey({ kind: "map", shape, values: [expressionOf(node, inputs.map(operand))] });
    case "iota":
      return `iota ${lowering.axis(params)}`;
    case "view":
      return `view ${lowering.opaque ?? false} ${textOf(lowering.view(params, node))}`;
    case "reduction":
      return `${lowering.op} ${lowering.axes(params)}`;
    case "gather":
      return `gather ${lowering.axis(params)} ${lowering.along(params)} ${textOf(lowering.fill(params))}`;
    case "contraction":
      return `contraction ${textOf(lowering.contraction(params, inputs, node))}`;
    case "program": {
      const body = bodyNumber(lowering.loop(params), asked);
      return body === null ? null : `result ${lowering.result(params)} of ${body}`;
    }
    case "kernel": {
      const { form, reads = null, finishes = false } = lowering;
      if (!form || !asked.isKnown(form)) return null;
      const others = [reads, finishes, lowering.computes?.(params, inputs) ?? [], templateFlops(node)];
      return `${form.name} ${textOf(params)} ${textOf(others)}`;
    }
    case "collective":
      return null;
  }
}

/** Stands for an operand that is no constant. */
const operand = ({ dtype }: TensorSpec, buffer: number): Scalar => ({
  kind: "load",
  dtype,
  access: { buffer, strides: [], offset: 0 },
});

function bodyNumber(loop: Loop, asked: Asked): number | null {
  const { constants, carries, length, reverse, stops = null } = loop;
  const content = contentOf(loopGraph(loop).graph, asked);
  if (content === null) return null;
  const body = `loop ${textOf([constants, carries, length, reverse, stops])}\n${content}`;
  const { bodies } = asked;
  if (!bodies.has(body)) bodies.set(body, bodies.size);
  return bodies.get(body)!;
}

/** @file Programs made by hand, for tests of what happens to them before they run. */
import type { Draft } from "../../../tensor/compiler/schedule/draft.ts";
import type { MapKernel, ScheduledProgram, Step, TemplateKernel, Value } from "../../../tensor/compiler/kernel.ts";
import { op, type Scalar } from "../../../tensor/compiler/scalar.ts";

/** A kernel of which only its kind matters. */
function template(name: string): TemplateKernel {
  return {
    kind: "template",
    name,
    key: name,
    specs: [],
    flops: 0,
    finishes: false,
    computes: [],
    prologues: [],
    body: { kind: "text", inputs: [], output: { shape: [], dtype: "float32" }, params: {} },
  };
}

/** A product, of which only its kind and its cost matter. */
function product(name: string, flops: number): TemplateKernel {
  return { ...template(name), flops, body: { kind: "contraction" } as TemplateKernel["body"] };
}

/** A map over `size` elements that adds up its operands, each read in order. */
function sumMap(size: number, operands: number): MapKernel {
  const loads = Array.from({ length: operands }, (_, buffer): Scalar => ({
    kind: "load",
    dtype: "float32",
    access: { buffer, strides: [1], offset: 0 },
  }));
  return { kind: "map", shape: [size], values: [loads.reduce((a, b) => op("add", a, b))] };
}

/** One line of a program: what it makes, of how many elements, from what. `=` starts a template, `*` a product of 10 operations an element, `+` a sum. */
export type Line = readonly [made: string, size: number, kind: "=" | "*" | "+", ...operands: string[]];

/** Reads a program. Names that no line makes are inputs of 1 element; the last line makes the output. */
export function draftOf(lines: readonly Line[]): { readonly draft: Draft; readonly names: readonly string[] } {
  const made = lines.map(([name]) => name);
  const inputs = [...new Set(lines.flatMap(([, , , ...operands]) => operands).filter((name) => !made.includes(name)))];
  const names = [...inputs, ...made];
  const values = names.map((name): Value => {
    const line = lines.find(([made]) => made === name);
    const role = inputs.includes(name) ? "input" : name === made.at(-1) ? "output" : "temporary";
    return { shape: [line?.[1] ?? 1], dtype: "float32", role };
  });
  const steps = lines.map(([name, size, kind, ...operands]): Step => ({
    kernel: kind === "=" ? template(name) : kind === "*" ? product(name, 10 * size) : sumMap(size, operands.length),
    inputs: operands.map((operand) => names.indexOf(operand)),
    outputs: [names.indexOf(name)],
  }));
  return { draft: { values, steps }, names };
}

/** A draft as a whole schedule. */
export function scheduleOf({ values, steps }: Draft): ScheduledProgram {
  const numbers = values.map((_, value) => value);
  return {
    values,
    steps,
    inputs: numbers.filter((value) => values[value]!.role === "input"),
    outputs: numbers.filter((value) => values[value]!.role === "output"),
    aliases: new Map(),
    spent: new Set(),
  };
}

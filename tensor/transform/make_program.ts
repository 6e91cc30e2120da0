/** @file Programs as text. */
import { programOf, readInputs } from "../compiler/boundary.ts";
import { leafSource, Tensor } from "../tensor.ts";
import { traceOf } from "./trace.ts";

/** A function as it was traced: what JAX calls a jaxpr. `String(program)` writes it line by line. */
export interface TracedProgram {
  /** Stand-ins of the tensors and numbers among the arguments, in the order of the leaves. */
  readonly inputs: readonly Tensor[];
  /** Tensors among the results, in the order of the leaves. */
  readonly outputs: readonly Tensor[];
  /** The program as text. */
  toString(): string;
}

/** a, b, … z, ba, bb, … */
function nameOf(i: number): string {
  return (i >= 26 ? nameOf(Math.floor(i / 26)) : "") + String.fromCharCode(97 + i % 26);
}

const specText = ({ dtype, shape }: Tensor): string => `${dtype}[${shape}]`;

/** Settings as they are read: programs in them stand in lines of their own. */
function settingText(value: unknown): string {
  if (typeof value === "function") return "ƒ";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(settingText).join(", ")}]`;
  if (Object.hasOwn(value, "toString")) return `\n${String(value).replaceAll(/^/gm, "      ")}`;
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${settingText(item)}`);
  return `{ ${entries.join(", ")} }`;
}

function settingsText(params: object): string {
  const entries = Object.entries(params).map(([key, value]) => `${key}=${settingText(value)}`);
  return entries.length === 0 ? "" : `[${entries.join(" ")}]`;
}

/**
 * Writes a program as text.
 *
 * @param inputs Placeholders, in call order.
 * @param outputs Results.
 * @returns One line for each operation that is computed, in the order in which they were made.
 */
export function programText(inputs: readonly Tensor[], outputs: readonly Tensor[]): string {
  const nodes = programOf(outputs).filter((x) => !inputs.includes(x)).sort((a, b) => a.sequence - b.sequence);
  const isConstant = (x: Tensor) => leafSource(x) !== undefined;
  const [constants, steps] = [nodes.filter(isConstant), nodes.filter((x) => !isConstant(x))];
  const names = new Map([...constants, ...inputs, ...steps].map((x, i) => [x, nameOf(i)]));
  const declared = (x: Tensor) => `${names.get(x)}:${specText(x)}`;
  const lines = steps.map((x) => {
    const operands = readInputs(x).map((input) => ` ${names.get(input)}`).join("");
    return `    ${declared(x)} = ${x.primitive.name}${settingsText(x.params)}${operands}`;
  });
  const head = `{ lambda ${constants.map((x) => `${declared(x)} `).join("")}; ${inputs.map(declared).join(" ")} .`;
  const results = outputs.map((x) => names.get(x)).join(", ");
  return lines.length === 0 ? `${head} in (${results}) }` : `${head} let\n${lines.join("\n")}\n  in (${results}) }`;
}

/**
 * Makes a function that tells what another one does, as JAX's `make_jaxpr`: nothing is computed.
 *
 * @param f A function of trees of tensors.
 * @returns A function of the same arguments whose result, written by `String`, lists constants, arguments and then each
 * operation with its shape, settings and operands. Jitted functions inside are a part of it.
 * @throws {TypeError} By that function, if arguments or results hold something else than tensors and plain values.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { makeProgram, mul, sum, tensor, type Tensor } from "@tessera/tessera/tensor";
 *
 * const program = makeProgram((x: Tensor) => sum(mul(x, x)))(tensor([1, 2]));
 * equal(String(program), `{ lambda ; a:float32[2] . let
 *     b:float32[2] = mul a a
 *     c:float32[] = sum[axes=[0]] b
 *   in (c) }`);
 * ```
 */
export function makeProgram<Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
): (...args: Args) => TracedProgram {
  return (...args) => {
    const { inputs, leaves } = traceOf("makeProgram", f, args);
    const outputs = leaves.map(({ value }) => value).filter((x) => x instanceof Tensor);
    return { inputs, outputs, toString: () => programText(inputs, outputs) };
  };
}

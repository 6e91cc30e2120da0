/** @file Writes the linear maps of Winograd convolutions on vectors of 4 channels, along one axis and then along the other. */
import { additionsFirst, isInput, type Linear, type Term } from "../../../contraction/scheme.ts";
import * as wat from "../emit/wat.ts";
import type { Wat, WatType } from "../emit/wat.ts";

/** Names of vector variables start so. */
const PREFIX = "v_";

/** The types of the vector variables of some statements. */
function vectorTypes(body: Wat): Record<string, WatType> {
  const names = Array.from(body.matchAll(/local\.set \$(v_\w+)/g), (match) => match[1]!);
  return Object.fromEntries(names.map((name) => [name, "v128"]));
}

/** What `splat` writes. */
const CONSTANT = /\(v128\.const f32x4 [^)]*\)/g;

/**
 * Writes a function that transforms. Constants are set before its loops: an engine would make each anew wherever it is used.
 *
 * @param name What `call` names.
 * @param parameters Names of the i32 parameters.
 * @param body Statements, some of `transformSquare`.
 * @returns The text.
 */
export function transformFunction(name: string, parameters: readonly string[], body: Wat): Wat {
  const constants = [...new Set(Array.from(body.matchAll(CONSTANT), ([text]) => text))];
  const variable = (text: Wat) => `${PREFIX}constant${constants.indexOf(text)}`;
  const whole = wat.block(
    ...constants.map((text) => wat.set(variable(text), text)),
    body.replaceAll(CONSTANT, (text) => wat.get(variable(text))),
  );
  return wat.func(name, parameters, whole, vectorTypes(whole));
}

/** A constant in all lanes. */
function splat(value: number): Wat {
  return `(v128.const f32x4 ${Array<number>(4).fill(value).join(" ")})`;
}

/** The expression of a sum of multiples. */
function sumOf(terms: readonly Term[], read: (name: string) => Wat): Wat {
  const [[first, name], ...rest] = additionsFirst(terms);
  const start = first === 1 ? read(name) : `(f32x4.mul ${splat(first)} ${read(name)})`;
  return rest.reduce((sum, [factor, x]) => {
    if (factor === 1) return `(f32x4.add ${sum} ${read(x)})`;
    if (factor === -1) return `(f32x4.sub ${sum} ${read(x)})`;
    return `(f32x4.relaxed_madd ${read(x)} ${splat(factor)} ${sum})`;
  }, start);
}

/** Statements that apply a map to variables `<from><i>`, and the expressions of its results. */
function apply({ lines, outputs }: Linear, from: string, to: string): { readonly code: Wat; readonly results: Wat[] } {
  const read = (name: string) => wat.get(`${PREFIX}${isInput(name) ? from : to}${name}`);
  return {
    code: wat.block(...lines.map(({ name, terms }) => wat.set(`${PREFIX}${to}${name}`, sumOf(terms, read)))),
    results: outputs.map(read),
  };
}

/**
 * Writes the statements that transform a square of vectors along both axes.
 *
 * @param map What to do along an axis.
 * @param size Inputs along an axis.
 * @param input Expression of the vector at row `i`, column `j`.
 * @param output Statement that stores a vector at row `i`, column `j` of the result.
 * @returns The statements; for a `transformFunction`.
 */
export function transformSquare(
  map: Linear,
  size: number,
  input: (i: number, j: number) => Wat,
  output: (i: number, j: number, value: Wat) => Wat,
): Wat {
  const columns = wat.unroll(size, (j) => {
    const { code, results } = apply(map, "in", "along");
    return wat.block(
      wat.unroll(size, (i) => wat.set(`${PREFIX}in${i}`, input(i, j))),
      code,
      ...results.map((value, k) => wat.set(`${PREFIX}row${k}_${j}`, value)),
    );
  });
  const rows = wat.unroll(map.outputs.length, (k) => {
    const { code, results } = apply(map, `row${k}_`, "across");
    return wat.block(code, ...results.map((value, l) => output(k, l, value)));
  });
  return wat.block(columns, rows);
}

/** @file Linear maps of Winograd convolutions as WGSL, along one axis of a square and then along the other. */
import { additionsFirst, isInput, type Linear, type Term } from "../../../contraction/scheme.ts";
import { count } from "../contraction/row_product_parts.ts";

/** The expression of a sum of multiples. */
function sumOf(terms: readonly Term[], read: (name: string) => string): string {
  const [[first, name], ...rest] = additionsFirst(terms);
  const start = first === 1 ? read(name) : `${constant(first)} * ${read(name)}`;
  return rest.reduce((sum, [factor, x]) => {
    if (factor === 1) return `${sum} + ${read(x)}`;
    return factor === -1 ? `${sum} - ${read(x)}` : `${sum} + ${constant(factor)} * ${read(x)}`;
  }, start);
}

function constant(factor: number): string {
  return `f32(${factor})`;
}

/** Statements that apply a map to what `from` names, and the expressions of its results. */
function apply({ lines, outputs }: Linear, from: (i: string) => string, to: string) {
  const read = (name: string) => isInput(name) ? from(name) : `${to}_${name}`;
  return {
    lines: lines.map(({ name, terms }) => `let ${to}_${name} = ${sumOf(terms, read)};`),
    results: outputs.map(read),
  };
}

/**
 * Writes the statements that transform a square of numbers along both axes.
 *
 * @param map What to do along an axis.
 * @param size Inputs along an axis.
 * @param memory `input`: expression of the number at row `i`, column `j`; `output`: statement that stores number `k` of the
 * result, row by row.
 * @returns The statements.
 */
export function transformSquare(
  map: Linear,
  size: number,
  { input, output }: {
    readonly input: (i: number, j: number) => string;
    readonly output: (k: number, value: string) => string;
  },
): readonly string[] {
  const columns = count(size).map((j) => apply(map, (i) => `in_${i}_${j}`, `down_${j}`));
  const rows = map.outputs.map((_, k) => apply(map, (j) => columns[Number(j)]!.results[k]!, `across_${k}`));
  return [
    ...count(size).flatMap((j) => [
      ...count(size).map((i) => `let in_${i}_${j} = ${input(i, j)};`),
      ...columns[j]!.lines,
    ]),
    ...rows.flatMap(({ lines, results }, k) => [
      ...lines,
      ...results.map((value, l) => output(k * map.outputs.length + l, value)),
    ]),
  ];
}

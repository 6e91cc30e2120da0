/** @file Loops by their definition, in float64. */
import { programOf, readInputs } from "../../compiler/boundary.ts";
import { applied } from "../../devices/reference/applied.ts";
import type { Loop } from "../../primitive.ts";
import { type DenseArray, sizeOf } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";

/** Results of loops by their first operand: those of one loop are asked for one by one. Documented cache; weak. */
const evaluated = new WeakMap<DenseArray, WeakMap<Loop, Evaluated>>();

interface Evaluated {
  readonly inputs: readonly DenseArray[];
  readonly results: readonly DenseArray[];
}

/**
 * Computes all results of a loop.
 *
 * @param loop The loop.
 * @param inputs Its operands.
 * @returns What is carried out of the last run, then all rows that were written.
 */
export function evaluateLoop(loop: Loop, inputs: readonly DenseArray[]): readonly DenseArray[] {
  const [first] = inputs;
  const ofFirst = (first && evaluated.get(first)) ?? new WeakMap<Loop, Evaluated>();
  const known = ofFirst.get(loop);
  if (known && inputs.every((x, i) => x === known.inputs[i])) return known.results;
  const results = run(loop, inputs);
  ofFirst.set(loop, { inputs, results });
  if (first) evaluated.set(first, ofFirst);
  return results;
}

function run(
  { program, constants, carries, length, reverse, stops }: Loop,
  inputs: readonly DenseArray[],
): readonly DenseArray[] {
  const order = programOf(program.outputs, new Set(program.inputs)).filter((x) => !program.inputs.includes(x));
  const stacks = program.outputs.slice(carries).map(({ shape, dtype }) => ({
    ...{ shape: [length, ...shape], dtype },
    data: new Float64Array(length * sizeOf(shape)),
  }));
  let carried = inputs.slice(constants, constants + carries);
  const goesOn = () => {
    if (stops === undefined) return true;
    const { data } = stops < constants ? inputs[stops]! : carried[stops - constants]!;
    return data.some((x) => x !== 0);
  };
  for (let t = 0; t < length && goesOn(); t++) {
    const row = reverse ? length - 1 - t : t;
    const values = new Map<Tensor, DenseArray>();
    program.inputs.forEach((x, i) => {
      if (i < constants + carries) return values.set(x, i < constants ? inputs[i]! : carried[i - constants]!);
      const size = sizeOf(x.shape);
      return values.set(x, {
        shape: x.shape,
        dtype: x.dtype,
        data: inputs[i]!.data.slice(row * size, (row + 1) * size),
      });
    });
    for (const x of order) {
      const operands = readInputs(x).map((input) => values.get(input)!);
      values.set(x, applied(x, operands));
    }
    carried = program.outputs.slice(0, carries).map((y) => values.get(y)!);
    stacks.forEach(({ data }, i) => {
      const { data: written } = values.get(program.outputs[carries + i]!)!;
      data.set(written, row * written.length);
    });
  }
  return [...carried, ...stacks];
}

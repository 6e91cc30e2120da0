/** @file Makes a program that fails smaller, as long as it fails. */
import { sizeOf } from "../../tensor/mod.ts";
import { inputsOf, type RandomProgram, valuesOf } from "./program.ts";

/** Tells how a program fails; `null` if it does not. */
export type Fails = (program: RandomProgram) => Promise<string | null>;

/** The program without what its results do not need. */
function needed({ inputs, lines, outputs }: RandomProgram): RandomProgram {
  const used = new Set(outputs);
  for (let i = lines.length - 1; i >= 0; i--) {
    if (used.has(inputs.length + i)) lines[i]!.reads.forEach((at) => used.add(at));
  }
  const kept = [...Array(inputs.length + lines.length).keys()].filter((at) => used.has(at));
  const place = new Map(kept.map((at, i) => [at, i]));
  return {
    inputs: inputs.filter((_, at) => used.has(at)),
    lines: lines.filter((_, i) => used.has(inputs.length + i))
      .map((line) => ({ ...line, reads: line.reads.map((at) => place.get(at)!) })),
    outputs: outputs.map((at) => place.get(at)!),
  };
}

/** One result fewer, or what a result is made from instead of it. */
function fewerResults(program: RandomProgram): readonly RandomProgram[] {
  const { inputs, lines, outputs } = program;
  const single = outputs.length > 1 ? outputs.map((at) => ({ ...program, outputs: [at] })) : [];
  const deeper = outputs.flatMap((at) => lines[at - inputs.length]?.reads ?? []).filter((at) => at >= inputs.length);
  return [...single, ...deeper.map((at) => ({ ...program, outputs: [at] }))];
}

/** Lines passed over: who read a line reads one of its operands of the same spec. */
function fewerLines(program: RandomProgram): readonly RandomProgram[] {
  const { inputs, lines, outputs } = program;
  const values = valuesOf(program, inputsOf(program));
  return lines.flatMap(({ reads }, i) => {
    const at = inputs.length + i;
    const spec = (k: number) => `${values[k]!.dtype}[${values[k]!.shape}]`;
    return reads.filter((read) => spec(read) === spec(at)).map((read) => {
      const instead = (k: number) => k === at ? read : k;
      return {
        inputs,
        lines: lines.map((line) => ({ ...line, reads: line.reads.map(instead) })),
        outputs: outputs.map(instead),
      };
    });
  });
}

/** Inputs of simpler values, or of half the size along an axis. */
function simplerInputs(program: RandomProgram): readonly RandomProgram[] {
  const put = (at: number, input: RandomProgram["inputs"][number]) => ({
    ...program,
    inputs: program.inputs.with(at, input),
  });
  return program.inputs.flatMap((input, at) => {
    const { shape, values } = input;
    const axes = [...shape.keys()].filter((axis) => shape[axis]! > 1);
    const smaller = axes.map((axis) => {
      const size = shape.with(axis, Math.ceil(shape[axis]! / 2));
      return put(at, { ...input, shape: size, values: values.slice(0, sizeOf(size)) });
    });
    const flat = [0, 1].filter((value) => values.some((x) => x !== value));
    return [...smaller, ...flat.map((value) => put(at, { ...input, values: values.map(() => value) }))];
  });
}

/** True if a program can still be built. */
function isWhole(program: RandomProgram): boolean {
  try {
    valuesOf(program, inputsOf(program));
    return true;
  } catch {
    return false;
  }
}

const weight = ({ inputs, lines, outputs }: RandomProgram) =>
  1000 * lines.length + 100 * outputs.length +
  inputs.reduce((sum, { values }) => sum + values.length + values.filter((x) => x !== 0).length / 1e3, 0);

/**
 * Finds a small program that fails in the place of a larger one.
 *
 * @param program It fails.
 * @param fails Tells how.
 * @returns A program that fails, and no step makes it smaller.
 */
export async function shrink(program: RandomProgram, fails: Fails): Promise<RandomProgram> {
  const steps = [fewerResults, fewerLines, simplerInputs].flatMap((step) => step(program)).map(needed);
  const smaller = steps.filter((each) => weight(each) < weight(program) && isWhole(each));
  for (const each of smaller.sort((a, b) => weight(a) - weight(b))) {
    if (await fails(each)) return await shrink(each, fails);
  }
  return program;
}

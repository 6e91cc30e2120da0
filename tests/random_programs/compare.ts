/** @file Runs a program on a device in each of its ways, and compares with the float64 reference. */
import { checkGrads, cos, type Device, DTYPES, jit, referenceDevice, sum, type Tensor, vjp } from "../../tensor/mod.ts";
import { floatingInputs, inputsOf, type RandomProgram, valuesOf } from "./program.ts";

/** Several roundings meet in each result, and some are stretched by what follows. */
const TOLERANCE = 2e-3;

type Many = (...inputs: Tensor[]) => readonly Tensor[];

/** The results of a program, and the gradients of its floating inputs. */
function functionsOf(program: RandomProgram): readonly Many[] {
  const results: Many = (...inputs) => {
    const values = valuesOf(program, inputs);
    return program.outputs.map((at) => values[at]!);
  };
  const positions = floatingInputs(program);
  const gradients: Many = (...inputs) => {
    const f = (...primals: Tensor[]) => {
      const all = [...inputs];
      positions.forEach((at, i) => all[at] = primals[i]!);
      return results(...all).filter((y) => DTYPES[y.dtype].floating);
    };
    const [values, pullback] = vjp(f, ...positions.map((at) => inputs[at]!));
    return pullback((values as readonly Tensor[]).map((y) => cos(y))) as readonly Tensor[];
  };
  return positions.length > 0 ? [results, gradients] : [results];
}

async function read(tensors: readonly Tensor[], device: Device): Promise<readonly ArrayLike<number>[]> {
  return await Promise.all(tensors.map((x) => x.data({ device })));
}

/** The first difference of two lists of arrays; `null` if they agree. Errors count against the largest value of the array. */
function differenceOf(
  actual: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
  finiteOnly: boolean,
): string | null {
  for (const [i, wanted] of expected.entries()) {
    const found = actual[i]!;
    if (found.length !== wanted.length) return `result ${i} has ${found.length} elements, not ${wanted.length}`;
    const largest = Array.from(wanted).reduce((most, x) => Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most, 0);
    for (let k = 0; k < wanted.length; k++) {
      const [a, b] = [found[k]!, wanted[k]!];
      if (Object.is(a, b) || a === b || (finiteOnly && !Number.isFinite(b)) || largest > 1e30) continue;
      if (!(Math.abs(a - b) <= TOLERANCE * (1 + largest))) return `element ${k} of result ${i} is ${a}, not ${b}`;
    }
  }
  return null;
}

/**
 * Compares a device with the reference: values and gradients, lazily and compiled.
 *
 * @param program The program.
 * @param device Where to run it.
 * @returns What differs first; `null` if nothing does.
 */
export async function compareDevices(program: RandomProgram, device: Device): Promise<string | null> {
  const finiteOnly = device.name === "webgpu"; // WGSL may assume that there are no infinities and NaN
  const ways = ["values", "gradients"];
  for (const [i, f] of functionsOf(program).entries()) {
    try {
      const inputs = inputsOf(program);
      const expected = await read(f(...inputs), referenceDevice());
      const lazy = differenceOf(await read(f(...inputs), device), expected, finiteOnly);
      if (lazy) return `${ways[i]}, lazy: ${lazy}`;
      const compiled = jit(f, { device })(...inputs) as readonly Tensor[];
      const jitted = differenceOf(await read(compiled, device), expected, finiteOnly);
      if (jitted) return `${ways[i]}, compiled: ${jitted}`;
    } catch (error) {
      return `${ways[i]}: ${(error as Error).message}`;
    }
  }
  return null;
}

/**
 * Compares the gradients of a program that is differentiable everywhere with differences, in float64.
 *
 * @param program The program.
 * @returns What differs; `null` if nothing does.
 */
export async function compareGradients(program: RandomProgram): Promise<string | null> {
  const inputs = inputsOf(program, "float64");
  const f = (...primals: Tensor[]) => {
    const values = valuesOf(program, primals);
    // Bounded, so that differences see slopes and not the size of powers.
    return program.outputs.map((at) => sum(cos(values[at]!)));
  };
  try {
    await checkGrads(f, [...inputs], { order: 1, step: 1e-6, tolerance: 1e-4 });
    return null;
  } catch (error) {
    return `gradients and differences: ${(error as Error).message}`;
  }
}

/** @file The functions that a shader calls. */
import { expanded } from "../../../compiler/expansions/expanded.ts";
import { operationOf, type ScalarOp } from "../../../compiler/operations.ts";
import { FUNCTIONS, type MathFunction, PREAMBLE } from "./math.ts";
import { functionName, ValueWriter } from "./values.ts";

function noMemory(): never {
  throw new TypeError("Cannot write a function as it must compute from its parameters alone: current text loads");
}

/** The function that an expansion becomes. */
function functionOf(name: ScalarOp): MathFunction {
  const { parameters, result } = expanded(name);
  const names = parameters.map((_, i) => `x${i}`);
  const calls = new Set<ScalarOp>();
  const known = new Map(parameters.map((parameter, i) => [parameter, names[i]!]));
  const writer = new ValueWriter([], noMemory, { needs: calls, count: 0 }, known);
  const value = writer.value(result);
  const text = `fn ${functionName(name)}(${names.map((x) => `${x}: f32`).join(", ")}) -> f32 {
  ${[...writer.lines, `return ${value};`].join("\n  ")}
}`;
  return { text, calls: [...calls] };
}

/** Functions by operation, written once: they are the same in every shader. Documented cache. */
const written = new Map<ScalarOp, MathFunction>();

function functionFor(name: ScalarOp): MathFunction | undefined {
  if (!operationOf(name).expand) return FUNCTIONS[name];
  const known = written.get(name) ?? functionOf(name);
  written.set(name, known);
  return known;
}

/**
 * Module-scope texts of the functions that a shader uses.
 *
 * @param needs Names of operations.
 * @returns What all of them use, then their functions and those they call, each once.
 */
export function mathTexts(needs: Iterable<ScalarOp>): readonly string[] {
  const texts = new Set<string>([PREAMBLE]);
  const add = (name: ScalarOp): void => {
    const needed = functionFor(name);
    needed?.calls?.forEach(add);
    if (needed) texts.add(needed.text);
  };
  for (const name of needs) add(name);
  return [...texts];
}

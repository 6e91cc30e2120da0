/** @file The functions that a shader calls. */
import { expanded } from "../../../compiler/expansions/expanded.ts";
import { operationOf, type ScalarOp } from "../../../compiler/operations.ts";
import { FUNCTIONS, type MathFunction, PREAMBLE } from "./math.ts";
import { functionName, ValueWriter } from "./values.ts";

/** The function that an expansion becomes. */
function functionOf(name: ScalarOp): MathFunction {
  const { parameters, result } = expanded(name);
  const names = parameters.map((_, i) => `x${i}`);
  const calls = new Set<ScalarOp>();
  const known = new Map(parameters.map((parameter, i) => [parameter, names[i]!]));
  const writer = new ValueWriter([], [], { needs: calls, count: 0 }, known);
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

/** Texts of functions and those they call, each once, after what all of them use. */
function textsOf(needs: Iterable<ScalarOp>): readonly string[] {
  const texts = new Set<string>([PREAMBLE]);
  const add = (name: ScalarOp): void => {
    const needed = functionFor(name);
    needed?.calls?.forEach(add);
    if (needed) texts.add(needed.text);
  };
  for (const name of needs) add(name);
  return [...texts];
}

/**
 * Module-scope text for the functions that a shader uses.
 *
 * @param needs Names of operations.
 * @returns Their functions and those they call, each once.
 */
export function mathText(needs: Iterable<ScalarOp>): string {
  return textsOf(needs).join("\n");
}

/**
 * Adds the functions that a text uses to a shader that may have some of them.
 *
 * @param code The shader.
 * @param needs Names of operations.
 * @param text The text to be added.
 * @returns The shader with functions and text at its end.
 */
export function addWithMath(code: string, needs: Iterable<ScalarOp>, text: string): string {
  return [code, ...textsOf(needs).filter((each) => !code.includes(each)), text].join("\n");
}

/** @file The functions that a shader calls. */
import { expanded, type FunctionName } from "../../../compiler/expansions/expanded.ts";
import { FUNCTIONS, type MathFunction, PREAMBLE } from "./math.ts";
import { DTYPES } from "../../../spec.ts";
import { ValueWriter } from "./values.ts";

function noMemory(): never {
  throw new TypeError("Cannot write a function as it must compute from its parameters alone: current text loads");
}

/** The function that an expansion becomes. */
function functionOf(name: FunctionName): MathFunction {
  const { parameters, result } = expanded(name);
  const names = parameters.map((_, i) => `x${i}`);
  const calls = new Set<FunctionName>();
  const known = new Map(parameters.map((parameter, i) => [parameter, names[i]!]));
  const writer = new ValueWriter([], noMemory, { needs: calls, count: 0 }, known);
  const value = writer.value(result);
  const typed = parameters.map(({ dtype }, i) => `${names[i]}: ${DTYPES[dtype].wgsl}`);
  const text = `fn ${name}(${typed.join(", ")}) -> ${DTYPES[result.dtype].wgsl} {
  ${[...writer.lines, `return ${value};`].join("\n  ")}
}`;
  return { text, calls: [...calls] };
}

/** Functions by name, written once: they are the same in every shader. Documented cache. */
const written = new Map<FunctionName, MathFunction>();

function functionFor(name: FunctionName): MathFunction {
  const known = FUNCTIONS[name] ?? written.get(name) ?? functionOf(name);
  written.set(name, known);
  return known;
}

/**
 * Module-scope texts of the functions that a shader uses.
 *
 * @param needs Names of functions.
 * @returns What all of them use, then their functions and those they call, each once.
 */
export function mathTexts(needs: Iterable<FunctionName>): readonly string[] {
  const texts = new Set<string>([PREAMBLE]);
  const add = (name: FunctionName): void => {
    const { text, calls = [] } = functionFor(name);
    calls.forEach(add);
    texts.add(text);
  };
  for (const name of needs) add(name);
  return [...texts];
}

/** @file The functions that a module calls. */
import { expanded, type FunctionName } from "../../../compiler/expansions/expanded.ts";
import type { Scalar } from "../../../compiler/scalar.ts";
import { FUNCTIONS, type WatFunction } from "./math.ts";
import { ValueWriter } from "./values.ts";

/** The function of four values at once that an expansion becomes. */
function functionOf(name: FunctionName): WatFunction {
  const { parameters, result } = expanded(name);
  const [locals, calls]: [string[], Set<string>] = [[], new Set()];
  const ids = new Map<Scalar, number>(parameters.map((parameter, i) => [parameter, i]));
  const known = new Map(parameters.map((_, i) => [`v${i}`, `(local.get $x${i})`]));
  const place = { indices: [], lane: -1, scalar: false, shift: 0 };
  const writer = new ValueWriter({ locals, calls, ids, constants: null }, place, null, { known });
  const value = writer.value(result);
  const head = `(func $${name} ${parameters.map((_, i) => `(param $x${i} v128)`).join(" ")} (result v128)`;
  return { text: [head, locals.join(" "), ...writer.lines, `${value})`].join("\n  "), uses: [...calls] };
}

/** Functions by name, written once: they are the same in every module. Documented cache. */
const written = new Map<string, WatFunction>(Object.entries(FUNCTIONS));

function functionFor(name: string): WatFunction {
  const known = written.get(name) ?? functionOf(name as FunctionName);
  written.set(name, known);
  return known;
}

/**
 * Texts of functions.
 *
 * @param names Functions that a module calls.
 * @returns Their definitions and those of the functions that they call, each once.
 */
export function mathFunctions(names: ReadonlySet<string>): string {
  const all = new Set<string>();
  const need = (name: string): void => {
    if (all.has(name)) return;
    functionFor(name).uses.forEach(need);
    all.add(name);
  };
  names.forEach(need);
  return [...all].map((name) => functionFor(name).text).join("\n");
}

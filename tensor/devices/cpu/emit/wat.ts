/** @file A few words for writing WebAssembly text: i32 expressions with constants folded, loops, functions, the pass around them. */
import type { WatPass } from "../../../compiler/kernel_text.ts";

/** Folded WebAssembly text: an expression or statements. */
export type Wat = string;

/** Type of a local variable. */
export type WatType = "i32" | "i64" | "f32" | "v128";

/** An integer literal. */
export function int(value: number): Wat {
  return `(i32.const ${value})`;
}

/** Reads a local variable. */
export function get(name: string): Wat {
  return `(local.get $${name})`;
}

/** Writes a local variable. */
export function set(name: string, value: Wat): Wat {
  return `(local.set $${name} ${value})`;
}

/** Reads one of the addresses and bounds that `run` was called with. */
export function argument(name: string): Wat {
  return `(global.get $${name})`;
}

/** The value of a literal, or `null` for anything else. */
export function literalOf(text: Wat): number | null {
  const match = /^\(i32\.const (-?\d+)\)$/.exec(text);
  return match ? Number(match[1]) : null;
}

/** Sum of i32 terms; numbers are literals. */
export function add(...terms: readonly (Wat | number)[]): Wat {
  const constants = terms.map((term) => typeof term === "number" ? term : literalOf(term));
  const rest = terms.filter((_, i) => constants[i] === null) as Wat[];
  const constant = constants.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  if (constant !== 0 || rest.length === 0) rest.push(int(constant));
  return rest.reduce((left, right) => `(i32.add ${left} ${right})`);
}

/** `left - right`. */
export function sub(left: Wat, right: Wat): Wat {
  const [a, b] = [literalOf(left), literalOf(right)];
  if (a !== null && b !== null) return int(a - b);
  return b === 0 ? left : `(i32.sub ${left} ${right})`;
}

/** An i32 times a literal. */
export function mul(value: Wat, factor: number): Wat {
  const constant = literalOf(value);
  if (constant !== null) return int(constant * factor);
  if (factor === 1) return value;
  return factor === 0 ? int(0) : `(i32.mul ${value} ${int(factor)})`;
}

/** Quotient of a non-negative i32 by a literal. */
export function quotient(value: Wat, divisor: number): Wat {
  return divisor === 1 ? value : `(i32.div_u ${value} ${int(divisor)})`;
}

/** Remainder of a non-negative i32 by a literal. */
export function remainder(value: Wat, divisor: number): Wat {
  return divisor === 1 ? int(0) : `(i32.rem_u ${value} ${int(divisor)})`;
}

/** The smaller of two i32 expressions without side effects. */
export function min(left: Wat, right: Wat): Wat {
  return `(select ${left} ${right} (i32.lt_s ${left} ${right}))`;
}

/** How many of `whole` are left from the variable `from` on, at most `each`. */
export function part(each: number, whole: number, from: string): Wat {
  return min(int(each), sub(int(whole), get(from)));
}

/** Splits a mixed-radix number: the last name gets `value mod last size`, and so on; the first keeps the rest. */
export function split(value: Wat, digits: readonly (readonly [name: string, size: number])[]): Wat {
  const lines: Wat[] = [];
  digits.toReversed().forEach(([name, size], i) => {
    const from = i === 0 ? value : get("digits");
    if (i === digits.length - 1) return lines.push(set(name, from));
    lines.push(set(name, remainder(from, size)), set("digits", quotient(from, size)));
  });
  return lines.join("\n");
}

/** Statements one after the other. */
export function block(...statements: readonly (Wat | null)[]): Wat {
  return statements.filter((statement) => statement).join("\n");
}

/** Statements that run where the condition is not 0. */
export function when(condition: Wat, then: Wat, otherwise?: Wat): Wat {
  return `(if ${condition} (then\n${then})${otherwise ? ` (else\n${otherwise})` : ""})`;
}

/** Runs the body for `index = begin, begin + step, …` below `end`, unsigned, as addresses are; the bound is a literal or a variable the body leaves alone. */
export function loop(index: string, begin: Wat, end: Wat, body: Wat, step = 1): Wat {
  return block(
    set(index, begin),
    `(if (i32.lt_u ${get(index)} ${end}) (then (loop $next`,
    body,
    set(index, add(get(index), step)),
    `(br_if $next (i32.lt_u ${get(index)} ${end})))))`,
  );
}

/** The same statements for each number below `count`, written out. */
export function unroll(count: number, body: (i: number) => Wat): Wat {
  return Array.from({ length: count }, (_, i) => body(i)).join("\n");
}

/** Where a variable is read or set. */
const MENTIONED = /local\.(get|set|tee) \$(\w+)/g;

/**
 * A function without result.
 *
 * @param name What `call` names.
 * @param params Names of the i32 parameters.
 * @param body Statements. Variables that are not in `types` are i32.
 * @param types Types of the other variables.
 * @returns The text.
 * @throws {ReferenceError} If the body reads a variable that it never sets: WebAssembly would give it zero.
 */
export function func(name: string, params: readonly string[], body: Wat, types: Record<string, WatType> = {}): Wat {
  const locals = new Set<string>();
  const read = new Set<string>();
  for (const [, word, name] of body.matchAll(MENTIONED)) (word === "get" ? read : locals).add(name!);
  params.forEach((param) => (locals.delete(param), read.delete(param)));
  const unset = [...read.difference(locals)];
  if (unset.length > 0) {
    throw new ReferenceError(
      `Cannot write function ${name} as each variable must be set or a parameter: current text only reads ${unset}`,
    );
  }
  return [
    `(func $${name} ${params.map((param) => `(param $${param} i32)`).join(" ")}`,
    ...[...locals].map((local) => `(local $${local} ${types[local] ?? "i32"})`),
    body,
    ")",
  ].join("\n");
}

/** Calls a function. */
export function call(name: string, ...args: readonly Wat[]): Wat {
  return `(call $${name} ${args.join(" ")})`;
}

/**
 * Makes a pass: `run` puts its arguments into globals, which every function can read, and calls `item` for each item.
 *
 * @param buffers Names of the inputs and outputs, in order.
 * @param functions Text of the functions, one of them `item` with the item's number as its parameter.
 * @param items How many items there are.
 * @param itemCost Rough cost of one in nanoseconds.
 * @returns The pass.
 */
export function pass(buffers: readonly string[], functions: readonly Wat[], items: number, itemCost: number): WatPass {
  const names = [...buffers, "scratch", "local"];
  const run = func(
    "run",
    [...names.map((name) => `${name}_`), "begin", "end"],
    block(
      ...names.map((name) => `(global.set $${name} ${get(`${name}_`)})`),
      loop("index", get("begin"), get("end"), call("item", get("index"))),
    ),
  );
  const globals = names.map((name) => `(global $${name} (mut i32) (i32.const 0))`);
  return { code: [...globals, ...functions, run, `(export "run" (func $run))`].join("\n"), items, itemCost };
}

/** Rounds up to a multiple. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

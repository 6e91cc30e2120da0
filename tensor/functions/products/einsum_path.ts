/** @file What the subscripts of an einsum say, and the order in which its operands are multiplied. */
import { requireKind, ShapeError } from "../../errors.ts";
import type { Shape } from "../../spec.ts";

/** Subscripts, worked out for shapes. */
export interface Subscripts {
  /** Names of the axes of each operand; a name that is there twice stands for a diagonal. */
  readonly operands: readonly (readonly string[])[];
  /** Names of the axes of the result. */
  readonly output: readonly string[];
  /** Size of each name. */
  readonly sizes: ReadonlyMap<string, number>;
}

function refuse(text: string, requirement: string): never {
  throw new RangeError(`Cannot einsum as ${requirement}: current subscripts are "${text}"`);
}

/** Letters of a term, with the names of what `...` stands for in their place. */
function namesOf(text: string, term: string, rank: number | null, gap: number): readonly string[] {
  const [before = "", after, more] = term.split("...");
  const letters = [...before, ...after ?? ""];
  if (more !== undefined || letters.some((letter) => !/[A-Za-z]/.test(letter))) {
    refuse(text, "terms must be letters, with ... at most once");
  }
  if (after === undefined) return letters;
  const width = rank === null ? gap : rank - letters.length;
  // Named from the end, so that they are aligned as in broadcasting.
  const dots = Array.from({ length: Math.max(0, width) }, (_, i) => `.${width - 1 - i}`);
  return [...before, ...dots, ...after];
}

/**
 * Reads subscripts.
 *
 * @param text Such as `"bij,bjk->bik"`.
 * @param shapes Shapes of the operands.
 * @returns Names of axes and their sizes.
 * @throws {RangeError} If the text is none, or names an output axis that no operand has.
 * @throws {ShapeError} If terms do not fit the operands.
 */
export function parseSubscripts(text: string, shapes: readonly Shape[]): Subscripts {
  requireKind("einsum", "subscripts", text, typeof text === "string", "text");
  const [inputs = "", right, more] = text.replaceAll(" ", "").split("->");
  if (more !== undefined) refuse(text, "there must be one arrow at most");
  const terms = inputs.split(",");
  if (terms.length !== shapes.length) refuse(text, `there must be a term for each of ${shapes.length} operands`);
  const gaps = terms.map((term, i) => term.includes("...") ? shapes[i]!.length - term.length + 3 : 0);
  const operands = terms.map((term, i) => namesOf(text, term, shapes[i]!.length, 0));
  const sizes = new Map<string, number>();
  operands.forEach((names, i) => {
    if (names.length !== shapes[i]!.length) {
      throw new ShapeError(`einsum "${text}"`, `operand ${i} must have ${names.length} axes`, [shapes[i]!]);
    }
    names.forEach((name, axis) => {
      const [size, known = 1] = [shapes[i]![axis]!, sizes.get(name)];
      const fits = size === known || !sizes.has(name) || (name.startsWith(".") && (size === 1 || known === 1));
      if (!fits) throw new ShapeError(`einsum "${text}"`, `axes named ${name} must have one size`, shapes);
      sizes.set(name, known === 1 ? size : known);
    });
  });
  const output = right === undefined ? implicit(operands) : namesOf(text, right, null, Math.max(0, ...gaps));
  if (new Set(output).size !== output.length) refuse(text, "a name may stand once in the result");
  if (output.some((name) => !sizes.has(name))) refuse(text, "operands must have every name of the result");
  return { operands, output, sizes };
}

/** Without an arrow: what stands for `...`, then in alphabetical order the names that are there once. */
function implicit(operands: readonly (readonly string[])[]): readonly string[] {
  const all = operands.flat();
  const dots = [...new Set(all.filter((name) => name.startsWith(".")))].sort((a, b) =>
    Number(b.slice(1)) - Number(a.slice(1))
  );
  const once = all.filter((name) => !name.startsWith(".") && all.filter((other) => other === name).length === 1);
  return [...dots, ...once.sort()];
}

/** One product of two: their positions among what is left, the result then being last. */
export interface PathStep {
  /** Positions, ascending. */
  readonly pair: readonly [number, number];
  /** Names of the result. */
  readonly names: readonly string[];
  /** Multiply-adds. */
  readonly cost: number;
}

/**
 * Chooses the order of products, greedily: next come the two whose result is smaller than they are by most, of those that
 * are equal in that the cheapest.
 *
 * @param subscripts What is to be computed.
 * @returns The products in order.
 */
export function contractionPath({ operands, output, sizes }: Subscripts): readonly PathStep[] {
  let left: readonly (readonly string[])[] = operands.map((names) => [...new Set(names)]);
  const steps: PathStep[] = [];
  const sizeOf = (names: readonly string[]) => names.reduce((size, name) => size * sizes.get(name)!, 1);
  while (left.length > 1) {
    let best: PathStep | undefined;
    let bestGain = Infinity;
    for (let j = 1; j < left.length; j++) {
      for (let i = 0; i < j; i++) {
        const all = [...new Set([...left[i]!, ...left[j]!])];
        const needed = new Set([...output, ...left.filter((_, k) => k !== i && k !== j).flat()]);
        const names = all.filter((name) => needed.has(name));
        const cost = sizeOf(all);
        const gain = sizeOf(names) - sizeOf(left[i]!) - sizeOf(left[j]!);
        if (!best || gain < bestGain || (gain === bestGain && cost < best.cost)) {
          [best, bestGain] = [{ pair: [i, j], names, cost }, gain];
        }
      }
    }
    steps.push(best!);
    left = [...left.filter((_, k) => !best!.pair.includes(k)), best!.names];
  }
  return steps;
}

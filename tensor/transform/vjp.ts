/** @file Reverse-mode differentiation: one walk backwards over the program, by each primitive's vjp rule. */
import { requireFunction, requireKind, ShapeError, shown } from "../errors.ts";
import { topologicalOrder } from "../order.ts";
import { add } from "../primitives/arithmetic.ts";
import { constant } from "../primitives/constant.ts";
import { identity } from "../primitives/identity.ts";
import { DTYPES, sameShape } from "../spec.ts";
import { madeOf, Tensor, withMade } from "../tensor.ts";
import { treeFlatten, treeFlattenAll, type TreeStructure, treeUnflatten } from "../tree.ts";
import { checkDifferentiable, type Cotangent, type Gradient, namedLeaves, tracedScalar } from "./arguments.ts";
import { isCut, runInside } from "./running.ts";

/** What a tensor is made of. */
export type Made = Pick<Tensor, "inputs" | "params">;

/** One tensor on a way back. */
export interface TapeNode {
  readonly node: Tensor;
  readonly made: Made;
  /** What the rule is shown in its place: the same values, kept or to be computed from others. */
  readonly shown?: { readonly node: Tensor; readonly made: Made };
}

/**
 * The way from results of a program back to tensors of it. It holds what lies between, so that it can be gone at any time:
 * tensors let go of what they were made of when they have been computed.
 */
export interface Tape {
  /** What depends on the ends, youngest first: a cotangent is complete when every consumer, made later, has been visited. */
  readonly nodes: readonly TapeNode[];
  /** The same, to ask. */
  readonly depends: ReadonlySet<Tensor>;
  readonly wrt: readonly Tensor[];
}

/**
 * Finds the way back.
 *
 * @param outputs Results of a program, just made.
 * @param wrt Tensors of the program at which the way ends.
 * @returns The way.
 */
export function tapeOf(outputs: readonly Tensor[], wrt: readonly Tensor[]): Tape {
  const ends = new Set(wrt);
  const depends = new Set<Tensor>();
  for (const x of topologicalOrder(outputs, (x) => ends.has(x))) {
    if (ends.has(x) || (!isCut(x) && x.inputs.some((input) => depends.has(input)))) depends.add(x);
  }
  const between = [...depends].filter((x) => !ends.has(x)).sort((a, b) => b.sequence - a.sequence);
  return { nodes: between.map((node) => ({ node, made: madeOf(node) })), depends, wrt };
}

/**
 * Pulls cotangents back.
 *
 * @param tape The way.
 * @param pairs Results and their cotangents; `null` for zero.
 * @returns Cotangents of the ends; `null` where nothing flows.
 */
export function pullBack(
  { nodes, depends, wrt }: Tape,
  pairs: readonly (readonly [Tensor, Tensor | null])[],
): readonly (Tensor | null)[] {
  const sums = new Map<Tensor, Tensor>();
  const accumulate = (x: Tensor, part: Tensor | null | undefined) => {
    if (!part || !depends.has(x) || !DTYPES[x.dtype].floating) return;
    const sum = sums.get(x);
    sums.set(x, sum ? add(sum, part) : part);
  };
  pairs.forEach(([output, cotangent]) => accumulate(output, cotangent));
  for (const { node, made, shown = { node, made } } of nodes) {
    const cotangent = sums.get(node);
    if (!cotangent) continue;
    const { group } = node.primitive;
    const members = group?.members(made.params) ?? [node];
    const parts = withMade(shown.node, shown.made, () => {
      const { params } = shown.made;
      if (!group) return shown.node.primitive.vjpRule(cotangent, shown.node, params);
      return group.vjpRule(members.map((member) => sums.get(member) ?? null), group.members(params), params);
    });
    checkParts(node, made.inputs, parts);
    made.inputs.forEach((input, i) => accumulate(input, parts[i]));
    members.forEach((member) => sums.delete(member));
  }
  return wrt.map((x) => sums.get(x) ?? null);
}

/** Refuses what a rule gives that is no cotangent of its operand: it would be lost, or spread over others. */
function checkParts({ primitive: { name } }: Tensor, inputs: readonly Tensor[], parts: unknown): void {
  const fits = Array.isArray(parts) && parts.length === inputs.length;
  requireKind(`differentiate ${name}`, "what its pullback gives", parts, fits, `a list of ${inputs.length}`);
  inputs.forEach(({ shape, dtype }, i) => {
    const part: unknown = (parts as readonly unknown[])[i];
    if (part === null || !DTYPES[dtype].floating) return;
    if (part instanceof Tensor && part.dtype === dtype && sameShape(part.shape, shape)) return;
    const current = part instanceof Tensor ? `${part.dtype} [${part.shape}]` : shown(part);
    throw new TypeError(
      `Cannot differentiate ${name} as a cotangent must be null or have shape and dtype of its operand, ${dtype} [${shape}]: ` +
        `current cotangent is ${current}`,
    );
  });
}

/** One differentiated argument: stand-ins for its tensors, `null` for what is not there. */
interface Primal {
  readonly structure: TreeStructure;
  readonly standIns: readonly (Tensor | null)[];
}

function separate(operation: string, name: string, tree: unknown): Primal {
  const { leaves, structure } = namedLeaves(name, tree);
  leaves.forEach((leaf) => checkDifferentiable(operation, leaf));
  const standIns = leaves.map(({ value }) =>
    value === null ? null : identity(tracedScalar(value as Tensor | number, "float32"))
  );
  if (standIns.every((x) => x === null) && structure.kind === "leaf") {
    throw new TypeError(`Cannot ${operation} as a differentiated argument must hold tensors: current ${name} is null`);
  }
  return { structure, standIns };
}

function checkCotangent(operation: string, name: string, output: Tensor, cotangent: unknown): Tensor | null {
  if (cotangent === null) return null;
  if (typeof cotangent === "number" && output.shape.length === 0) return constant([], cotangent, output.dtype);
  if (!(cotangent instanceof Tensor)) {
    throw new TypeError(
      `Cannot ${operation} as ${name}s must be tensors, or null for zero: current ${name} is ${shown(cotangent)}`,
    );
  }
  if (!sameShape(output.shape, cotangent.shape)) {
    throw new ShapeError(operation, `value and ${name} must have one shape`, [output.shape, cotangent.shape]);
  }
  if (output.dtype === cotangent.dtype && DTYPES[output.dtype].floating) return cotangent;
  const wanted = DTYPES[output.dtype].floating ? output.dtype : "null";
  throw new TypeError(
    `Cannot ${operation} as the ${name} of a value of ${output.dtype} must be ${wanted}: current dtype is ${cotangent.dtype}`,
  );
}

/** A tree and its name in messages. */
type NamedTree = readonly [name: string, tree: unknown];

/**
 * Pairs the tensors of a value with their cotangents.
 *
 * @param operation Name of the transformation, for messages.
 * @param value The value.
 * @param cotangent A tree of its structure; `null` leaves are zero.
 * @returns Each tensor with its cotangent.
 */
export function pairsOf(
  operation: string,
  value: NamedTree,
  cotangent: NamedTree,
): readonly (readonly [Tensor, Tensor | null])[] {
  const { leaves: [outputs, given] } = treeFlattenAll(operation, [value, cotangent]);
  return outputs!.flatMap((output, i) =>
    output instanceof Tensor ? [[output, checkCotangent(operation, cotangent[0], output, given![i])] as const] : []
  );
}

/** What `differentiate` yields. */
export interface Differentiated<R> {
  readonly value: R;
  /** From pairs of results and their cotangents to the cotangents of each primal, zeros where nothing flows. */
  pull(pairs: readonly (readonly [Tensor, Tensor | null])[]): readonly unknown[];
}

/**
 * Runs a function on stand-ins of its arguments, so that cotangents can be pulled back to them.
 *
 * @param operation Name of the transformation, for messages.
 * @param names Of the primals, for messages.
 * @param primals Trees of floating tensors.
 * @param f Takes trees like the primals.
 * @returns Its value and the way back.
 */
export function differentiate<R>(
  operation: string,
  names: readonly string[],
  primals: readonly unknown[],
  f: (...primals: unknown[]) => R,
): Differentiated<R> {
  const parts = primals.map((primal, i) => separate(operation, names[i]!, primal));
  const wrt = parts.flatMap(({ standIns }) => standIns).filter((x) => x !== null);
  const value = runInside(wrt, () => f(...parts.map(({ structure, standIns }) => treeUnflatten(structure, standIns))));
  const tape = tapeOf(treeFlatten<unknown>(value).leaves.filter((x) => x instanceof Tensor), wrt);
  const pull = (pairs: readonly (readonly [Tensor, Tensor | null])[]) => {
    const found = pullBack(tape, pairs);
    const byTensor = new Map(wrt.map((x, i) => [x, found[i] ?? constant(x.shape, 0, x.dtype)]));
    return parts.map(({ structure, standIns }) => treeUnflatten(structure, standIns.map((x) => x && byTensor.get(x)!)));
  };
  return { value, pull };
}

/**
 * Evaluates a function and its vector-Jacobian product.
 *
 * @param f A function of trees of floating tensors: all of its arguments are differentiated.
 * @param primals Where to evaluate it. A number stands for a float32 scalar, `null` for what is not there.
 * @returns The value, and the pullback: from a cotangent tree of the value's structure, `null` for zero, to one cotangent
 * tree per primal, zeros where nothing flows.
 * @throws {TypeError} If a primal holds anything but floating tensors, naming it; by the pullback, if the structure of the
 * cotangent is another than that of the value.
 * @throws {ShapeError} By the pullback, if a cotangent has another shape than the value.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { mul, type Tensor, tensor, vjp } from "@tessera/tessera/tensor";
 *
 * const [, pullback] = vjp((x: Tensor) => mul(x, x), tensor([1, 2]));
 * deepStrictEqual(await pullback(tensor([1, 10]))[0].data(), new Float32Array([2, 40]));
 * ```
 */
export function vjp<Primals extends readonly unknown[], R>(
  f: (...primals: Primals) => R,
  ...primals: Primals
): [value: R, pullback: (cotangent: Cotangent<R>) => { [Place in keyof Primals]: Gradient<Primals[Place]> }] {
  requireFunction("vjp", "f", f);
  const names = primals.map((_, i) => `argument ${i}`);
  const { value, pull } = differentiate("vjp", names, primals, f as unknown as (...primals: unknown[]) => R);
  const pullback = (cotangent: Cotangent<R>) => pull(pairsOf("vjp", ["value", value], ["cotangent", cotangent]));
  return [value, pullback as ReturnType<typeof vjp<Primals, R>>[1]];
}

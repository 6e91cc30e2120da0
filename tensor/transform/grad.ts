/** @file Reverse-mode differentiation: one walk backwards over the program, by each primitive's vjp rule. */
import { full, tensor, zeros } from "../functions/creation.ts";
import { ShapeError } from "../errors.ts";
import { topologicalOrder } from "../order.ts";
import { add } from "../primitives/arithmetic.ts";
import { identity, recomputed, withBackward } from "../primitives/identity.ts";
import { DTYPES, sameShape } from "../spec.ts";
import { Tensor } from "../tensor.ts";
import { type Tree, treeFlatten, treeLeaves, treeMap, treeUnflatten } from "../tree.ts";

/** Cotangents of `wrt` for given cotangents of `outputs`; `null` where nothing flows. */
function walkBack(
  outputs: readonly Tensor[],
  cotangents: readonly (Tensor | null)[],
  wrt: readonly Tensor[],
): readonly (Tensor | null)[] {
  const ends = new Set(wrt);
  const order = topologicalOrder(outputs, (x) => ends.has(x));
  const depends = new Set<Tensor>();
  for (const x of order) if (ends.has(x) || x.inputs.some((input) => depends.has(input))) depends.add(x);
  const sums = new Map<Tensor, Tensor>();
  const accumulate = (x: Tensor, part: Tensor | null | undefined) => {
    if (!part || !depends.has(x) || !DTYPES[x.dtype].floating) return;
    const sum = sums.get(x);
    sums.set(x, sum ? add(sum, part) : part);
  };
  outputs.forEach((output, i) => accumulate(output, cotangents[i]));
  // By age, youngest first: a cotangent is complete when every consumer, made later, has been visited.
  for (const node of order.filter((x) => depends.has(x)).sort((a, b) => b.sequence - a.sequence)) {
    const cotangent = sums.get(node);
    if (!cotangent || ends.has(node)) continue;
    const parts = node.primitive.vjpRule(cotangent, node, node.params);
    node.inputs.forEach((input, i) => accumulate(input, parts[i]));
    sums.delete(node);
  }
  return wrt.map((x) => sums.get(x) ?? null);
}

/** Replaces the floating tensors of a tree by fresh identities, and lists them. */
function separate(operation: string, tree: Tree): { readonly tree: Tree; readonly wrt: readonly Tensor[] } {
  const wrt: Tensor[] = [];
  const separated = treeMap((x: unknown) => {
    const operand = typeof x === "number" ? tensor(x) : x;
    if (!(operand instanceof Tensor)) return x;
    if (!DTYPES[operand.dtype].floating) {
      throw new TypeError(
        `Cannot ${operation} as tensors of differentiated arguments must be floating: current dtype is ${operand.dtype}; ` +
          "pass it as another argument",
      );
    }
    wrt.push(identity(operand));
    return wrt.at(-1)!;
  }, tree);
  return { tree: separated, wrt };
}

function zerosLike(x: Tensor): Tensor {
  return zeros(x.shape, x.dtype);
}

/** The tree of cotangents: one of the spec of each differentiated tensor, zeros where nothing flows. */
function toCotangentTree(tree: Tree, wrt: readonly Tensor[], cotangents: readonly (Tensor | null)[]): Tree {
  const byTensor = new Map(wrt.map((x, i) => [x, cotangents[i] ?? zerosLike(x)]));
  return treeMap((x: unknown) => x instanceof Tensor ? byTensor.get(x) : x, tree);
}

/**
 * Evaluates a function and its vector-Jacobian product.
 *
 * @param f A function of trees; its floating tensors are differentiated.
 * @param primals Where to evaluate it.
 * @returns The value, and the pullback: from a cotangent tree of the value's structure to one cotangent tree per primal.
 * @throws {TypeError} If a primal holds a tensor that is not floating.
 * @throws {ShapeError} By the pullback, if a cotangent has another shape than the value.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { mul, tensor, vjp } from "@tessera/tessera/tensor";
 *
 * const [, pullback] = vjp((x) => mul(x, x), tensor([1, 2]));
 * deepStrictEqual(await pullback(tensor([1, 10]))[0].data(), new Float32Array([2, 40]));
 * ```
 */
export function vjp(f: (...primals: Tree[]) => Tree, ...primals: readonly Tree[]): [Tree, (cotangent: Tree) => Tree[]] {
  const parts = primals.map((primal) => separate("vjp", primal));
  const wrt = parts.flatMap((part) => part.wrt);
  const value = f(...parts.map((part) => part.tree));
  const outputs = treeLeaves(value);
  const pullback = (cotangent: Tree) => {
    const given = treeLeaves(cotangent);
    const pairs = outputs.map((output, i) => [output, given[i]]).filter(([output]) => output instanceof Tensor);
    pairs.forEach(([output, ct]) => {
      if (ct && !sameShape((output as Tensor).shape, (ct as Tensor).shape)) {
        throw new ShapeError("vjp", "value and cotangent must have one shape", [
          (output as Tensor).shape,
          (ct as Tensor).shape,
        ]);
      }
    });
    const found = walkBack(pairs.map(([x]) => x as Tensor), pairs.map(([, ct]) => ct as Tensor | null), wrt);
    return parts.map((part) => toCotangentTree(part.tree, wrt, found));
  };
  return [value, pullback];
}

/** Options of `valueAndGrad` and `grad`. */
export interface GradOptions {
  /** Position of the differentiated argument, or positions. Default 0. */
  readonly argnums?: number | readonly number[];
  /** True if the function returns `[loss, aux]`, where `aux` is a tree that is not differentiated. */
  readonly hasAux?: boolean;
}

/**
 * Makes a function that returns a scalar function's value with its gradient.
 *
 * @param f Returns a scalar tensor, or `[scalar, aux]` with `hasAux`.
 * @param options Which arguments to differentiate.
 * @returns A function of the same arguments that returns `[value, gradient]`; the gradient has the structure of the
 * argument (an array of them if `argnums` is an array), `value` is `[scalar, aux]` with `hasAux`.
 * @throws {ShapeError} By that function, if the value is not a scalar.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { square, sum, tensor, valueAndGrad } from "@tessera/tessera/tensor";
 *
 * const [value, gradient] = valueAndGrad((x) => sum(square(x)))(tensor([1, 2]));
 * deepStrictEqual([await value.item(), ...await gradient.data()], [5, 2, 4]);
 * ```
 */
export function valueAndGrad(
  f: (...args: Tree[]) => Tree,
  { argnums = 0, hasAux = false }: GradOptions = {},
): (...args: Tree[]) => [Tree, Tree] {
  const positions = typeof argnums === "number" ? [argnums] : argnums;
  return (...args) => {
    const inner = (...primals: Tree[]) => {
      const all = [...args];
      positions.forEach((position, i) => all[position] = primals[i]);
      return f(...all);
    };
    const [value, pullback] = vjp(inner, ...positions.map((position) => args[position]));
    const loss = hasAux ? value[0] : value;
    if (!(loss instanceof Tensor) || loss.shape.length > 0) {
      throw new ShapeError("grad", "the function must return a scalar tensor", [
        loss instanceof Tensor ? loss.shape : [],
      ]);
    }
    const one = full([], 1, loss.dtype);
    const cotangent = hasAux ? [one, treeMap(() => null, value[1])] : one;
    const gradients = pullback(cotangent);
    return [value, typeof argnums === "number" ? gradients[0] : gradients];
  };
}

/**
 * Makes the gradient function of a scalar function.
 *
 * @param f Returns a scalar tensor, or `[scalar, aux]` with `hasAux`.
 * @param options Which arguments to differentiate.
 * @returns A function of the same arguments that returns the gradient (`[gradient, aux]` with `hasAux`).
 * @throws {ShapeError} By that function, if the value is not a scalar.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { grad, pow, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await grad(grad((x) => pow(x, 3)))(tensor(2)).item(), 12);
 * ```
 */
export function grad(f: (...args: Tree[]) => Tree, options: GradOptions = {}): (...args: Tree[]) => Tree {
  const both = valueAndGrad(f, options);
  return (...args) => {
    const [value, gradient] = both(...args);
    return options.hasAux ? [gradient, value[1]] : gradient;
  };
}

/**
 * Gives a function a pullback of its own.
 *
 * @param f A function of tensors (or `null`) that returns a tensor or a tree of tensors.
 * @param backward From the arguments, the output and the cotangent of the output (its structure, zeros where nothing
 * flows) to one cotangent per argument, `null` for zero. Built of tensor functions, so it can be differentiated again.
 * @returns The same function, with that pullback.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { customVjp, grad, mul, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const halved = customVjp((x: Tensor) => mul(x, 1), (_args, _output, cotangent) => [mul(cotangent, 0.5)]);
 * equal(await grad(halved)(tensor(1)).item(), 0.5);
 * ```
 */
export function customVjp<Args extends readonly (Tensor | null)[], Output extends Tree>(
  f: (...args: Args) => Output,
  backward: (args: Args, output: Output, cotangent: Output) => readonly (Tensor | null)[],
): (...args: Args) => Output {
  return (...args) => {
    const output = f(...args);
    const { leaves, structure } = treeFlatten(output);
    const operands = args.filter((arg) => arg !== null) as Tensor[];
    // One node per output leaf: by linearity the pullback of each may be taken alone, the others' cotangents zero.
    const wrapped = leaves.map((leaf, i) =>
      !(leaf instanceof Tensor) ? leaf : withBackward(leaf, operands, (cotangent) => {
        const all = leaves.map((x, j) => i === j ? cotangent : x instanceof Tensor ? zerosLike(x) : x);
        const parts = backward(args, output, treeUnflatten(structure, all));
        return parts.filter((_, k) => args[k] !== null);
      })
    );
    return treeUnflatten(structure, wrapped);
  };
}

/**
 * Makes a function that keeps its arguments for the backward pass instead of its intermediate values, and computes
 * those again there: less memory, one more forward pass.
 *
 * @param f A function of trees of floating tensors.
 * @returns The same function.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { checkpoint, exp, grad, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await grad(checkpoint((x) => exp(x)))(tensor(0)).item(), 1);
 * ```
 */
export function checkpoint(f: (...args: Tree[]) => Tree): (...args: Tree[]) => Tree {
  return (...args) => {
    const { leaves, structure } = treeFlatten(args);
    const operands = leaves.filter((x): x is Tensor => x instanceof Tensor && DTYPES[x.dtype].floating);
    const rebuild = (tensors: readonly Tensor[]) => {
      const queue = [...tensors];
      return f(...treeUnflatten(structure, leaves.map((x) => operands.includes(x as Tensor) ? queue.shift() : x)));
    };
    const call = customVjp((...tensors: Tensor[]) => rebuild(tensors), (tensors, _, cotangent) => {
      const again = tensors.map((x) => recomputed(x));
      return vjp((...primals) => rebuild(primals), ...again)[1](cotangent);
    });
    return call(...operands);
  };
}

/** @file Whole derivatives: pullbacks or pushforwards of every direction at once, by `vmap`. */
import { type OptionNames, requireFunction, requireOptions, shown } from "../errors.ts";
import { cast } from "../primitives/cast.ts";
import { equal } from "../primitives/comparison.ts";
import { iota } from "../primitives/constant.ts";
import { reshape, transpose } from "../primitives/layout.ts";
import { sizeOf } from "../spec.ts";
import { Tensor } from "../tensor.ts";
import { type Mapped, treeFlatten, treeMap, treeUnflatten } from "../tree.ts";
import {
  type GradientsAt,
  isDifferentiable,
  type NamedLeaf,
  namedLeaves,
  restricted,
  type TracedAt,
  tracedScalar,
} from "./arguments.ts";
import { withAux } from "./grad.ts";
import { pushing } from "./jvp.ts";
import { differentiate } from "./vjp.ts";
import { vmap } from "./vmap.ts";

/** Options of `jacrev`, `jacfwd` and `hessian`. */
export interface JacobianOptions<Argnums extends number | readonly number[] = number | readonly number[]> {
  /** Position of the differentiated argument, or positions, counted from 0. Default 0. */
  readonly argnums?: Argnums;
  /** True if the function returns `[results, aux]`, where `aux` is a tree that is not differentiated. */
  readonly hasAux?: boolean;
}

const JACOBIAN_OPTIONS: OptionNames<JacobianOptions> = { argnums: true, hasAux: true };

/** Each result's derivative: for a tensor the tree of the argument, or of each of several arguments. */
export type Jacobian<R, Args extends readonly unknown[], Argnums extends number | readonly number[]> = Mapped<
  R,
  GradientsAt<Args, Argnums>
>;

type Loose = (...args: unknown[]) => unknown;

/** Unit tensors of a shape, one for each element, along axis 0. */
function basisOf({ shape, dtype }: Tensor): Tensor {
  const size = sizeOf(shape);
  const units = cast(equal(iota([size, size], 0), iota([size, size], 1)), dtype);
  return reshape(units, [size, ...shape]);
}

function checkResult(operation: string, { name, value }: NamedLeaf): Tensor {
  if (isDifferentiable(value)) return value;
  const current = value instanceof Tensor ? `of dtype ${value.dtype}` : shown(value);
  throw new TypeError(`Cannot ${operation} as results must be floating tensors: current ${name()} is ${current}`);
}

/** What a function returns: results, and what comes with them. */
function partsOf(
  operation: string,
  value: unknown,
  hasAux: boolean,
): { readonly results: unknown; readonly aux: unknown } {
  if (!hasAux) return { results: value, aux: null };
  const [results, aux] = withAux(operation, value);
  return { results, aux };
}

/** A Jacobian, with `aux` if there is any. */
const answer = (jacobian: unknown, aux: unknown, { hasAux = false }: JacobianOptions) =>
  hasAux ? [jacobian, aux] : jacobian;

function byRows(f: Loose, options: JacobianOptions, args: readonly unknown[]): unknown {
  const { argnums = 0, hasAux = false } = options;
  const { inner, primals, names } = restricted("jacrev", f, argnums, args);
  const { value, pull } = differentiate("jacrev", names, primals, inner);
  const { results, aux } = partsOf("jacrev", value, hasAux);
  const { leaves, structure } = namedLeaves("result", results);
  const rows = leaves.map((leaf) => {
    const y = checkResult("jacrev", leaf);
    const pulled = vmap((cotangent: Tensor) => pull([[y, cotangent]]))(basisOf(y));
    const parts = treeMap((x) => x && reshape(x as Tensor, [...y.shape, ...(x as Tensor).shape.slice(1)]), pulled);
    return typeof argnums === "number" ? (parts as readonly unknown[])[0] : parts;
  });
  return answer(treeUnflatten(structure, rows), aux, options);
}

function byColumns(f: Loose, options: JacobianOptions, args: readonly unknown[]): unknown {
  const { argnums = 0, hasAux = false } = options;
  const { inner, primals: given } = restricted("jacfwd", f, argnums, args);
  const primals = treeMap((x) => typeof x === "number" ? tracedScalar(x, "float32") : x, given) as readonly unknown[];
  const { value, push } = pushing("jacfwd", inner, primals);
  const { results: result, aux } = partsOf("jacfwd", value, hasAux);
  const results = namedLeaves("result", result);
  results.leaves.forEach((leaf) => checkResult("jacfwd", leaf));
  const { leaves: operands, structure } = treeFlatten<unknown>(primals);
  const columns = operands.map((x, at) => {
    if (!(x instanceof Tensor)) return results.leaves.map(() => null);
    const along = (tangent: Tensor) => {
      const tangents = treeUnflatten(structure, operands.map((_, i) => i === at ? tangent : null));
      return partsOf("jacfwd", push(tangents as readonly unknown[]), hasAux).results;
    };
    const pushed = vmap(along)(basisOf(x));
    return treeFlatten<unknown>(pushed).leaves.map((column) => {
      const [, ...rest] = (column as Tensor).shape;
      const moved = transpose(column as Tensor, [...rest.map((_, i) => i + 1), 0]);
      return reshape(moved, [...rest, ...x.shape]);
    });
  });
  const jacobian = treeUnflatten(
    results.structure,
    results.leaves.map((_, i) => {
      const parts = treeUnflatten(structure, columns.map((column) => column[i])) as readonly unknown[];
      return typeof argnums === "number" ? parts[0] : parts;
    }),
  );
  return answer(jacobian, aux, options);
}

/**
 * Makes the function of the Jacobian of a function, by one pullback of all unit cotangents: for functions with fewer results
 * than arguments. As JAX's `jacrev`.
 *
 * @param f A function of trees that returns a tree of floating tensors.
 * @param options Which arguments to differentiate, and whether something comes with the results.
 * @returns A function of the same arguments (that returns `[jacobian, aux]` with `hasAux`): for each result `y` a tree like the argument, its tensors of shape
 * `[...y.shape, ...x.shape]`; a list of such if `argnums` is a list. `null` where the argument has `null`.
 * @throws {TypeError} By that function, if a differentiated leaf or a result is no floating tensor, naming it.
 * @throws {RangeError} By that function, if there is no such argument.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { jacrev, square, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const jacobian = jacrev((x: Tensor) => square(x))(tensor([1, 2]));
 * deepStrictEqual(await jacobian.data(), new Float32Array([2, 0, 0, 4]));
 * ```
 */
export function jacrev<Args extends readonly unknown[], R, const Argnums extends number | readonly number[] = 0>(
  f: (...args: Args) => R,
  options?: JacobianOptions<Argnums> & { readonly hasAux?: false },
): (...args: TracedAt<Args, NoInfer<Argnums>>) => Jacobian<R, Args, NoInfer<Argnums>>;
/** With `hasAux`. */
export function jacrev<Args extends readonly unknown[], R, Aux, const Argnums extends number | readonly number[] = 0>(
  f: (...args: Args) => readonly [R, Aux],
  options: JacobianOptions<Argnums> & { readonly hasAux: true },
): (...args: TracedAt<Args, NoInfer<Argnums>>) => [jacobian: Jacobian<R, Args, NoInfer<Argnums>>, aux: Aux];
export function jacrev(f: (...args: never) => unknown, options: JacobianOptions = {}): unknown {
  requireOptions("jacrev", options, JACOBIAN_OPTIONS);
  requireFunction("jacrev", "f", f);
  return (...args: unknown[]) => byRows(f as Loose, options, args);
}

/**
 * Makes the function of the Jacobian of a function, by one pushforward of all unit tangents: for functions with fewer
 * arguments than results. As JAX's `jacfwd`.
 *
 * @param f As of `jacrev`.
 * @param options As of `jacrev`.
 * @returns As of `jacrev`.
 * @throws {TypeError} As of `jacrev`, with RangeError.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { jacfwd, mul, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const jacobian = jacfwd((x: Tensor) => ({ scaled: mul(x, tensor([3, 4])) }))(tensor(1));
 * deepStrictEqual(await jacobian.scaled.data(), new Float32Array([3, 4]));
 * ```
 */
export function jacfwd<Args extends readonly unknown[], R, const Argnums extends number | readonly number[] = 0>(
  f: (...args: Args) => R,
  options?: JacobianOptions<Argnums> & { readonly hasAux?: false },
): (...args: TracedAt<Args, NoInfer<Argnums>>) => Jacobian<R, Args, NoInfer<Argnums>>;
/** With `hasAux`. */
export function jacfwd<Args extends readonly unknown[], R, Aux, const Argnums extends number | readonly number[] = 0>(
  f: (...args: Args) => readonly [R, Aux],
  options: JacobianOptions<Argnums> & { readonly hasAux: true },
): (...args: TracedAt<Args, NoInfer<Argnums>>) => [jacobian: Jacobian<R, Args, NoInfer<Argnums>>, aux: Aux];
export function jacfwd(f: (...args: never) => unknown, options: JacobianOptions = {}): unknown {
  requireOptions("jacfwd", options, JACOBIAN_OPTIONS);
  requireFunction("jacfwd", "f", f);
  return (...args: unknown[]) => byColumns(f as Loose, options, args);
}

/**
 * Makes the function of the second derivatives of a function: `jacfwd(jacrev(f))`.
 *
 * @param f As of `jacrev`; often it returns a scalar.
 * @param options As of `jacrev`.
 * @returns A function of the same arguments (that returns `[hessian, aux]` with `hasAux`): for each result `y` a tree like the argument, of trees like the argument, their
 * tensors of shape `[...y.shape, ...first.shape, ...second.shape]`.
 * @throws {TypeError} As of `jacrev`, with RangeError.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { hessian, pow, sum, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const h = hessian((x: Tensor) => sum(pow(x, 3)))(tensor([1, 2]));
 * deepStrictEqual(await h.data(), new Float32Array([6, 0, 0, 12]));
 * ```
 */
export function hessian<Args extends readonly unknown[], R, const Argnums extends number | readonly number[] = 0>(
  f: (...args: Args) => R,
  options?: JacobianOptions<Argnums> & { readonly hasAux?: false },
): (
  ...args: TracedAt<Args, NoInfer<Argnums>>
) => Mapped<Jacobian<R, Args, NoInfer<Argnums>>, GradientsAt<Args, NoInfer<Argnums>>>;
/** With `hasAux`. */
export function hessian<Args extends readonly unknown[], R, Aux, const Argnums extends number | readonly number[] = 0>(
  f: (...args: Args) => readonly [R, Aux],
  options: JacobianOptions<Argnums> & { readonly hasAux: true },
): (
  ...args: TracedAt<Args, NoInfer<Argnums>>
) => [hessian: Mapped<Jacobian<R, Args, NoInfer<Argnums>>, GradientsAt<Args, NoInfer<Argnums>>>, aux: Aux];
export function hessian(f: (...args: never) => unknown, options: JacobianOptions = {}): unknown {
  requireOptions("hessian", options, JACOBIAN_OPTIONS);
  requireFunction("hessian", "f", f);
  const first = (...args: unknown[]) => byRows(f as Loose, options, args);
  return (...args: unknown[]) => byColumns(first, options, args);
}

/** @file Gradients of functions that return a scalar. */
import { type OptionNames, requireFunction, requireOptions, ShapeError, shown } from "../errors.ts";
import { constant } from "../primitives/constant.ts";
import { DTYPES } from "../spec.ts";
import { Tensor } from "../tensor.ts";
import { checkPositions, type GradientsAt, restricted, type TracedAt } from "./arguments.ts";
import { differentiate } from "./vjp.ts";

/** Options of `grad` and `valueAndGrad`. */
export interface GradOptions<Argnums extends number | readonly number[] = number | readonly number[]> {
  /** Position of the differentiated argument, or positions, counted from 0. Default 0. */
  readonly argnums?: Argnums;
  /** True if the function returns `[loss, aux]`, where `aux` is a tree that is not differentiated. */
  readonly hasAux?: boolean;
}

/** Names of GradOptions. */
export const GRAD_OPTIONS: OptionNames<GradOptions> = { argnums: true, hasAux: true };

function checkLoss(operation: string, loss: unknown): Tensor {
  if (!(loss instanceof Tensor)) {
    throw new TypeError(
      `Cannot ${operation} as the function must return a scalar tensor, or [scalar, aux] with hasAux: current value is ` +
        shown(loss),
    );
  }
  if (loss.shape.length > 0) throw new ShapeError(operation, "the function must return a scalar tensor", [loss.shape]);
  if (DTYPES[loss.dtype].floating) return loss;
  throw new TypeError(`Cannot ${operation} as the value must be floating: current dtype is ${loss.dtype}`);
}

/** A value that must be two: what is differentiated, and what comes with it. */
export function withAux(operation: string, value: unknown): readonly [unknown, unknown] {
  if (Array.isArray(value) && value.length === 2) return value as [unknown, unknown];
  throw new TypeError(
    `Cannot ${operation} as with hasAux the value must be [value, aux]: current value is ${shown(value)}`,
  );
}

type Loose = (...args: unknown[]) => unknown;

function withGradients(operation: string, f: Loose, { argnums = 0, hasAux = false }: GradOptions) {
  checkPositions(operation, "argnums", typeof argnums === "number" ? [argnums] : argnums);
  return (...args: unknown[]): [unknown, unknown] => {
    const { inner, primals, names } = restricted(operation, f, argnums, args);
    const { value, pull } = differentiate(operation, names, primals, inner);
    const loss = checkLoss(operation, hasAux ? withAux(operation, value)[0] : value);
    const gradients = pull([[loss, constant([], 1, loss.dtype)]]);
    return [value, typeof argnums === "number" ? gradients[0] : gradients];
  };
}

/**
 * Makes a function that returns a scalar function's value with its gradient.
 *
 * @param f Returns a scalar tensor, or `[scalar, aux]` with `hasAux`.
 * @param options Which arguments to differentiate.
 * @returns A function of the same arguments that returns `[value, gradient]`; the gradient has the structure and the type
 * of the argument (an array of them if `argnums` is an array), `value` is `[scalar, aux]` with `hasAux`. A number among
 * what is differentiated stands for a float32 scalar.
 * @throws {RangeError} If a position is negative or no integer; by that function, if there is no such argument.
 * @throws {TypeError} By that function, if a differentiated leaf is no floating tensor, naming it.
 * @throws {ShapeError} By that function, if the value is not a scalar.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { square, sum, type Tensor, tensor, valueAndGrad } from "@tessera/tessera/tensor";
 *
 * const loss = ({ w }: { w: Tensor }) => sum(square(w));
 * const [value, gradient] = valueAndGrad(loss)({ w: tensor([1, 2]) });
 * deepStrictEqual([await value.item(), ...await gradient.w.data()], [5, 2, 4]);
 * ```
 */
export function valueAndGrad<
  Args extends readonly unknown[],
  const Argnums extends number | readonly number[] = 0,
>(
  f: (...args: Args) => Tensor,
  options?: GradOptions<Argnums> & { readonly hasAux?: false },
): (...args: TracedAt<Args, NoInfer<Argnums>>) => [value: Tensor, gradient: GradientsAt<Args, NoInfer<Argnums>>];
/** With `hasAux`. */
export function valueAndGrad<
  Args extends readonly unknown[],
  Aux,
  const Argnums extends number | readonly number[] = 0,
>(
  f: (...args: Args) => readonly [Tensor, Aux],
  options: GradOptions<Argnums> & { readonly hasAux: true },
): (
  ...args: TracedAt<Args, NoInfer<Argnums>>
) => [value: [loss: Tensor, aux: Aux], gradient: GradientsAt<Args, NoInfer<Argnums>>];
export function valueAndGrad(f: (...args: never) => unknown, options: GradOptions = {}): unknown {
  requireOptions("valueAndGrad", options, GRAD_OPTIONS);
  requireFunction("valueAndGrad", "f", f);
  return withGradients("valueAndGrad", f as Loose, options);
}

/**
 * Makes the gradient function of a scalar function.
 *
 * @param f Returns a scalar tensor, or `[scalar, aux]` with `hasAux`.
 * @param options Which arguments to differentiate.
 * @returns A function of the same arguments that returns the gradient (`[gradient, aux]` with `hasAux`), as `valueAndGrad`.
 * @throws {TypeError} As `valueAndGrad`, with RangeError and ShapeError.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { grad, pow, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await grad(grad((x: Tensor) => pow(x, 3)))(tensor(2)).item(), 12);
 * ```
 */
export function grad<
  Args extends readonly unknown[],
  const Argnums extends number | readonly number[] = 0,
>(
  f: (...args: Args) => Tensor,
  options?: GradOptions<Argnums> & { readonly hasAux?: false },
): (...args: TracedAt<Args, NoInfer<Argnums>>) => GradientsAt<Args, NoInfer<Argnums>>;
/** With `hasAux`. */
export function grad<
  Args extends readonly unknown[],
  Aux,
  const Argnums extends number | readonly number[] = 0,
>(
  f: (...args: Args) => readonly [Tensor, Aux],
  options: GradOptions<Argnums> & { readonly hasAux: true },
): (...args: TracedAt<Args, NoInfer<Argnums>>) => [gradient: GradientsAt<Args, NoInfer<Argnums>>, aux: Aux];
export function grad(f: (...args: never) => unknown, options: GradOptions = {}): unknown {
  requireOptions("grad", options, GRAD_OPTIONS);
  requireFunction("grad", "f", f);
  const both = withGradients("grad", f as Loose, options);
  return (...args: unknown[]) => {
    const [value, gradient] = both(...args);
    return options.hasAux ? [gradient, (value as readonly unknown[])[1]] : gradient;
  };
}

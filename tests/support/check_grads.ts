import { ok } from "node:assert/strict";
import { type Device, DTYPES, referenceDevice, sizeOf, Tensor, tensor, vjp } from "../../tensor/mod.ts";
import { randomValues } from "./random_values.ts";

/** Settings of `checkGrads`. */
export interface CheckGradsOptions {
  /** Highest order of derivative to check. 2 by default. */
  readonly order?: number;
  /** Step of the differences. */
  readonly step?: number;
  /** Largest error, relative to 1 plus the size of the derivative. */
  readonly tolerance?: number;
  /** Seed of the directions. */
  readonly seed?: number;
}

type Many = (...inputs: Tensor[]) => readonly Tensor[];

function isDifferentiable(x: Tensor): boolean {
  return DTYPES[x.dtype].floating;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

function randomLike(x: Tensor, seed: number): Tensor {
  return tensor(Float64Array.from(randomValues(seed, sizeOf(x.shape))), { shape: x.shape, dtype: x.dtype });
}

/** The pairing of the outputs with fixed cotangents, as a function of the distance along fixed directions. */
async function along(
  f: Many,
  inputs: readonly Tensor[],
  directions: readonly (Float64Array | null)[],
  cotangents: readonly Tensor[],
  distance: number,
  device: Device,
): Promise<number> {
  const moved = await Promise.all(inputs.map(async (x, i) => {
    const direction = directions[i];
    if (!direction) return x;
    const values = await x.data({ device });
    return tensor(Float64Array.from(values, (value, j) => value + distance * direction[j]!), { shape: x.shape });
  }));
  const outputs = f(...moved);
  const parts = await Promise.all(
    outputs.map(async (y, i) => dot(await y.data({ device }), await cotangents[i]!.data({ device }))),
  );
  return parts.reduce((sum, part) => sum + part, 0);
}

/**
 * Checks pullbacks against finite differences along one random direction, in float64 on the reference device.
 *
 * @param f A function of tensors; the floating ones, of dtype float64, are differentiated.
 * @param inputs Where to check; away from kinks.
 * @param options Order, step, tolerance.
 */
export async function checkGrads(
  f: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  { order = 2, step = 2e-3, tolerance = 1e-6, seed = 1 }: CheckGradsOptions = {},
): Promise<void> {
  const many: Many = (...xs) => {
    const value = f(...xs);
    return value instanceof Tensor ? [value] : value;
  };
  await checkOrder(many, inputs, { order, step, tolerance, seed }, referenceDevice(), 1);
}

async function checkOrder(
  f: Many,
  inputs: readonly Tensor[],
  options: Required<CheckGradsOptions>,
  device: Device,
  current: number,
): Promise<void> {
  const outputs = f(...inputs).filter(isDifferentiable);
  const positions = [...inputs.keys()].filter((i) => isDifferentiable(inputs[i]!));
  const cotangents = outputs.map((y, i) => randomLike(y, options.seed * 1000 + current * 100 + i));
  const pull: Many = (...xs) => {
    const inner = (...primals: Tensor[]) => {
      const all = [...xs];
      positions.forEach((position, i) => all[position] = primals[i]!);
      return f(...all).filter(isDifferentiable);
    };
    return vjp(inner, ...positions.map((i) => xs[i]!))[1](cotangents);
  };
  const directions = inputs.map((x, i) =>
    isDifferentiable(x) ? randomValues(options.seed * 1000 + current * 100 + 50 + i, sizeOf(x.shape)) : null
  );
  const at = (distance: number) => along(f, inputs, directions, cotangents, distance * options.step, device);
  // Fourth-order central difference.
  const expected = (8 * (await at(1) - await at(-1)) - (await at(2) - await at(-2))) / (12 * options.step);
  const gradients = await Promise.all(pull(...inputs).map((gradient) => gradient.data({ device })));
  const actual = gradients.reduce((sum, gradient, i) => sum + dot(gradient, directions[positions[i]!]!), 0);
  ok(
    Math.abs(actual - expected) <= options.tolerance * (1 + Math.abs(expected)),
    `derivative of order ${current}: ${actual} by the pullback, ${expected} by differences`,
  );
  if (current < options.order) await checkOrder(pull, inputs, options, device, current + 1);
}

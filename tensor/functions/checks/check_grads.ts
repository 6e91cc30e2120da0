/** @file Derivatives against finite differences. */
import { type Device, openDevice } from "../../device.ts";
import { requireFunction, requireKind, requireOptions } from "../../errors.ts";
import { hostArray } from "../../host_values.ts";
import { cast } from "../../primitives/cast.ts";
import { sizeOf } from "../../spec.ts";
import { leaf, realize, Tensor } from "../../tensor.ts";
import { treeFlatten, treeLeaves, treeUnflatten } from "../../tree.ts";
import { isDifferentiable } from "../../transform/arguments.ts";
import { jvp } from "../../transform/jvp.ts";
import { vjp } from "../../transform/vjp.ts";
import { key } from "../random/keys.ts";
import { uniform } from "../random/uniform.ts";

/** Settings of `checkGrads`. */
export interface CheckGradsOptions {
  /** Highest order of derivative to check. 2 by default. */
  readonly order?: number;
  /** Ways to differentiate: `rev` by pullbacks, `fwd` by pushforwards. Pullbacks by default. */
  readonly modes?: readonly ("fwd" | "rev")[];
  /** Step of the differences, 2e-3 by default. */
  readonly step?: number;
  /** Largest error, relative to 1 plus the size of the derivative; 1e-6 by default. */
  readonly tolerance?: number;
  /** Seed of the directions. 1 by default. */
  readonly seed?: number;
}

type Many = (...inputs: Tensor[]) => readonly Tensor[];
type Settings = Required<CheckGradsOptions>;

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

const read = async (xs: readonly Tensor[], device: Device) => {
  realize(xs, device); // in one program
  return await Promise.all(xs.map((x) => x.data({ device })));
};

/** A direction of the form of a tensor. */
async function directionOf(x: Tensor, seed: number, device: Device): Promise<Tensor> {
  const values = await uniform(key(seed), [sizeOf(x.shape)], { min: -1, max: 1 }).data({ device });
  return leaf({ shape: x.shape, dtype: x.dtype }, { host: hostArray(values, x.dtype) });
}

function moved(x: Tensor, values: ArrayLike<number>, direction: ArrayLike<number>, distance: number): Tensor {
  const host = Float64Array.from(values, (value, i) => value + distance * direction[i]!);
  return leaf({ shape: x.shape, dtype: "float64" }, { host });
}

/** The pairing of the outputs with cotangents along directions, by a fourth-order central difference. */
async function slopeOf(
  f: Many,
  inputs: readonly Tensor[],
  directions: readonly (Tensor | null)[],
  cotangents: readonly Tensor[],
  { step }: Settings,
  device: Device,
): Promise<number> {
  const [values, ways] = [await read(inputs, device), await read(directions.map((x, i) => x ?? inputs[i]!), device)];
  const weights = await read(cotangents, device);
  const at = async (distance: number) => {
    const xs = inputs.map((x, i) => directions[i] ? moved(x, values[i]!, ways[i]!, distance * step) : x);
    const outputs = await read(f(...xs).filter(isDifferentiable), device);
    return outputs.reduce((sum, y, i) => sum + dot(y, weights[i]!), 0);
  };
  return (8 * (await at(1) - await at(-1)) - (await at(2) - await at(-2))) / (12 * step);
}

function requireNear(actual: number, expected: number, what: string, { tolerance }: Settings): void {
  if (Math.abs(actual - expected) <= tolerance * (1 + Math.abs(expected))) return;
  throw new RangeError(
    `Cannot accept the ${what} as it must be that of differences, ${expected}: current value is ${actual}`,
  );
}

async function checkOrder(
  f: Many,
  inputs: readonly Tensor[],
  options: Settings,
  device: Device,
  current: number,
): Promise<void> {
  const seed = options.seed * 1000 + current * 100;
  const outputs = f(...inputs).filter(isDifferentiable);
  requireKind("checkGrads", "what f returns", outputs, outputs.length > 0, "a tree with floating tensors");
  const positions = [...inputs.keys()].filter((i) => isDifferentiable(inputs[i]));
  const cotangents = await Promise.all(outputs.map((y, i) => directionOf(y, seed + i, device)));
  const all = await Promise.all(
    inputs.map((x, i) => isDifferentiable(x) ? directionOf(x, seed + 50 + i, device) : null),
  );
  const directions = positions.map((i) => all[i]!);
  const partOf = (xs: readonly Tensor[]) => (...primals: Tensor[]) =>
    f(...xs.map((x, i) => positions.includes(i) ? primals[positions.indexOf(i)]! : x)).filter(isDifferentiable);
  const primalsOf = (xs: readonly Tensor[]) => positions.map((i) => xs[i]!);
  const pull: Many = (...xs) => vjp(partOf(xs), ...primalsOf(xs))[1](cotangents);
  const push: Many = (...xs) => jvp(partOf(xs), primalsOf(xs), directions)[1] as readonly Tensor[];
  const expected = await slopeOf(f, inputs, all, cotangents, options, device);
  for (const mode of options.modes) {
    const [found, partners] = mode === "rev" ? [pull(...inputs), directions] : [push(...inputs), cotangents];
    const [a, b] = [await read(found, device), await read(partners, device)];
    const actual = a.reduce((sum, values, i) => sum + dot(values, b[i]!), 0);
    requireNear(
      actual,
      expected,
      `derivative of order ${current} by ${mode === "rev" ? "pullback" : "pushforward"}`,
      options,
    );
    if (current < options.order) {
      await checkOrder(mode === "rev" ? pull : push, inputs, { ...options, modes: [mode] }, device, current + 1);
    }
  }
}

function settingsOf(options: CheckGradsOptions): Settings {
  const { order = 2, modes = ["rev"], step = 2e-3, tolerance = 1e-6, seed = 1 } = options;
  const isPositive = (x: unknown) => Number.isFinite(x) && (x as number) > 0;
  const areModes = Array.isArray(modes) && modes.length > 0 && modes.every((mode) => mode === "fwd" || mode === "rev");
  requireKind("checkGrads", "order", order, Number.isInteger(order) && order >= 1, "a whole number of at least 1");
  requireKind("checkGrads", "modes", modes, areModes, 'a list of "fwd" and "rev", one at least');
  requireKind("checkGrads", "step", step, isPositive(step), "a positive number");
  requireKind("checkGrads", "tolerance", tolerance, isPositive(tolerance), "a positive number");
  return { order, modes, step, tolerance, seed };
}

/**
 * Checks derivatives of a function against finite differences along random directions, in float64 on the reference device.
 * As JAX's `check_grads`.
 *
 * @param f A function of trees of tensors, smooth where it is checked, that returns a tree of tensors.
 * @param args Its arguments, as a list. Floating tensors are taken in float64 and differentiated; others stay as they are.
 * @param options Order, modes, step, tolerance.
 * @returns Nothing, if all derivatives are right.
 * @throws {RangeError} If one is not, with both values.
 * @throws {TypeError} If a setting is none, or no floating tensor is given or returned: nothing would be checked.
 *
 * @example Usage
 * ```ts
 * import { checkGrads, sin, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * await checkGrads((x: Tensor) => sin(x), [tensor([0.1, 2])], { modes: ["fwd", "rev"] });
 * ```
 */
export async function checkGrads<Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
  args: Readonly<Args>,
  options: CheckGradsOptions = {},
): Promise<void> {
  requireOptions("checkGrads", options, { order: true, modes: true, step: true, tolerance: true, seed: true });
  requireFunction("checkGrads", "f", f);
  const settings = settingsOf(options);
  const { leaves, structure } = treeFlatten<unknown>(args);
  const places = [...leaves.keys()].filter((i) => leaves[i] instanceof Tensor);
  const many: Many = (...xs) => {
    const given = leaves.map((x, i) => places.includes(i) ? xs[places.indexOf(i)] : x);
    return treeLeaves<unknown>(f(...treeUnflatten(structure, given) as unknown as Args)).filter((x) =>
      x instanceof Tensor
    );
  };
  const inputs = places.map((i) => leaves[i] as Tensor).map((x) => isDifferentiable(x) ? cast(x, "float64") : x);
  requireKind("checkGrads", "args", args, inputs.some(isDifferentiable), "a list with floating tensors");
  await checkOrder(many, inputs, settings, await openDevice("reference"), 1);
}

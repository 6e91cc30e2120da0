/** @file Compositions of transformations, and the check of their values, first and second derivatives. */
import { ok } from "node:assert/strict";
import {
  add,
  checkpoint,
  customVjp,
  type Device,
  div,
  type DType,
  exp,
  grad,
  jit,
  jvp,
  log,
  matmul,
  mean,
  mul,
  referenceDevice,
  reshape,
  sigmoid,
  sin,
  square,
  stack,
  sub,
  sum,
  take,
  type Tensor,
  tensor,
  vjp,
  vmap,
} from "../../tensor/mod.ts";
import { realize } from "../../tensor/kernel.ts";

/** A function of `x` `[3]` and of `w` `[3]`, which transformations of functions of `x` alone capture. */
export type Pair = (x: Tensor, w: Tensor) => Tensor;

/** Weights of a sum: no two alike, so that no error cancels. */
const weightsFor = (x: Tensor): Tensor => tensor([1, -0.5, 0.75], { dtype: x.dtype });

/** Vector functions, smooth where they are tested. */
export const FUNCTIONS: Readonly<Record<string, Pair>> = {
  product: (x, w) => mul(x, sin(mul(w, x))),
  exponential: (x, w) => exp(mul(mul(x, w), -0.3)),
  matrix: (x, w) => reshape(matmul(reshape(x, [1, 3]), mul(reshape(w, [3, 1]), reshape(x, [1, 3]))), [3]),
  quotient: (x, w) => div(x, add(sum(square(w)), square(x))),
  logarithm: (x, w) => mul(w, log(sum(exp(sub(x, w))))),
  gather: (x, w) => mul(take(x, tensor([2, 0, 1], { dtype: "int32" })), add(w, x)),
  statistics: (x, w) => mul(sub(x, mean(mul(x, w))), w),
  gate: (x, w) => mul(sigmoid(mul(x, 2)), square(w)),
};

/** One transformation, as a map of functions of `x` that keeps what it captures; `on` is where a jitted one runs. */
export interface Transformation {
  /** The transformed function captures `w`. */
  captured(f: Pair, on: Device): Pair;
  /** The transformed function is made once, and is given `w`. */
  given(f: Pair, on: Device): Pair;
  /** What it makes of the values of `f`, by differences in `x`; absent where it changes nothing. */
  readonly cotangent?: (x: Tensor) => Tensor;
  /** The same of a transformation that pushes on: the direction of the difference. */
  readonly tangent?: (x: Tensor) => Tensor;
}

const own = (f: Pair): Pair =>
  customVjp((x: Tensor, w: Tensor) => f(x, w), ([x, w], _, cotangent) => vjp(f, x, w)[1](cotangent));

/** Two equal rows as one, by halves that differ. */
const mixed = (rows: Tensor): Tensor => sum(mul(rows, tensor([[0.25], [0.75]], { dtype: rows.dtype })), { axis: 0 });

/** Every transformation that functions can be composed of: a new one is a line. */
export const TRANSFORMATIONS: Readonly<Record<string, Transformation>> = {
  grad: {
    captured: (f) => (x, w) => grad((x: Tensor) => sum(mul(f(x, w), weightsFor(x))))(x),
    given: (f) => grad((x: Tensor, w: Tensor) => sum(mul(f(x, w), weightsFor(x)))),
    cotangent: weightsFor,
  },
  vjp: {
    captured: (f) => (x, w) => vjp((x: Tensor) => f(x, w), x)[1](sin(x))[0],
    given: (f) => (x, w) => vjp(f, x, w)[1](sin(x))[0],
    cotangent: sin,
  },
  jvp: {
    captured: (f) => (x, w) => jvp((x: Tensor) => f(x, w), [x], [sin(x)])[1],
    given: (f) => (x, w) => jvp(f, [x, w], [sin(x), null])[1],
    tangent: sin,
  },
  jit: {
    captured: (f, device) => (x, w) => jit((x: Tensor) => f(x, w), { device })(x),
    given: (f, device) => jit(f, { device }),
  },
  checkpoint: {
    captured: (f) => (x, w) => checkpoint((x: Tensor) => f(x, w))(x),
    given: (f) => checkpoint(f),
  },
  vmap: {
    captured: (f) => (x, w) => mixed(vmap((x: Tensor) => f(x, w))(stack([x, x]))),
    given: (f) => (x, w) => mixed(vmap(f, { inAxes: [0, null] })(stack([x, x]), w)),
  },
  // What a function with a pullback of its own captures is refused, so it is given here.
  customVjp: { captured: own, given: own },
};

/** A function, how it gets `w`, and transformations, innermost first. */
export interface Composition {
  readonly f: string;
  readonly mode: "captured" | "given";
  readonly names: readonly string[];
}

/** All single transformations, pairs and triples over all functions, in both modes. */
export function allCompositions(): readonly Composition[] {
  const singles = Object.keys(TRANSFORMATIONS).map((name) => [name]);
  const pairs = singles.flatMap(([first]) => singles.map(([second]) => [first!, second!]));
  const triples = pairs.flatMap((pair) => singles.map(([third]) => [...pair, third!]));
  return Object.keys(FUNCTIONS).flatMap((f) =>
    (["captured", "given"] as const).flatMap((mode) =>
      [...singles, ...pairs, ...triples].map((names) => ({ f, mode, names }))
    )
  );
}

/** The composed function. */
function composed({ f, mode, names }: Composition, device: Device): Pair {
  return names.reduce((inner, name) => TRANSFORMATIONS[name]![mode](inner, device), FUNCTIONS[f]!);
}

/** A pairing, its gradient along the same, and a third: each the derivative of the one before along `x`. */
function derivatives(f: Pair): (x: Tensor) => readonly [Tensor, Tensor, Tensor] {
  const whole = (x: Tensor) => sum(mul(f(x, add(mul(square(x), 0.5), 1)), weightsFor(x))); // w depends on x
  const first = (x: Tensor) => sum(mul(grad(whole)(x), sin(weightsFor(x))));
  const second = (x: Tensor) => sum(mul(grad(first)(x), sin(weightsFor(x))));
  return (x) => [whole(x), first(x), second(x)];
}

const POINT = [0.4, -0.7, 1.1];
const STEP = 1e-3;

async function numbers(tensors: readonly Tensor[], device: Device): Promise<readonly number[]> {
  realize(tensors, device); // in one program
  return (await Promise.all(tensors.map((x) => x.data({ device })))).flatMap((values) => Array.from(values, Number));
}

/** By a fourth-order central difference, of float64. */
async function difference(f: (distance: number) => readonly Tensor[], device: Device): Promise<readonly number[]> {
  const points = [-2, -1, 1, 2].map((k) => f(k * STEP));
  const values = await numbers(points.flat(), device);
  const count = values.length / points.length;
  const at = (point: number, i: number) => values[point * count + i]!;
  return Array.from({ length: count }, (_, i) => (8 * (at(2, i) - at(1, i)) - (at(3, i) - at(0, i))) / (12 * STEP));
}

function assertNear(actual: number, expected: number, tolerance: number, what: string): void {
  const near = Math.abs(actual - expected) <= tolerance * (1 + Math.abs(expected));
  ok(near, `${what}: ${actual} by the composition, ${expected} expected`);
}

const nameOf = ({ f, mode, names }: Composition): string => `${[...names].reverse().join("(")}(${f}, ${mode})`;

/** What a composition yields on a device: the values at the point, and the derivatives of their pairing. */
async function measured(composition: Composition, device: Device, dtype: DType): Promise<readonly number[]> {
  const f = composed(composition, device);
  const x = tensor(POINT, { dtype });
  return await numbers([...derivatives(f)(x), f(x, add(square(x), 1))], device);
}

/**
 * Checks a composition in float64 on the reference device: its values are those of differences of the function inside the
 * outermost transformation, its derivatives those of differences of its values.
 *
 * @param composition What to compose.
 * @returns What it yields, to compare other devices with.
 */
export async function checkOnReference(composition: Composition): Promise<readonly number[]> {
  const device = referenceDevice();
  const result = await measured(composition, device, "float64");
  const moved = (x: Tensor, by: readonly number[], distance: number) =>
    add(x, tensor(by.map((one) => one * distance), { dtype: "float64" }));
  const x = tensor(POINT, { dtype: "float64" });
  const along = Array.from(await sin(weightsFor(x)).data({ device }));
  const slopes = await difference((distance) => {
    const [value, first] = derivatives(composed(composition, device))(moved(x, along, distance));
    return [value, first];
  }, device);
  slopes.forEach((slope, i) =>
    assertNear(result[i + 1]!, slope, 1e-6, `derivative ${i + 1} of ${nameOf(composition)}`)
  );
  const names = [...composition.names];
  const { cotangent, tangent } = TRANSFORMATIONS[names.pop()!]!;
  const inner = composed({ ...composition, names }, device);
  const w = add(square(x), 1);
  const expected = tangent
    ? await difference((distance) => [inner(add(x, mul(tangent(x), distance)), w)], device)
    : cotangent
    ? (await Promise.all(POINT.map((_, i) =>
      difference((distance) => {
        const y = inner(moved(x, POINT.map((_, j) => Number(i === j)), distance), w);
        return [sum(mul(y, cotangent(x)))];
      }, device)
    ))).flat()
    : await numbers([inner(x, w)], device);
  expected.forEach((value, i) => assertNear(result[i + 3]!, value, 1e-6, `value ${i} of ${nameOf(composition)}`));
  return result;
}

/**
 * Checks a composition in float32 against what the reference device yields in float64.
 *
 * @param composition What to compose.
 * @param expected Of `checkOnReference`.
 * @param device Where to compute.
 */
export async function checkOnDevice(
  composition: Composition,
  expected: readonly number[],
  device: Device,
): Promise<void> {
  const actual = await measured(composition, device, "float32");
  const size = Math.max(...expected.map(Math.abs));
  actual.forEach((value, i) => {
    assertNear(
      value / (1 + size),
      expected[i]! / (1 + size),
      2e-4,
      `${device.name}: number ${i} of ${nameOf(composition)}`,
    );
  });
}

/** @file Functions, transformations of them, and their compositions. */
import {
  add,
  checkpoint,
  checkpointPolicies,
  customVjp,
  type Device,
  div,
  exp,
  grad,
  jit,
  jvp,
  log,
  matmul,
  mean,
  mul,
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

/** A function of `x` `[3]` and of `w` `[3]`, which transformations of functions of `x` alone capture. */
export type Pair = (x: Tensor, w: Tensor) => Tensor;

/** Weights of a sum: no two alike, so that no error cancels. */
export const weightsFor = (x: Tensor): Tensor => tensor([1, -0.5, 0.75], { dtype: x.dtype });

/** A cotangent and a tangent that depend on the point, so that derivatives pass through them too. */
const tilted = (x: Tensor): Tensor => mul(x, weightsFor(x));
const shifted = (x: Tensor): Tensor => add(x, 0.5);

/** Functions of each element, smooth where they are tested. */
export const ELEMENTWISE: Readonly<Record<string, Pair>> = {
  product: (x, w) => mul(x, sin(mul(w, x))),
  exponential: (x, w) => exp(mul(mul(x, w), -0.3)),
  gate: (x, w) => mul(sigmoid(mul(x, 2)), w),
};

/** Functions that bring elements together. */
export const ACROSS: Readonly<Record<string, Pair>> = {
  matrix: (x, w) => reshape(matmul(reshape(x, [1, 3]), mul(reshape(w, [3, 1]), reshape(x, [1, 3]))), [3]),
  quotient: (x, w) => div(x, add(sum(square(w)), square(x))),
  logarithm: (x, w) => mul(w, log(sum(exp(sub(x, w))))),
  gather: (x, w) => mul(take(x, tensor([2, 0, 1], { dtype: "int32" })), add(w, x)),
  statistics: (x, w) => mul(sub(x, mean(mul(x, w))), w),
};

const FUNCTIONS = { ...ELEMENTWISE, ...ACROSS };

/** One transformation, as a map of functions of `x` that keeps what it captures; `on` is where a jitted one runs. */
export interface Transformation {
  /** The transformed function captures `w`. */
  captured(f: Pair, on: Device): Pair;
  /** The transformed function is made once, and is given `w`. */
  given(f: Pair, on: Device): Pair;
  /** What it makes of the values of `f`, by differences in `x`. One that has neither of the two changes no value. */
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
    captured: (f) => (x, w) => vjp((x: Tensor) => f(x, w), x)[1](tilted(x))[0],
    given: (f) => (x, w) => vjp(f, x, w)[1](tilted(x))[0],
    cotangent: tilted,
  },
  jvp: {
    captured: (f) => (x, w) => jvp((x: Tensor) => f(x, w), [x], [shifted(x)])[1],
    given: (f) => (x, w) => jvp(f, [x, w], [shifted(x), null])[1],
    tangent: shifted,
  },
  jit: {
    captured: (f, device) => (x, w) => jit((x: Tensor) => f(x, w), { device })(x),
    given: (f, device) => jit(f, { device }),
  },
  checkpoint: {
    captured: (f) => (x, w) => checkpoint((x: Tensor) => f(x, w))(x),
    given: (f) => checkpoint(f, { policy: checkpointPolicies.dotsSaveable }),
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

/** Compositions that mean the same, as they differ in transformations that change no value. */
export interface Meaning {
  readonly f: string;
  /** The transformations that change values, innermost first. */
  readonly names: readonly string[];
  readonly compositions: readonly Composition[];
}

const changesValues = (name: string): boolean =>
  TRANSFORMATIONS[name]!.cotangent !== undefined || TRANSFORMATIONS[name]!.tangent !== undefined;

/** Singles, pairs and triples of transformations. */
function forms(): readonly (readonly string[])[] {
  const singles = Object.keys(TRANSFORMATIONS).map((name) => [name]);
  const longer = (ones: readonly string[][]) => ones.flatMap((one) => singles.map(([name]) => [...one, name!]));
  return [...singles, ...longer(singles), ...longer(longer(singles))];
}

/**
 * All single transformations, pairs and triples of them over functions, in both modes.
 *
 * @param functions By name; all if not given.
 * @returns What means the same together: much of its differences and programs is the same.
 */
export function compositionsOf(functions: Readonly<Record<string, Pair>> = FUNCTIONS): readonly Meaning[] {
  const byMeaning = Map.groupBy(forms(), (names) => names.filter(changesValues).join());
  return Object.keys(functions).flatMap((f) =>
    [...byMeaning.values()].map((forms) => ({
      f,
      names: forms[0]!.filter(changesValues),
      compositions: forms.flatMap((names) => (["captured", "given"] as const).map((mode) => ({ f, mode, names }))),
    }))
  );
}

/**
 * Composes.
 *
 * @param composition What.
 * @param device Where jitted parts run.
 * @returns The transformed function.
 */
export function composed({ f, mode, names }: Composition, device: Device): Pair {
  return names.reduce((inner, name) => TRANSFORMATIONS[name]![mode](inner, device), FUNCTIONS[f]!);
}

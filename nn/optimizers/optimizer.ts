/** @file What every optimizer shares: its form, clipping, and the bookkeeping over a tree of parameters. */
import {
  add,
  cast,
  div,
  exp,
  full,
  greater,
  mul,
  sqrt,
  square,
  sum,
  type Tensor,
  type Tree,
  treeFlatten,
  treeLeaves,
  treeMap,
  treeUnflatten,
  where,
  zeros,
} from "../../tensor/mod.ts";
import { decays, namesOf } from "./parameter_names.ts";
import type { Schedule } from "./schedule.ts";

/** What an optimizer keeps between steps. */
export interface OptimizerState {
  /** Steps done, int32 scalar. */
  readonly step: Tensor;
  /** Trees of the form of the parameters, by name, such as `first` and `second` for the two moments. */
  readonly moments: Readonly<Record<string, Tree>>;
}

/** Result of one step. */
export interface OptimizerUpdate<Params = Tree> {
  /** Parameters after the step. */
  readonly params: Params;
  /** State after the step. */
  readonly state: OptimizerState;
  /** Learning rate of the step, scalar. */
  readonly learningRate: Tensor;
  /** L2 norm of all gradients together before clipping, scalar. */
  readonly gradientNorm: Tensor;
}

/** A rule that turns gradients into new parameters. Pure: its state goes in and comes out. */
export interface Optimizer {
  /** First state for given parameters. */
  init(params: Tree): OptimizerState;
  /** One step. */
  update<Params extends Tree>(gradients: Tree, state: OptimizerState, params: Params): OptimizerUpdate<Params>;
}

/** Options that all optimizers have. */
export interface OptimizerOptions {
  /** Rate, or a schedule of it. */
  readonly learningRate: number | Schedule;
  /** Decay of the parameters to which `decays` says it applies, or a schedule of it. */
  readonly weightDecay?: number | Schedule;
  /** Largest norm of all gradients together; larger ones are scaled down to it. 5 if not given. */
  readonly maxGradientNorm?: number;
}

/** State of zeros. */
export function initState(params: Tree, moments: readonly string[]): OptimizerState {
  const zerosLike = () => treeMap((x: Tensor) => zeros(x.shape, x.dtype), params);
  return { step: zeros([], "int32"), moments: Object.fromEntries(moments.map((name) => [name, zerosLike()])) };
}

/** One parameter in one step. */
export interface ParameterStep {
  /** Its value. */
  readonly param: Tensor;
  /** Its gradient, clipped. */
  readonly gradient: Tensor;
  /** Its moments by name. */
  readonly moments: Readonly<Record<string, Tensor>>;
  /** Whether weight decay applies. */
  readonly decays: boolean;
}

/** Applies a rule to every parameter of a tree. */
export function updateEach<Params extends Tree>(
  params: Params,
  gradients: Tree,
  moments: Readonly<Record<string, Tree>>,
  rule: (step: ParameterStep) => { readonly param: Tensor; readonly moments: Readonly<Record<string, Tensor>> },
): { readonly params: Params; readonly moments: Readonly<Record<string, Tree>> } {
  const { leaves, structure } = treeFlatten<Tree>(params);
  const names = namesOf(params);
  const gradientLeaves = treeLeaves(gradients);
  const kinds = Object.keys(moments);
  const momentLeaves = kinds.map((kind) => treeLeaves(moments[kind]!));
  const updated = leaves.map((param, i) =>
    rule({
      param,
      gradient: gradientLeaves[i]!,
      moments: Object.fromEntries(kinds.map((kind, k) => [kind, momentLeaves[k]![i]!])),
      decays: decays(names[i]!, param.shape.length),
    })
  );
  const gathered = kinds.map((kind) => [kind, treeUnflatten(structure, updated.map((leaf) => leaf.moments[kind]!))]);
  return {
    params: treeUnflatten(structure, updated.map((leaf) => leaf.param)) as Params,
    moments: Object.fromEntries(gathered),
  };
}

/**
 * The L2 norm of all tensors of a tree together.
 *
 * @param tree Floating tensors.
 * @returns A scalar; 0 for an empty tree.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { globalNorm } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal(await globalNorm({ a: tensor([3]), b: tensor([4]) }).item(), 5);
 * ```
 */
export function globalNorm(tree: Tree): Tensor {
  const squares = treeLeaves(tree).map((x) => sum(square(x)));
  return sqrt(pairwiseSum(squares));
}

/** Adds scalars in a balanced tree: short chains, and rounding that grows with the logarithm of their number. */
function pairwiseSum(terms: readonly Tensor[]): Tensor {
  if (terms.length <= 1) return terms[0] ?? zeros([]);
  const half = terms.length >> 1;
  return add(pairwiseSum(terms.slice(0, half)), pairwiseSum(terms.slice(half)));
}

/**
 * Scales a tree of gradients down so that their common norm is at most `maxNorm`.
 *
 * @param gradients Floating tensors.
 * @param options `maxNorm`, and `epsilon` that is added to the norm in the quotient: 0 if not given, 1e-6 in
 * PyTorch's `clip_grad_norm_`.
 * @returns The scaled `gradients`, and their `norm` before.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { clipByGlobalNorm } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const { gradients } = clipByGlobalNorm([tensor([3, 4])], { maxNorm: 2.5 });
 * deepStrictEqual(await gradients[0]!.data(), new Float32Array([1.5, 2]));
 * ```
 */
export function clipByGlobalNorm<Gradients extends Tree>(
  gradients: Gradients,
  { maxNorm, epsilon = 0 }: { readonly maxNorm: number; readonly epsilon?: number },
): { readonly gradients: Gradients; readonly norm: Tensor } {
  const norm = globalNorm(gradients);
  const whole = add(norm, epsilon);
  const factor = where(greater(whole, maxNorm), div(maxNorm, whole), 1);
  return { gradients: treeMap((x) => mul(x, factor), gradients as Tree) as Gradients, norm };
}

/** `1 - beta^step` without cancellation, as a scalar of `like`'s dtype: what corrects the bias of a moment. */
export function biasCorrection(beta: number, step: Tensor, like: Tensor): Tensor {
  const y = mul(cast(step, like.dtype), -Math.log(beta)); // beta^step = e^-y, y > 0
  // Below 0.1 the alternating series of 1 - e^-y, to a relative 1e-12.
  const series = [7, 6, 5, 4, 3, 2].reduce((inner, n) => add(mul(mul(y, -1 / n), inner), 1), full([], 1, like.dtype));
  return where(greater(y, 0.1), add(mul(exp(mul(y, -1)), -1), 1), mul(y, series));
}

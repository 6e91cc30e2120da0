/** @file What must type-check: types of parameters through every transformation. */
import { applyUpdates, chain, clipByGlobalNorm, sgd } from "../../nn/mod.ts";
import {
  add,
  checkpoint,
  customVjp,
  grad,
  jit,
  matmul,
  mean,
  mul,
  square,
  sub,
  sum,
  type Tensor,
  type Tree,
  treeFlatten,
  treeLeaves,
  treeMap,
  treeUnflatten,
  valueAndGrad,
  vjp,
} from "../../tensor/mod.ts";

interface Layer {
  readonly weight: Tensor;
  readonly bias?: Tensor;
}

/** An interface of interfaces, arrays, tuples and optional fields. */
interface Params {
  readonly layers: readonly Layer[];
  readonly pair: readonly [Tensor, Tensor];
}

const loss = ({ layers, pair }: Params, x: Tensor): Tensor =>
  mean(square(sub(matmul(x, layers[0]!.weight), add(pair[0], pair[1]))));

/** The step of a newcomer: rate is given as a number. */
const step = jit((params: Params, x: Tensor, rate: Tensor) => {
  const [value, gradient] = valueAndGrad(loss)(params, x);
  const scaled: Params = treeMap((g) => mul(g, rate), gradient);
  return [scaled, value] as const;
});

/** Types of results, in the order of the transformations. */
export function typed(params: Params, x: Tensor): readonly [Params, Tensor, Tensor, Tensor | undefined, Tensor] {
  const [next, value] = step(params, x, 0.1);
  const [first, second] = grad(loss, { argnums: [1, 0] })(params, x);
  const jitted = jit(grad(jit(checkpoint(loss))))(params, x);
  const [output, pullback] = vjp(jit(loss), params, x);
  const [dParams, dx] = pullback(mul(output, 1));
  const twice = grad(grad((x: Tensor) => sum(mul(x, x))))(x);
  const own = customVjp((x: Tensor) => [x, x] as const, ([x], _, [a, b]) => [add(x, add(a, b))])(x);
  const { leaves, structure } = treeFlatten(next);
  const again: Params = treeUnflatten(structure, leaves);
  return [
    again,
    add(value, first),
    add(twice, own[1]),
    second.layers[0]?.bias,
    jitted.pair[0] ?? dParams.pair[1] ?? dx,
  ];
}

/** Trees of unknown form, and of a type parameter. */
export function halved<P extends Tree>(params: P): P {
  return treeMap((x) => mul(x, 0.5), params as Tree) as P;
}

/** Static arguments keep their types; optional ones may be left out; tuples of results stay tuples. */
export function statics(x: Tensor): readonly [Tensor, Tensor] {
  const f = jit((x: Tensor, axis: number, keepDims?: boolean) => sum(x, { axis, keepDims: keepDims ?? false }), {
    static: [1, 2],
  });
  return [f(x, 0), f(x, 0, true)];
}

/** Auxiliary results keep theirs. */
export function auxiliary(w: Tensor): readonly Tensor[] {
  const f = (w: Tensor) => [mean(w), { norm: sum(square(w)) }] as const;
  const [[value, { norm }], gradient] = valueAndGrad(f, { hasAux: true })(w);
  const [same, { norm: again }] = grad(f, { hasAux: true, argnums: 0 })(w);
  return [value, norm, gradient, same, again, ...treeLeaves({ w })];
}

/** Optimizers keep the type of parameters. */
export function optimized(params: Params, gradients: Params): Params {
  const optimizer = chain(clipByGlobalNorm(1), sgd({ learningRate: 0.1 }));
  const [updates] = optimizer.update(gradients, optimizer.init(params), params);
  return applyUpdates(params, updates);
}

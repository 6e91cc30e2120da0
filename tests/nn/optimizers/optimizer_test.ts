import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { full, ones, tensor, type Tree } from "../../../tensor/mod.ts";
import {
  adamw,
  applyUpdates,
  chain,
  clipByGlobalNorm,
  cosineWeightDecay,
  globalNorm,
  lamb,
  momentsOf,
  namesOf,
  notNormOrBias,
  type Optimizer,
  sgd,
  TORCH_CLIP_EPSILON,
  trace,
  warmupCosine,
  withMoments,
} from "../../../nn/mod.ts";
import { biasCorrection } from "../../../nn/optimizers/scale_by_adam.ts";
import { assertClose } from "../../support/assert_close.ts";
import ops from "../../golden/ops.json" with { type: "json" };
import torch from "../../golden/nn_torch.json" with { type: "json" };
import { float64, read } from "../support.ts";

const SHARP = { absolute: 1e-9, relative: 1e-9 };

Deno.test("warmupCosine() and cosineWeightDecay() follow the official schedules", async () => {
  const rate = warmupCosine({ peak: 1, warmup: 20, total: 200 });
  const decay = cosineWeightDecay({ start: 0.04, end: 0.2, total: 200 });
  for (const [step, lr, wd] of ops.schedule.rows_it_lr_wd as [number, number, number][]) {
    const counter = tensor(step, { dtype: "int32" });
    assertClose([...await read(rate(counter)) as Float32Array], [lr], { absolute: 1e-7, relative: 1e-6 });
    assertClose([...await read(decay(counter)) as Float32Array], [wd], { absolute: 1e-7, relative: 1e-6 });
  }
});

/** Steps of an optimizer: what `parameters` and the norm of the gradients are after each. */
function* steps<P extends Tree>(optimizer: Optimizer, start: P, gradients: readonly P[]) {
  let [params, state] = [start, optimizer.init(start)];
  for (const gradient of gradients) {
    const [updates, next] = optimizer.update(gradient, state, params);
    [params, state] = [applyUpdates(params, updates), next];
    yield { params, state, norm: globalNorm(gradient) };
  }
}

Deno.test("lamb() makes the official steps, clipping included", async () => {
  const mask = (name: string) => name === "p1";
  const optimizer = lamb({ learningRate: 0.01, weightDecay: 0.04, mask, b2: 0.95, maxGradientNorm: 5 });
  const gradients = ops.lamb.steps.map(({ grad_scale: scale }, s) => ({
    p1: float64([0.3, -0.1, 0.7, 1.1].map((g) => scale * g * (1 + 0.1 * s)), [2, 2]),
    p2: float64([0.5, -0.9].map((g) => scale * g)),
  }));
  const start = { p1: float64([0.5, -1, 2, 0.25], [2, 2]), p2: float64([0.1, -0.2]) };
  const after = [...steps(optimizer, start, gradients)];
  for (const [s, expected] of ops.lamb.steps.entries()) {
    const { params, norm } = after[s]!;
    // The official norm is a float32 sum, and so is the factor by which it clips.
    assertClose(await read(norm), [expected.global_grad_norm], { relative: 1e-6 });
    assertClose(await read(params.p1), expected.p1, { absolute: 1e-9, relative: 1e-8 }, `p1 after step ${s}`);
    assertClose(await read(params.p2), expected.p2, { absolute: 1e-9, relative: 1e-8 }, `p2 after step ${s}`);
  }
  deepStrictEqual([...await read(after.at(-1)!.state.step) as Int32Array], [4]);
});

type Trace = (typeof torch.optimizers)[number];

/** The rule of a trace, from PyTorch's options; what they do not name is left to the default. */
function ruleOf({ rule, options, decaysBias, maxNorm }: Trace): Optimizer {
  const { lr, weight_decay: weightDecay, betas, eps: epsilon, momentum, nesterov } = options as Partial<
    Record<"lr" | "weight_decay" | "eps" | "momentum", number> & { betas: number[]; nesterov: boolean }
  >;
  const given = { weightDecay, b1: betas?.[0], b2: betas?.[1], epsilon, momentum, nesterov };
  const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const shared = { learningRate: lr ?? 1e-3, ...(decaysBias ? {} : { mask: notNormOrBias }), ...named };
  const made = rule === "sgd" ? sgd(shared) : adamw(shared);
  return maxNorm === null ? made : chain(clipByGlobalNorm(maxNorm, { epsilon: TORCH_CLIP_EPSILON }), made);
}

for (const trace of torch.optimizers) {
  const about = `${JSON.stringify(trace.options)}, clip ${trace.maxNorm}, ${trace.decaysBias ? "all" : "weight"}`;
  Deno.test(`${trace.rule}() makes PyTorch's steps: ${about}`, async () => {
    const tree = ({ weight, bias }: Pick<Trace, "weight" | "bias">) => ({
      weight: float64(weight, [3, 2]),
      bias: float64(bias),
    });
    const after = [...steps(ruleOf(trace), tree(trace), trace.steps.map(({ gradients }) => tree(gradients)))];
    for (const [i, expected] of trace.steps.entries()) {
      const { params, norm } = after[i]!;
      assertClose(await read(norm), [expected.norm], SHARP, `norm of step ${i}`);
      assertClose(await read(params.weight), expected.weight, SHARP, `weight after step ${i}`);
      assertClose(await read(params.bias), expected.bias, SHARP, `bias after step ${i}`);
    }
  });
}

Deno.test("optimizers take schedules of the steps done", async () => {
  const optimizer = sgd({ learningRate: warmupCosine({ peak: 1, warmup: 2, total: 10 }) });
  const [first, second] = [...steps(optimizer, { bias: float64([0]) }, [1, 1].map((g) => ({ bias: float64([g]) })))];
  assertClose(await read(first!.params.bias), [-0.005], { absolute: 1e-7 });
  assertClose(await read(second!.params.bias), [-0.5075], { absolute: 1e-6 });
});

Deno.test("schedules stay at their end", async () => {
  const rate = warmupCosine({ peak: 1, warmup: 2, total: 10 });
  const decay = cosineWeightDecay({ start: 0, end: 0.2, total: 10 });
  for (const step of [9, 10, 13, 18, 1000]) {
    assertClose(await read(rate(tensor(step, { dtype: "int32" }))), [0.001], { absolute: 1e-7 }, `rate at ${step}`);
    assertClose(await read(decay(tensor(step, { dtype: "int32" }))), [0.2], { absolute: 1e-7 }, `decay at ${step}`);
  }
});

Deno.test("lamb() leaves parameters of zero norm to plain Adam", async () => {
  const start = { weight: full([2, 2], 0, { dtype: "float64" }) };
  const [after] = [...steps(lamb({ learningRate: 0.1 }), start, [{ weight: float64([1, 1, 1, 1], [2, 2]) }])];
  assertClose(await read(after!.params.weight), [-0.1, -0.1, -0.1, -0.1], { absolute: 1e-6 });
});

Deno.test("lamb() has timm's defaults: norm 1, decay 0.01 of all", () => {
  const [step, explicit] = [
    lamb({ learningRate: 1 }),
    lamb({
      learningRate: 1,
      weightDecay: 0.01,
      b1: 0.9,
      b2: 0.999,
      epsilon: 1e-6,
      maxGradientNorm: 1,
      biasCorrected: true,
      alwaysAdapts: false,
    }),
  ].map((optimizer) => [...steps(optimizer, { w: float64([3, 4]) }, [{ w: float64([30, -4]) }])][0]!.params.w);
  return Promise.all([read(step!), read(explicit!)]).then(([a, b]) => deepStrictEqual(a, b));
});

Deno.test("clipByGlobalNorm() leaves small gradients alone, and makes none finite whose norm is not", async () => {
  const clip = async (maxNorm: number, a: number) => {
    const optimizer = chain(clipByGlobalNorm(maxNorm));
    const [params, gradients] = [0, a].map((x) => ({ a: float64([x]), b: [float64([x && 4])] }));
    const [updates] = optimizer.update(gradients!, optimizer.init(params!), params!);
    return [...await read(updates.a) as Float64Array, ...await read(updates.b[0]!) as Float64Array];
  };
  deepStrictEqual(await clip(6, 3), [3, 4]);
  deepStrictEqual(await clip(2.5, 3), [1.5, 2]);
  deepStrictEqual(await clip(5, NaN), [NaN, NaN]);
  throws(() => clipByGlobalNorm(0), /maxNorm must be positive: current maxNorm is 0/);
});

Deno.test("optimizers pair parameters, gradients and state by key", async () => {
  const [a, b] = [float64([10]), float64([20])];
  const [after] = [...steps(sgd({ learningRate: 1 }), { a, b }, [{ b: float64([2]), a: float64([1]) }])];
  deepStrictEqual([...await read(after!.params.a) as Float64Array, ...await read(after!.params.b) as Float64Array], [
    9,
    18,
  ]);
  const optimizer = sgd({ learningRate: 1, momentum: 0.5 });
  const state = {
    step: tensor(3, { dtype: "int32" }),
    links: [{ velocity: { b: float64([4]), a: float64([2]) } }, {}],
  };
  const [updates] = optimizer.update({ a: float64([0]), b: float64([0]) }, state, { a, b });
  deepStrictEqual([...await read(updates.a) as Float64Array, ...await read(updates.b) as Float64Array], [-1, -2]);
});

/** Gradients that do not fit `{ encoder: { w: float32 [2], b: [float32 []] } }`, and what is said of them. */
const MISFITS: readonly (readonly [Tree, RegExp])[] = [
  [
    { encoder: { w: ones([2]), b: [] } },
    /gradient at encoder\.b\.0 must be float32 \[\].*: current gradient is absent/,
  ],
  [{ encoder: { w: ones([2]), b: [ones([]), ones([])] } }, /parameter of the gradient at encoder\.b\.1 is absent/],
  [{ encoder: { w: ones([2]), b: [ones([])] }, head: ones([]) }, /parameter of the gradient at head is absent/],
  [
    { encoder: { w: ones([1, 2]), b: [ones([])] } },
    /encoder\.w must be float32 \[2\].*: current gradient is float32 \[1, 2\]/,
  ],
  [
    { encoder: { w: ones([2], { dtype: "float64" }), b: [ones([])] } },
    /encoder\.w .*: current gradient is float64 \[2\]/,
  ],
  [{ encoder: { w: null, b: [ones([])] } }, /encoder\.w .*: current gradient is null/],
];

Deno.test("optimizers refuse gradients, states and updates of another form, naming the leaf", () => {
  const params: Tree = { encoder: { w: ones([2]), b: [ones([])] } };
  for (
    const make of [() => sgd({ learningRate: 1 }), () => adamw({ learningRate: 1 }), () => lamb({ learningRate: 1 })]
  ) {
    const optimizer = make();
    for (const [gradients, message] of MISFITS) {
      throws(() => optimizer.update(gradients, optimizer.init(params), params), { name: "TypeError", message });
    }
  }
  const [plain, adam] = [sgd({ learningRate: 1 }), adamw({ learningRate: 1 })];
  throws(
    () => adam.update(params, plain.init(params), params),
    /the state must be of this optimizer, of 3 links: current number is 1/,
  );
  throws(() => adam.update(params, adam.init({ encoder: { w: ones([2]) } }), params), /first at encoder\.b\.0 must be/);
  throws(() => applyUpdates(params, { encoder: { w: ones([2]) } }), /update at encoder\.b\.0 must be/);
  throws(
    () => adam.init({ w: ones([2], { dtype: "int32" }) }),
    /every parameter must be a floating tensor: current parameter w is int32/,
  );
  throws(() => sgd({ learningRate: 1, nesterov: true }), /nesterov needs a positive momentum/);
});

Deno.test("optimizers given the tree of others do not compile", () => {
  const optimizer = adamw({ learningRate: 1 });
  const params = { w: ones([2]), b: ones([]) };
  const state = optimizer.init(params);
  // @ts-expect-error: the gradient lacks b
  throws(() => optimizer.update({ w: ones([2]) }, state, params), TypeError);
  // @ts-expect-error: the state is of other parameters
  throws(() => optimizer.update({ v: ones([2]) }, state, { v: ones([2]) }), TypeError);
  // @ts-expect-error: updates have the names of the parameters
  equal(optimizer.update(params, state, params)[0].weight, undefined);
});

Deno.test("withMoments() puts back what momentsOf() took out, and says what is missing", async () => {
  const optimizer = chain(clipByGlobalNorm(1), adamw({ learningRate: 1 }));
  const [after] = [...steps(optimizer, { w: float64([1, 2]) }, [{ w: float64([3, 4]) }])];
  const taken = momentsOf(after!.state);
  deepStrictEqual(Object.keys(taken.moments), ["first", "second"]);
  const again = withMoments(optimizer.init({ w: float64([1, 2]) }), taken);
  deepStrictEqual(await read(again.links[1]!.second!.w), await read(after!.state.links[1]!.second!.w));
  throws(
    () => withMoments(sgd({ learningRate: 1, momentum: 0.9 }).init({ w: ones([2]) }), taken),
    /moment velocity must be there: current moments are first, second/,
  );
  const twice = chain(trace({ decay: 0.5 }), trace({ decay: 0.9 }));
  throws(() => momentsOf(twice.init({ w: ones([2]) })), /current name velocity is kept twice/);
});

Deno.test("biasCorrection() does not cancel at the first step", async () => {
  for (const [beta, step] of [[0.999, 1], [0.999, 50], [0.999, 101], [0.9, 1], [0.95, 2], [0.999, 10000]] as const) {
    const got = await read(biasCorrection(beta, tensor(step, { dtype: "int32" }), float64([0])));
    assertClose(got, [-Math.expm1(step * Math.log(beta))], { absolute: 0, relative: 1e-11 }, `${beta}^${step}`);
  }
});

Deno.test("namesOf() and notNormOrBias() go by way and rank", () => {
  deepStrictEqual(namesOf({ a: [{ b: 1 }], c: {} }), ["a.0.b"]);
  for (
    const [name, rank, expected] of [["head.weight", 2, true], ["norm.weight", 1, false], ["bias", 2, false]] as const
  ) {
    equal(notNormOrBias(name, { shape: Array(rank).fill(1) }), expected, name);
  }
});

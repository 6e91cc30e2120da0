/** @file Optimizers and schedules beside PyTorch's, and how rules are put together. */
import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { jit, tensor, type Tree, treeLeaves } from "../../../tensor/mod.ts";
import {
  adam,
  adamw,
  applyUpdates,
  chain,
  clipByValue,
  constantSchedule,
  cosineSchedule,
  cosineWeightDecay,
  ema,
  exponentialSchedule,
  joinSchedules,
  lamb,
  lion,
  multiSteps,
  muon,
  oneCycleSchedule,
  type Optimizer,
  partition,
  piecewiseConstantSchedule,
  polynomialSchedule,
  rmsprop,
  scaleByLearningRate,
  scaleByMuon,
  type Schedule,
  sgd,
  trace,
  warmupCosine,
} from "../../../nn/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import torch from "../../golden/layers_torch.json" with { type: "json" };
import { float64, read, REFERENCE } from "../support.ts";

const SHARP = { absolute: 1e-9, relative: 1e-9 };

type Trace = (typeof torch.optimizers)[number];
type TorchOptions = Partial<
  Record<"lr" | "alpha" | "eps" | "weight_decay" | "momentum", number> & { betas: number[]; centered: boolean }
>;

const RULES = { adam, rmsprop, lion, muon };

/** The rule of a trace, from PyTorch's options; what they do not name is left to the default. */
function ruleOf({ rule, options }: Trace): Optimizer {
  const { lr, alpha, eps, weight_decay, betas, momentum, centered } = options as TorchOptions;
  const [b1, b2] = betas ?? [];
  const given = { b1, b2, decay: alpha, epsilon: eps, weightDecay: weight_decay, momentum, centred: centered };
  const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return RULES[rule as keyof typeof RULES]({ learningRate: lr!, ...named });
}

/** Parameters after each step. */
function* steps<P extends Tree>(optimizer: Optimizer, start: P, gradients: readonly P[]) {
  let [params, state] = [start, optimizer.init(start)];
  for (const gradient of gradients) {
    const [updates, next] = optimizer.update(gradient, state, params);
    [params, state] = [applyUpdates(params, updates), next];
    yield { params, updates, state };
  }
}

for (const golden of torch.optimizers) {
  Deno.test(`${golden.rule}() makes PyTorch's steps: ${JSON.stringify(golden.options)}`, async () => {
    const tree = (values: number[]) => ({ weight: float64(values, [3, 5]) });
    const after = [...steps(ruleOf(golden), tree(golden.weight), golden.steps.map(({ gradient }) => tree(gradient)))];
    for (const [i, { weight }] of golden.steps.entries()) {
      assertClose(await read(after[i]!.params.weight), weight, SHARP, `weight after step ${i}`);
    }
  });
}

const SCHEDULES: Readonly<Record<keyof typeof torch.schedules, Schedule>> = {
  polynomial: polynomialSchedule({ start: 1, end: 0, steps: 8, power: 2 }),
  exponential: exponentialSchedule({ start: 0.8, factor: 0.9 }),
  staircase: exponentialSchedule({ start: 0.8, factor: 0.5, steps: 3, staircase: true }),
  piecewise: piecewiseConstantSchedule(0.8, { 2: 0.1, 7: 0.1 }),
  oneCycle: oneCycleSchedule({ peak: 0.5, steps: 12 }),
  joined: joinSchedules([constantSchedule(0.5), exponentialSchedule({ start: 1, factor: 0.9 })], [4]),
};

Deno.test("schedules follow PyTorch's, and stay at their end", async () => {
  const at = (step: number) => tensor(step, { dtype: "int32" });
  for (const [name, schedule] of Object.entries(SCHEDULES)) {
    for (const [step, rate] of torch.schedules[name as keyof typeof torch.schedules].entries()) {
      assertClose(await read(schedule(at(step))), [rate], { absolute: 1e-7, relative: 1e-5 }, `${name} at ${step}`);
    }
  }
  for (
    const [schedule, end] of [[SCHEDULES.polynomial, 0], [
      cosineSchedule({ start: 1, end: 0.1, steps: 5 }),
      0.1,
    ]] as const
  ) {
    assertClose(await read(schedule(at(1000))), [end], { absolute: 1e-7 });
  }
  const bounded = exponentialSchedule({ start: 1, factor: 0.5, begin: 2, bound: 0.3 });
  const rates = await Promise.all([0, 2, 3, 9].map((step) => read(bounded(at(step)))));
  assertClose(rates.map((rate) => rate[0]!), [1, 1, 0.5, 0.3], { absolute: 1e-6 });
});

Deno.test("partition() gives each parameter to its rule, which keeps nothing of the others", async () => {
  const params = { body: { w: float64([1, 2], [1, 2]), b: float64([3]) }, head: float64([4]) };
  const rule = partition(
    { moving: trace({ decay: 0.5 }), still: chain(scaleByLearningRate(0)).links[0]! },
    (name) => name.startsWith("body") ? "moving" : "still",
  );
  const [first, second] = [...steps(chain(rule), params, [params, params])];
  deepStrictEqual(Array.from(await read(first!.updates.body.w)), [1, 2]);
  deepStrictEqual(Array.from(await read(second!.updates.body.w)), [1.5, 3]);
  deepStrictEqual(Array.from(await read(second!.params.head)), [4]);
  equal(treeLeaves(second!.state.links).length, 2); // velocities of body.w and body.b
  const wrong = partition({ a: trace({ decay: 0.5 }) }, () => "b" as "a");
  throws(() => chain(wrong).init(params), /labels a: current label of body.b is b/);
  throws(
    () => chain(scaleByMuon()).update(params, chain(scaleByMuon()).init(params), params),
    /parameters must be matrices .*: current shape of body.b is \[1\]/,
  );
});

Deno.test("multiSteps() makes the steps of the mean gradients, and none in between, under jit too", async () => {
  const gradients = [1, 3, -4, 8, 5, 7].map((g) => ({ w: float64([g, 1]) }));
  const inner = () => chain(clipByValue(5), sgd({ learningRate: 0.1, momentum: 0.9 }));
  const start = { w: float64([1, 1]) };
  const means = [[2, 1], [2, 1], [6, 1]].map((w) => ({ w: float64(w) }));
  const expected = [...steps(inner(), start, means)].map(({ params }) => params.w);
  const outer = multiSteps(inner(), 2);
  const update = jit(outer.update, { device: REFERENCE });
  const compiled: Optimizer = { ...outer, update: update as unknown as Optimizer["update"] };
  for (const optimizer of [outer, compiled]) {
    const after = [...steps(optimizer, start, gradients)].map(({ params }) => params.w);
    for (const [i, w] of expected.entries()) {
      assertClose(await read(after[2 * i + 1]!), await read(w), { absolute: 1e-6 });
    }
    deepStrictEqual(Array.from(await read(after[2]!)), Array.from(await read(after[1]!)));
  }
  throws(() => multiSteps(inner(), 1.5), /every must be a whole number from 1: current every is 1.5/);
});

Deno.test("schedules and rules refuse what makes none", () => {
  throws(() => polynomialSchedule({ start: 1, end: 0, steps: 0 }), /steps must be positive: .* 0/);
  throws(() => exponentialSchedule({ start: 1, factor: 0 }), /factor must be positive: current factor is 0/);
  throws(() => piecewiseConstantSchedule(1, { 1.5: 2 }), /steps must be whole: current step is 1.5/);
  throws(() => joinSchedules([constantSchedule(1), constantSchedule(2)], []), /rising boundary between each two/);
  throws(() => oneCycleSchedule({ peak: 1, steps: 2 }), /its rise must be over 1 step/);
  throws(() => clipByValue(0), /bound must be positive: current bound is 0/);
});

Deno.test("rules and schedules refuse settings that are no numbers of their range, when they are made", () => {
  const rate = (learningRate: unknown) => ({ learningRate }) as { learningRate: number };
  for (const make of [sgd, adam, adamw, lamb, lion, muon, rmsprop]) {
    for (const wrong of ["0.1", NaN, undefined, null, tensor(0.1)]) {
      throws(() => make(rate(wrong)), /learningRate must be a finite number or a schedule: current learningRate is/);
    }
  }
  type Make = (options: Readonly<Record<string, unknown>>) => unknown;
  const refused: readonly (readonly [make: unknown, options: Readonly<Record<string, unknown>>, message: RegExp])[] = [
    [adamw, { b1: 1 }, /b1 must be a number in \[0, 1\): current b1 is 1/],
    [adamw, { b2: "0.9" }, /b2 must be a number in \[0, 1\): current b2 is "0.9"/],
    [adamw, { epsilon: -1 }, /epsilon must be a number of at least 0: current epsilon is -1/],
    [adamw, { weightDecay: "0.1" }, /weightDecay must be a finite number or a schedule/],
    [adamw, { mask: 3 }, /mask must be a function: current mask is 3/],
    [lion, { b1: 2 }, /b1 must be a number in \[0, 1\)/],
    [sgd, { momentum: "0.9" }, /Cannot sgd as momentum must be a number of at least 0: current momentum is "0.9"/],
    [rmsprop, { decay: NaN }, /decay must be a number of at least 0: current decay is NaN/],
    [muon, { momentum: -1 }, /momentum must be a number of at least 0/],
    [lamb, { maxGradientNorm: "1" }, /maxNorm must be positive/],
  ];
  for (const [make, options, message] of refused) throws(() => (make as Make)({ ...rate(0.1), ...options }), message);
  const schedules: readonly (() => unknown)[] = [
    () => constantSchedule(NaN),
    () => cosineSchedule({ start: "x" as unknown as number, steps: 3 }),
    () => polynomialSchedule({ start: 1, end: NaN, steps: 3 }),
    () => exponentialSchedule({ start: 1, factor: 0.5, begin: Infinity }),
    () => oneCycleSchedule({ peak: NaN, steps: 10 }),
    () => warmupCosine({ peak: NaN, warmup: 1, total: 3 }),
    () => cosineWeightDecay({ total: NaN }),
  ];
  for (const make of schedules) throws(make, /must be a finite number: current/);
  throws(() => ema({ x: tensor(1) }, { x: tensor(1) }, 2), /decay must be a tensor, or a number in \[0, 1\]/);
});

/** @file LAMB and AdamW on the 25.6 million parameters of ResNet-50. */
import { ok } from "node:assert/strict";
import { random, sizeOf, type Tensor, treeLeaves, type TypedArray } from "../tensor/mod.ts";
import {
  adamw,
  applyUpdates,
  chain,
  clipByGlobalNorm,
  lamb,
  notNormOrBias,
  type Optimizer,
  resnet50,
} from "../nn/mod.ts";
import { samplePositions } from "./definitions.ts";
import { benchKernel, runKernels } from "./kernel_benchmark.ts";

const RATE = 0.01;
const SHAPES = (treeLeaves(resnet50().init(random.key(0)).params) as readonly Tensor[]).map(({ shape }) => shape);
const COUNT = SHAPES.reduce((sum, shape) => sum + sizeOf(shape), 0);

interface Rule {
  readonly name: string;
  readonly optimizer: Optimizer;
  /** Times that the parameters' bytes pass through memory. */
  readonly passes: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weightDecay: number;
  /** True to scale each tensor's update by its trust ratio. */
  readonly trust: boolean;
}

/** Largest norm of the gradients. */
const MAX_NORM = 5;
const SHARED = { learningRate: RATE, mask: notNormOrBias } as const;

const LAMB = { betas: [0.9, 0.95], epsilon: 1e-6, weightDecay: 0.04, trust: true } as const;
const ADAMW = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01, trust: false } as const;
const RULES: readonly Rule[] = [
  // norm of g; then g, m, v, p in, m, v out, norms of p and of the update; then m, v, p in, p out
  {
    name: "LAMB",
    optimizer: lamb({ ...SHARED, weightDecay: 0.04, b2: 0.95, maxGradientNorm: MAX_NORM }),
    passes: 11,
    ...LAMB,
  },
  // norm of g; then g, m, v, p in, m, v, p out
  { name: "AdamW", optimizer: chain(clipByGlobalNorm(MAX_NORM), adamw(SHARED)), passes: 8, ...ADAMW },
];

/** The first step from moments of zero, in float64: a tensor after it. Tensors of one axis do not decay. */
function updated(p: TypedArray, g: TypedArray, clip: number, decays: boolean, rule: Rule): Float64Array {
  const decay = decays ? rule.weightDecay : 0;
  const update = Float64Array.from(p, (value, i) => {
    const gradient = g[i]! * clip;
    return gradient / (Math.abs(gradient) + rule.epsilon) + decay * value; // both moments are unbiased after one step
  });
  const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, value) => sum + value * value, 0));
  const ratio = rule.trust && decays ? norm(p) / norm(update) : 1;
  return update.map((value, i) => p[i]! - RATE * ratio * value);
}

function check(rule: Rule, inputs: readonly TypedArray[], results: readonly TypedArray[]): void {
  const [params, gradients] = [inputs.slice(0, SHAPES.length), inputs.slice(SHAPES.length)];
  const squares = gradients.reduce((sum, g) => sum + (g as Float32Array).reduce((part, x) => part + x * x, 0), 0);
  const clip = Math.min(1, MAX_NORM / Math.sqrt(squares));
  SHAPES.forEach((shape, i) => {
    const right = updated(params[i]!, gradients[i]!, clip, shape.length > 1, rule);
    for (const at of samplePositions(right.length)) {
      const found = results[i]![at]!;
      ok(
        Math.abs(found - right[at]!) < 1e-5,
        `${rule.name}: element ${at} of tensor ${i} is ${found}, not ${right[at]}`,
      );
    }
  });
}

for (const rule of RULES) {
  benchKernel({
    group: "optimizer",
    name: `${rule.name}, ${SHAPES.length} tensors of ${(COUNT / 1e6).toFixed(1)} million parameters`,
    bytes: 4 * rule.passes * COUNT,
    inputs: () => [...SHAPES, ...SHAPES].map((shape, i) => random.normal(random.key(i), shape)),
    program: (...tensors) => {
      const params = tensors.slice(0, SHAPES.length);
      const state = rule.optimizer.init(params);
      const [updates, { links }] = rule.optimizer.update(tensors.slice(SHAPES.length), state, params);
      return [...treeLeaves(applyUpdates(params, updates)), ...treeLeaves(links)] as never;
    },
    check: (inputs, results) => check(rule, inputs, results),
  });
}

await runKernels();

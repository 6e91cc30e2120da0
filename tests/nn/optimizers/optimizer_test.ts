import { deepStrictEqual, ok } from "node:assert/strict";
import { full, tensor } from "../../../tensor/mod.ts";
import {
  adamw,
  clipByGlobalNorm,
  cosineWeightDecay,
  decays,
  lamb,
  namesOf,
  type Optimizer,
  type OptimizerState,
  sgd,
  warmupCosine,
} from "../../../nn/mod.ts";
import { biasCorrection } from "../../../nn/optimizers/optimizer.ts";
import { assertClose } from "../../support/assert_close.ts";
import ops from "../../golden/ops.json" with { type: "json" };
import torch from "../../golden/nn_torch.json" with { type: "json" };
import { float64, read } from "../support.ts";

const SHARP = { absolute: 1e-9, relative: 1e-9 };

Deno.test("warmupCosine() and cosineWeightDecay() follow the official schedules", async () => {
  const rate = warmupCosine({ peak: 1, warmup: 20, total: 200 });
  const decay = cosineWeightDecay({ start: 0.04, end: 0.2, total: 200 });
  for (const [step, lr, wd] of ops.schedule.rows_it_lr_wd as [number, number, number][]) {
    const counter = tensor(step, "int32");
    assertClose([...await read(rate(counter)) as Float32Array], [lr], { absolute: 1e-7, relative: 1e-6 });
    assertClose([...await read(decay(counter)) as Float32Array], [wd], { absolute: 1e-7, relative: 1e-6 });
  }
});

Deno.test("lamb() makes the official steps, clipping included", async () => {
  const optimizer = lamb({ learningRate: 0.01, weightDecay: 0.04, beta1: 0.9, beta2: 0.95, epsilon: 1e-6 });
  let params = { p1: float64([0.5, -1, 2, 0.25], [2, 2]), p2: float64([0.1, -0.2]) };
  let state = optimizer.init(params);
  for (const [s, expected] of ops.lamb.steps.entries()) {
    const scale = expected.grad_scale;
    const p1 = [0.3, -0.1, 0.7, 1.1].map((g) => scale * g * (1 + 0.1 * s));
    const gradients = { p1: float64(p1, [2, 2]), p2: float64([0.5, -0.9].map((g) => scale * g)) };
    const updated = optimizer.update(gradients, state, params);
    params = updated.params;
    state = updated.state;
    // The official norm is a float32 sum, and so is the factor by which it clips.
    assertClose(await read(updated.gradientNorm), [expected.global_grad_norm], { relative: 1e-6 });
    assertClose(await read(params.p1), expected.p1, { absolute: 1e-9, relative: 1e-8 }, `p1 after step ${s}`);
    assertClose(await read(params.p2), expected.p2, { absolute: 1e-9, relative: 1e-8 }, `p2 after step ${s}`);
  }
  deepStrictEqual([...await read(state.step) as Int32Array], [4]);
});

const TRACES: readonly (readonly [keyof typeof torch & ("adamw" | "sgd" | "heavyBall"), Optimizer])[] = [
  ["adamw", adamw({ learningRate: 0.02, weightDecay: 0.1, beta2: 0.95 })],
  ["sgd", sgd({ learningRate: 0.02, weightDecay: 0.1 })],
  ["heavyBall", sgd({ learningRate: 0.02, weightDecay: 0.1, momentum: 0.8, nesterov: false })],
];

for (const [name, optimizer] of TRACES) {
  Deno.test(`${name} makes PyTorch's steps`, async () => {
    const trace = torch[name];
    let params = { weight: float64(trace.weight, [3, 2]), bias: float64(trace.bias) };
    let state: OptimizerState = optimizer.init(params);
    for (const [i, expected] of trace.steps.entries()) {
      const { weight, bias } = expected.gradients;
      const updated = optimizer.update({ weight: float64(weight, [3, 2]), bias: float64(bias) }, state, params);
      params = updated.params;
      state = updated.state;
      assertClose(await read(updated.gradientNorm), [expected.norm], SHARP, `norm of step ${i}`);
      assertClose(await read(params.weight), expected.weight, SHARP, `weight after step ${i}`);
      assertClose(await read(params.bias), expected.bias, SHARP, `bias after step ${i}`);
    }
  });
}

Deno.test("optimizers take schedules of the steps done", async () => {
  const optimizer = sgd({ learningRate: warmupCosine({ peak: 1, warmup: 2, total: 10 }), momentum: 0 });
  const params = { bias: float64([0]) };
  const first = optimizer.update({ bias: float64([1]) }, optimizer.init(params), params);
  const second = optimizer.update({ bias: float64([1]) }, first.state, first.params);
  assertClose(await read(first.learningRate), [0.005], { absolute: 1e-7 });
  assertClose(await read(second.learningRate), [0.5025], { absolute: 1e-7 });
  assertClose(await read(second.params.bias), [-0.5075], { absolute: 1e-6 });
});

Deno.test("lamb() leaves parameters of zero norm to plain Adam", async () => {
  const optimizer = lamb({ learningRate: 0.1, weightDecay: 0.04 });
  const params = { weight: full([2, 2], 0, "float64") };
  const updated = optimizer.update({ weight: float64([1, 1, 1, 1], [2, 2]) }, optimizer.init(params), params);
  assertClose(await read(updated.params.weight), [-0.1, -0.1, -0.1, -0.1], { absolute: 1e-6 });
});

Deno.test("clipByGlobalNorm() leaves small gradients alone", async () => {
  const { gradients, norm } = clipByGlobalNorm({ a: float64([3]), b: [float64([4])] }, { maxNorm: 6 });
  assertClose(await read(norm), [5]);
  deepStrictEqual([...await read(gradients.a) as Float64Array, ...await read(gradients.b[0]!) as Float64Array], [3, 4]);
});

Deno.test("biasCorrection() does not cancel at the first step", async () => {
  for (const [beta, step] of [[0.999, 1], [0.999, 50], [0.999, 101], [0.9, 1], [0.95, 2], [0.999, 10000]] as const) {
    const got = await read(biasCorrection(beta, tensor(step, "int32"), float64([0])));
    assertClose(got, [-Math.expm1(step * Math.log(beta))], { absolute: 0, relative: 1e-11 }, `${beta}^${step}`);
  }
});

Deno.test("decays() keeps biases, scales and tokens from decaying", () => {
  deepStrictEqual(namesOf({ a: [{ b: 1 }], c: {} }), ["a.0.b"]);
  ok(decays("sparse_encoder.sp_cnn.conv1.weight", 4) && decays("head.weight", 2));
  for (const [name, rank] of [["norm.weight", 1], ["conv.bias", 1], ["gamma", 2], ["mask_tokens.0", 4]] as const) {
    ok(!decays(name, rank), name);
  }
});

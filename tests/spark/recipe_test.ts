import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { random, type Tensor, tensor } from "../../tensor/mod.ts";
import { applyUpdates, resnet, withMoments } from "../../nn/mod.ts";
import { patternFromIndices } from "../../sparse/mod.ts";
import {
  decays,
  finetuneOptimizer,
  init,
  load,
  loadWeights,
  lossAndGradients,
  pretrainOptimizer,
  type TrainState,
} from "../../spark/mod.ts";

import { float64, read } from "../nn/support.ts";
import { assertClose } from "../support/assert_close.ts";
import { randomValues } from "../support/random_values.ts";
import torch from "../golden/finetune_torch.json" with { type: "json" };

Deno.test("decays() keeps biases, scales and tokens from decaying", () => {
  const shape = (rank: number) => ({ shape: Array<number>(rank).fill(2) });
  for (const name of ["sparse_encoder.sp_cnn.conv1.weight", "head.weight"]) equal(decays(name, shape(2)), true, name);
  const kept = [["norm.weight", 1], ["conv.bias", 1], ["gamma", 2], ["mask_tokens.0", 4], ["densify.maskTokens.0", 2]];
  for (const [name, rank] of kept as [string, number][]) equal(decays(name, shape(rank)), false, name);
});

Deno.test("finetuneOptimizer() makes the official LAMB steps: no clip, uncorrected moments, every parameter scaled", async () => {
  const optimizer = finetuneOptimizer({ learningRate: 0.01, weightDecay: 0.02 });
  let params = { head: { weight: float64([0.5, -1, 2, 0.25], [2, 2]), bias: float64([0.1, -0.2]) } };
  let state = optimizer.init(params);
  for (const [s, expected] of torch.lamb.entries()) {
    const weight = float64([0.3, -0.1, 0.7, 1.1].map((g) => g * (1 + s)), [2, 2]);
    const bias = float64([0.5, -0.9].map((g) => g * (1 - s / 3)));
    const [updates, next] = optimizer.update({ head: { weight, bias } }, state, params);
    [params, state] = [applyUpdates(params, updates), next];
    assertClose(await read(params.head.weight), expected.p1, { absolute: 1e-11, relative: 1e-10 });
    assertClose(await read(params.head.bias), expected.p2, { absolute: 1e-11, relative: 1e-10 });
  }
});

Deno.test("finetuneOptimizer() decays rates by layer, and refuses a factor above 1", async () => {
  const optimizer = finetuneOptimizer({ learningRate: 1, weightDecay: 0, layerDecay: 0.5, rule: "adamw" });
  const tree = { encoder: { w: float64([1]) }, head: { w: float64([1]) } };
  const [{ encoder, head }] = optimizer.update(tree, optimizer.init(tree), tree);
  assertClose([...await read(encoder.w) as Float64Array, ...await read(head.w) as Float64Array], [-0.5, -1]);
  throws(() => finetuneOptimizer({ learningRate: 1, weightDecay: 0, layerDecay: 2 }), /must lie in \(0, 1\]/);
});

const MODEL = resnet({ name: "tiny", block: "basic", depths: [1, 1], widths: [2, 4], stemWidth: 2, stem: "light" });
const IMAGES = tensor(Float32Array.from(randomValues(9, 2 * 16 * 16 * 3)), { shape: [2, 16, 16, 3] });
const PATTERN = patternFromIndices([[0, 0, 1], [0, 2, 3], [0, 3, 3], [1, 0, 0], [1, 1, 2], [1, 3, 1]], [2, 4, 4]);

/**
 * Checkpoints whose moments are `optimizer.moments.first.…`, saved after two steps of rate 0.02 and decay 0.1, before
 * optimizers were chains; and what the third and the fourth step then gave: losses, and the first weights.
 */
const BEFORE = {
  lamb: { losses: [0.9758703708648682, 0.9751617908477783], conv1: [-0.12387499958276749, 0.06975576281547546] },
  adamw: { losses: [0.9712405204772949, 0.9671556949615479], conv1: [-0.1301029473543167, 0.014114162884652615] },
  sgd: { losses: [0.9780193567276001, 0.9774319529533386], conv1: [-0.14988350868225098, 0.056640055030584335] },
} as const;

for (const rule of ["lamb", "adamw", "sgd"] as const) {
  const path = new URL(`../golden/files/moments_by_name_${rule}.safetensors`, import.meta.url).pathname;
  const optimizer = pretrainOptimizer({ learningRate: 0.02, weightDecay: 0.1, rule });
  const fresh = init(MODEL, optimizer, random.key(0), { decoderWidth: 4 });

  const goesOn = async (start: TrainState) => {
    let train = start;
    const losses: Tensor[] = [];
    for (let i = 0; i < 2; i++) {
      const { loss, gradients, state } = lossAndGradients(MODEL, train, { images: IMAGES, pattern: PATTERN }, {
        train: true,
      });
      const [updates, next] = optimizer.update(gradients, train.optimizer, train.params);
      train = { ...train, params: applyUpdates(train.params, updates), state, optimizer: next };
      losses.push(loss);
    }
    const found = await Promise.all(losses.map(async (loss) => (await read(loss))[0]!));
    assertClose(found, BEFORE[rule].losses, { relative: 1e-6 });
    const weight = await read((train.params.encoder as { conv1: { weight: Tensor } }).conv1.weight);
    assertClose(Array.from(weight).slice(0, 2), BEFORE[rule].conv1, { absolute: 1e-6 });
  };

  Deno.test(`pretrainOptimizer() with ${rule} goes on from a checkpoint that names moments alone, to the same numbers`, async () => {
    await goesOn(await load(path, fresh));
    const { params, state, optimizer: moments } = await loadWeights(path, MODEL);
    deepStrictEqual([...await read(moments!.step) as Int32Array], [2]);
    await goesOn({ ...fresh, params, state, optimizer: withMoments(fresh.optimizer, moments!) });
  });
}

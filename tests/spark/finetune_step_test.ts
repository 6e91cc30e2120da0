import { deepStrictEqual, equal, notDeepStrictEqual, ok } from "node:assert/strict";
import { jit, ones, random, referenceDevice, type Tensor, tensor, treeLeaves, treeMap } from "../../tensor/mod.ts";
import { leaf, realize } from "../../tensor/kernel.ts";
import { adamw, resnet, sgd } from "../../nn/mod.ts";
import { averageWeights, finetuneStep, initFinetune, scoreRows, startAverage } from "../../spark/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { randomValues } from "../support/random_values.ts";
import golden from "../golden/finetune_torch.json" with { type: "json" };

const device = referenceDevice();
const model = resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4, stem: "light" });

const images = leaf({ shape: [4, 8, 8, 3], dtype: "float32" }, {
  host: Float32Array.from(randomValues(3, 4 * 8 * 8 * 3)),
});
const targets = tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]]);

async function numbers(tree: unknown): Promise<readonly number[]> {
  const leaves = treeLeaves(tree) as readonly Tensor[];
  realize(leaves, device);
  return (await Promise.all(leaves.map((x) => x.data({ device })))).flatMap((values) => Array.from(values, Number));
}

Deno.test("scoreRows() are PyTorch's cross-entropies and top-k", async () => {
  const logits = tensor(Float64Array.from(golden.logits), { shape: [5, 7] });
  const rows = await numbers(scoreRows(logits, tensor(golden.labels, { dtype: "int32" })));
  const log = (row: readonly number[]) => {
    const largest = Math.max(...row);
    return largest + Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0));
  };
  golden.labels.forEach((label, i) => {
    const row = golden.logits.slice(7 * i, 7 * i + 7);
    assertClose([rows[3 * i]!], [log(row) - row[label]!], { absolute: 1e-9 });
    deepStrictEqual([rows[3 * i + 1], rows[3 * i + 2]], [golden.top[1][i], golden.top[5][i]].map(Number));
  });
});

Deno.test("finetuneStep() learns the targets, moves head, encoder, statistics and key, with either loss", async () => {
  for (const loss of ["ce", "bce"] as const) {
    const optimizer = adamw({ learningRate: 0.02, weightDecay: 0 });
    const step = jit(finetuneStep(model, optimizer, { loss }), { device });
    const start = initFinetune(model, optimizer, random.key(1), { classes: 3 });
    let train = start;
    const losses: number[] = [];
    for (let i = 0; i < 25; i++) {
      const out = step(train, { images, targets });
      train = out.train;
      losses.push(...await numbers(out.loss));
    }
    ok(losses.at(-1)! < 0.75 * losses[0]!, `${loss}: ${losses[0]} to ${losses.at(-1)}`);
    for (const part of ["params", "state", "key"] as const) {
      notDeepStrictEqual(await numbers(train[part]), await numbers(start[part]));
    }
  }
});

Deno.test("finetuneStep() drops paths by its key, another each step; evaluation drops nothing", async () => {
  const optimizer = sgd({ learningRate: 0 });
  const start = initFinetune(model, optimizer, random.key(1), { classes: 3 });
  // Blocks start as their shortcut, so that dropping them shows only once their last scale is not 0.
  const params = treeMap((x: Tensor) => x.shape.length === 1 ? ones(x.shape) : x, start.params);
  const lossOf = async (dropPath: number, train: typeof start) =>
    (await numbers(finetuneStep(model, optimizer, { dropPath })(train, { images, targets }).loss))[0];
  const train = { ...start, params };
  const next = { ...train, key: finetuneStep(model, optimizer)(train, { images, targets }).train.key };
  equal(await lossOf(0, next), await lossOf(0, train));
  equal(await lossOf(0.9, train), await lossOf(0.9, train));
  const several = await Promise.all([train, next].map((each) => lossOf(0.9, each)));
  notDeepStrictEqual(several, [await lossOf(0, train), await lossOf(0, train)]);
});

Deno.test("a network that was pre-trained is taken as it is; its average starts there", async () => {
  const optimizer = adamw({ learningRate: 1e-3 });
  const backbone = model.init(random.key(9));
  const train = startAverage(initFinetune(model, optimizer, random.key(1), { classes: 3, backbone }));
  deepStrictEqual(await numbers(train.params.encoder), await numbers(backbone.params));
  deepStrictEqual(await numbers(train.average!.params.encoder), await numbers(backbone.params));
  const { train: after } = finetuneStep(model, optimizer)(train, { images, targets });
  const moved = averageWeights(train, after, { decay: 0.5 });
  // A tenth of the old weights is left after the first step.
  const [old, now] = [await numbers(train.params.head), await numbers(after.params.head)];
  assertClose(await numbers(moved.average!.params.head), old.map((x, i) => 0.1 * x + 0.9 * now[i]!), {
    absolute: 1e-6,
  });
});

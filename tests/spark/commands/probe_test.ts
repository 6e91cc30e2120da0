import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { cpuDevice, random, type Tensor, treeLeaves } from "../../../tensor/mod.ts";
import { leaf, realize } from "../../../tensor/kernel.ts";
import { dataKey, drawNormal, drawsOf } from "../../../data/mod.ts";
import { type BatchNormState, type Conv2dParams, resnet } from "../../../nn/mod.ts";
import { batchesForStatistics } from "../../../spark/commands/probe/probe_options.ts";
import { type FrozenFeatures, frozenFeatures, recalibrated } from "../../../spark/train/features/frozen_features.ts";
import { linearProbe } from "../../../spark/train/features/linear_probe.ts";
import { nearestNeighbours } from "../../../spark/train/features/nearest_neighbours.ts";
import { assertClose } from "../../support/assert_close.ts";
import { randomValues } from "../../support/random_values.ts";

const device = cpuDevice({ threads: 1 });
const CLASSES = 7;
const CHANNELS = 5;

/** Clouds around a centre for each class; scales of the channels differ a lot, as those of features do. */
function clouds(seed: number, count: number, noise: number): FrozenFeatures {
  const draw = drawsOf(dataKey(seed));
  const centers = randomValues(99, CLASSES * CHANNELS);
  const labels = Int32Array.from({ length: count }, (_, i) => i % CLASSES);
  const values = Float32Array.from({ length: count * CHANNELS }, (_, i) => {
    const [row, channel] = [Math.floor(i / CHANNELS), i % CHANNELS];
    return (2 * centers[labels[row]! * CHANNELS + channel]! + noise * drawNormal(draw)) * 10 ** (channel - 2) + 3;
  });
  return { values, labels, channels: CHANNELS };
}

Deno.test("linearProbe() separates what is separable, and nothing where there is nothing", async () => {
  const options = { classes: CLASSES, epochs: 40, batchSize: 32, seed: 1, device };
  const { top1, top5 } = await linearProbe(clouds(1, 420, 0.1), clouds(2, 210, 0.1), options);
  deepStrictEqual([top1, top5], [1, 1]);
  const mixed = clouds(3, 420, 0.1);
  const shuffled = { ...mixed, labels: mixed.labels.map((_, i) => (i * i + 3 * i) % CLASSES) };
  const chance = await linearProbe({ ...shuffled, values: clouds(4, 420, 30).values }, clouds(5, 700, 30), options);
  ok(chance.top1 < 0.3 && chance.top5 < 0.9, JSON.stringify(chance));
  deepStrictEqual(
    await linearProbe(clouds(1, 420, 0.5), clouds(2, 70, 0.5), options),
    await linearProbe(
      clouds(1, 420, 0.5),
      clouds(2, 70, 0.5),
      options,
    ),
  );
});

Deno.test("nearestNeighbours() is the weighted vote by its definition", async () => {
  const [train, val] = [clouds(6, 60, 0.6), clouds(7, 300, 0.6)];
  const cosine = (i: number, j: number) => {
    const [a, b] = [
      val.values.subarray(i * CHANNELS, (i + 1) * CHANNELS),
      train.values.subarray(j * CHANNELS, (j + 1) * CHANNELS),
    ];
    const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, each, k) => sum + each * y[k]!, 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };
  for (const neighbours of [1, 9]) {
    let right = 0;
    for (let i = 0; i < val.labels.length; i++) {
      const near = [...train.labels.keys()].map((j) => ({ j, similarity: cosine(i, j) }))
        .sort((a, b) => b.similarity - a.similarity).slice(0, neighbours);
      const votes = Array.from(
        { length: CLASSES },
        (_, label) =>
          near.filter(({ j }) => train.labels[j] === label).reduce(
            (sum, { similarity }) => sum + Math.exp(similarity / 0.07),
            0,
          ),
      );
      if (votes.indexOf(Math.max(...votes)) === val.labels[i]) right++;
    }
    const share = await nearestNeighbours(train, val, { classes: CLASSES, neighbours, device });
    // Neighbours that are equally near to seven digits may come in another order.
    ok(Math.abs(share - right / val.labels.length) <= 1 / 300, `${share} and ${right / 300}`);
    ok(share > 0.3 && share < 1);
  }
});

const model = resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4, stem: "light" });

async function* imageBatches(steps: number) {
  for (let step = 0; step < steps; step++) {
    const host = Float32Array.from(randomValues(step % 3, 4 * 8 * 8 * 3), (x) => 2 * x + 1);
    const images = leaf({ shape: [4, 8, 8, 3], dtype: "float32" }, { host });
    const labels = leaf({ shape: [4], dtype: "int32" }, { host: Int32Array.of(0, 1, 2, 3) });
    yield { images, labels, indices: [0, 1, 2, 3].map((i) => 4 * (step % 2) + i) };
  }
}

async function numbers(tree: unknown): Promise<readonly number[]> {
  const leaves = treeLeaves(tree) as readonly Tensor[];
  realize(leaves, device);
  return (await Promise.all(leaves.map((x) => x.data({ device })))).flatMap((values) => Array.from(values, Number));
}

/** Layers of the stem by their names. */
type Stem<Layer> = Readonly<Record<"bn1" | "conv1", Layer>>;

Deno.test("recalibrated() gives the statistics of dense images, whatever they were before", async () => {
  const weights = model.init(random.key(1));
  const spoiled = {
    ...weights,
    state: {
      ...weights.state,
      bn1: {
        ...(weights.state as Stem<BatchNormState>).bn1,
        runningMean: leaf({ shape: [4], dtype: "float32" }, { host: Float32Array.of(50, -50, 9, 9) }),
      },
    },
  };
  const one = await recalibrated(weights, { model, device, batches: imageBatches(200) });
  const other = await recalibrated(spoiled, { model, device, batches: imageBatches(200) });
  assertClose(await numbers(other), await numbers(one), { absolute: 1e-5, relative: 1e-5 });
  // The stem sees the images themselves: its mean is that of the convolution over the last batches.
  const { conv2d } = await import("../../../nn/mod.ts");
  const means: number[][] = [];
  for await (const { images } of imageBatches(3)) {
    const maps = await numbers(conv2d((weights.params as Stem<Conv2dParams>).conv1, images, { stride: 2, padding: 1 })); // [4, 4, 4, 4]
    means.push(
      [0, 1, 2, 3].map((c) => maps.filter((_, i) => i % 4 === c).reduce((sum, x) => sum + x, 0) / (maps.length / 4)),
    );
  }
  const found = await numbers((one as Stem<BatchNormState>).bn1.runningMean);
  found.forEach((mean, c) => {
    const around = means.map((each) => each[c]!);
    ok(mean >= Math.min(...around) - 1e-4 && mean <= Math.max(...around) + 1e-4, `${mean} of ${around}`);
  });
});

Deno.test("batchesForStatistics() sees each image once at the most", () => {
  const cases = [[100, 40, 64, 1], [100, 129, 64, 3], [100, 100_000, 64, 100], [0, 40, 64, 0], [7, 8, 2, 4]] as const;
  for (const [asked, images, size, count] of cases) equal(batchesForStatistics(asked, images, size), count);
});

Deno.test("frozenFeatures() counts each image once", async () => {
  const weights = model.init(random.key(1));
  const { values, labels, channels } = await frozenFeatures(weights, { model, device, batches: imageBatches(4) });
  deepStrictEqual([labels.length, channels, values.length], [8, 8, 64]);
  const { features } = model.features(weights.params, weights.state, (await imageBatches(1).next()).value!.images);
  const maps = await numbers(features.at(-1)!); // [4, 2, 2, 8]
  const pooled = Array.from({ length: 32 }, (_, i) => {
    const [row, channel] = [Math.floor(i / 8), i % 8];
    return [0, 1, 2, 3].reduce((sum, site) => sum + maps[(row * 4 + site) * 8 + channel]! / 4, 0);
  });
  assertClose([...values.subarray(0, 32)], pooled, { absolute: 1e-5 });
  equal(values.every(Number.isFinite), true);
});

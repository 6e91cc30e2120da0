import { deepStrictEqual, match, notDeepStrictEqual, ok, rejects } from "node:assert/strict";
import { alone, type Collective, cpuDevice, type Tensor, treeLeaves, treeMap } from "../../../tensor/mod.ts";
import { emptyRing, leaf, readRing, realize } from "../../../tensor/kernel.ts";
import { addGradients, backboneStateDict, save, type TrainState, zeroSums } from "../../../spark/mod.ts";
import type { Conv2dParams } from "../../../nn/mod.ts";
import { encodePth } from "../../../data/mod.ts";
import type { PretrainOptions } from "../../../spark/commands/shared/pretrain_options.ts";
import { settleOptions } from "../../../spark/commands/shared/settled_options.ts";
import { startingWeights } from "../../../spark/commands/pretrain/starting_weights.ts";
import { makePretraining, type Pretraining } from "../../../spark/commands/pretrain/pretraining.ts";
import { partOf } from "../../../spark/train/pretrain_step.ts";
import { assertClose } from "../../support/assert_close.ts";
import { randomValues } from "../../support/random_values.ts";

const device = cpuDevice({ threads: 1 }); // no workers to end

const IMAGES = leaf({ shape: [4, 32, 32, 3], dtype: "float32" }, {
  host: Float32Array.from(randomValues(1, 4 * 32 * 32 * 3)),
});
const options = (given: Partial<PretrainOptions> = {}): PretrainOptions => ({
  ...settleOptions({ inputSize: [32, 32], batchSize: 4, steps: 9, baseLr: 1, decoderWidth: 8 }),
  ...given,
});
const trainingOf = (given: Partial<PretrainOptions>, debug = false, collective: Collective = alone()): Pretraining =>
  makePretraining(options(given), { stepsPerEpoch: 3, total: 9, warmup: 0, shift: 0, scheduleShift: 0 }, device, {
    debug,
    collective,
  });
const ring = () => emptyRing({ length: 1, width: 4 });

async function numbers(tree: unknown): Promise<readonly number[]> {
  const leaves = treeLeaves(tree) as readonly Tensor[];
  realize(leaves, device);
  return (await Promise.all(leaves.map((x) => x.data({ device })))).flatMap((values) => Array.from(values));
}

/** A copy that a step may take over. */
const copyOf = async (train: TrainState): Promise<TrainState> => {
  const copies = new Map<Tensor, Tensor>();
  for (const x of treeLeaves(train) as readonly Tensor[]) copies.set(x, leaf(x, { host: await x.data({ device }) }));
  return treeMap((x: Tensor) => copies.get(x)!, train);
};

Deno.test("a step of small batches is that of their weighted gradients; its average moves on", async () => {
  const training = trainingOf({ accumulate: 2, ema: 0.999 });
  const start = await copyOf(training.initial);
  const { train, metrics } = training.step(await copyOf(start), ring(), IMAGES);
  const [small, method] = [[0, 1].map((part) => partOf(IMAGES, part, 2)), { maskRatio: 0.6, dropPath: 0 }];
  const more = addGradients(training.model, method);
  const first = more(start, zeroSums(start.params), { images: small[0]! });
  const second = more({ ...start, ...first }, first.sums, { images: small[1]! });
  deepStrictEqual(small.map(({ shape }) => shape), [[2, 32, 32, 3], [2, 32, 32, 3]]);
  const [row] = await readRing(metrics, { appended: 1, last: 1, device });
  assertClose([row![0]!], [(await numbers(second.sums.loss))[0]! / (await numbers(second.sums.patches))[0]!], {
    relative: 1e-4,
  });
  assertClose(await numbers(train.state), await numbers(second.state), { absolute: 1e-3, relative: 1e-3 });
  notDeepStrictEqual(await numbers(train.params), await numbers(start.params));
  // (1 + 0) / (10 + 0) of the old weights is left after the first step.
  const [before, after] = [await numbers(start.params), await numbers(train.params)];
  assertClose(await numbers(train.average!.params), before.map((old, i) => 0.1 * old + 0.9 * after[i]!), {
    absolute: 1e-6,
  });
});

Deno.test("--init-weight takes all of a checkpoint, and the encoder of a backbone", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const donor = await copyOf(trainingOf({ seed: 5 }).initial);
    await save(`${folder}/donor.safetensors`, donor);
    const training = trainingOf({ ema: 0.9 });
    const whole = await startingWeights(options({ initWeight: `${folder}/donor.safetensors` }), training);
    deepStrictEqual(await numbers(whole.params), await numbers(donor.params));
    deepStrictEqual(await numbers(whole.average!.params), await numbers(donor.params));
    deepStrictEqual(await numbers(whole.optimizer), await numbers(training.initial.optimizer));
    const encoder = { params: donor.params.encoder, state: donor.state.encoder };
    await Deno.writeFile(`${folder}/backbone.pth`, encodePth(await backboneStateDict(encoder, { naming: "timm" })));
    const part = await startingWeights(options({ initWeight: `${folder}/backbone.pth` }), training);
    deepStrictEqual(await numbers(part.params.encoder), await numbers(donor.params.encoder));
    deepStrictEqual(await numbers(part.params.decoder), await numbers(training.initial.params.decoder));
    await rejects(
      startingWeights(options({ initWeight: `${folder}/absent.pth` }), training),
      /^Error: Cannot read .*absent.pth/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The state with a first layer that overflows. */
function brokenOf(start: TrainState): TrainState {
  const encoder = start.params.encoder as { readonly conv1: Conv2dParams };
  return {
    ...start,
    params: {
      ...start.params,
      encoder: {
        ...encoder,
        conv1: treeMap(() =>
          leaf(encoder.conv1.weight, {
            host: new Float32Array(9 * 3 * 32).fill(1e38),
          }), encoder.conv1),
      },
    },
  };
}

/** Another process, which says in each exchange what it has found. */
function besides(rank: number, text: string): Collective {
  const bytes = new TextEncoder().encode(text);
  return {
    ...alone(),
    ...{ rank, size: 2 },
    allReduce(values) {
      values[0]! += Number(text !== "");
      return { poll: () => true, wait: () => {} };
    },
    allGather(values, all) {
      all.set(values, rank * values.length);
      const words = new Uint8Array(4 * values.length);
      words.set(values.length === 1 ? new Uint8Array(Uint32Array.of(bytes.length).buffer) : bytes);
      all.set(new Uint32Array(words.buffer), (1 - rank) * values.length);
    },
  };
}

for (
  const [name, isBroken, partner, expected] of [
    ["this finds", true, besides(1, ""), /^the output of \w+ in encoder\.(conv1|bn1), of images of rank 1$/],
    [
      "the other finds",
      false,
      besides(1, "the output of sin in decoder"),
      /^the output of sin in decoder, of images of rank 0$/,
    ],
    ["both find", true, besides(1, "the output of sin in decoder"), /^the output of sin in decoder$/],
    ["neither finds", false, besides(1, ""), /^nothing$/],
  ] as const
) {
  Deno.test(`--debug-nans by two ranks, of which ${name} what is not finite, names the layer and whose images`, async () => {
    const training = trainingOf({}, true, partner);
    const start = await copyOf(training.initial);
    match(await training.explain!(isBroken ? brokenOf(start) : start, IMAGES) ?? "nothing", expected);
  });
}

Deno.test("--debug-nans names the layer, of a state that the step left alone", async () => {
  const training = trainingOf({}, true);
  const start = await copyOf(training.initial);
  const broken = brokenOf(start);
  const { metrics } = training.step(broken, ring(), IMAGES);
  const [row] = await readRing(metrics, { appended: 1, last: 1, device });
  ok(!Number.isFinite(row![0]!));
  match(await training.explain!(broken, IMAGES) ?? "nothing", /^the output of \w+ in encoder\.(conv1|bn1)$/);
});

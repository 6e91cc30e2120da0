/** @file A linear classifier on frozen features. */
import { allReduce, alone, type Collective, type Device, jit, mul, random, type Tensor } from "../../../tensor/mod.ts";
import { leaf } from "../../../tensor/kernel.ts";
import {
  adamw,
  applyUpdates,
  chain,
  clipByGlobalNorm,
  initLinear,
  linear,
  type LinearParams,
  notNormOrBias,
  type OptimizerState,
  softCrossEntropy,
  TORCH_CLIP_EPSILON,
  warmupCosine,
} from "../../../nn/mod.ts";
import { valueAndGrad } from "../../../tensor/mod.ts";
import { dataKey, mixTargets, shuffled } from "../../../data/mod.ts";
import { scoreRows } from "../../score.ts";
import { shareOf } from "../../shared_step.ts";
import { partOfRank } from "../ranks/open_ranks.ts";
import type { FrozenFeatures } from "./frozen_features.ts";

/** Settings of `linearProbe`. */
export interface LinearProbeOptions {
  /** Number of classes. */
  readonly classes: number;
  /** Passes over the features. */
  readonly epochs: number;
  /** Features per step. */
  readonly batchSize: number;
  /** Seed of first weights and order. */
  readonly seed: number;
  /** Where to compute. */
  readonly device: Device;
  /** Who shares each step, all with all features; nobody if not given. */
  readonly collective?: Collective;
  /** Told how many passes are done. */
  readonly onEpoch?: (done: number) => void;
}

/** Shares of the images that were right. */
export interface Accuracy {
  /** Whose class has the best score. */
  readonly top1: number;
  /** Whose class is among the five best. */
  readonly top5: number;
}

/** Rate at its peak; the features have unit variance, so it need not depend on the network. */
const LEARNING_RATE = 1e-2;

/**
 * Trains a linear classifier on features and scores it on others. Features are first brought to mean 0 and variance 1,
 * by the statistics of those that are trained on.
 *
 * @param train Features to train on.
 * @param val Features to score.
 * @param options Length of the training, seed, device.
 * @returns Accuracy on `val`.
 */
export async function linearProbe(
  train: FrozenFeatures,
  val: FrozenFeatures,
  options: LinearProbeOptions,
): Promise<Accuracy> {
  const scale = standardisation(train);
  const params = await trained(standardised(train, scale), options);
  const { device } = options;
  const logitsOf = jit((weights: LinearParams, x: Tensor, labels: Tensor) => scoreRows(linear(weights, x), labels), {
    device,
  });
  const { values, labels, channels } = standardised(val, scale);
  const count = labels.length;
  const rows = await logitsOf(
    params,
    host(values, [count, channels]),
    leaf({ shape: [count], dtype: "int32" }, {
      host: labels,
    }),
  ).data({ device });
  const share = (column: number) => labels.reduce((sum, _, i) => sum + (rows[3 * i + column] as number), 0) / count;
  return { top1: share(1), top5: share(2) };
}

const host = (values: Float32Array<ArrayBuffer>, shape: readonly number[]): Tensor =>
  leaf({ shape, dtype: "float32" }, { host: values });

async function trained(
  train: FrozenFeatures,
  { classes, epochs, batchSize, seed, device, collective = alone(), onEpoch = () => {} }: LinearProbeOptions,
): Promise<LinearParams> {
  const { channels, labels } = train;
  const size = Math.min(batchSize, labels.length);
  const steps = Math.floor(labels.length / size);
  const total = steps * epochs;
  const { first, count } = partOfRank(size, collective);
  const share = shareOf(count, { collective, batchSize: size });
  const learningRate = warmupCosine({ peak: LEARNING_RATE, warmup: Math.floor(total / 10), total });
  const rule = adamw({ learningRate, weightDecay: 1e-4, mask: notNormOrBias });
  const optimizer = chain(clipByGlobalNorm(5, { epsilon: TORCH_CLIP_EPSILON }), rule);
  const step = jit((params: LinearParams, state: OptimizerState<LinearParams>, x: Tensor, targets: Tensor) => {
    const lossOf = (weights: LinearParams) => {
      const loss = softCrossEntropy(linear(weights, x), targets);
      return share === undefined ? loss : mul(loss, share);
    };
    const [, own] = valueAndGrad(lossOf)(params);
    const gradients = allReduce(own, collective);
    const [updates, next] = optimizer.update(gradients, state, params);
    return { params: applyUpdates(params, updates), state: next };
  }, { device, donate: [0, 1] });
  const params = initLinear(random.key(seed), { inChannels: channels, outChannels: classes });
  let current = { params, state: optimizer.init(params) };
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled(dataKey(seed, epoch), labels.length);
    for (let i = 0; i < steps; i++) {
      const { x, targets } = rowsOf(train, order.subarray(i * size + first, i * size + first + count), classes);
      current = step(current.params, current.state, host(x, [count, channels]), host(targets, [count, classes]));
    }
    await current.params.weight.data({ device }); // so that steps are not queued without end, and progress is true
    onEpoch(epoch + 1);
  }
  return current.params;
}

/** Some features, and their labels as probabilities. */
function rowsOf({ values, labels, channels }: FrozenFeatures, indices: Uint32Array, classes: number) {
  const x = new Float32Array(indices.length * channels);
  indices.forEach((index, i) => x.set(values.subarray(index * channels, (index + 1) * channels), i * channels));
  const targets = mixTargets(Int32Array.from(indices, (i) => labels[i]!), { classes, labelSmoothing: 0 });
  return { x, targets };
}

interface Standardisation {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** Mean and deviation of each channel; a channel that is constant counts as of deviation 1. */
function standardisation({ values, channels, labels }: FrozenFeatures): Standardisation {
  const [mean, square] = [new Float64Array(channels), new Float64Array(channels)];
  values.forEach((x, i) => mean[i % channels]! += x / labels.length);
  values.forEach((x, i) => square[i % channels]! += (x - mean[i % channels]!) ** 2 / labels.length);
  return { mean, deviation: square.map((each) => Math.sqrt(each) > 1e-12 ? Math.sqrt(each) : 1) };
}

function standardised(features: FrozenFeatures, { mean, deviation }: Standardisation): FrozenFeatures {
  const { channels } = features;
  return { ...features, values: features.values.map((x, i) => (x - mean[i % channels]!) / deviation[i % channels]!) };
}

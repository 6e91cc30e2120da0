/** @file What several processes compute of shared images, written so that one process is the case of a group of one. */
import {
  adamw,
  batchNorm,
  batchNormOfRows,
  type BatchNormState,
  convnext,
  type DetectorVariant,
  initBatchNorm,
  type NormParams,
  resnet,
  tinyResnet,
} from "../../../nn/mod.ts";
import { placesOfPart } from "../../../data/mod.ts";
import {
  addFinetuneGradients,
  addGradients,
  applyFinetuneSums,
  applySums,
  finetuneStep,
  init,
  initFinetune,
  pretrainOptimizer,
  trainStep,
  zeroFinetuneSums,
  zeroSums,
} from "../../../spark/mod.ts";
import { sharingOf } from "../../../spark/commands/shared/shared_run.ts";
import { partOfRank } from "../../../spark/train/ranks/open_ranks.ts";
import { type StepPart, together } from "../../../spark/shared_step.ts";
import {
  add,
  cast,
  type Collective,
  concat,
  div,
  jit,
  mul,
  random,
  reshape,
  type Shape,
  sin,
  softmax,
  square,
  sum,
  take,
  type Tensor,
  tensor,
  treeMap,
  valueAndGrad,
} from "../../../tensor/mod.ts";
import { detected } from "./detected.ts";
import { inSmallBatches } from "./in_small_batches.ts";

/** How the images are shared. */
export interface How {
  /** Images of a step. */
  readonly images: number;
  /** Statistics over all images. */
  readonly sync: boolean;
  /** Of one process: statistics over so many parts. */
  readonly parts: number;
  /** Small batches of a step. */
  readonly accumulate: number;
  readonly dtype: "float32" | "float64";
  /** Of detectors: steps, and whose rules. */
  readonly steps: number;
  readonly variant: DetectorVariant;
}

/** The rows of a process, along axis 0. */
function ownOf(x: Tensor, collective: Collective, groups = 1): Tensor {
  const [rows] = x.shape as [number];
  return take(x, placesOfPart(partOfRank(rows, collective, groups), rows));
}

/** How a step is shared, as commands say it; of one process alone what stands for that. */
function sharingBy({ images, sync, parts, accumulate }: How, collective: Collective) {
  if (collective.size === 1) return { statistics: { parts } };
  return sharingOf({ batchSize: images, accumulate, bucketMb: 25, syncBn: sync }, collective);
}

/** Loss, gradients and running statistics of a batch norm: of the own rows. */
export function normalised({ images, sync, parts, dtype }: How, collective: Collective): object {
  const all = cast(random.normal(random.key(1), [images, 3, 4]), dtype);
  const weights = cast(random.normal(random.key(2), [images, 3, 4]), dtype);
  const { params, state } = initBatchNorm(4, { dtype });
  const lossOf = (x: Tensor) => {
    const over = sync ? { collective } : { parts };
    const out = batchNorm(params, state, x, { train: true, ...over });
    return [sum(mul(sin(out.output), ownOf(weights, collective))), out.state] as const;
  };
  const [[loss, after], gradient] = valueAndGrad(lossOf, { hasAux: true })(ownOf(all, collective));
  return { loss, after, gradient };
}

/** For float64, which the reference alone computes. */
const SMALL = resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4, stem: "light" });

/** State, loss and norm after a step of a small network. */
export function trained(how: How, collective: Collective): object {
  const { images, accumulate, dtype } = how;
  const optimizer = pretrainOptimizer({ learningRate: 0.01 });
  const [model, side] = dtype === "float32" ? [tinyResnet(), 64] : [SMALL, 16];
  const start = init(model, optimizer, random.key(3), { decoderWidth: dtype === "float32" ? 32 : 8, dtype });
  const options = sharingBy(how, collective);
  const whole = trainStep(model, optimizer, options);
  const [more, apply] = [addGradients(model, options), applySums(optimizer, options)];
  const step = jit((train: typeof start, x: Tensor) => {
    if (accumulate === 1) return whole(train, { images: x });
    return apply(
      ...inSmallBatches(train, { images: x }, { count: accumulate, zero: zeroSums(train.params), add: more }),
    );
  });
  const batch = cast(random.normal(random.key(10), [images, side, side, 3]), dtype);
  const out = step(start, ownOf(batch, collective, accumulate));
  return { loss: out.loss, norm: out.gradientNorm, params: out.train.params, state: out.train.state };
}

/** State, loss and norm after a step of fine-tuning a small network without batch norm. */
export function finetuned(how: How, collective: Collective): object {
  const { images, accumulate } = how;
  const model = convnext({ name: "small", depths: [1, 1, 1, 1], dims: [8, 16, 24, 32] });
  const optimizer = adamw({ learningRate: 1e-3 });
  const start = initFinetune(model, optimizer, random.key(3), { classes: 5 });
  const method = { dropPath: 0.2, ...sharingBy(how, collective) };
  const whole = finetuneStep(model, optimizer, method);
  const [more, apply] = [addFinetuneGradients(model, method), applyFinetuneSums(optimizer, method)];
  const step = jit((train: typeof start, batch: { readonly images: Tensor; readonly targets: Tensor }) => {
    if (accumulate === 1) return whole(train, batch);
    const zero = zeroFinetuneSums(train.params);
    return apply(...inSmallBatches(train, batch, { count: accumulate, zero, add: more }));
  });
  const targets = softmax(random.normal(random.key(11), [images, 5]));
  const batch = {
    images: ownOf(random.normal(random.key(10), [images, 64, 64, 3]), collective, accumulate),
    targets: ownOf(targets, collective, accumulate),
  };
  const out = step(start, batch);
  return { loss: out.loss, norm: out.gradientNorm, params: out.train.params };
}

/** Loss, gradients and running statistics of a batch norm of rows some of which do not count: the second process of three has none. */
export function normalisedRows({ images, sync, dtype }: How, collective: Collective): object {
  const all = cast(random.normal(random.key(1), [images, 3, 4]), dtype);
  const weights = cast(random.normal(random.key(2), [images, 3, 4]), dtype);
  const third = Math.floor(images / 3);
  const valid = tensor(Int32Array.from({ length: images }, (_, i) => Number(Math.floor(i / third) !== 1 && i !== 0)));
  const { params, state } = initBatchNorm(4, { dtype });
  const lossOf = (x: Tensor) => {
    const rows = ownOf(valid, collective);
    const out = batchNormOfRows(params, state, x, { train: true, valid: rows, ...sync && { collective } });
    const counts = reshape(cast(rows, dtype), [-1, 1, 1]);
    return [sum(mul(mul(sin(out.output), ownOf(weights, collective)), counts)), out.state] as const;
  };
  const [[loss, after], gradient] = valueAndGrad(lossOf, { hasAux: true })(ownOf(all, collective));
  return { loss, after, gradient };
}

/** Rows that count, of each part of three: some, none, all, and one alone, of which there is no variance. */
const THAT_COUNT: readonly (readonly number[])[] = [[0, 2], [], [0, 1, 2], [1]];

/** A part of the rows, with what they are weighted by in the loss. */
interface Part {
  readonly rows: Tensor;
  readonly weights: Tensor;
  /** Which of them count. */
  readonly places: readonly number[];
}

/** Loss of a part and running statistics afterwards, of the rows that count alone, which are cut out. */
function cutOut(params: NormParams, state: BatchNormState, { rows, weights, places }: Part) {
  const seen = { ...state, count: add(state.count, 1) };
  if (places.length === 0) return [mul(sum(rows), 0), seen] as const;
  const train = places.length > 1;
  const out = batchNorm(params, state, take(rows, places), { train });
  return [sum(mul(sin(out.output), take(weights, places))), train ? out.state : seen] as const;
}

/** The same by `batchNormOfRows`. */
function masked(params: NormParams, state: BatchNormState, { rows, weights, places }: Part) {
  const valid = tensor(Int32Array.from([0, 1, 2], (row) => Number(places.includes(row))));
  const out = batchNormOfRows(params, state, rows, { train: true, valid });
  const counts = reshape(cast(valid, rows.dtype), [-1, 1]);
  return [sum(mul(mul(sin(out.output), weights), counts)), out.state] as const;
}

/**
 * Loss, gradients and running statistics of four parts of a batch, each normalised by itself: of one process all of them, with
 * the rows that count cut out; of four processes that do not synchronise one each, joined as those of a step.
 */
export function normalisedApart({ dtype }: How, collective: Collective): object {
  const draw = (seed: number, shape: Shape) => cast(random.normal(random.key(seed), shape), dtype);
  const [all, weights] = [draw(1, [12, 4]), draw(2, [12, 4])];
  const params = { weight: draw(3, [4]), bias: draw(4, [4]) };
  const count = tensor(5, { dtype: "int32" });
  const state = { runningMean: draw(5, [4]), runningVar: add(square(draw(6, [4])), 0.5), count };
  const isAlone = collective.size === 1;
  const parts = [0, 1, 2, 3].filter((part) => isAlone || part === collective.rank).map((part) => {
    const own = [0, 1, 2].map((row) => 3 * part + row);
    const lossOf = ({ rows, ...norm }: NormParams & { readonly rows: Tensor }) =>
      (isAlone ? cutOut : masked)(norm, state, { rows, weights: take(weights, own), places: THAT_COUNT[part]! });
    const [[loss, after], { rows, ...gradients }] = valueAndGrad(lossOf, { hasAux: true })({
      ...params,
      rows: take(all, own),
    });
    return { rows, step: { loss, gradients, state: after } };
  });
  const rows = concat(parts.map((part) => part.rows), { axis: 0 });
  const [first, ...others] = parts.map(({ step }) => step) as [StepPart<NormParams, BatchNormState>];
  if (!isAlone) return { rows, step: together(first, { collective }) };
  const sums = others.reduce((x, y) => treeMap(add, x, y), first);
  return { rows, step: { ...sums, state: treeMap((x: Tensor) => cast(div(x, 4), x.dtype), sums.state) } };
}

/** All that threads compute, by name. */
export const COMPUTED: Readonly<
  Record<
    "normalised" | "normalisedRows" | "normalisedApart" | "trained" | "finetuned" | "detected",
    (how: How, collective: Collective) => object
  >
> = { normalised, normalisedRows, normalisedApart, trained, finetuned, detected };

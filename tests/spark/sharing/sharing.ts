/** @file What several processes compute of shared images, written so that one process is the case of a group of one. */
import {
  adamw,
  batchNorm,
  batchNormOfRows,
  convnext,
  type DetectorVariant,
  initBatchNorm,
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
import {
  cast,
  type Collective,
  jit,
  mul,
  random,
  reshape,
  sin,
  softmax,
  sum,
  take,
  type Tensor,
  tensor,
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

/** All that threads compute, by name. */
export const COMPUTED: Readonly<
  Record<
    "normalised" | "normalisedRows" | "trained" | "finetuned" | "detected",
    (how: How, collective: Collective) => object
  >
> = { normalised, normalisedRows, trained, finetuned, detected };

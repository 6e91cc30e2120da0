/** @file What several processes compute of shared images, written so that one process is the case of a group of one. */
import { adamw, batchNorm, convnext, initBatchNorm, resnet, tinyResnet } from "../../../nn/mod.ts";
import {
  addGradients,
  applySums,
  finetuneStep,
  init,
  initFinetune,
  pretrainOptimizer,
  trainStep,
  zeroSums,
} from "../../../spark/mod.ts";
import { partOfRank } from "../../../spark/train/ranks/open_ranks.ts";
import {
  cast,
  type Collective,
  jit,
  mul,
  random,
  sin,
  slice,
  softmax,
  sum,
  type Tensor,
  valueAndGrad,
} from "../../../tensor/mod.ts";

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
}

/** The rows of a process, along axis 0. */
function ownOf(x: Tensor, { rank, size }: Collective): Tensor {
  const { first, count } = partOfRank(x.shape[0]!, { rank, size });
  const rest = x.shape.slice(1);
  return slice(x, { start: [first, ...rest.map(() => 0)], size: [count, ...rest] });
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
export function trained({ images, sync, parts, accumulate, dtype }: How, collective: Collective): object {
  const optimizer = pretrainOptimizer({ learningRate: 0.01 });
  const [model, side] = dtype === "float32" ? [tinyResnet(), 64] : [SMALL, 16];
  const start = init(model, optimizer, random.key(3), { decoderWidth: dtype === "float32" ? 32 : 8, dtype });
  const { first } = partOfRank(images, collective);
  const statistics = sync ? { collective } : { parts };
  const options = { collective, batchSize: images, first, statistics };
  const whole = trainStep(model, optimizer, options);
  const [more, apply] = [addGradients(model, options), applySums(optimizer, { collective, statistics })];
  const step = jit((train: typeof start, x: Tensor) => {
    if (accumulate === 1) return whole(train, { images: x });
    let [small, sums] = [train, zeroSums(train.params)];
    const count = x.shape[0]! / accumulate;
    for (let part = 0; part < accumulate; part++) {
      const own = slice(x, { start: [part * count, 0, 0, 0], size: [count, ...x.shape.slice(1)] });
      const out = more(small, sums, { images: own });
      [small, sums] = [{ ...small, state: out.state, key: out.key }, out.sums];
    }
    return apply(small, sums);
  });
  const batch = cast(random.normal(random.key(10), [images, side, side, 3]), dtype);
  const out = step(start, ownOf(batch, collective));
  return { loss: out.loss, norm: out.gradientNorm, params: out.train.params, state: out.train.state };
}

/** State, loss and norm after a step of fine-tuning a small network without batch norm. */
export function finetuned({ images }: How, collective: Collective): object {
  const model = convnext({ name: "small", depths: [1, 1, 1, 1], dims: [8, 16, 24, 32] });
  const optimizer = adamw({ learningRate: 1e-3 });
  const start = initFinetune(model, optimizer, random.key(3), { classes: 5 });
  const { first } = partOfRank(images, collective);
  const step = jit(finetuneStep(model, optimizer, { collective, batchSize: images, first, dropPath: 0.2 }));
  const targets = softmax(random.normal(random.key(11), [images, 5]));
  const batch = {
    images: ownOf(random.normal(random.key(10), [images, 64, 64, 3]), collective),
    targets: ownOf(targets, collective),
  };
  const out = step(start, batch);
  return { loss: out.loss, norm: out.gradientNorm, params: out.train.params };
}

/** All that threads compute, by name. */
export const COMPUTED: Readonly<
  Record<"normalised" | "trained" | "finetuned", (how: How, collective: Collective) => object>
> = { normalised, trained, finetuned };

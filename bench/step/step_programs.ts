/** @file The programs of a training step and of its parts, as pure functions of the training state. */
import { add, grad, mean, random, square, type Tensor, type Tree } from "../../tensor/mod.ts";
import { type Features, type Model, type Optimizer, valuesOf } from "../../nn/mod.ts";
import { gather, type SparsePattern } from "../../sparse/mod.ts";
import {
  forward,
  init,
  inputGrid,
  lossAndGradients,
  patchLoss,
  pretrainOptimizer,
  sampleMask,
  type TrainState,
} from "../../spark/mod.ts";
import type { StepSizes } from "../step_options.ts";

const MASK_RATIO = 0.6;

/** What the first step begins with: the optimizer, the state, random images. */
export function prepareStep({ model, inputSize, decoderWidth }: StepSizes, batchSize: number): {
  readonly optimizer: Optimizer;
  readonly train: TrainState;
  readonly images: Tensor;
} {
  const optimizer = pretrainOptimizer({ learningRate: 1e-4, b2: model.recipe.beta2 });
  const train = init(model, optimizer, random.key(0), { inputSize: [inputSize, inputSize], decoderWidth });
  return { optimizer, train, images: random.normal(random.key(1), [batchSize, inputSize, inputSize, 3]) };
}

/** A mask as a training step draws it. */
function patternOf(model: Model, key: Tensor, images: Tensor): SparsePattern {
  const [batch, height, width] = images.shape as [number, number, number];
  const grid = inputGrid(model, [height, width]);
  return sampleMask(random.foldIn(key, 0), { batch, grid, maskRatio: MASK_RATIO });
}

/** The loss alone, in training mode. */
export function forwardOnly(model: Model): (train: TrainState, images: Tensor) => Tensor {
  return (train, images) => {
    const pattern = patternOf(model, train.key, images);
    const { pixels } = forward(model, train, { images, pattern }, { train: true });
    return patchLoss(images, pixels, pattern);
  };
}

/** The loss and all gradients, no update. */
export function forwardAndBackward(model: Model): (train: TrainState, images: Tensor) => Tree {
  return (train, images) => {
    const pattern = patternOf(model, train.key, images);
    const { loss, gradients } = lossAndGradients(model, train, { images, pattern }, { train: true });
    return { loss, gradients: gradients as unknown as Tree };
  };
}

/**
 * Gradients of the encoder's parameters: on the packed visible patches, or on whole images. What is differentiated is
 * the mean square of every map, so that cotangents are dense and come in at all scales.
 */
export function encoderGradients(model: Model, sparse: boolean): (train: TrainState, images: Tensor) => Tree {
  return (train, images) => {
    const input: Features = sparse ? gather(images, patternOf(model, train.key, images)) : images;
    const loss = (params: Tree) => {
      const { features } = model.features(params, train.state.encoder, input, { train: true });
      return features.map((map) => mean(square(valuesOf(map)))).reduce((sum, x) => add(sum, x));
    };
    return grad(loss)(train.params.encoder);
  };
}

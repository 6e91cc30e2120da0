import * as t from "../../tensor/mod.ts";
import type { Device, Jitted, Tensor } from "../../tensor/mod.ts";

/** Weights of a small network: two strided convolutions and a product. */
export interface SmallWeights {
  readonly first: Tensor;
  readonly second: Tensor;
  readonly last: Tensor;
}

/** Result of a step of the small network. */
export interface SmallResult {
  readonly weights: SmallWeights;
  readonly loss: Tensor;
}

/** First weights. */
export function smallWeights(): SmallWeights {
  const [first, second, last] = [[3, 3, 3, 8], [3, 3, 8, 16], [16, 10]].map((shape, i) =>
    t.mul(t.random.normal(t.random.key(i), shape), 0.2)
  );
  return { first: first!, second: second!, last: last! };
}

/** A batch of images `[batch, 16, 16, 3]` on the host. */
export function smallImages(seed: number, batch = 4): Tensor {
  const values = Float32Array.from({ length: batch * 16 * 16 * 3 }, (_, i) => Math.sin(seed + 0.37 * i * (1 + i % 7)));
  return t.tensor(values, { shape: [batch, 16, 16, 3] });
}

/** One step of gradient descent of the small network, whose weights it takes over. */
export function smallStep(device: Device): Jitted<(weights: SmallWeights, images: Tensor) => SmallResult> {
  const lossOf = ({ first, second, last }: SmallWeights, images: Tensor) => {
    const hidden = t.maximum(t.conv2d(images, first, { stride: 2, padding: 1 }), 0);
    const deeper = t.maximum(t.conv2d(hidden, second, { stride: 2, padding: 1 }), 0);
    const logits = t.matmul(t.mean(deeper, { axis: [1, 2] }), last);
    return t.mean(t.square(t.sub(logits, 1)));
  };
  const step = (weights: SmallWeights, images: Tensor): SmallResult => {
    const [loss, gradients] = t.valueAndGrad(lossOf)(weights, images);
    const updated = t.treeMap((x: Tensor, g: Tensor) => t.sub(x, t.mul(g, 0.05)), weights, gradients);
    return { weights: updated as SmallWeights, loss };
  };
  return t.jit(step, { device, donate: [0] });
}

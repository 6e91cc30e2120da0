/** @file Convolutions on a batch: examples that share their weights are more images, others are more groups of channels. */
import type { ConvParams } from "../../contraction/convolution.ts";
import type { Batch, Primitive } from "../../primitive.ts";
import type { TensorSpec } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { reshape, transpose } from "../layout.ts";
import { spread } from "./spread.ts";

/** `[N, ..., C]` with the examples before the channels: `[..., N·C]`. */
export function intoChannels(x: Tensor): Tensor {
  const [size, ...rest] = x.shape;
  const last = rest.pop()!;
  const moved = transpose(x, [...rest.map((_, i) => i + 1), 0, rest.length + 1]);
  return reshape(moved, [...rest, size! * last]);
}

/** The way back from `intoChannels`. */
export function outOfChannels(x: Tensor, size: number): Tensor {
  const rest = x.shape.slice(0, -1);
  const apart = reshape(x, [...rest, size, x.shape.at(-1)! / size]);
  return transpose(apart, [rest.length, ...rest.keys(), rest.length + 1]);
}

/** `[N, B, ...]` as `[N·B, ...]`. */
function intoImages(x: Tensor): Tensor {
  return reshape(x, [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]);
}

/**
 * Applies a part of a convolution to a batch.
 *
 * @param part The primitive: it computes `images` of images and weights, or `weights` of two lots of images.
 * @param result Which of the two.
 * @returns Its rule.
 */
export function channelsRule<P extends ConvParams>(
  part: () => Primitive<P>,
  result: "images" | "weights",
): (batch: Batch, params: P, output: TensorSpec) => Tensor {
  return (batch, params, output) => {
    const { inputs: [a, b], mapped: [first, second], size } = batch;
    if (result === "images" && !second) {
      return reshape(bind(part(), [intoImages(a!), b!], params), [size, ...output.shape]);
    }
    // Without groups an operand that all examples share sees the columns of all of them.
    const shares = !first && params.groups === 1 && !("inputSize" in params);
    const [left, right] = spread(batch);
    const operands = shares ? [a!, intoChannels(b!)] : [intoChannels(left!), intoChannels(right!)];
    const groups = shares ? 1 : params.groups * size;
    return outOfChannels(bind(part(), operands, { ...params, groups }), size);
  };
}

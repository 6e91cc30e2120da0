/** @file Convolutions through tables on a batch: examples that share their weights are more rows, others are more groups of channels. */
import type { Batch, Primitive } from "../../primitive.ts";
import type { TensorSpec } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { reshape } from "../layout.ts";
import { intoChannels, outOfChannels } from "./channels.ts";
import { endToEnd } from "./end_to_end.ts";
import { spread } from "./spread.ts";

/** `[N, M, ...]` as `[N·M, ...]`. */
function intoRows(x: Tensor): Tensor {
  return reshape(x, [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]);
}

/**
 * Applies a convolution of rows through tables, or the gradient of its weights, to a batch.
 *
 * @param part The primitive, of `[x, w or dy, map, inverse]`.
 * @param result What it computes.
 * @returns Its rule; it has none for examples that differ in their tables and in their weights.
 */
export function tableRule<P extends { readonly groups: number }>(
  part: () => Primitive<P>,
  result: "rows" | "weights",
): (batch: Batch, params: P, output: TensorSpec) => Tensor | null {
  return (batch, params, output) => {
    const { inputs: [, w, map, inverse], mapped: [, own, ...tables], size } = batch;
    const [x, other, maps, inverses] = spread(batch);
    if (result === "weights" || own) {
      if (tables.includes(true)) return null;
      const operands = [intoChannels(x!), intoChannels(other!), map!, inverse!];
      return outOfChannels(bind(part(), operands, { ...params, groups: params.groups * size }), size);
    }
    const sources = inverses!.shape[1]!; // the map names rows of x, the inverse rows of the result
    const ends = [intoRows(endToEnd(maps!, sources)), intoRows(endToEnd(inverses!, maps!.shape[1]!))];
    return reshape(bind(part(), [intoRows(x!), w!, ...ends], params), [size, ...output.shape]);
  };
}

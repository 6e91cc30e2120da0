import { hashUniform } from "../format.ts";

/**
 * Fills a tensor of a detector's state dict as the notes of the file say.
 *
 * @param key Its name.
 * @param shape Its shape there.
 * @param j Its position, offset included.
 * @returns Its numbers, in the order of the file.
 */
export function fillTensor(key: string, shape: readonly number[], j: number): Float64Array {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const u = (scale: number, offset = 0) => Float64Array.from({ length: size }, (_, k) => offset + scale * hashUniform(k, j));
  if (key.endsWith("running_mean") || key.endsWith("num_batches_tracked")) return new Float64Array(size);
  if (key.endsWith("running_var")) return new Float64Array(size).fill(1);
  if (shape.length >= 2) {
    return u(Math.sqrt(6 / (size / shape[0]!)) * (/box_predictor|bbox_pred|cls_logits/.test(key) ? 0.25 : 1));
  }
  return key.endsWith(".bias") ? u(0.05) : u(0.1, 1);
}

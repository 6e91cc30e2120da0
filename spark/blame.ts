/** @file Which layer made the first number that is not finite. */
import { STEP_OPTIONS } from "./step_options.ts";
import { alone, type Device, type Tensor, type Tree, treeLeaves } from "../tensor/mod.ts";
import { firstNotFinite, inputsIn, requireOptions } from "../tensor/kernel.ts";
import { type Model, namesOf } from "../nn/mod.ts";
import { anyOf } from "./shared_step.ts";
import type { TrainState } from "./train_state.ts";
import { drawBatch, type ImageBatch, lossAndGradients, type TrainStepOptions } from "./train_step.ts";

/** Names of the tensors that a step is made of. */
function namesIn({ params, state }: Pick<TrainState, "params" | "state">, images: Tensor): ReadonlyMap<Tensor, string> {
  const named = (tree: Tree, prefix: string) => {
    const names = namesOf(tree);
    return treeLeaves(tree).map((x, i) => [x, prefix + names[i]!] as const);
  };
  return new Map([...named(state, "the statistics "), ...named(params, ""), [images, "the images"]]);
}

/** The name nearest to a tensor among what it is made of. */
function nearestName(
  x: Tensor,
  names: ReadonlyMap<Tensor, string>,
  inputs: ReadonlyMap<Tensor, readonly Tensor[]>,
): string | undefined {
  const seen = new Set<Tensor>([x]);
  for (let level = [x]; level.length > 0;) {
    const known = level.map((node) => names.get(node)).filter((name) => name !== undefined);
    if (known.length > 0) return known.find((name) => !name.startsWith("the ")) ?? known[0];
    const next = level.flatMap((node) => inputs.get(node)!).filter((node) => !seen.has(node));
    next.forEach((node) => seen.add(node));
    level = [...new Set(next)];
  }
  return undefined;
}

/** A layer is called by its parameters without the last word, such as `encoder.layer1.0.conv1`. */
function layerOf(name: string): string {
  return name.startsWith("the ") ? name : name.replace(/\.(weight|bias)$/, "");
}

/**
 * Finds the layer in which a training step stops being finite. The step is computed again, every number of it looked at:
 * for finding errors, not for every step.
 *
 * @param model The model.
 * @param train The state before the step; not donated.
 * @param batch Its images.
 * @param options As of `trainStep`, and where to compute. Processes that share the step look together, each at its own images.
 * @returns Such as `the output of kernelMapConv in encoder.layer1.0.conv1`, `the value of encoder.conv1.weight`, or
 * `the gradient, at mul near decoder.projection`; `null` if loss and gradients are finite, or another process has found earlier
 * what is not.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { convnext } from "@tessera/tessera/nn";
 * import { init, nameNotFinite, pretrainOptimizer } from "@tessera/tessera/spark";
 * import { full, random, referenceDevice } from "@tessera/tessera/tensor";
 *
 * const model = convnext({ depths: [1], dims: [4] });
 * const train = init(model, pretrainOptimizer({ learningRate: 1 }), random.key(0), { decoderWidth: 4 });
 * const images = full([1, 8, 8, 3], NaN);
 * equal(await nameNotFinite(model, train, { images }, { device: referenceDevice() }), "the value of the images");
 * ```
 */
export async function nameNotFinite(
  model: Model,
  train: Pick<TrainState, "params" | "state" | "key" | "lossScale">,
  { images: given }: ImageBatch,
  options: TrainStepOptions & { readonly device: Device },
): Promise<string | null> {
  requireOptions("nameNotFinite", options, { ...STEP_OPTIONS, device: true });
  const { device, collective = alone(), ...rest } = options;
  const { images, pattern, run } = drawBatch(model, train.key, given, rest);
  const { loss, gradients } = lossAndGradients(model, train, { images, pattern }, run);
  const names = namesIn(train, images);
  const inputs = inputsIn([loss, ...treeLeaves(gradients) as readonly Tensor[]]);
  const forward = await firstNotFinite([loss], { device });
  if (anyOf(collective, forward !== null) && forward === null) return null; // what follows wants all processes
  if (forward && names.has(forward)) return `the value of ${names.get(forward)}`;
  if (forward) {
    return `the output of ${forward.primitive.name} in ${layerOf(nearestName(forward, names, inputs) ?? "the loss")}`;
  }
  const backward = await firstNotFinite(treeLeaves<Tree>(gradients), { device });
  if (!backward) return null;
  return `the gradient, at ${backward.primitive.name} near ${
    layerOf(nearestName(backward, names, inputs) ?? "the loss")
  }`;
}

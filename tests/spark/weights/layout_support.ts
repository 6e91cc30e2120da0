/** @file Weights of two small networks under any names, and which of them a loader took. */
import { random, type Tensor, treeLeaves } from "../../../tensor/mod.ts";
import { type Classifier, convnext, resnet } from "../../../nn/mod.ts";
import { decodeStateDict, encodePth, FileTensor, type StateDictOptions } from "../../../data/mod.ts";
import { type Backbone, backboneOf, backboneStateDict, type WeightNaming } from "../../../spark/mod.ts";

/** A small ResNet. */
export const MODEL: Classifier = resnet({ block: "bottleneck", depths: [1, 2], widths: [4, 8], stemWidth: 4 });
/** A small ConvNeXt. */
export const CONVNEXT: Classifier = convnext({ depths: [1, 1], dims: [4, 8] });

/** Weights of a network by name; `seed` tells them apart. */
export async function dictOf(
  seed: number,
  naming: WeightNaming = "official",
  model: Classifier = MODEL,
  classes = 0,
): Promise<Map<string, FileTensor>> {
  const { params, state } = model.init(random.key(seed));
  const head = classes > 0 ? { head: model.initHead(random.key(seed), { classes }) } : {};
  return new Map(await backboneStateDict({ params, state, ...head }, { naming }));
}

/** A tensor and its name. */
export type Named = readonly [name: string, tensor: FileTensor];

/** The same under longer names. */
export const under = (prefix: string, dict: ReadonlyMap<string, FileTensor>): readonly Named[] =>
  [...dict].map(([name, x]) => [prefix + name, x] as const);

/** A tensor that no network has. */
export const extra = (name: string): Named => [name, new FileTensor("F32", [2, 3], new Float32Array(6))];

/** The seed of the weights that were taken: their first convolution is compared. */
export async function seedOf(params: unknown, model: Classifier = MODEL): Promise<number> {
  const values = async (tree: unknown) => [
    ...await (treeLeaves(tree as Tensor) as readonly Tensor[]).find(({ shape }) => shape.length === 4)!.data(),
  ];
  const found = JSON.stringify(await values(params));
  for (const seed of [1, 2]) {
    if (JSON.stringify(await values(model.init(random.key(seed)).params)) === found) return seed;
  }
  return 0;
}

/** Loads the weights from a file of PyTorch. */
export const load = (
  items: Iterable<Named>,
  options: StateDictOptions = {},
  model: Classifier = MODEL,
): Backbone => backboneOf(decodeStateDict(encodePth(new Map(items)), "x.pth", options), model);

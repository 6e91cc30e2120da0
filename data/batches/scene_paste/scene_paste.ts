/** @file A built-in set of scenes for detectors: emoji pasted on painted backgrounds, with boxes, masks and classes. */
import { requireOptions } from "../../../tensor/errors.ts";
import type { Dataset } from "../../sets/dataset.ts";
import { emojiFiles } from "../../sets/fluent_emoji.ts";
import { spriteReader } from "../../sets/sprites.ts";
import { dataKey, drawsOf, shuffled } from "../draws.ts";
import { composeScene } from "./compose_scene.ts";

/** Which scenes: to learn from; other scenes of the same objects; scenes of objects that are in no scene to learn from. */
export type ScenePasteSplit = "train" | "val" | "novel";

/** Settings of `scenePaste`. */
export interface ScenePasteOptions {
  /** Which scenes; `train` if not given. */
  readonly split?: ScenePasteSplit;
  /** How many; 2000 if not given, 100 of the other splits. */
  readonly length?: number;
  /** Rows and columns; 192 if not given. */
  readonly size?: number;
  /** All scenes follow from it and from their number; 0 if not given. */
  readonly seed?: number;
  /** Classes: sub-groups of emoji; a dozen of which each looks like itself if not given. */
  readonly classes?: readonly string[];
  /** Emoji of a class that are learned from, at most; 12 if not given. A fifth of each class is kept for `novel`. */
  readonly perClass?: number;
  /** Least and most objects of a scene; `[3, 12]` if not given. */
  readonly objects?: readonly [number, number];
  /** Least and largest side of an object as a share of the scene's, the logarithm uniform; `[0.08, 0.5]` if not given. */
  readonly scale?: readonly [number, number];
  /** One scene in so many has a crowd, 0: none; 10 if not given. */
  readonly crowdEvery?: number;
}

/** Sub-groups of which each looks like itself. */
export const SCENE_PASTE_CLASSES: readonly string[] = [
  ...["animal-bird", "animal-bug", "animal-mammal", "face-smiling", "food-fruit", "food-sweet"],
  ...["heart", "musical-instrument", "plant-flower", "sport", "time", "transport-ground"],
];

/** Separate the randomness of scenes and of the choice of emoji from that of order and samples. */
const [SCENE_STREAM, CHOICE_STREAM] = [8, 9];

/** Numbers of the splits in keys. */
const SPLITS: Readonly<Record<ScenePasteSplit, number>> = { train: 0, val: 1, novel: 2 };

/** Share of the emoji of each class that is in no scene to learn from. */
const NOVEL = 0.2;

/**
 * Makes a set of scenes: 3 to 12 emoji on a painted background, turned, mirrored, of all sizes, covering each other in part. The
 * mask of an object is where it is seen; objects of which less than a quarter would be seen are placed elsewhere, so that
 * nothing is visible that is not annotated. One scene in ten has a crowd. Everything follows from seed, split and number.
 *
 * @param options Which scenes, how many, how large, of what.
 * @returns A data set of square RGB images that knows its objects (`loadScene`).
 * @throws {RangeError} If a class is no sub-group of the emoji, or a number is out of range.
 * @throws {Error} If a package is neither in the cache nor within reach.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { scenePaste } from "@tessera/tessera/data";
 *
 * const scenes = await scenePaste({ split: "val", size: 96 });
 * const { image, objects } = await scenes.loadScene!(0, Math.random);
 * equal(image.width, 96);
 * equal(objects.every((object) => object.class < scenes.labelNames!.length), true);
 * ```
 */
export async function scenePaste(options: ScenePasteOptions = {}): Promise<Dataset> {
  requireOptions("scenePaste", options, {
    ...{ split: true, length: true, size: true, seed: true, classes: true, perClass: true, objects: true, scale: true },
    crowdEvery: true,
  });
  const { split = "train", size = 192, seed = 0, classes = SCENE_PASTE_CLASSES, perClass = 12 } = options;
  const { length = split === "train" ? 2000 : 100, objects = [3, 12], scale = [0.08, 0.5], crowdEvery = 10 } = options;
  checkNumbers({ size, length, perClass, "objects[0]": objects[0] });
  const chosen = await chooseEmoji({ split, seed, classes, perClass });
  const spriteOf = spriteReader(chosen.files, Math.ceil(size * scale[1]));
  const scene = (index: number) =>
    composeScene({ size, objects, scale, hasCrowd: crowdEvery > 0 && index % crowdEvery === crowdEvery - 1 }, {
      draw: drawsOf(dataKey(seed, SCENE_STREAM, SPLITS[split], index)),
      classes: chosen.classes,
      spriteOf,
    });
  return {
    name: `scene-paste ${split}`,
    length,
    labelNames: classes,
    sizes: Array.from({ length }, () => [size, size] as const),
    source: { module: import.meta.url, factory: "scenePaste", args: [options] },
    nameOf: (index) => `${split} scene ${index}`,
    load: async (index) => (await scene(index)).image,
    loadScene: scene,
  };
}

function checkNumbers(numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new RangeError(`Cannot make scenes as ${name} must be a whole number above 0: current ${name} is ${value}`);
  }
}

/** Files of a split, class by class. */
async function chooseEmoji(
  { split, seed, classes, perClass }: {
    readonly split: ScenePasteSplit;
    readonly seed: number;
    readonly classes: readonly string[];
    readonly perClass: number;
  },
): Promise<{ readonly files: readonly string[]; readonly classes: readonly (readonly number[])[] }> {
  const { files, labels, labelNames } = await emojiFiles({});
  const all = classes.map((name) => {
    const label = labelNames.indexOf(name);
    if (label >= 0) return files.filter((_, i) => labels[i] === label);
    throw new RangeError(
      `Cannot make scenes as a class must be one of ${labelNames.join(", ")}: current class is ${name}`,
    );
  });
  const parts = all.map((own, kind) => {
    const order = [...shuffled(dataKey(seed, CHOICE_STREAM, kind), own.length)].map((i) => own[i]!);
    const novel = Math.max(1, Math.round(NOVEL * own.length));
    return split === "novel" ? order.slice(0, novel) : order.slice(novel, novel + perClass);
  });
  const starts = parts.map((_, kind) => parts.slice(0, kind).reduce((sum, part) => sum + part.length, 0));
  return { files: parts.flat(), classes: parts.map((part, kind) => part.map((_, i) => starts[kind]! + i)) };
}

/** @file Exchanges detectors with torchvision: one that is trained there finds the same here, and back. */
import { basename, join } from "node:path";
import { jit, mul, random, type Tensor, tensor, treeFlatten, treeUnflatten } from "../../tensor/mod.ts";
import { detect, type Detector, detector } from "../../nn/mod.ts";
import { IMAGENET_NORMALISATION, readNpz, readStateDict, writePth } from "../../data/mod.ts";
import { detectorOf, detectorSizes, detectorStateDict, type DetectorWeights } from "../../spark/mod.ts";
import { kindOf } from "../../spark/train/kind_of.ts";
import { MODELS } from "../../spark/train/model_table.ts";
import type { Bench } from "./bench.ts";

/** Objects of an image, the surest first. */
interface Found {
  /** `[D, 4]`. */
  readonly boxes: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
  /** Classes, background being 0. */
  readonly labels: ArrayLike<number>;
  /** `[D, side, side]`. */
  readonly masks: ArrayLike<number>;
}

/** Largest differences between detections that belong together, and how many belong to none. */
interface FoundDifference {
  readonly boxes: number;
  readonly scores: number;
  readonly masks: number;
  readonly unmatched: number;
  readonly count: number;
}

/** How far detections may lie apart: pixels, probabilities. */
const FOUND_TOLERANCES = { boxes: 1e-2, scores: 1e-4, masks: 1e-3, unmatched: 0 } as const;

/** Detections of an image at least. */
const LEAST = 20;

function farthest(a: ArrayLike<number>, b: ArrayLike<number>, [i, j]: readonly [number, number], each: number): number {
  return Array.from({ length: each }, (_, k) => Math.abs(a[i * each + k]! - b[j * each + k]!))
    .reduce((most, x) => Math.max(most, x), 0);
}

/**
 * Compares detections: each of one side belongs to that of the other of its class that lies nearest, each used once.
 *
 * @param got Of one side.
 * @param expected Of the other.
 * @returns Differences; a detection that finds none within four times the tolerance of boxes and scores is unmatched.
 */
function compareFound(got: Found, expected: Found): FoundDifference {
  const [mine, count] = [got.scores.length, expected.scores.length];
  const cells = expected.masks.length / count;
  const free = new Set(Array.from({ length: mine }, (_, i) => i));
  const worst = { boxes: 0, scores: 0, masks: 0, unmatched: Math.max(0, mine - count) };
  for (let j = 0; j < count; j++) {
    const near = [...free].filter((i) => got.labels[i] === expected.labels[j])
      .map((i) => ({
        i,
        box: farthest(got.boxes, expected.boxes, [i, j], 4),
        score: Math.abs(got.scores[i]! - expected.scores[j]!),
      }))
      .filter(({ box, score }) => box < 4 * FOUND_TOLERANCES.boxes && score < 4 * FOUND_TOLERANCES.scores)
      .sort((a, b) => a.box - b.box)[0];
    if (!near) {
      worst.unmatched++;
      continue;
    }
    free.delete(near.i);
    worst.boxes = Math.max(worst.boxes, near.box);
    worst.scores = Math.max(worst.scores, near.score);
    worst.masks = Math.max(worst.masks, farthest(got.masks, expected.masks, [near.i, j], cells));
  }
  return { ...worst, count };
}

async function foundIn(path: string): Promise<Found> {
  const { boxes, scores, labels, masks } = await readNpz(path);
  const numbers = (x: typeof boxes) => Array.from(x!.data as ArrayLike<number | bigint>, Number);
  return { boxes: numbers(boxes), scores: numbers(scores), labels: numbers(labels), masks: numbers(masks) };
}

/** An image, normalised and filled up to the stride, and its own size. */
async function imageIn(path: string): Promise<{ readonly images: Tensor; readonly sizes: Tensor }> {
  const { x } = await readNpz(path);
  const [height, width] = x!.shape as readonly [number, number, number];
  const [rows, columns] = [height, width].map((side) => Math.ceil(side / 32) * 32) as [number, number];
  const data = new Float32Array(rows * columns * 3);
  const { mean, std } = IMAGENET_NORMALISATION;
  (x!.data as Float32Array).forEach((value, i) => {
    const [c, column, row] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    data[(row * columns + column) * 3 + c] = (value - mean[c]!) / std[c]!;
  });
  return { images: tensor(data, { shape: [1, rows, columns, 3] }), sizes: tensor([[height, width]]) };
}

/** A detector of the sizes of a file, made to find as much as torchvision's half. */
type Finder = (weights: DetectorWeights, image: Awaited<ReturnType<typeof imageIn>>) => Promise<Found>;

function finderOf(model: Detector): Finder {
  const run = jit((weights: DetectorWeights, batch: Awaited<ReturnType<typeof imageIn>>) => {
    const { inside: _, ...found } = detect(model, weights, batch);
    return found;
  });
  return async (weights, image) => {
    const found = run(weights, image);
    const read = async (x: Tensor) => Array.from(await x.data() as ArrayLike<number>);
    const count = (await read(found.valid)).filter(Boolean).length;
    const side = found.masks!.shape[2]!;
    const labels = (await read(found.classes)).slice(0, count).map((label) => label + 1);
    return {
      boxes: (await read(found.boxes)).slice(0, 4 * count),
      scores: (await read(found.scores)).slice(0, count),
      ...{ labels, masks: (await read(found.masks!)).slice(0, count * side * side) },
    };
  };
}

/** Each weight a little larger or smaller, so that nothing is only handed through. */
function shaken<T>(tree: T): T {
  const { leaves, structure } = treeFlatten(tree as never);
  const other = (leaves as readonly Tensor[]).map((x, i) =>
    x.dtype === "int32" ? x : mul(x, random.uniform(random.key(i), x.shape, { min: 0.99, max: 1.01 }))
  );
  return treeUnflatten(structure, other as never) as T;
}

/** What both halves found in the images of the folder. */
interface DetectorExchange {
  /** With torchvision's weights: here against there. */
  readonly here: readonly FoundDifference[];
  /** With weights that were written here: there against here. */
  readonly back: readonly FoundDifference[];
}

/**
 * Reads the detector that torchvision trained, finds objects with it, writes another one for the way back, lets the other half
 * find objects with that, and compares.
 *
 * @param folder Where the other half left weights, images and detections.
 * @param options Number of images; what runs the other half on what was written.
 * @returns Differences, image by image.
 */
async function exchangeDetectors(
  folder: string,
  { images, check }: { readonly images: number; readonly check: () => Promise<unknown> },
): Promise<DetectorExchange> {
  const file = await readStateDict(join(folder, "torch_detector.pth"));
  const sizes = detectorSizes(file, { backbones: [MODELS.resnet50!.make()] })!;
  const model = detector({ ...sizes, scoreThreshold: 0, detections: 30 });
  const { params, state } = detectorOf(file, model);
  const other = { params: shaken(params), state: shaken(state) };
  await writePth(join(folder, "ours_detector.pth"), await detectorStateDict(model, other, { naming: "torchvision" }));
  const find = finderOf(model);
  const numbers = Array.from({ length: images }, (_, i) => i);
  const run = async (weights: DetectorWeights) => {
    const all: Found[] = [];
    for (const i of numbers) all.push(await find(weights, await imageIn(join(folder, `image_${i}.npz`))));
    return all;
  };
  const [first, second] = [await run({ params, state }), await run(other)];
  await check();
  const there = (name: string) => Promise.all(numbers.map((i) => foundIn(join(folder, `${name}_${i}.npz`))));
  const compared = (got: readonly Found[], expected: readonly Found[]) =>
    got.map((each, i) => compareFound(each, expected[i]!));
  return { here: compared(first, await there("torch_found")), back: compared(await there("back_found"), second) };
}

/** Whether detections of an image are the same, and as many as there must be. */
function areSame(difference: FoundDifference): boolean {
  return difference.count >= LEAST &&
    (["boxes", "scores", "masks", "unmatched"] as const).every((part) => difference[part] <= FOUND_TOLERANCES[part]);
}

/** A difference in words. */
function differenceText({ boxes, scores, masks, unmatched, count }: FoundDifference): string {
  const part = (name: "boxes" | "scores" | "masks", error: number, unit = "") =>
    `${name} ${error.toExponential(1)} of ${FOUND_TOLERANCES[name].toExponential(0)}${unit}`;
  const parts = [part("boxes", boxes, " px"), part("scores", scores), part("masks", masks)];
  return `${count - unmatched} of ${count} objects, ${parts.join(", ")}`;
}

/**
 * Trains a detector of torchvision on images of COCO, and checks that it finds the same objects here, and that one that is written
 * here finds the same there.
 *
 * @param bench Lines and the other half.
 * @param coco Folder of images and annotations; where it is absent, that is said.
 * @param folder For files on the way.
 */
export async function checkDetectors(bench: Bench, coco: string, folder: string): Promise<void> {
  const missing = ["instances_train.json", "instances_val.json"].find((name) => kindOf(join(coco, name)) !== "file");
  if (missing !== undefined) {
    bench.write(
      `skipped detectors, as --coco must name a folder with COCO's images and annotations: ${coco} lacks ${missing}`,
    );
    return;
  }
  const side = (...args: readonly string[]) => bench.python("torch_detector.py", args);
  const { images, loss } = JSON.parse(await side("train", folder, coco));
  bench.write(
    `        Mask R-CNN of torchvision after 100 steps on images of ${basename(coco)}: loss ${loss.toFixed(3)}`,
  );
  const { here, back } = await exchangeDetectors(folder, { images, check: () => side("check", folder) });
  const judge = (what: string) => (difference: FoundDifference, i: number) =>
    bench.require(`${what}, image ${i}`, areSame(difference), differenceText(difference));
  here.forEach(judge("detector of torchvision here"));
  back.forEach(judge("detector written here in torchvision"));
}

/** @file Samples of detectors: an image, the objects in it with their masks, and the anchors that are learned from. */
import { requireOptions } from "../../tensor/errors.ts";
import { type PyramidAnchorOptions, pyramidAnchors } from "../boxes/anchors.ts";
import { packMasks } from "../boxes/pack_masks.ts";
import { type RpnTargetOptions, rpnTargets } from "../boxes/rpn_targets.ts";
import { type PlacedSize, usableAnchors } from "../boxes/usable_anchors.ts";
import type { Draw } from "../images/draw.ts";
import { normalise } from "../images/normalise.ts";
import type { Pixels } from "../images/pixels.ts";
import { type Box, isCut, placeBox, placeImage, type Placement } from "../images/scenes/placement.ts";
import { type Canvas, drawPlacement, jitterColours, type SceneTransform } from "../images/scenes/scene_transforms.ts";
import { IMAGENET_NORMALISATION, type Normalisation } from "../images/transforms.ts";
import type { Dataset } from "../sets/dataset.ts";
import { boundsOfMask, placeMask } from "../sets/scenes/place_mask.ts";
import type { SceneObject } from "../sets/scenes/scene.ts";
import type { Fields, FieldSpec, FieldValues, Sample } from "./fields.ts";

/** What all samples of a run have in common. Plain data. */
export interface SceneFieldsOptions {
  /** One for each bucket. */
  readonly canvases: readonly Canvas[];
  /** How images are put there. */
  readonly transform: SceneTransform;
  /** Mean and standard deviation; those of ImageNet if not given. */
  readonly normalisation?: Normalisation;
  /** Group of each sample, if there are several: see `Fields`. */
  readonly groups?: Int32Array;
  /** Buckets of a group; 1 if not given. */
  readonly variants?: number;
  /** What is learned; absent for images alone, as evaluations take them. */
  readonly targets?: SceneTargets;
}

/** What a detector learns from a sample. */
export interface SceneTargets {
  /** Objects that a sample holds: of more, the largest are kept, and the others counted. */
  readonly objects: number;
  /** True for masks too. */
  readonly masks: boolean;
  /** How anchors lie, as `anchorOptionsOf` tells. */
  readonly anchors: PyramidAnchorOptions;
  /** How they are matched and sampled. */
  readonly rpn?: RpnTargetOptions;
  /** False: anchors in the filling are not learned from, as `usableAnchors` tells; true if not given. */
  readonly paddingAnchors?: boolean;
}

/** Boxes with a side of no more are dropped with their masks, as in detectron2. */
const LEAST_SIDE = 1e-5;

/** An object on the canvas. */
interface Placed {
  readonly class: number;
  readonly box: Box;
  /** Row-major, of the size of what is kept of the image. */
  readonly mask: Uint8Array | null;
}

/**
 * Samples for detectors, of fields `images` `[H, W, 3]`, filled with 0 to the right and below, `sizes` `[2]` (rows and columns
 * without the filling) and, with targets, `boxes` `[G, 4]`, `classes`, `valid` `[G]`, `masks` `[G, H, ⌈W / 32⌉]` (bits),
 * `rpnIndex`, `rpnLabel` `[N]` and `rpnTarget` `[P, 4]`: what `detectionLosses` takes of a batch. Crowds are not learned from;
 * boxes are taken anew from masks that were cut; objects of which nothing is left are dropped. Places without object have the
 * box `[0, 0, 1, 1]`.
 *
 * @param options Canvases, transform, what is learned.
 * @returns How samples are made; their `leftOut` are objects beyond the number that a sample holds.
 * @throws {TypeError} While samples are made, if the data set does not know objects but they are to be learned.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { sceneFields } from "@tessera/tessera/data";
 *
 * const transform = { kind: "shortestEdge", longest: 64, flip: 0 } as const;
 * const { buckets } = sceneFields({ canvases: [{ size: [64, 96], shorts: [64] }], transform });
 * deepStrictEqual(buckets[0]!.images!.shape, [64, 96, 3]);
 * ```
 */
export function sceneFields(options: SceneFieldsOptions): Fields {
  requireOptions("sceneFields", options, {
    ...{ canvases: true, transform: true, normalisation: true, groups: true, variants: true, targets: true },
  });
  const { canvases, groups, variants = 1, targets } = options;
  const anchors = canvases.map(({ size }) => targets ? pyramidAnchors(size, targets.anchors) : null);
  const { groups: _, ...plain } = options; // workers need not know them
  return {
    buckets: canvases.map(({ size }) => specsOf(size, targets)),
    ...(groups ? { groups } : {}),
    variants,
    source: { module: import.meta.url, factory: "sceneFields", args: [plain] },
    make: (dataset, { index, bucket }, draw) =>
      makeScene(dataset, index, options, { bucket, draw, anchors: anchors[bucket]! }),
  };
}

function specsOf(
  [height, width]: readonly [number, number],
  targets: SceneTargets | undefined,
): Readonly<Record<string, FieldSpec>> {
  const float = (...shape: readonly number[]): FieldSpec => ({ shape, dtype: "float32" });
  const int = (...shape: readonly number[]): FieldSpec => ({ shape, dtype: "int32" });
  const always = { images: float(height, width, 3), sizes: float(2) };
  if (!targets) return always;
  const { objects, masks, rpn: { batchSize = 256, positiveFraction = 0.5 } = {} } = targets;
  return {
    ...always,
    ...{ boxes: float(objects, 4), classes: int(objects), valid: int(objects) },
    ...(masks ? { masks: int(objects, height, Math.ceil(width / 32)) } : {}),
    ...{ rpnIndex: int(batchSize), rpnLabel: int(batchSize) },
    rpnTarget: float(Math.floor(batchSize * positiveFraction), 4),
  };
}

async function makeScene(
  dataset: Dataset,
  index: number,
  { canvases, transform, normalisation = IMAGENET_NORMALISATION, targets }: SceneFieldsOptions,
  { bucket, draw, anchors }: { readonly bucket: number; readonly draw: Draw; readonly anchors: Float64Array | null },
): Promise<Sample> {
  const canvas = canvases[bucket]!;
  const { image, objects } = await sceneOf(dataset, index, draw, targets !== undefined);
  const placement = drawPlacement(image, canvas, transform, draw);
  const pixels = jitterColours(placeImage(image, placement), transform.colour ?? 0, draw);
  const seen = {
    images: filledUp(normalise(pixels, normalisation), pixels, canvas.size),
    sizes: Float32Array.of(pixels.height, pixels.width),
  };
  if (!targets || !anchors) return { values: seen };
  const placed = objects.filter(({ crowd }) => !crowd)
    .flatMap((object) => placedObject(object, image, placement, targets.masks));
  const kept = largest(placed, targets.objects);
  return {
    values: {
      ...seen,
      ...objectFields(kept, targets, canvas.size, pixels),
      ...anchorFields(kept, anchors, { targets, canvas: canvas.size, image: [pixels.height, pixels.width] }, draw),
    },
    leftOut: placed.length - kept.length,
  };
}

async function sceneOf(dataset: Dataset, index: number, draw: Draw, hasTargets: boolean) {
  if (dataset.loadScene) return await dataset.loadScene(index, draw);
  if (!hasTargets) return { image: await dataset.load(index, draw), objects: [] };
  throw new TypeError(
    `Cannot make samples of ${dataset.name} as the data set must know the objects in its images: current loadScene is undefined`,
  );
}

/** Values on a canvas whose rest is 0. */
function filledUp(
  values: Float32Array<ArrayBuffer>,
  { width, height }: Pixels,
  [rows, columns]: readonly [number, number],
): Float32Array<ArrayBuffer> {
  if (width === columns && height === rows) return values;
  const out = new Float32Array(rows * columns * 3);
  for (let y = 0; y < height; y++) out.set(values.subarray(y * width * 3, (y + 1) * width * 3), y * columns * 3);
  return out;
}

function placedObject(
  { class: kind, box, segmentation }: SceneObject,
  image: Pixels,
  placement: Placement,
  wantsMask: boolean,
): readonly Placed[] {
  const clipped = placeBox(box, placement);
  const hasArea = ([x1, y1, x2, y2]: Box) => x2 - x1 > LEAST_SIDE && y2 - y1 > LEAST_SIDE;
  if (!hasArea(clipped)) return [];
  const cut = isCut(placement, image);
  if (!wantsMask && !(cut && segmentation)) return [{ class: kind, box: clipped, mask: null }];
  const mask = placeMask({ box, segmentation }, placement);
  const bounds = boundsOfMask(mask, placement.part.width);
  if (!bounds) return []; // nothing of it is left, or it is smaller than a pixel
  const own = cut && segmentation ? bounds : clipped;
  return [{ class: kind, box: own, mask: wantsMask ? mask : null }];
}

const areaOf = ([x1, y1, x2, y2]: Box): number => (x2 - x1) * (y2 - y1);

/** The largest boxes, in the order in which they were. */
function largest(placed: readonly Placed[], count: number): readonly Placed[] {
  if (placed.length <= count) return placed;
  const chosen = placed.map((object, i) => [areaOf(object.box), i] as const)
    .sort(([a, i], [b, k]) => b - a || i - k).slice(0, count).map(([, i]) => i).sort((a, b) => a - b);
  return chosen.map((i) => placed[i]!);
}

function objectFields(
  placed: readonly Placed[],
  { objects, masks }: SceneTargets,
  [height, width]: readonly [number, number],
  pixels: Pixels,
): FieldValues {
  const boxes = new Float32Array(objects * 4);
  for (let g = 0; g < objects; g++) boxes.set(placed[g]?.box ?? [0, 0, 1, 1], g * 4);
  const fill = (of: (object: Placed) => number) => {
    const values = new Int32Array(objects);
    placed.forEach((object, g) => values[g] = of(object));
    return values;
  };
  const words = Math.ceil(width / 32);
  const bits = new Int32Array(masks ? objects * height * words : 0);
  placed.forEach(({ mask }, g) => {
    if (!mask) return;
    bits.set(packMasks([mask], [pixels.height, pixels.width], [height, width]), g * height * words);
  });
  return { boxes, classes: fill((object) => object.class), valid: fill(() => 1), ...(masks ? { masks: bits } : {}) };
}

function anchorFields(
  placed: readonly Placed[],
  anchors: Float64Array,
  { targets: { rpn = {}, anchors: options, paddingAnchors = true }, ...size }: PlacedSize & {
    readonly targets: SceneTargets;
  },
  draw: Draw,
): FieldValues {
  const usable = paddingAnchors ? {} : { usable: usableAnchors(size, options) };
  const boxes = placed.flatMap(({ box }) => box);
  const { index, label, target } = rpnTargets(anchors, boxes, draw, { ...rpn, ...usable });
  return { rpnIndex: index, rpnLabel: label, rpnTarget: Float32Array.from(target) };
}

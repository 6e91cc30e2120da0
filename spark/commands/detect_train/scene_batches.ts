/** @file From images with objects to batches of a few shapes. */
import {
  type BatchPart,
  type Canvas,
  fieldBatches,
  type Fields,
  type FieldSpec,
  sceneBuckets,
  sceneFields,
  type SceneTransform,
} from "../../../data/mod.ts";
import { zeros } from "../../../tensor/mod.ts";
import { anchorOptionsOf, type DetectionBatch, type Detector } from "../../../nn/mod.ts";
import type { DetectionState } from "../../detection.ts";
import type { Compiled } from "../../train/compile/compile_step.ts";
import type { BatchRun } from "../../train/run_training.ts";
import type { DetectData } from "./detect_data.ts";
import type { DetectOptions } from "./detect_options.ts";
import { numbersIn } from "./settled_detect_options.ts";

/** Samples of a run, and what the shapes of their batches are for. */
export interface SceneShapes {
  /** How samples are made. */
  readonly fields: Fields;
  /** What each bucket is for, for people. */
  readonly names: readonly string[];
}

/** Of ConvNeXt's recipe: lengths of the shorter side before a part is cut out, and sides of the part. */
const CUT = { shorts: [400, 500, 600], range: [384, 600] } as const;

function transformOf(
  { transform, longest, cropShare, flip, colour, jitterLeast, jitterMost }: DetectOptions,
): SceneTransform {
  if (transform === "jitter") return { kind: "jitter", scale: [jitterLeast, jitterMost], flip, colour };
  return {
    kind: "shortestEdge",
    longest,
    flip,
    colour,
    ...cropShare > 0 ? { crop: { probability: cropShare, ...CUT } } : {},
  };
}

/** Canvases of the run: of jitter one, else a few that hold all images. */
function canvasesOf(options: DetectOptions, { settings }: Detector, { sizes }: DetectData["train"]) {
  const { transform, longest, sizeBuckets, cropShare, inputSize } = options;
  if (transform === "jitter") {
    const canvases: readonly Canvas[] = [{ size: inputSize, shorts: [] }];
    return { canvases, names: [inputSize.join("×")] };
  }
  const stride = settings.strides.at(-2)!;
  const shorts = numbersIn(options.shorts, "shorts");
  return sceneBuckets(sizes, { shorts, longest, stride, bands: sizeBuckets, cuts: cropShare > 0 });
}

/**
 * Chooses the shapes of batches.
 *
 * @param options Options of the run.
 * @param model The detector.
 * @param train Images to train on.
 * @returns How samples are made.
 */
export function sceneShapes(options: DetectOptions, model: Detector, train: DetectData["train"]): SceneShapes {
  const { names, ...canvases } = canvasesOf(options, model, train);
  const { rpnMatch: match, rpnBatchSize: batchSize, masks, paddingAnchors } = model.settings;
  const rpn = { match, batchSize };
  const targets = { objects: options.objects, masks, anchors: anchorOptionsOf(model), rpn, paddingAnchors };
  return { names, fields: sceneFields({ ...canvases, transform: transformOf(options), targets }) };
}

/** A batch of a bucket, of which only the shapes count. */
function emptyBatch({ fields }: SceneShapes, bucket: number, size: number): DetectionBatch {
  const of = ({ shape, dtype }: FieldSpec) => zeros([size, ...shape], { dtype });
  const entries = Object.entries(fields.buckets[bucket]!).map(([name, spec]) => [name, of(spec)]);
  return Object.fromEntries(entries) as unknown as DetectionBatch;
}

/** Buckets, the largest first: it decides what memory holds. */
function byArea({ fields: { buckets } }: SceneShapes): readonly number[] {
  const area = (k: number) => buckets[k]!.images!.shape.reduce((product, side) => product * side, 1);
  return buckets.map((_, k) => k).sort((a, b) => area(b) - area(a) || a - b);
}

/**
 * Batches of each shape, of which only the shapes count.
 *
 * @param shapes How samples are made.
 * @param count How many images of so many of a step are here.
 * @returns Of the shape that needs most memory, and of the others, for `compileStep`.
 */
export function emptyBatches(
  shapes: SceneShapes,
  count: (size: number) => number,
): Pick<Compiled<DetectionState, DetectionBatch>, "batchOf" | "buckets"> {
  const [first, ...others] = byArea(shapes).map((bucket) => ({
    name: shapes.names[bucket]!,
    of: (size: number) => emptyBatch(shapes, bucket, count(size)),
  }));
  const { name, of: batchOf } = first!;
  if (others.length === 0) return { batchOf };
  return { batchOf, buckets: { first: name, others: Object.fromEntries(others.map(({ name, of }) => [name, of])) } };
}

/** Which batches, and how. */
export interface SceneRun extends BatchRun {
  readonly batchSize: number;
  /** Which images of each are made here. */
  readonly part: BatchPart;
  readonly seed: number;
  readonly workers: number;
  /** Told of objects that have no place. */
  readonly onLeftOut?: (objects: number) => void;
}

/**
 * Batches for training.
 *
 * @param train Images.
 * @param shapes How samples are made.
 * @param run First and last step, workers, what to do with what cannot be used.
 * @returns Batches, step by step; each follows from seed and step alone.
 */
export async function* sceneBatches(
  train: DetectData["train"],
  { fields }: SceneShapes,
  { onLeftOut = () => {}, ...run }: SceneRun,
): AsyncGenerator<DetectionBatch, void, void> {
  for await (const batch of fieldBatches(train, { fields, ...run })) {
    if (batch.leftOut > 0) onLeftOut(batch.leftOut);
    yield batch.fields as unknown as DetectionBatch;
  }
}

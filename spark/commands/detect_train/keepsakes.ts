/** @file What a run of the command keeps: evaluations, and pictures of what is found in some images. */
import type { Device } from "../../../tensor/mod.ts";
import {
  dataKey,
  type Detection,
  drawDetections,
  drawsOf,
  dropAlpha,
  ImageError,
  imageGrid,
  IMAGENET_NORMALISATION,
  type Pixels,
  resample,
  sceneBuckets,
} from "../../../data/mod.ts";
import type { DetectionState } from "../../detection.ts";
import {
  type DetectorInput,
  type DetectorTrees,
  type ImageDetector,
  imageDetector,
} from "../../train/detection/detect_images.ts";
import { type DetectionSet, detectorEvaluation } from "../../train/detection/evaluate_detector.ts";
import type { BestDetector } from "../../train/results/best_detector.ts";
import { detectionResults } from "../../train/results/detection_results.ts";
import { enlargementFor } from "../../train/results/pictures.ts";
import { launchOf } from "../../train/results/rank_report.ts";
import type { RunLengths } from "../../train/run_lengths.ts";
import type { RunFolder } from "../../train/run_folder.ts";
import type { LogSoFar } from "../../train/results/run_log.ts";
import type { KeepsakeRun } from "../../train/run_training.ts";
import { accountsOf } from "../shared/run_data.ts";
import type { DetectData } from "./detect_data.ts";
import type { DetectOptions } from "./detect_options.ts";
import type { Detecting } from "./detecting.ts";

/** What a run works with. */
export interface KeptRun {
  readonly options: DetectOptions;
  readonly data: DetectData;
  readonly training: Detecting;
  readonly lengths: RunLengths & { readonly evalEvery: number };
  readonly device: Device;
  readonly start: {
    readonly folder: RunFolder;
    readonly log: LogSoFar;
    readonly resumed?: { readonly configuration: { readonly best: BestDetector | null } };
  };
  readonly configuration: Readonly<Record<string, unknown>>;
  /** As of `evaluatedWeights`. */
  readonly weightsOf: (train: DetectionState) => DetectorTrees;
}

/** Images that pictures show. */
const SHOWN = 4;

/** Least score of what pictures show. */
const SURE = 0.5;

/** Longer side of a picture, at most. */
const SIDE = 320;

/**
 * Prepares what the run keeps.
 *
 * @param kept What it works with.
 * @param run Who runs, and whom to tell.
 * @returns As of `detectionResults`.
 */
export function keepsakesOf(kept: KeptRun, { head, note, emit }: KeepsakeRun): ReturnType<typeof detectionResults> {
  const { options, data, lengths, device, start, configuration, weightsOf } = kept;
  const canvases = canvasesOf(kept);
  const detector = detectorOf(kept, canvases);
  const evaluations = Object.entries(data.val).map(([name, set]) => [name, detectorEvaluation(detector, set)] as const);
  const { evalEvery, total, warmup, stepsPerEpoch } = lengths;
  const counted = { steps: total, warmupSteps: warmup, stepsPerEpoch, evalEvery, images: data.images };
  return detectionResults(start.folder, {
    ...{ title: head.name, before: start.log, tell: note, emit, configuration, evalEvery, total },
    about: { ...options, ...counted, device: device.name, ...launchOf(head) },
    sources: accountsOf(data.train, ...Object.values(data.val).map(({ dataset }) => dataset)),
    best: start.resumed?.configuration.best ?? null,
    ...{ weightsOf, canvases },
    evaluate: async (weights) => {
      const scores: [string, Awaited<ReturnType<(typeof evaluations)[number][1]>>][] = [];
      for (const [name, evaluate] of evaluations) scores.push([name, await evaluate(weights)]);
      return Object.fromEntries(scores);
    },
    paint: (weights) => paint(detector, data, weights, options.seed),
  });
}

/** Filled sizes: a few that hold all images. */
function canvasesOf({ options, data, training: { model } }: KeptRun): NonNullable<DetectorInput["canvases"]> {
  const { testShort: short, longest } = options;
  const { strides, variant } = model.settings;
  const sizes = Object.values(data.val).flatMap(({ set }) =>
    set.images.map(({ height, width }) => [height, width] as const)
  );
  const stride = strides.at(-2)!;
  return sceneBuckets(sizes, { shorts: [short], longest, stride, rule: variant }).canvases.map(({ size }) => size);
}

function detectorOf(
  { options, data, training: { model, initial }, device }: KeptRun,
  canvases: NonNullable<DetectorInput["canvases"]>,
): ImageDetector {
  const { testShort: short, longest } = options;
  return imageDetector(model, initial, {
    input: { short, longest, normalisation: IMAGENET_NORMALISATION, canvases },
    categories: data.categories.map(({ id }) => id),
    device,
  });
}

/** Images above, what is there and below what is found, side by side. */
async function paint(
  detector: ImageDetector,
  data: DetectData,
  weights: DetectorTrees,
  seed: number,
): Promise<Uint8Array> {
  const shown = await shownImages(Object.values(data.val)[0]!, seed);
  const found = await detector.detect(shown, weights);
  const names = new Map(data.categories.map(({ id, name }) => [id, name]));
  const drawn = (pixels: Pixels, detections: readonly Detection[], scores: boolean) => {
    const side = Math.max(pixels.height, pixels.width);
    const enlarge = enlargementFor(side);
    const picture = drawDetections(pixels, detections, { names, enlarge, scores });
    const shrink = Math.min(1, SIDE / Math.max(picture.height, picture.width));
    const [height, width] = [picture.height, picture.width].map((x) => Math.max(1, Math.round(x * shrink))) as [
      number,
      number,
    ];
    return resample(picture, { height, width, filter: "bilinear" });
  };
  const rows = [
    shown.map(({ pixels, truth }) => drawn(pixels, truth, false)),
    found.map(({ pixels, detections }) => drawn(pixels, detections.filter(({ score }) => score >= SURE), true)),
  ];
  const side = Math.max(1, ...rows.flat().flatMap(({ height, width }) => [height, width]));
  return imageGrid(rows.map((row) => row.map((picture) => onSquare(picture, side))));
}

/** A picture on a grey square, so that those of all shapes stand side by side. */
function onSquare(picture: Pixels, side: number): Pixels {
  const data = new Uint8Array(side * side * 3).fill(128);
  for (let y = 0; y < picture.height; y++) {
    data.set(picture.data.subarray(y * picture.width * 3, (y + 1) * picture.width * 3), y * side * 3);
  }
  return { width: side, height: side, channels: 3, data };
}

/** The same images every time: evenly spread. */
async function shownImages({ dataset, set }: DetectionSet, seed: number) {
  const count = Math.min(SHOWN, dataset.length);
  const found: { id: number; pixels: Pixels; truth: readonly Detection[] }[] = [];
  for (let i = 0; i < count; i++) {
    const index = Math.floor((i + 0.5) * dataset.length / count);
    const { id } = set.images[index]!;
    try {
      const pixels = dropAlpha(await dataset.load(index, drawsOf(dataKey(seed))));
      const truth = set.objects.filter(({ image }) => image === id)
        .map(({ category, box }) => ({ image: id, category, box, score: 1 }));
      found.push({ id, pixels, truth });
    } catch (error) {
      if (!(error instanceof ImageError)) throw error; // evaluations name such files
    }
  }
  return found;
}

/** @file A detector from a file, ready for images: its sizes, weights, categories, and how images come to it. */
import { type Detector, detector, type DetectorOptions } from "../../../nn/mod.ts";
import {
  type CocoCategory,
  counted,
  IMAGENET_NORMALISATION,
  parseJson,
  type StateDictFile,
} from "../../../data/mod.ts";
import type { DetectorWeights } from "../../weights/detector_names.ts";
import { detectorSizes } from "../../weights/detector_sizes.ts";
import { detectorOf } from "../../weights/detector_weights.ts";
import { readSetText } from "../../weights/weight_account.ts";
import type { DetectorInput } from "../../train/detection/detect_images.ts";
import { modelEntry } from "../../train/model_file.ts";
import { MODELS } from "../../train/model_table.ts";
import type { OptionsOf } from "../cli/option.ts";
import { DEVICE_OPTION, FILE_MODEL_OPTION, MACHINE_OPTIONS, WEIGHTS_OPTION } from "../shared/common_options.ts";
import { configurationOf, openWeights } from "../shared/weight_file.ts";
import { categoriesIn, categoriesOf, namesIn, optionBytes } from "./detector_categories.ts";

/** Which detector, and how images come to it; in the order of help texts. */
export const DETECTOR_OPTIONS = {
  init: {
    kind: "text",
    placeholder: "PATH",
    what: "a file or a run folder",
    help: [
      "detector: run folder of deno task detect:train (as it was evaluated last) or checkpoint, or weights of torchvision,",
      "Detectron2 or mmdetection (Mask or Faster R-CNN with a feature pyramid), whose sizes are told from their shapes",
    ],
  },
  settings: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: [
      "JSON with options of detector() that hold instead of what the file of weights tells, such as",
      '{"anchorSizes": [[16], [32], [64], [128], [256]], "variant": "torchvision"}',
    ],
  },
  classes: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: [
      "names and ids of the classes: a COCO file, or text with a name a line, numbered from 1; found by the names that the",
      "file of weights has, if it has some, else by their order (default: those of --annotations, else of that file, else",
      "numbers)",
    ],
  },
  short: {
    kind: "whole",
    least: 1,
    most: 8192,
    help: "pixels that the shorter side of an image becomes (default: as it was trained, else 800)",
  },
  longest: {
    kind: "whole",
    least: 1,
    most: 8192,
    help: "pixels that the longer side may be at most (default: as it was trained, else 1333)",
  },
  colours: {
    kind: "name",
    names: ["imagenet", "bgr"],
    help: "how pixels come to the network, one of {names}; bgr: as Detectron2's own weights take them, blue first",
    default: "imagenet",
  },
  score: { kind: "number", least: 0, most: 1, help: "objects that are less sure are left out", default: 0.05 },
  detections: { kind: "whole", least: 1, most: 10_000, help: "most objects of an image", default: 100 },
} as const;

/** The options with those that say where to compute. */
export const DETECTOR_FILE_OPTIONS:
  & typeof DETECTOR_OPTIONS
  & typeof FILE_MODEL_OPTION
  & typeof WEIGHTS_OPTION
  & typeof DEVICE_OPTION
  & Pick<typeof MACHINE_OPTIONS, "threads" | "fast" | "noKernelCache"> = {
    ...DETECTOR_OPTIONS,
    ...FILE_MODEL_OPTION,
    ...WEIGHTS_OPTION,
    ...DEVICE_OPTION,
    threads: MACHINE_OPTIONS.threads,
    fast: MACHINE_OPTIONS.fast,
    noKernelCache: MACHINE_OPTIONS.noKernelCache,
  };

type Given = OptionsOf<typeof DETECTOR_FILE_OPTIONS>;

/** A detector from a file. */
export interface DetectorFile {
  /** The file. */
  readonly path: string;
  /** What it is, in words. */
  readonly name: string;
  readonly model: Detector;
  readonly weights: DetectorWeights;
  /** By class. */
  readonly categories: readonly CocoCategory[];
  readonly input: DetectorInput;
}

/** What checkpoints of detectors say of themselves. */
interface Configuration {
  readonly options?: {
    readonly model?: string;
    readonly short?: number;
    readonly longest?: number;
    readonly precise?: number;
  };
  readonly detector?: Omit<DetectorOptions, "backbone">;
  readonly categories?: readonly CocoCategory[];
  readonly step?: number;
  /** Steps done when these weights were evaluated; null where they are those that the run goes on from. */
  readonly evaluated?: number | null;
  /** Filled sizes of the images that they were evaluated on. */
  readonly canvases?: DetectorInput["canvases"];
}

/** Means of blue, green and red, from 0 to 255, that Detectron2's own weights were trained with; deviations of 1. */
const BLUE_FIRST = { mean: [123.675, 116.28, 103.53].map((x) => x / 255), std: [1, 1, 1].map((x) => x / 255) };

/**
 * Opens the detector that `--init` names.
 *
 * @param task What is to be done with it, for errors.
 * @param given Options.
 * @param annotated Categories of annotations, which stand for those of `--classes` where there are none.
 * @param tell Told of classes that have other names, or that the categories lack.
 * @returns The detector.
 * @throws {Error} If none is named, or the file cannot be read, is no detector, or its classes and those named differ in number.
 */
export async function openDetectorFile(
  task: string,
  given: Given,
  annotated: readonly CocoCategory[] | null,
  tell: (line: string) => void,
): Promise<DetectorFile> {
  if (given.init === undefined) {
    throw new RangeError(`Cannot ${task} as --init must name a detector: current value is absent; see --help`);
  }
  const file = await openWeights(given.init, { option: "--init", model: given.model, weights: given.weights });
  const saved = (configurationOf(file) ?? {}) as Configuration;
  const told = saved.detector ? ownOptions(saved, given) : foreignOptions(task, file, given);
  const model = detector({ ...told, ...await settingsIn(given.settings), ...limitsOf(given) });
  const { settings } = model;
  const { naming, read, ...weights } = detectorOf(file, model);
  const kind = `${settings.masks ? "Mask" : "Faster"} R-CNN on ${settings.backbone.name}`;
  const names = naming === "tessera" ? stepText(saved) : `, names of ${naming}, rules of ${settings.variant}`;
  return {
    ...{
      path: file.path,
      model,
      weights,
      name: `${kind}, ${counted(settings.classes, "class")}${names}${readSetText(read)}`,
    },
    categories: categoriesOf(
      await categoriesIn(given.classes) ?? annotated,
      saved.categories ?? namesIn(file),
      settings.classes,
      tell,
    ),
    input: inputOf(saved, given),
  };
}

/** How images come to it: as when it was evaluated, unless another size is asked for. */
function inputOf({ options = {}, canvases }: Configuration, given: Given): DetectorInput {
  const [short, longest] = [given.short ?? options.short ?? 800, given.longest ?? options.longest ?? 1333];
  const isOwn = short === options.short && longest === options.longest;
  return {
    ...{ short, longest, ...isOwn && canvases && { canvases } },
    normalisation: given.colours === "bgr"
      ? { ...BLUE_FIRST as unknown as typeof IMAGENET_NORMALISATION, blueFirst: true }
      : IMAGENET_NORMALISATION,
  };
}

/** Which weights of a run these are. */
function stepText({ step, evaluated, options }: Configuration): string {
  if (step === undefined) return "";
  if (evaluated !== null) return `, after ${counted(step, "step")}`;
  const anew = (options?.precise ?? 0) > 0
    ? ", with running statistics as training goes on from them, not as evaluations take them anew (evaluated.safetensors)"
    : "";
  return `, after ${counted(step, "step")}${anew}`;
}

function ownOptions({ options, detector: told }: Configuration, { model }: Given): DetectorOptions {
  return { ...told!, backbone: modelEntry(model ?? options!.model!).make() };
}

function foreignOptions(task: string, file: StateDictFile, { model }: Given): DetectorOptions {
  const backbones = model === undefined ? Object.values(MODELS).map(({ make }) => make()) : [modelEntry(model).make()];
  const sizes = detectorSizes(file, { backbones });
  if (sizes) return sizes;
  const names = Object.keys(file.tensors);
  throw new RangeError(
    `Cannot ${task} with ${file.path} as it must hold a detector, of deno task detect:train, torchvision, Detectron2 or ` +
      `mmdetection: current names are ${names.slice(0, 3).join(", ")}${
        names.length > 3 ? ` and ${names.length - 3} more` : ""
      }`,
  );
}

const limitsOf = ({ score = 0.05, detections = 100 }: Given) => ({ scoreThreshold: score, detections });

async function settingsIn(path: string | undefined): Promise<Partial<DetectorOptions>> {
  if (path === undefined) return {};
  const value = parseJson(await optionBytes(path, "--settings"), path, "settings of a detector");
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new RangeError(`Cannot read --settings as it must hold a record: current value of ${path} is none`);
}

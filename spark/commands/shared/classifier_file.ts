/** @file A network from a file, ready for images: which model, whose weights, at what size, which classes. */
import type { Classifier } from "../../../nn/mod.ts";
import type { StateDictFile, Transform } from "../../../data/mod.ts";
import type { Tree } from "../../../tensor/mod.ts";
import { accountLines } from "../../weights/weight_account.ts";
import type { Backbone } from "../../weights/load_backbone.ts";
import { makeModel, modelEntry } from "../../train/model_file.ts";
import type { OptionsOf } from "../cli/option.ts";
import { printError } from "../cli/print.ts";
import {
  DEVICE_OPTION,
  FILE_MODEL_OPTION,
  INPUT_SIZE_OPTION,
  MACHINE_OPTIONS,
  WEIGHTS_OPTION,
} from "./common_options.ts";
import { evalTransform } from "./labelled_data.ts";
import { type ImageInput, inputOf } from "./image_input.ts";
import { channelsIn, classesOf, configurationOf, modelNameOf, networkOf, openWeights } from "./weight_file.ts";

/** Which network, and how images come to it. */
export const NETWORK_OPTIONS = {
  init: {
    kind: "text",
    placeholder: "PATH",
    what: "a file or a run folder",
    help: [
      "network: run folder or checkpoint of deno task finetune, pretrain or detect:train (of a detector the backbone), or a",
      "file of timm, torchvision, Detectron2 or SparK",
    ],
  },
  cropRatio: {
    kind: "number",
    above: 0,
    most: 1,
    help: [
      "side of the central crop over the shorter side of the resized image (default 0.95 from 65 to 383 pixels, else 1;",
      "torchvision and many of timm 0.875)",
    ],
  },
  filter: {
    kind: "name",
    names: ["bicubic", "bilinear"],
    help: "how images are resized: bicubic, or bilinear as for most weights of torchvision",
    default: "bicubic",
  },
  batchSize: { kind: "whole", least: 1, most: 65536, help: "images per batch", default: 32 },
} as const;

/** The options, in the order of help texts. */
export const CLASSIFIER_OPTIONS:
  & typeof NETWORK_OPTIONS
  & typeof FILE_MODEL_OPTION
  & typeof WEIGHTS_OPTION
  & typeof INPUT_SIZE_OPTION
  & typeof DEVICE_OPTION
  & typeof MACHINE_OPTIONS = {
    ...NETWORK_OPTIONS,
    ...FILE_MODEL_OPTION,
    ...WEIGHTS_OPTION,
    ...INPUT_SIZE_OPTION,
    ...DEVICE_OPTION,
    ...MACHINE_OPTIONS,
  };

/** A network from a file. */
export interface Network {
  /** The file. */
  readonly path: string;
  /** The model. */
  readonly model: Classifier;
  /** Its weights. */
  readonly backbone: Backbone;
  /** Height and width of the images. */
  readonly size: readonly [number, number];
  /** How an image comes to that size. */
  readonly transform: Transform;
  /** Channels of the images. */
  readonly input: ImageInput;
  /** Names of the classes; null if the file does not say. */
  readonly classes: readonly string[] | null;
}

/**
 * Opens the network that `--init` names.
 *
 * @param task What is to be done with it, for errors.
 * @param given Options.
 * @returns The network.
 * @throws {Error} If none is named, or the file cannot be read or fits no model.
 */
export async function openNetworkFile(task: string, given: OptionsOf<typeof CLASSIFIER_OPTIONS>): Promise<Network> {
  if (given.init === undefined) {
    throw new RangeError(`Cannot ${task} as --init must name a network: current value is absent; see --help`);
  }
  const file = await openWeights(given.init, {
    ...{ option: "--init", model: given.model, weights: given.weights },
    tell: printError, // stdout is for results
  });
  const name = modelNameOf(file, given.model);
  const { recipe } = modelEntry(name);
  const inChannels = channelsIn(file, name);
  const model = makeModel(name, inChannels);
  const backbone = networkOf(file, model);
  accountLines(backbone.account).forEach(printError);
  const size = given.inputSize ?? savedSize(file) ?? recipe.inputSize;
  return {
    ...{ path: file.path, model, size, backbone, classes: classesOf(file) },
    transform: transformOf(size, given),
    input: inputOf(model, inChannels),
  };
}

function transformOf(
  size: readonly [number, number],
  { cropRatio, filter = "bicubic" }: OptionsOf<typeof CLASSIFIER_OPTIONS>,
): Transform {
  return { ...evalTransform(size), filter, ...cropRatio !== undefined && { enlarge: 1 / cropRatio } } as Transform;
}

/** Options that a checkpoint of this library was trained with. */
function savedSize(file: StateDictFile): readonly [number, number] | undefined {
  const { options } = (configurationOf(file) ?? {}) as { readonly options?: { readonly inputSize?: unknown } };
  const size = options?.inputSize;
  const isSize = Array.isArray(size) && size.length === 2 &&
    size.every((side) => Number.isSafeInteger(side) && side > 0);
  return isSize ? size as unknown as readonly [number, number] : undefined;
}

/** A network with a head. */
export interface ClassifierFile extends Network {
  /** The head. */
  readonly head: Tree;
  /** Names of the classes, or their numbers. */
  readonly names: readonly string[];
}

/**
 * Requires a head, and names for what it tells apart.
 *
 * @param task What is to be done with it, for errors.
 * @param network Of `openNetworkFile`.
 * @param count Number of classes of the head.
 * @param given Names by number; those of the file if not given, else numbers.
 * @returns The network with its classes.
 * @throws {RangeError} If there is no head, or there are more or fewer names than classes.
 */
export function withClasses(
  task: string,
  network: Network,
  count: (head: Tree) => number,
  given: readonly string[] | null,
): ClassifierFile {
  const { head } = network.backbone;
  if (head === null) {
    throw new RangeError(
      `Cannot ${task} with ${network.path} as it must hold a classifier: current file is ${network.model.name} without ` +
        `a head; make one with deno task finetune --init ${network.path}`,
    );
  }
  const classes = count(head);
  const names = given ?? network.classes ?? Array.from({ length: classes }, (_, i) => String(i));
  if (names.length === classes) return { ...network, head, names };
  throw new RangeError(
    `Cannot ${task} with ${network.path} as there must be a name for each of its ${classes} classes: current number of ` +
      `names is ${names.length}`,
  );
}

/** @file Channels of images: which a network takes, how images come to it, how a network of others is made to fit. */
import {
  concat,
  mul,
  random,
  slice,
  sum,
  type Tensor,
  type Tree,
  treeFlatten,
  treeUnflatten,
} from "../../../tensor/mod.ts";
import type { Backbone } from "../../weights/load_backbone.ts";
import { makeModel } from "../../train/model_file.ts";
import { channelsIn, networkOf } from "./weight_file.ts";
import {
  type BatchesOptions,
  dataKey,
  type Dataset,
  drawsOf,
  ImageError,
  normalisationFor,
  type Raster,
  type StateDictFile,
  trueChannels,
} from "../../../data/mod.ts";
import { type Classifier, inChannelsOf, type Model } from "../../../nn/mod.ts";

/** Channels of batches; empty for the 8-bit colours that most networks take. */
export type ImageInput = Pick<BatchesOptions, "channels" | "normalisation">;

/**
 * How images come to a network.
 *
 * @param inChannels Value of `--in-channels`.
 * @returns Options of `batches`.
 */
export function imageInput(inChannels: number | null | undefined): ImageInput {
  return inChannels == null ? {} : { channels: inChannels, normalisation: normalisationFor(inChannels) };
}

/**
 * How images come to a model of a file.
 *
 * @param model The model.
 * @param inChannels What the file says that it was trained with; `null` if it says nothing.
 * @returns Options of `batches`.
 */
export function inputOf(model: Pick<Model, "inChannels">, inChannels: number | null): ImageInput {
  return imageInput(inChannels ?? ownChannels(model));
}

/** Channels of a model's images; `null` for the 8-bit colours that most take. */
export function ownChannels(model: Pick<Model, "inChannels">): number | null {
  const has = inChannelsOf(model);
  return has === 3 ? null : has;
}

/** Depth of a channel in words. */
function depthOf({ data, range }: Raster): string {
  if (data instanceof Uint8Array) return "8 bits";
  if (data instanceof Uint16Array) return "16 bits";
  return range
    ? `floats from ${range.join(" to ")}`
    : "floats, each image stretched from its least to its largest value";
}

const counted = (count: number): string => `${count} channel${count === 1 ? "" : "s"}`;

/**
 * Says what becomes of images that have other channels, or another depth, than a network takes.
 *
 * @param dataset The images, of which the first that can be read tells.
 * @param input Of `imageInput`.
 * @returns A line; null where nothing is changed, or the files are not known.
 */
export async function conversionLine(dataset: Dataset, { channels }: ImageInput): Promise<string | null> {
  if (!dataset.loadRaster) return null;
  for (let index = 0; index < dataset.length; index++) {
    try {
      const raster = await dataset.loadRaster(index, drawsOf(dataKey(index)));
      const [has, depth] = [trueChannels(raster), depthOf(raster)];
      const found = `${dataset.nameOf(index)} has ${counted(has)} of ${depth}`;
      if (channels !== undefined) return `  images become ${counted(channels)} of their own depth: ${found}`;
      return has === 3 && depth === "8 bits" ? null : `  images become red, green and blue of 8 bits: ${found}`;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error; // requireReadable names it
    }
  }
  return null;
}

/** A network, and what was done to its first convolution. */
export interface FileNetwork extends Backbone {
  /** In words; null if nothing was. */
  readonly converted: string | null;
}

/**
 * Takes a network from a file, for images of other channels too: its first convolution is then summed over its channels for
 * one (which is exact for grey images in all colours), else repeated and scaled, as timm does.
 *
 * @param file Of `openWeights`.
 * @param model Name of the model.
 * @param inChannels Channels of the images; those of the file if null.
 * @returns The network.
 * @throws {RangeError} As `networkOf`.
 */
export function networkFor(file: StateDictFile, model: string, inChannels: number | null): FileNetwork {
  const own = makeModel(model, channelsIn(file, model));
  const network = networkOf(file, own);
  const [has, wanted] = [inChannelsOf(own), inChannels ?? inChannelsOf(own)];
  if (has === wanted) return { ...network, converted: null };
  const params = withChannels(network.params, makeModel(model, wanted), [has, wanted]);
  const how = wanted === 1 ? "summed" : "repeated, times " + (has / wanted).toFixed(3);
  return { ...network, params, converted: `weights: first convolution ${how} from ${has} to ${wanted} channels` };
}

/** Parameters of which the one that differs in its channels is made to fit. */
function withChannels(params: Tree, model: Classifier, [has, wanted]: readonly [number, number]): Tree {
  const { leaves, structure } = treeFlatten(params);
  const shapes = (treeFlatten(model.init(random.key(0)).params).leaves as readonly Tensor[]).map(({ shape }) => shape);
  const fitted = (leaves as readonly Tensor[]).map((x, i) =>
    x.shape.join() === shapes[i]!.join() ? x : convolutionFor(x, has, wanted)
  );
  return treeUnflatten(structure, fitted) as Tree;
}

/** A convolution `[height, width, in, out]` of other channels. */
function convolutionFor(x: Tensor, has: number, wanted: number): Tensor {
  if (wanted === 1) return sum(x, { axis: 2, keepDims: true });
  const [height, width, , out] = x.shape as [number, number, number, number];
  const repeated = concat(Array.from({ length: Math.ceil(wanted / has) }, () => x), { axis: 2 });
  return mul(slice(repeated, { start: [0, 0, 0, 0], size: [height, width, wanted, out] }), has / wanted);
}

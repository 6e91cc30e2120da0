/** @file Writes backbone and head under the names of a library, or as a graph. */
import { linspace, reshape, type Tensor, transpose } from "../../../tensor/mod.ts";
import { type Classifier, globalAvgPool, inChannelsOf, type Model } from "../../../nn/mod.ts";
import {
  normalisationFor,
  onnxParts,
  orderedDict,
  type SafetensorsTensor,
  type StateDictFile,
  writeFileAtomic,
  writeNpz,
  writeNumpyPickle,
  writePth,
  writeSafetensors,
} from "../../../data/mod.ts";
import { modelEntry } from "../../train/model_file.ts";
import { backboneStateDict, type StateDict } from "../../weights/export_weights.ts";
import type { Backbone } from "../../weights/load_backbone.ts";
import { networkShape } from "../../weights/network_shape.ts";
import { onnxModel } from "../../weights/onnx_graph.ts";
import { pytorchTwin } from "../../weights/pytorch_twin.ts";
import { print } from "../cli/print.ts";
import { ownWeights } from "../shared/own_weights.ts";
import { sayWeights } from "../shared/say_weights.ts";
import { classesOf, configurationOf, networkOf } from "../shared/weight_file.ts";
import { type Container, requireAbsent, requireFit, type Target } from "./targets.ts";

/** What is to be written. */
export interface Job {
  /** Where the weights come from. */
  readonly file: StateDictFile;
  /** The file to write. */
  readonly out: string;
  /** Whose names. */
  readonly to: Target;
  /** The model. */
  readonly model: Model;
  /** Container of `out`. */
  readonly container: Container;
}

/** A written file, to be described. */
export interface Written {
  /** Number of tensors. */
  readonly tensors: number;
  /** What it holds. */
  readonly content: string;
}

/** A network, and what is known of it. */
interface Network {
  readonly backbone: Backbone;
  readonly classes: readonly string[] | null;
  readonly inputSize: readonly [number, number];
}

/**
 * Writes a network and its head.
 *
 * @param job File, model, and where to.
 * @returns What was written.
 * @throws {RangeError} If the target has no place for such a network.
 */
export async function writeNetwork(job: Job): Promise<Written> {
  const backbone = networkOf(job.file, job.model);
  const { params, state, head, account } = backbone;
  const weights = head === null ? { params, state } : { params, state, head };
  const official = await backboneStateDict(weights, { naming: "official" });
  requireFit(job.to, job.model.name, networkShape(official));
  sayWeights(account, head === null ? {} : { head: "kept" });
  const network: Network = {
    backbone,
    classes: head === null ? null : knownClasses(job.file, account.headClasses),
    inputSize: inputSizeOf(job),
  };
  const tensors = await writeTarget(job, network, official);
  return { tensors, content: head === null ? "backbone" : "backbone and head" };
}

/** Names of classes, if there are as many as the head has. */
function knownClasses(file: StateDictFile, count: number | null): readonly string[] | null {
  const classes = classesOf(file);
  return classes?.length === count ? classes : null;
}

function inputSizeOf({ file, model }: Job): readonly [number, number] {
  const { options } = (configurationOf(file) ?? {}) as { readonly options?: { readonly inputSize?: unknown } };
  const size = options?.inputSize;
  if (Array.isArray(size) && size.length === 2 && size.every(Number.isSafeInteger)) return size as [number, number];
  try {
    return modelEntry(model.name).recipe.inputSize;
  } catch {
    return [224, 224]; // a model of one's own, known by its file
  }
}

/** Writes the files; gives the number of tensors. */
async function writeTarget(job: Job, network: Network, official: StateDict): Promise<number> {
  const { out, to, model, container } = job;
  const { params, state, head } = network.backbone;
  const { classes, inputSize } = network;
  if (to === "safetensors") {
    const own = await ownWeights({ encoder: params, head }, { encoder: state }, model.name, {
      ...{ classes, inputSize, inChannels: inChannelsOf(model) },
    });
    await writeSafetensors(out, own.tensors, own.metadata);
    return Object.keys(own.tensors).length;
  }
  if (to === "onnx") {
    const graph = onnxModel(official, { name: model.name, inputSize, classes });
    await writeFileAtomic(out, onnxParts(graph));
    print(
      `Input ${graph.inputs[0]!.name} [${graph.inputs[0]!.shape.join(", ")}]: ${
        inChannelsOf(model) === 3 ? "RGB, pixels / 255" : "values from 0 to 1"
      }, less mean, divided by std, as the metadata say`,
    );
    return graph.weights.size;
  }
  const weights = head === null ? { params, state } : { params, state, head };
  const dict = to === "pytorch" ? official : await backboneStateDict(weights, { naming: to });
  const metadata = classes === null ? {} : { classes: JSON.stringify(classes), model: model.name };
  const hasList = classes !== null && container !== "safetensors";
  // Before the weights are written, so that either all is there or nothing.
  for (const ending of [...hasList ? ["json"] : [], ...to === "pytorch" ? ["py"] : []]) {
    requireAbsent(beside(out, ending));
  }
  await writeTensors(job, dict, metadata);
  if (hasList) await writeBeside(job, network);
  if (to === "pytorch") await writeTwin(job, network, official);
  return dict.size;
}

/** Writes tensors by name in any container. */
async function writeTensors(
  { out, container, to }: Job,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const record = Object.fromEntries(tensors);
  if (container === "safetensors") return await writeSafetensors(out, record, { format: "pt", ...metadata });
  if (container === "npz") return await writeNpz(out, record);
  if (container === "pth") return await writePth(out, orderedDict(tensors));
  const model = new Map<string, unknown>([["model", tensors], ["__author__", to], ["matching_heuristics", true]]);
  return await writeNumpyPickle(out, model);
}

/** The path of what stands beside the weights, with another ending. */
const beside = (out: string, ending: string): string => `${out.replace(/\.[^./]*$/, "")}.${ending}`;

async function writeTextBeside(out: string, ending: string, text: string): Promise<void> {
  const path = beside(out, ending);
  await writeFileAtomic(path, text);
  print(`Wrote ${path}`);
}

/** What the container has no place for. */
async function writeBeside({ out, model }: Job, { classes, inputSize }: Network): Promise<void> {
  const { mean, std } = normalisationFor(inChannelsOf(model));
  await writeTextBeside(
    out,
    "json",
    `${JSON.stringify({ model: model.name, classes, inputSize, mean, std }, null, 2)}\n`,
  );
}

/** Numbers that the twin compares. */
const COMPARED = 8;

async function writeTwin({ out, model }: Job, { backbone, inputSize }: Network, official: StateDict): Promise<void> {
  const shape = networkShape(official);
  if (shape?.family !== "resnet") return;
  const [height, width] = inputSize;
  const channels = inChannelsOf(model);
  const planes = reshape(linspace(-2, 2, channels * height * width), [1, channels, height, width]);
  const x = transpose(planes, [0, 2, 3, 1]);
  const values = await outputsOf(model as Classifier, backbone, x).data();
  const expected = [...values].slice(0, COMPARED);
  const file = out.replace(/^.*\//, "");
  await writeTextBeside(out, "py", pytorchTwin({ file, name: model.name, shape, inputSize, expected }));
}

/** Logits, or means of the last map where there is no head. */
function outputsOf(model: Classifier, { params, state, head }: Backbone, x: Tensor): Tensor {
  if (head !== null) return model.logits({ encoder: params, head }, state, x).logits;
  return globalAvgPool(model.features(params, state, x).features.at(-1)!);
}

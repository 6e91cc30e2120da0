/** @file The converting command: `deno task convert --help`. */
import { random } from "../../tensor/mod.ts";
import type { Model } from "../../nn/mod.ts";
import {
  orderedDict,
  readStateDict,
  type SafetensorsTensor,
  type StateDictFile,
  writeNpz,
  writeNumpyPickle,
  writePth,
  writeSafetensors,
} from "../../data/mod.ts";
import { save } from "../train/checkpoint.ts";
import { backboneStateDict, flattenOfficial, officialCheckpoint } from "../weights/export_weights.ts";
import { backboneOf } from "../weights/load_backbone.ts";
import { decoderWidthOf, weightsOf } from "../weights/load_weights.ts";
import { WEIGHT_NAMINGS, type WeightNaming } from "../weights/weight_names.ts";
import { bytes } from "../train/devices.ts";
import { kindOf } from "../train/kind_of.ts";
import { type Command, command } from "./cli/command.ts";
import { print } from "./cli/print.ts";
import { runCommand } from "./cli/run_command.ts";
import { FILE_MODEL_OPTION } from "./shared/common_options.ts";
import { ownWeights } from "./shared/own_weights.ts";
import { configurationOf, modelOf } from "./shared/weight_file.ts";

const NAMINGS = ["safetensors", ...WEIGHT_NAMINGS];

const LINE = {
  task: "convert",
  purpose:
    `Writes weights under other names and in another container. IN may be any of these containers, and is known by \
its
content; OUT ends with .safetensors, .pth, .npz or .pkl (Detectron2's container) and must not exist yet. A
classification head is kept with the backbone.`,
  operands: { names: ["IN", "OUT"] },
  usage: "--to NAMES",
  options: {
    to: { kind: "name", names: NAMINGS, help: "whose names: one of {names}" },
    ...FILE_MODEL_OPTION,
    backbone: { kind: "flag", help: "leave decoder and optimizer out" },
  },
  details: `--to safetensors   names of this library; with decoder and optimizer where IN has them
     official      SparK's: the full checkpoint where IN has a decoder, else the backbone
     timm          the backbone as timm names it
     torchvision   the backbone as torchvision names it
     detectron2    the backbone as Detectron2 names it, ResNets only`,
} as const;

/** A written file, to be described. */
interface Written {
  readonly tensors: number;
  readonly content: string;
}

interface Job {
  readonly file: StateDictFile;
  readonly out: string;
  readonly to: string;
  readonly model: Model;
  readonly container: string;
}

const CONTAINERS = ["safetensors", "pth", "npz", "pkl"];

function containerOf(out: string, to: string): string {
  const ending = /\.([a-z0-9]+)$/i.exec(out)?.[1]?.toLowerCase() ?? "none";
  const container = ending === "pt" ? "pth" : ending;
  const allowed = to === "safetensors" ? ["safetensors"] : to === "detectron2" ? CONTAINERS : CONTAINERS.slice(0, 3);
  if (allowed.includes(container)) return container;
  throw new RangeError(
    `Cannot convert to ${to} as the name of OUT must end with .${allowed.join(", .")}: current ending is ${ending}`,
  );
}

function refuseExisting(out: string): void {
  if (kindOf(out) === "absent") return;
  throw new Error(
    `Cannot write ${out} as it must not exist yet: current file would be lost; remove it or name another`,
  );
}

/** Writes tensors by name in any container. */
async function writeTensors(
  { out, container, to }: Job,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
): Promise<void> {
  const record = Object.fromEntries(tensors);
  if (container === "safetensors") return await writeSafetensors(out, record, { format: "pt" });
  if (container === "npz") return await writeNpz(out, record);
  if (container === "pth") return await writePth(out, orderedDict(tensors));
  const model = new Map<string, unknown>([["model", tensors], ["__author__", to], ["matching_heuristics", true]]);
  return await writeNumpyPickle(out, model);
}

/** Backbone and head under the names of a library. */
async function writeBackbone(job: Job): Promise<Written> {
  const { params, state, head } = backboneOf(job.file, job.model);
  const weights = head === null ? { params, state } : { params, state, head };
  if (job.to === "safetensors") {
    const { tensors, metadata } = await ownWeights({ encoder: params, head }, { encoder: state }, job.model.name);
    await writeSafetensors(job.out, tensors, metadata);
    return { tensors: Object.keys(tensors).length, content: "backbone" };
  }
  const dict = await backboneStateDict(weights, { naming: job.to as WeightNaming });
  await writeTensors(job, dict);
  return { tensors: dict.size, content: head === null ? "backbone" : "backbone and head" };
}

/** Everything of pre-training, as this library or the official one saves it. */
async function writeFull(job: Job): Promise<Written> {
  const { file, out, model, to, container } = job;
  const { params, state, optimizer } = weightsOf(file, model);
  const content = optimizer === null ? "all weights" : "all weights and the optimizer";
  if (to === "safetensors") {
    if (optimizer) {
      await save(out, { params, state, optimizer, key: random.key(0) }, { configuration: configurationOf(file) });
      return { tensors: Object.keys((await readStateDict(out)).tensors).length, content };
    }
    const { tensors, metadata } = await ownWeights(params, state, model.name);
    await writeSafetensors(out, tensors, metadata);
    return { tensors: Object.keys(tensors).length, content };
  }
  const checkpoint = await officialCheckpoint(model, { params, state }, {
    ...officialOptions(file, model),
    ...(optimizer ? { optimizer } : {}),
  });
  const { tensors, metadata } = flattenOfficial(checkpoint);
  if (container === "pth") await writePth(out, checkpoint);
  else if (container === "npz") await writeNpz(out, tensors);
  else await writeSafetensors(out, tensors, metadata);
  return { tensors: Object.keys(tensors).length, content };
}

/** What the run says of itself, in the official terms. */
function officialOptions(file: StateDictFile, model: Model) {
  const configuration = (configurationOf(file) ?? {}) as { readonly options?: Record<string, unknown> };
  const { inputSize, maskRatio } = configuration.options ?? {};
  const size = Number(file.extra.get("input_size") ?? 224);
  const ratio = Number(file.values.get("config") instanceof Map ? configValue(file, "mask_ratio") : maskRatio ?? 0.6);
  const isSize = Array.isArray(inputSize) && inputSize.length === 2 && inputSize.every(Number.isSafeInteger);
  const whole = Number.isSafeInteger(size) && size % model.stride === 0 && size > 0 && size <= 8192 ? size : 224;
  return {
    inputSize: (isSize ? inputSize : [whole, whole]) as [number, number],
    maskRatio: Number.isFinite(ratio) ? ratio : 0.6,
    args: JSON.stringify(configuration.options ?? {}),
  };
}

const configValue = (file: StateDictFile, name: string) =>
  (file.values.get("config") as Map<unknown, unknown>).get(name);

/** Runs the command: exit code 0. */
export const convertFile: Command = command(LINE, async ({ to, model: name, backbone = false }, operands) => {
  const [path, out] = operands as [string, string];
  if (to === undefined) {
    throw new RangeError(`Cannot convert as --to must be one of ${NAMINGS.join(", ")}: current value is absent`);
  }
  const container = containerOf(out, to);
  refuseExisting(out);
  const file = await readStateDict(path);
  const job: Job = { file, out, to, model: modelOf(file, name), container };
  const isFull = decoderWidthOf(file) !== null && !backbone && (to === "safetensors" || to === "official");
  const { tensors, content } = isFull ? await writeFull(job) : await writeBackbone(job);
  const { size } = await Deno.stat(out);
  print(`Wrote ${out}: ${content} of ${job.model.name} as ${to}, ${tensors} tensors, ${bytes(size)}`);
  return 0;
});

if (import.meta.main) await runCommand(convertFile);

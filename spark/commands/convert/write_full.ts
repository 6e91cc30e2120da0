/** @file Writes everything of pre-training, as this library or the official one saves it. */
import { random } from "../../../tensor/mod.ts";
import { inChannelsOf, type Model } from "../../../nn/mod.ts";
import { readStateDict, type StateDictFile, writeNpz, writePth, writeSafetensors } from "../../../data/mod.ts";
import { save } from "../../train/checkpoint.ts";
import { flattenOfficial, officialCheckpoint } from "../../weights/export_weights.ts";
import { weightsOf } from "../../weights/load_weights.ts";
import { print } from "../cli/print.ts";
import { ownWeights } from "../shared/own_weights.ts";
import { sayWeights } from "../shared/say_weights.ts";
import { runPlace } from "../shared/run_place.ts";
import { configurationOf } from "../shared/weight_file.ts";
import type { Job, Written } from "./write_network.ts";

/**
 * Writes encoder, decoder and, with the raw weights, the optimizer.
 *
 * @param job File, model, and where to.
 * @returns What was written.
 */
export async function writeFull(job: Job): Promise<Written> {
  const { file, out, model, to, container } = job;
  const { params, state, optimizer: found, account } = weightsOf(file, model);
  sayWeights(account);
  // Moments belong to the raw weights: nothing could go on from an average with them.
  const optimizer = account.isAverage ? null : found;
  if (found && !optimizer) print("The optimizer is left out, as it goes with the raw weights: --weights raw keeps it");
  const content = optimizer === null ? "all weights" : "all weights and the optimizer";
  if (to === "safetensors") {
    if (optimizer) {
      await save(out, { params, state, optimizer, key: random.key(0) }, { configuration: configurationOf(file) });
      return { tensors: Object.keys((await readStateDict(out)).tensors).length, content };
    }
    const { tensors, metadata } = await ownWeights(params, state, model.name, { inChannels: inChannelsOf(model) });
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
  const { options = {}, images } = (configurationOf(file) ?? {}) as {
    readonly options?: Record<string, unknown>;
    readonly images?: string;
  };
  const { inputSize, maskRatio } = options;
  const done = runPlace(configurationOf(file)) ?? Number(file.extra.get("epoch") ?? -1) + 1;
  const size = Number(file.extra.get("input_size") ?? 224);
  const ratio = Number(file.values.get("config") instanceof Map ? configValue(file, "mask_ratio") : maskRatio ?? 0.6);
  const isSize = Array.isArray(inputSize) && inputSize.length === 2 && inputSize.every(Number.isSafeInteger);
  const whole = Number.isSafeInteger(size) && size % model.stride === 0 && size > 0 && size <= 8192 ? size : 224;
  return {
    inputSize: (isSize ? inputSize : [whole, whole]) as [number, number],
    maskRatio: Number.isFinite(ratio) ? ratio : 0.6,
    epochs: Math.max(0, Math.floor(Number.isFinite(done) ? done : 0)),
    // With them a run goes on from the middle of an epoch, of which official checkpoints know nothing.
    args: JSON.stringify(images === undefined ? options : { ...options, images }),
  };
}

const configValue = (file: StateDictFile, name: string) =>
  (file.values.get("config") as Map<unknown, unknown>).get(name);

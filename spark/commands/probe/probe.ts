/** @file The probing command: `deno task probe --help`. */
import { type Device, random } from "../../../tensor/mod.ts";
import { batches, readStateDict, writeFileAtomic } from "../../../data/mod.ts";
import type { Classifier } from "../../../nn/mod.ts";
import { backboneOf } from "../../weights/load_backbone.ts";
import { parseOptions } from "../cli/command_line.ts";
import { openRunDevice } from "../../train/devices.ts";
import { evalTransform, type LabelledData, openLabelledData } from "../shared/finetune_data.ts";
import { weightPath } from "../finetune/finetune_start.ts";
import { type EncoderWeights, frozenFeatures, recalibrated } from "../../train/frozen_features.ts";
import { helpOf } from "../cli/help.ts";
import { linearProbe } from "../../train/linear_probe.ts";
import { MODELS } from "../../train/model_table.ts";
import { nearestNeighbours } from "../../train/nearest_neighbours.ts";
import { print } from "../cli/print.ts";
import { type GivenProbeOptions, PROBE_OPTIONS } from "./probe_table.ts";
import { runCommand } from "../cli/run_command.ts";
import { modelOf } from "../shared/weight_file.ts";

const HEAD =
  `Tells what the features of a frozen network know of classes: a linear classifier on them, and a vote of the
nearest neighbours.

Usage: deno task probe --data PATH (--init PATH | --from-scratch --model NAME) [OPTIONS]
`;

const TAIL = `
Features are the means of the coarsest map over the whole image, which is resized and cropped without chance.`;

/** Result of a probe. */
export interface ProbeResult {
  /** Name of the model. */
  readonly model: string;
  /** File of the network; null for fresh weights. */
  readonly init: string | null;
  /** Linear classifier: shares that were right. */
  readonly linear: { readonly top1: number; readonly top5: number };
  /** Nearest neighbours: share that was right. */
  readonly neighbours: number;
}

/**
 * Runs the probing command.
 *
 * @param args Arguments of the command line.
 * @returns Exit code 0.
 * @throws {Error} If something does not fit, with a message for the user.
 */
export async function probe(args: readonly string[]): Promise<number> {
  const given = parseOptions<GivenProbeOptions>(args, PROBE_OPTIONS);
  if (given === "help") {
    print(helpOf(PROBE_OPTIONS, { head: HEAD, tail: TAIL }));
    return 0;
  }
  const { model, weights, init } = await openNetwork(given);
  const { data: path, val = null, labels = null, seed = 0 } = given;
  if (path === undefined) refuse("there must be labelled images", "--data is absent");
  const data = await openLabelledData({ data: path, val, labels, seed });
  const device = await openRunDevice(given.device ?? "auto", { kept: "", threads: given.threads, tuning: "none" });
  try {
    const found = await probeNetwork(given, { model, weights, data, device });
    const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
    print(
      `${model.name} ${init === null ? "with fresh weights" : `of ${init}`}: linear top-1 ${
        percent(found.linear.top1)
      }, top-5 ${percent(found.linear.top5)}; nearest neighbours ${percent(found.neighbours)}`,
    );
    const result: ProbeResult = { model: model.name, init, ...found };
    if (given.out !== undefined) {
      await writeFileAtomic(given.out, new TextEncoder().encode(`${JSON.stringify(result, null, 2)}\n`));
    }
    return 0;
  } finally {
    device.close();
  }
}

function refuse(requirement: string, current: string): never {
  throw new RangeError(`Cannot probe as ${requirement}: current ${current}`);
}

/** The network that `--init` names, or a fresh one. */
async function openNetwork({ init, fromScratch, model: name, seed = 0 }: GivenProbeOptions): Promise<{
  readonly model: Classifier;
  readonly weights: EncoderWeights;
  readonly init: string | null;
}> {
  if ((init === undefined) === !fromScratch) {
    refuse("there must be either --init or --from-scratch", init === undefined ? "network is absent" : "are both");
  }
  if (init === undefined) {
    const { make } = MODELS[name ?? refuse("fresh weights need --model", "--model is absent")]!;
    return { model: make(), weights: make().init(random.key(seed)), init: null };
  }
  const file = await readStateDict(weightPath(init));
  const model = MODELS[modelOf(file, name).name]!.make();
  return { model, weights: backboneOf(file, model), init: file.path };
}

/** What a probe works with. */
interface Opened {
  readonly model: Classifier;
  readonly weights: EncoderWeights;
  readonly data: LabelledData;
  readonly device: Device;
}

async function probeNetwork(
  given: GivenProbeOptions,
  { model, weights, data, device }: Opened,
): Promise<Pick<ProbeResult, "linear" | "neighbours">> {
  const { batchSize = 64, seed = 0, recalibrate = 100, epochs = 50, neighbours = 20 } = given;
  const size = given.inputSize ?? MODELS[model.name]!.recipe.inputSize;
  const workers = given.workers ?? Math.min(8, Math.max(1, navigator.hardwareConcurrency - 1));
  const shared = { size, batchSize, seed, workers, transform: evalTransform(size) };
  const [train, val] = [data.train, data.val].map((set) => () => batches(set, { ...shared, epochs: 1 })) as [
    () => ReturnType<typeof batches>,
    () => ReturnType<typeof batches>,
  ];
  const state = recalibrate === 0 ? weights.state : await recalibrated(weights, {
    model,
    device,
    batches: batches(data.train, { ...shared, steps: recalibrate }),
  });
  const frozen = { params: weights.params, state };
  const known = await frozenFeatures(frozen, { model, device, batches: train() });
  const asked = await frozenFeatures(frozen, { model, device, batches: val() });
  const classes = data.classes.length;
  return {
    linear: await linearProbe(known, asked, { classes, epochs, batchSize: 4 * batchSize, seed, device }),
    neighbours: await nearestNeighbours(known, asked, { classes, neighbours, device }),
  };
}

if (import.meta.main) await runCommand(probe);

/**
 * The predicting command: `deno task predict --help`, or `deno run -A jsr:@tessera/tessera/predict --help`.
 *
 * @module
 */
import { machineOf } from "../shared/machine.ts";
import { counted, writeFileAtomic } from "../../../data/mod.ts";
import { onRunDevice } from "../../train/devices.ts";
import { classesOf, largestOf, scoreImages, softmaxOf } from "../../train/scores/score_images.ts";
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import { print, printResult } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { countOnTerminal } from "../cli/terminal.ts";
import { CLASSIFIER_OPTIONS, type ClassifierFile, openNetworkFile, withClasses } from "../shared/classifier_file.ts";
import { workersOf } from "../shared/common_options.ts";
import { openPlace, type PlacedImages } from "../shared/image_places.ts";
import { requireWritable } from "../shared/writable.ts";
import { type Predicted, predictionText } from "./prediction_text.ts";

export type { Command } from "../cli/command.ts";

const OPTIONS = {
  ...CLASSIFIER_OPTIONS,
  classes: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: "names of the classes, one a line in the order of the head (default: those of the file of weights)",
  },
  top: { kind: "whole", least: 1, help: "classes that are named, the most probable first", default: 5 },
  logits: { kind: "flag", help: "give the scores of all classes too" },
  format: { kind: "name", names: ["csv", "json"], help: "csv or json (default: by the ending of --out, else csv)" },
  out: { kind: "text", placeholder: "FILE", what: "a file", help: "file for the result (default: stdout)" },
} as const;

const LINE = {
  task: "predict",
  purpose: "Tells what a classifier takes images for.",
  operands: { names: ["IMAGES"], least: 1, most: 100_000 },
  usage: "--init PATH",
  options: OPTIONS,
  details: `IMAGES are image files, folders of them, or archives. Each image is resized and cropped without chance.
CSV has a row for each image and each of its classes; an image that cannot be read has a row with the reason.`,
} as const;

/** Runs the command: exit code 0; 1 if no image could be read. */
export const predict: Command = command(LINE, async (given, paths) => {
  const { batchSize, top, out, logits, format } = withDefaults(OPTIONS, given);
  if (out !== undefined) requireWritable(out, "--out");
  const network = await openNetworkFile(LINE.task, given);
  const { params: encoder, state } = network.backbone;
  const count = classesOf(network.model, { encoder, state: { encoder: state } });
  const names = given.classes === undefined ? null : await namesIn(given.classes);
  const file = withClasses(LINE.task, network, count, names);
  const progress = countOnTerminal();
  const run = { batchSize, workers: workersOf(given.workers), progress };
  const places = await Promise.all(paths.map((path) => openPlace(path, network, run)));
  const predicted = await onRunDevice(
    given.device,
    { kept: "", tuning: "none", ...machineOf(given) },
    async (device) => {
      const found: Predicted[] = [];
      for (const place of places) {
        const scored = scoreImages(file.model, weightsOf(file), place.batches(), device);
        found.push(
          ...await predictionsOf(place, scored, (done) => progress.show("images", done, place.dataset.length), top),
        );
      }
      return found;
    },
  );
  progress.end();
  const kind = format ?? (out?.toLowerCase().endsWith(".json") ? "json" : "csv");
  const text = predictionText(predicted, file.names, { kind, top, logits });
  if (out === undefined) printResult(text.trimEnd());
  else await writeFileAtomic(out, text);
  const good = predicted.filter(({ error }) => error === undefined).length;
  if (out !== undefined) {
    print(`${file.model.name} of ${file.path}: ${good} of ${counted(predicted.length, "image")}; wrote ${out}`);
  }
  return good > 0 ? 0 : 1;
});

const weightsOf = ({ backbone: { params: encoder, state }, head }: ClassifierFile) => ({
  params: { encoder, head },
  state: { encoder: state },
});

/** Scores in the order of the data set, with what could not be read. */
async function predictionsOf(
  { dataset, skipped }: PlacedImages,
  scored: AsyncIterable<{ readonly index: number; readonly logits: Float32Array }>,
  onImages: (done: number) => void,
  top: number,
): Promise<readonly Predicted[]> {
  const rows = new Map<number, Predicted>();
  for await (const { index, logits } of scored) {
    const probabilities = softmaxOf(logits);
    const best = largestOf(logits, top).map((place) => ({ place, probability: probabilities[place]! }));
    rows.set(index, { file: dataset.nameOf(index), best, logits });
    onImages(rows.size);
  }
  for (const { index, name, reason } of skipped) rows.set(index, { file: name, best: [], error: reason });
  return [...rows].toSorted(([a], [b]) => a - b).map(([, row]) => row);
}

async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return (await Deno.readTextFile(path)).split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  } catch (cause) {
    throw new Error(
      `Cannot read ${path} as --classes must name a text file: current error is ${(cause as Error).message}`,
      { cause },
    );
  }
}

if (import.meta.main) await runCommand(predict);

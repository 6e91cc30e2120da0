/**
 * The embedding command: `deno task embed --help`, or `deno run -A jsr:@tessera/tessera/embed --help`.
 *
 * @module
 */
import { machineOf } from "../shared/machine.ts";
import { counted } from "../../../data/mod.ts";
import { onRunDevice } from "../../train/devices.ts";
import { frozenFeatures } from "../../train/features/frozen_features.ts";
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { countOnTerminal } from "../cli/terminal.ts";
import { CLASSIFIER_OPTIONS, openNetworkFile } from "../shared/classifier_file.ts";
import { workersOf } from "../shared/common_options.ts";
import { openPlace } from "../shared/image_places.ts";
import { requireWritable } from "../shared/writable.ts";
import { embeddingFormat, type Embeddings, writeEmbeddings } from "./embedding_file.ts";

export type { Command } from "../cli/command.ts";

const OPTIONS = {
  ...CLASSIFIER_OPTIONS,
  out: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: [
      ".npz (arrays features and files), .npy (features, and FILE.txt with the names of the files), or .parquet (columns",
      "file and features)",
    ],
  },
} as const;

const LINE = {
  task: "embed",
  purpose: "Computes the features of images: the mean of a network's coarsest map.",
  operands: { names: ["IMAGES"], least: 1, most: 100_000 },
  usage: "--init PATH --out FILE",
  options: OPTIONS,
  details: `IMAGES are image files, folders of them, or archives. Each image is resized and cropped without chance.
Features are float32, in the order of the files; an image that cannot be read is left out, and said.`,
} as const;

/** Runs the command: exit code 0. */
export const embed: Command = command(LINE, async (given, paths) => {
  const { batchSize, out } = withDefaults(OPTIONS, given);
  const format = embeddingFormat(out);
  requireWritable(out!, "--out");
  const network = await openNetworkFile(LINE.task, given);
  const { model, backbone: { params, state } } = network;
  const progress = countOnTerminal();
  const run = { batchSize, workers: workersOf(given.workers), progress };
  const places = await Promise.all(paths.map((path) => openPlace(path, network, run)));
  const found = await onRunDevice(
    given.device,
    { kept: "", tuning: "none", ...machineOf(given) },
    async (device) => {
      const parts: Embeddings[] = [];
      for (const { dataset, batches } of places) {
        const onImages = (done: number) => progress.show("images", done, dataset.length);
        const { values, channels, indices } = await frozenFeatures({ params, state }, {
          ...{ model, batches: batches(), device, onImages },
        });
        const order = indices.map((index, row) => ({ index, row })).toSorted((a, b) => a.index - b.index);
        parts.push({
          files: order.map(({ index }) => dataset.nameOf(index)),
          rows: order.map(({ row }) => values.subarray(row * channels, (row + 1) * channels)),
        });
      }
      return { files: parts.flatMap(({ files }) => files), rows: parts.flatMap(({ rows }) => rows) };
    },
  );
  progress.end();
  const skipped = places.reduce((sum, place) => sum + place.skipped.length, 0);
  if (found.rows.length === 0) refuseUnread(skipped);
  await writeEmbeddings(out!, format, found);
  print(
    `${model.name} of ${network.path}: ${counted(found.rows[0]!.length, "feature")} of ${
      counted(found.rows.length, "image")
    }` +
      `${skipped > 0 ? `, ${skipped} cannot be read` : ""}; wrote ${out}`,
  );
  return 0;
});

function refuseUnread(skipped: number): never {
  throw new Error(`Cannot embed as at least one image must be readable: current number is 0 of ${skipped}`);
}

if (import.meta.main) await runCommand(embed);

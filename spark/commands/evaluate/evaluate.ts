/**
 * The evaluating command: `deno task evaluate --help`, or `deno run -A jsr:@tessera/tessera/evaluate --help`.
 *
 * @module
 */
import { machineOf } from "../shared/machine.ts";
import { counted, writeFileAtomic } from "../../../data/mod.ts";
import { classAccuracies, confusionCsv } from "../../train/scores/confusion.ts";
import { onRunDevice } from "../../train/devices.ts";
import { type Evaluated, makeEvaluate, readText, unreadText } from "../../train/scores/evaluation.ts";
import { classSections, percent } from "../../train/results/evaluation_report.ts";
import { pageHtml } from "../../train/results/page.ts";
import { classesOf } from "../../train/scores/score_images.ts";
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import type { OptionsOf } from "../cli/option.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { countOnTerminal } from "../cli/terminal.ts";
import { CLASSIFIER_OPTIONS, type ClassifierFile, openNetworkFile, withClasses } from "../shared/classifier_file.ts";
import { workersOf } from "../shared/common_options.ts";
import { type LabelledDataset, openEvaluationData } from "../shared/labelled_data.ts";
import { accountsOf } from "../shared/run_data.ts";
import { placedImages } from "../shared/image_places.ts";
import { requireWritable } from "../shared/writable.ts";

export type { Command } from "../cli/command.ts";

const OPTIONS = {
  data: {
    kind: "text",
    placeholder: "PATH",
    what: "a folder or an archive",
    help: "labelled images, as of deno task finetune; where they are split, those to evaluate on",
  },
  ...CLASSIFIER_OPTIONS,
  out: { kind: "text", placeholder: "FILE", what: "a file", help: "file for the result, JSON" },
  confusion: { kind: "text", placeholder: "FILE", what: "a file", help: "file for the confusion matrix, CSV" },
  report: { kind: "text", placeholder: "FILE", what: "a file", help: "file for a report, HTML" },
} as const;

const LINE = {
  task: "evaluate",
  purpose: "Scores a classifier on labelled images, class by class, without training.",
  usage: "--data PATH --init PATH",
  options: OPTIONS,
  details: "Each image is resized and cropped without chance, as in the evaluations of deno task finetune.",
} as const;

const write = (path: string | undefined, text: string): Promise<void> =>
  path === undefined ? Promise.resolve() : writeFileAtomic(path, text);

/** Runs the command: exit code 0. */
export const evaluate: Command = command(LINE, async (given) => {
  const { data, batchSize } = withDefaults(OPTIONS, given);
  if (data === undefined) {
    throw new RangeError("Cannot evaluate as --data must name labelled images: current value is absent; see --help");
  }
  for (const option of ["out", "confusion", "report"] as const) {
    if (given[option] !== undefined) requireWritable(given[option], `--${option}`);
  }
  const network = await openNetworkFile(LINE.task, given);
  const { params: encoder, state } = network.backbone;
  const count = classesOf(network.model, { encoder, state: { encoder: state } });
  const labelled = await openEvaluationData(data, network.classes, network.input);
  const file = withClasses(LINE.task, network, count, network.classes ?? labelled.labelNames);
  const progress = countOnTerminal();
  const images = placedImages(labelled, network, { batchSize, workers: workersOf(given.workers), progress });
  const machine = { kept: "", tuning: "none", ...machineOf(given) };
  const evaluated = await onRunDevice(given.device, machine, (device) => {
    const onImages = (done: number) => progress.show("images", done, labelled.length);
    const run = makeEvaluate(file.model, images.batches, { classes: file.names.length, device, onImages });
    return run({ params: { encoder, head: file.head }, state: { encoder: state } });
  });
  progress.end();
  await keep(given, { file, labelled, evaluated });
  return 0;
});

/** What was evaluated, and on what. */
interface Done {
  readonly file: ClassifierFile;
  readonly labelled: LabelledDataset;
  readonly evaluated: Evaluated;
}

/** Says the scores, and writes the files that were asked for. */
async function keep(
  { data, out, confusion: table, report }: OptionsOf<typeof OPTIONS>,
  { file: { model, path, names, size, transform }, labelled, evaluated: { scores, confusion } }: Done,
): Promise<void> {
  const classes = classAccuracies(confusion, names);
  print(
    `${model.name} of ${path} on ${labelled.name}, ${counted(scores.images, "image")}: top-1 ${
      percent(scores.top1)
    }, ` +
      `top-5 ${percent(scores.top5)}, loss ${scores.loss.toFixed(4)}${unreadText(scores)}`,
  );
  const worst = classes.filter((row) => row.images > 0).toSorted((a, b) => a.recall - b.recall).slice(0, SHOWN);
  print(
    `Right least often: ${
      worst.map(({ name, recall, images }) => `${name} ${percent(recall)} of ${images}`).join(", ")
    }`,
  );
  const result = { model: model.name, init: path, data, ...scores, classes, sources: accountsOf(labelled) };
  await write(out, `${JSON.stringify(result, null, 2)}\n`);
  await write(table, confusionCsv(confusion, names));
  const page = {
    title: `${model.name} on ${labelled.name}`,
    summary: [
      ["images", readText(scores)],
      ["top-1, top-5", `${percent(scores.top1)}, ${percent(scores.top5)}`],
      ["loss", scores.loss.toFixed(4)],
    ] as const,
    curves: [],
    sections: classSections(confusion, names),
    configuration: { model: model.name, init: path, data, inputSize: size, transform },
  };
  await write(report, pageHtml(page));
}

/** Classes that are named on the terminal. */
const SHOWN = 5;

if (import.meta.main) await runCommand(evaluate);

/** @file The command that runs the experiment of `docs/experiments.md`: `deno task experiment --help`. */
import { basename } from "node:path";
import { counted, writeFileAtomic } from "../../../data/mod.ts";
import { duration } from "../../train/progress.ts";
import { percent } from "../../train/results/evaluation_report.ts";
import { type Command, command } from "../cli/command.ts";
import { withDefaults } from "../cli/command_line.ts";
import { flagOf, type OptionsOf } from "../cli/option.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";
import { DEVICE_OPTION, IN_CHANNELS_OPTION, MODEL_OPTION } from "../shared/common_options.ts";
import { imageInput } from "../shared/image_input.ts";
import { openLabelledData } from "../shared/labelled_data.ts";
import { requireWritable } from "../shared/writable.ts";
import { experimentJobs, type ExperimentSettings } from "./experiment_plan.ts";
import { experimentReport } from "./experiment_report.ts";
import { readResult, runJobs } from "./experiment_run.ts";

const OPTIONS = {
  data: {
    kind: "text",
    placeholder: "PATH",
    what: "a path",
    help: "training images with classes, as of deno task finetune",
  },
  val: { kind: "text", placeholder: "PATH", what: "a path", help: "test images with the same classes" },
  model: { ...MODEL_OPTION.model, default: "mini_resnet8" },
  ...IN_CHANNELS_OPTION,
  pretrainSteps: { kind: "whole", least: 1, help: "steps of pre-training", default: 1200 },
  labels: { kind: "whole", least: 1, help: "labelled images", default: 5000 },
  fewLabels: {
    kind: "whole",
    least: 1,
    help: "labelled images of a second fine-tuning, of as many steps",
    default: 1000,
  },
  finetuneEpochs: { kind: "whole", least: 1, help: "passes of fine-tuning over them", default: 10 },
  seeds: { kind: "whole", least: 1, most: 100, help: "repetitions", default: 3 },
  jobs: { kind: "whole", least: 1, most: 64, help: "runs at once", default: 2 },
  threads: { kind: "whole", least: 1, most: 256, help: "threads of a run", default: 1 },
  device: { ...DEVICE_OPTION.device, default: "cpu" },
  out: {
    kind: "text",
    placeholder: "FOLDER",
    what: "a folder",
    help: "folder of all runs",
    default: "runs/experiment",
  },
  report: {
    kind: "text",
    placeholder: "FILE",
    what: "a file",
    help: "file of the report",
    default: "docs/experiments.md",
  },
  reportOnly: { kind: "flag", help: "write the report of what is done, run nothing" },
} as const;

const LINE = {
  task: "experiment",
  purpose: "Pre-trains and fine-tunes a small network in four ways, with several seeds each, and writes a report.",
  usage: "--data PATH --val PATH",
  options: OPTIONS,
  details: "What is done is not run again: the same command goes on where it was ended.",
} as const;

/** Runs the experiment: exit code 0. */
export const experiment: Command = command(LINE, async (given) => {
  const { data = refuseAbsent("data"), val = refuseAbsent("val"), ...filled } = withDefaults(OPTIONS, given);
  const { out, report, jobs, reportOnly, ...rest } = filled;
  const settings: ExperimentSettings = { data, val, ...rest };
  const writeReport = () => {
    const markdown = experimentReport(settings, (name) => readResult(out, name), commandLine(given));
    return writeFileAtomic(report, markdown);
  };
  requireWritable(report, "--report");
  if (!reportOnly) {
    await checkData(settings);
    const all = experimentJobs(settings, out);
    await runJobs(all, {
      out,
      atOnce: jobs,
      onStart: ({ name }) => print(`${clock()} starts ${name}`),
      async onDone({ name }, { seconds, values }) {
        const done = all.filter((job) => readResult(out, job.name) !== null).length;
        print(
          `${clock()} done ${name} in ${duration(seconds)}: ${valuesText(values)} (${done} of ${
            counted(all.length, "run")
          })`,
        );
        await writeReport();
      },
    });
  }
  await writeReport();
  print(`Report in ${report}`);
  return 0;
});

/** Says what is used of the images, and refuses them before anything runs. */
async function checkData({ data, val, labels, fewLabels, inChannels }: ExperimentSettings): Promise<void> {
  if (fewLabels > labels) {
    throw new RangeError(
      `Cannot run the experiment as --few-labels must be at most --labels, ${labels}: current value is ${fewLabels}`,
    );
  }
  const places = { data, val, seed: 0, input: imageInput(inChannels) };
  await openLabelledData({ ...places, labels });
  await openLabelledData({ ...places, labels: fewLabels, tell: () => {} });
}

/** What is measured, as it is called on the terminal; shares but for the loss. */
const NAMES: Readonly<Record<string, string>> = {
  ...{ top1: "top-1", top5: "top-5", linear: "linear top-1", neighbours: "nearest neighbours", loss: "loss" },
};

function valuesText(values: Readonly<Record<string, number>>): string {
  return Object.entries(values).filter(([name]) => name in NAMES)
    .map(([name, value]) => `${NAMES[name]} ${name === "loss" ? value.toFixed(4) : percent(value)}`).join(", ");
}

function refuseAbsent(name: string): never {
  throw new RangeError(`Cannot run the experiment as ${flagOf(name)} must name images: current value is absent`);
}

/** Options that say where things lie, and what is done of the experiment, not what it is. */
const PLACES: readonly string[] = ["data", "val", "out", "report", "jobs", "reportOnly"];

const clock = () => new Date().toTimeString().slice(0, 8);

/** The command as others would type it, who have the images elsewhere. */
function commandLine(given: OptionsOf<typeof OPTIONS>): string {
  const shown = Object.entries(given).filter(([name]) => !PLACES.includes(name));
  const options = shown.map(([name, value]) => `${flagOf(name)} ${value}`);
  const paths = ["data", "val"].map((name) => `${flagOf(name)} ${basename(given[name as "data" | "val"]!)}`);
  return ["deno task experiment", ...paths, ...options].join(" ");
}

if (import.meta.main) await runCommand(experiment);

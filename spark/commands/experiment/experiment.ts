/** @file The command that runs the experiment of `docs/experiments.md`: `deno task experiment --help`. */
import { writeFileAtomic } from "../../../data/mod.ts";
import { flagOf, parseOptions } from "../cli/command_line.ts";
import { experimentJobs, type ExperimentSettings } from "./experiment_plan.ts";
import { experimentReport } from "./experiment_report.ts";
import { readResult, runJobs } from "./experiment_run.ts";
import { helpOf } from "../cli/help.ts";
import { MODELS } from "../../train/model_table.ts";
import { count, number, oneOf, type OptionRow, text } from "../shared/option_table.ts";
import { print } from "../cli/print.ts";
import { runCommand } from "../cli/run_command.ts";

/** Options as given on the command line. */
export interface GivenExperimentOptions extends Partial<ExperimentSettings> {
  /** Folder of all runs. */
  readonly out?: string;
  /** File of the report. */
  readonly report?: string;
  /** Runs at once. */
  readonly jobs?: number;
  /** Only write the report. */
  readonly reportOnly?: boolean;
}

/** What is run if nothing else is asked for. */
const DEFAULTS = {
  model: "mini_resnet8",
  pretrainSteps: 1200,
  labels: 5000,
  fewLabels: 1000,
  finetuneEpochs: 10,
  seeds: 3,
  threads: 1,
  device: "cpu",
} as const;

/** The options, in the order of the help text. */
export const EXPERIMENT_OPTIONS: Readonly<Record<keyof GivenExperimentOptions, OptionRow>> = {
  data: { placeholder: "PATH", help: "training images with classes, as of deno task finetune", parse: text("a path") },
  val: { placeholder: "PATH", help: "test images with the same classes", parse: text("a path") },
  model: {
    placeholder: "NAME",
    help: `one of ${Object.keys(MODELS).join(", ")} (default ${DEFAULTS.model})`,
    parse: oneOf(Object.keys(MODELS)),
  },
  pretrainSteps: { placeholder: "N", help: `steps of pre-training (default ${DEFAULTS.pretrainSteps})`, parse: count },
  labels: { placeholder: "N", help: `labelled images (default ${DEFAULTS.labels})`, parse: count },
  fewLabels: {
    placeholder: "N",
    help: `labelled images of a second fine-tuning, of as many steps (default ${DEFAULTS.fewLabels})`,
    parse: count,
  },
  finetuneEpochs: {
    placeholder: "N",
    help: `passes of fine-tuning over them (default ${DEFAULTS.finetuneEpochs})`,
    parse: count,
  },
  seeds: { placeholder: "N", help: "repetitions (default 3)", parse: number(1, 100, { whole: true }) },
  jobs: { placeholder: "N", help: "runs at once (default 2)", parse: number(1, 64, { whole: true }) },
  threads: { placeholder: "N", help: "threads of a run (default 1)", parse: number(1, 256, { whole: true }) },
  device: {
    placeholder: "NAME",
    help: "auto, cpu (default), webgpu or reference",
    parse: oneOf(["auto", "cpu", "webgpu", "reference"]),
  },
  out: { placeholder: "FOLDER", help: "folder of all runs (default runs/experiment)", parse: text("a folder") },
  report: { placeholder: "FILE", help: "file of the report (default docs/experiments.md)", parse: text("a file") },
  reportOnly: {
    placeholder: "",
    help: "write the report of what is done, run nothing",
    isFlag: true,
    parse: (given) => given === "true",
  },
};

const HEAD = `Pre-trains and fine-tunes a small network in four ways, with several seeds each, and writes a report.

Usage: deno task experiment --data PATH --val PATH [OPTIONS]
`;

const TAIL = `
What is done is not run again: the same command goes on where it was ended.`;

/**
 * Runs the experiment.
 *
 * @param args Arguments of the command line.
 * @returns Exit code 0.
 * @throws {Error} If something does not fit or a run fails, with a message for the user.
 */
export async function experiment(args: readonly string[]): Promise<number> {
  const given = parseOptions<GivenExperimentOptions>(args, EXPERIMENT_OPTIONS);
  if (given === "help") {
    print(helpOf(EXPERIMENT_OPTIONS, { head: HEAD, tail: TAIL }));
    return 0;
  }
  const { out = "runs/experiment", report = "docs/experiments.md", jobs = 2, reportOnly = false, ...rest } = given;
  const settings = { ...DEFAULTS, ...rest } as ExperimentSettings;
  for (const name of ["data", "val"] as const) {
    if (settings[name] === undefined) {
      throw new RangeError(`Cannot run the experiment as ${flagOf(name)} must name images: current value is absent`);
    }
  }
  const writeReport = () => {
    const markdown = experimentReport(settings, (name) => readResult(out, name), commandLine(rest));
    return writeFileAtomic(report, new TextEncoder().encode(markdown));
  };
  if (!reportOnly) {
    await runJobs(experimentJobs(settings, out), {
      out,
      atOnce: jobs,
      onStart: ({ name }) => print(`${clock()} starts ${name}`),
      async onDone({ name }, { seconds, values }) {
        print(`${clock()} done ${name} in ${seconds.toFixed(0)} s: ${JSON.stringify(values)}`);
        await writeReport();
      },
    });
  }
  await writeReport();
  print(`Report in ${report}`);
  return 0;
}

const clock = () => new Date().toISOString().slice(11, 19);

/** The command as others would type it: where their images lie is theirs to say. */
function commandLine(given: GivenExperimentOptions): string {
  const { data: _data, val: _val, ...rest } = given;
  const options = Object.entries(rest).map(([name, value]) => `${flagOf(name)} ${value}`);
  const paths = ["--data cifar10-train.tar.gz", "--val cifar10-test.tar.gz"];
  return ["deno task experiment", ...paths, ...options].join(" ");
}

if (import.meta.main) await runCommand(experiment);

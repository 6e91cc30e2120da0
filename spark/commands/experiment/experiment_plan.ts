/** @file The runs of the experiment: what each does and what it needs. */

/** Settings of the experiment. */
export interface ExperimentSettings {
  /** Images to pre-train on, and to draw the labelled ones from. */
  readonly data: string;
  /** Images to evaluate on. */
  readonly val: string;
  /** Name in `MODELS`. */
  readonly model: string;
  /** Channels of the images; `null`: those of the model. */
  readonly inChannels: number | null;
  /** Steps of pre-training. */
  readonly pretrainSteps: number;
  /** Labelled images. */
  readonly labels: number;
  /** Fewer labelled images, of a second fine-tuning. */
  readonly fewLabels: number;
  /** Passes of fine-tuning over `labels`; over the fewer ones as many more as give the same number of steps. */
  readonly finetuneEpochs: number;
  /** Runs of everything, each with a seed of its own. */
  readonly seeds: number;
  /** Threads that a run computes with. */
  readonly threads: number;
  /** Where to compute. */
  readonly device: string;
}

/** What a start of fine-tuning is called. */
export type Start = "scratch" | "spark" | "zero" | "one-scale";

/** What the encoder starts from. */
export interface StartEntry {
  /** Name in the report. */
  readonly label: string;
  /** Options of its pre-training; null for none. */
  readonly pretraining: readonly string[] | null;
}

/** The starts that are compared. */
export const STARTS: Readonly<Record<Start, StartEntry>> = {
  scratch: { label: "fresh weights", pretraining: null },
  spark: { label: "SparK", pretraining: [] },
  zero: { label: "SparK, zero-out instead of sparse", pretraining: ["--masking", "zero"] },
  "one-scale": { label: "SparK, one scale", pretraining: ["--scales", "1"] },
};

/** The command of a run. */
export type JobKind = "pretrain" | "finetune" | "probe";

/** What a run does: a command, or fine-tuning with few labels. */
export type RunKind = JobKind | "few";

/** One run. */
export interface Job {
  /** Name of its files. */
  readonly name: string;
  /** Its command. */
  readonly kind: JobKind;
  /** What it does. */
  readonly run: RunKind;
  /** What its encoder starts from, or is pre-trained as. */
  readonly start: Start;
  /** Its seed. */
  readonly seed: number;
  /** Names of the runs that must be done before. */
  readonly needs: readonly string[];
  /** Arguments of its command, but for where results go. */
  readonly args: readonly string[];
}

/** Name of a run. */
export function jobName(run: RunKind, start: Start, seed: number): string {
  return `${run}-${start}-${seed}`;
}

/**
 * Lists the runs, seed by seed, so that what is done at any time is whole; what is of less interest at the end.
 *
 * @param settings Settings of the experiment.
 * @param out Folder of all results.
 * @returns The runs, each after those that it needs.
 */
export function experimentJobs(settings: ExperimentSettings, out: string): readonly Job[] {
  const { device, threads } = settings;
  const shared = ["--device", device, "--threads", String(threads), "--workers", "1"];
  const jobs = Array.from({ length: settings.seeds }, (_, seed) => seed).flatMap((seed) =>
    (Object.keys(STARTS) as Start[]).flatMap((start) => jobsOf(settings, { start, seed, out, shared }))
      .sort((a, b) => ORDER.indexOf(a.run) - ORDER.indexOf(b.run))
  );
  const rank = ({ run, start }: Job) => run === "few" ? 1 : run === "probe" && isAblation(start) ? 2 : 0;
  return jobs.toSorted((a, b) => rank(a) - rank(b));
}

/** The long ones first. */
const ORDER: readonly RunKind[] = ["pretrain", "finetune", "few", "probe"];

/** A start that tells what a part of the method is worth. */
const isAblation = (start: Start): boolean => start !== "scratch" && start !== "spark";

function jobsOf(
  settings: ExperimentSettings,
  { start, seed, out, shared }: {
    readonly start: Start;
    readonly seed: number;
    readonly out: string;
    readonly shared: readonly string[];
  },
): readonly Job[] {
  const { pretraining } = STARTS[start];
  const pretrain = jobName("pretrain", start, seed);
  const source = pretraining === null ? ["--from-scratch"] : ["--init", `${out}/${pretrain}`];
  const job = (run: RunKind, args: readonly string[]): Job => ({
    name: jobName(run, start, seed),
    kind: run === "few" ? "finetune" : run,
    run,
    start,
    seed,
    needs: run === "pretrain" || pretraining === null ? [] : [pretrain],
    args: [...args, "--seed", String(seed), ...shared],
  });
  const { labels, fewLabels, finetuneEpochs } = settings;
  return [
    ...(pretraining === null ? [] : [job("pretrain", [...pretrainArgs(settings), ...pretraining])]),
    job("finetune", [...labelledArgs(settings, labels), ...source, ...finetuneArgs(finetuneEpochs)]),
    ...(isAblation(start)
      ? []
      : [job("few", [...labelledArgs(settings, fewLabels), ...source, ...finetuneArgs(fewEpochs(settings))])]),
    job("probe", [...labelledArgs(settings, labels), ...source]),
  ];
}

const modelArgs = ({ model, inChannels }: ExperimentSettings): readonly string[] => [
  ...["--model", model],
  ...inChannels === null ? [] : ["--in-channels", String(inChannels)],
];

const pretrainArgs = (settings: ExperimentSettings): readonly string[] => [
  ...["--data", settings.data, ...modelArgs(settings), "--steps", String(settings.pretrainSteps)],
  ...["--save-every", String(Math.min(1000, settings.pretrainSteps)), "--log-every", "10"],
];

const labelledArgs = (settings: ExperimentSettings, labels: number): readonly string[] => [
  ...["--data", settings.data, "--val", settings.val, ...modelArgs(settings), "--labels", String(labels)],
];

const finetuneArgs = (
  epochs: number,
): readonly string[] => ["--epochs", String(epochs), "--eval-every", String(AT_THE_END), "--log-every", "10"];

/** Passes over the fewer labels. */
export function fewEpochs({ labels, fewLabels, finetuneEpochs }: ExperimentSettings): number {
  return Math.round(finetuneEpochs * labels / fewLabels);
}

/** More steps than any run here has: nothing is chosen by looking at the images that results are reported on. */
const AT_THE_END = 1_000_000;

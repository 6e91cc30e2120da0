/** @file The runs of the experiment: what each does and what it needs. */

/** Settings of the experiment. */
export interface ExperimentSettings {
  /** Images to pre-train on, and to draw the labelled ones from. */
  readonly data: string;
  /** Images to evaluate on. */
  readonly val: string;
  /** Name in `MODELS`. */
  readonly model: string;
  /** Steps of pre-training. */
  readonly pretrainSteps: number;
  /** Labelled images. */
  readonly labels: number;
  /** Passes of fine-tuning over them. */
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

/** What the encoder starts from: a label, and the options of its pre-training; null for none. */
export const STARTS: Readonly<
  Record<Start, { readonly label: string; readonly pretraining: readonly string[] | null }>
> = {
  scratch: { label: "fresh weights", pretraining: null },
  spark: { label: "SparK", pretraining: [] },
  zero: { label: "SparK, zero-out instead of sparse", pretraining: ["--masking", "zero"] },
  "one-scale": { label: "SparK, one scale", pretraining: ["--scales", "1"] },
};

/** What a run does. */
export type JobKind = "pretrain" | "finetune" | "probe";

/** One run. */
export interface Job {
  /** Name of its files. */
  readonly name: string;
  /** What it does. */
  readonly kind: JobKind;
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
export function jobName(kind: JobKind, start: Start, seed: number): string {
  return `${kind}-${start}-${seed}`;
}

/**
 * Lists the runs, seed by seed, so that what is done at any time is whole; probes of the ablations at the end.
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
      .sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))
  );
  const isExtra = ({ kind, start }: Job) => kind === "probe" && start !== "scratch" && start !== "spark";
  return [...jobs.filter((job) => !isExtra(job)), ...jobs.filter(isExtra)];
}

/** The long ones first. */
const ORDER: readonly JobKind[] = ["pretrain", "finetune", "probe"];

function jobsOf(
  { data, val, model, pretrainSteps, labels, finetuneEpochs }: ExperimentSettings,
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
  const labelled = ["--data", data, "--val", val, "--model", model, "--labels", String(labels)];
  const common = ["--seed", String(seed), ...shared];
  const needs = pretraining === null ? [] : [pretrain];
  const job = (kind: JobKind, args: readonly string[]): Job => ({
    name: jobName(kind, start, seed),
    kind,
    start,
    seed,
    needs: kind === "pretrain" ? [] : needs,
    args: [...args, ...common],
  });
  const steps = ["--steps", String(pretrainSteps), "--save-every", String(Math.min(1000, pretrainSteps))];
  return [
    ...(pretraining === null
      ? []
      : [job("pretrain", ["--data", data, "--model", model, ...steps, "--log-every", "10", ...pretraining])]),
    job("finetune", [
      ...[...labelled, ...source],
      ...["--epochs", String(finetuneEpochs), "--eval-every", String(AT_THE_END), "--log-every", "10"],
    ]),
    job("probe", [...labelled, ...source]),
  ];
}

/** More steps than any run here has: nothing is chosen by looking at the images that results are reported on. */
const AT_THE_END = 1_000_000;

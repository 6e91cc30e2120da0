/** @file The report of the experiment: tables, and what they say. */
import { type ExperimentSettings, fewEpochs, jobName, type RunKind, type Start, STARTS } from "./experiment_plan.ts";
import { modelEntry } from "../../train/model_file.ts";
import { counted } from "../../../data/mod.ts";
import { type JobResult, LAST_STEPS } from "./experiment_run.ts";

/** Looks a result up; null for a run that is not done. */
export type Lookup = (name: string) => JobResult | null;

/** What is measured. */
interface Measure {
  readonly label: string;
  readonly kind: RunKind;
  readonly value: string;
}

const FINETUNED: Measure = { label: "fine-tuned, top-1", kind: "finetune", value: "top1" };
const FINETUNED_5: Measure = { label: "top-5", kind: "finetune", value: "top5" };
const FEW: Measure = { label: "fine-tuned with fewer labels, top-1", kind: "few", value: "top1" };
const LINEAR: Measure = { label: "linear probe, top-1", kind: "probe", value: "linear" };
const NEIGHBOURS: Measure = { label: "20 nearest neighbours", kind: "probe", value: "neighbours" };

const NAMES = Object.keys(STARTS) as Start[];

/**
 * Mean and sample standard deviation.
 *
 * @param values Any number.
 * @returns Both; NaN where there are too few values.
 */
export function spread(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : NaN };
}

/**
 * Writes the report.
 *
 * @param settings Settings of the experiment.
 * @param lookup Results.
 * @param command What runs it.
 * @returns Markdown.
 */
export function experimentReport(settings: ExperimentSettings, lookup: Lookup, command: string): string {
  return [
    "# What pre-training is worth: a small experiment",
    INTRODUCTION,
    "## Result",
    resultTable(settings, lookup),
    `Accuracy in per cent on the test images: mean over the seeds ± standard deviation between them, in brackets the ` +
    "single seeds. A seed decides everything: weights, masks, order, crops and which images are labelled; the rows " +
    "share it.",
    "## What it says",
    reading(settings, lookup),
    "## Differences",
    differences(settings, lookup),
    "## Settings",
    settingsText(settings, lookup),
    "## Pre-training",
    pretrainTable(settings, lookup),
    "## Time and command",
    timeText(settings, lookup, command),
  ].join("\n\n") + "\n";
}

const INTRODUCTION = `Does masked pre-training on images without labels help when few of them are labelled? And do the
two parts of the method, sparse encoding and the decoder's hierarchy, matter? The network is trained to tell classes
apart from several starts, with the same budget of fine-tuning. Nothing is chosen by the test images: each network is
evaluated once, at the end.`;

function valuesOf(settings: ExperimentSettings, lookup: Lookup, start: Start, { kind, value }: Measure) {
  return Array.from({ length: settings.seeds }, (_, seed) => lookup(jobName(kind, start, seed))?.values[value] ?? null);
}

const known = (values: readonly (number | null)[]) => values.filter((x): x is number => x !== null);

/** `51.2 ± 0.4 (51.0, 51.6, 50.9)`. */
function cell(values: readonly (number | null)[], { singles }: { readonly singles: boolean }): string {
  const found = known(values).map((x) => 100 * x);
  if (found.length === 0) return "not run";
  const { mean, deviation } = spread(found);
  const around = Number.isNaN(deviation) ? "" : ` ± ${deviation.toFixed(2)}`;
  return `${mean.toFixed(2)}${around}${singles ? ` (${found.map((x) => x.toFixed(2)).join(", ")})` : ""}`;
}

function resultTable(settings: ExperimentSettings, lookup: Lookup): string {
  const measures = [FINETUNED, FINETUNED_5, FEW, LINEAR, NEIGHBOURS];
  const rows = NAMES.map((start) => [
    STARTS[start].label,
    ...measures.map((measure) =>
      cell(valuesOf(settings, lookup, start, measure), { singles: measure !== FINETUNED_5 })
    ),
  ]);
  return table([["start", ...measures.map(({ label }) => label)], ...rows]);
}

function table([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head!), line(head!.map((_, i) => i === 0 ? "---" : "---:")), ...rows.map(line)].join("\n");
}

/** Pairs of starts, and the measures for which their difference is of interest. */
const PAIRS: readonly (readonly [Start, Start, readonly Measure[]])[] = [
  ["spark", "scratch", [FINETUNED, FEW, LINEAR, NEIGHBOURS]],
  ["zero", "scratch", [FINETUNED]],
  ["one-scale", "scratch", [FINETUNED]],
  ["spark", "zero", [FINETUNED, LINEAR]],
  ["spark", "one-scale", [FINETUNED, LINEAR]],
];

/** Differences between runs of the same seed, in points. */
function pairsOf(settings: ExperimentSettings, lookup: Lookup, [a, b]: readonly [Start, Start], measure: Measure) {
  const [of, from] = [valuesOf(settings, lookup, a, measure), valuesOf(settings, lookup, b, measure)];
  return of.flatMap((x, seed) => x === null || from[seed] == null ? [] : [100 * (x - from[seed]!)]);
}

function differences(settings: ExperimentSettings, lookup: Lookup): string {
  const rows = PAIRS.flatMap(([a, b, measures]) =>
    measures.map((measure) => [
      `${STARTS[a].label} − ${STARTS[b].label}`,
      measure.label,
      ...differenceCells(pairsOf(settings, lookup, [a, b], measure)),
    ])
  );
  const text =
    "Differences in points between runs of the same seed: mean ± standard error. A difference is called clear " +
    "if it has the same sign for every seed and Student's t is beyond its 10 % bound, 2.92 for three seeds; with so few " +
    "seeds, and so many comparisons, this is a rough guide.";
  return `${text}\n\n${table([["difference", "measure", "points", "clear"], ...rows])}`;
}

/** Student's t at 10 %, two-sided, for 2, 3, … pairs; 2 for more than are listed. */
const STUDENT = [6.31, 2.92, 2.35, 2.13, 2.02];

/** Questions, and the comparison that answers each. */
const QUESTIONS: readonly (readonly [string, readonly [Start, Start], Measure])[] = [
  ["Pre-training, then fine-tuning, against fresh weights", ["spark", "scratch"], FINETUNED],
  ["The same with fewer labels", ["spark", "scratch"], FEW],
  ["Frozen features of SparK against those of fresh weights", ["spark", "scratch"], LINEAR],
  ["Sparse encoding against zeros", ["spark", "zero"], FINETUNED],
  ["The same of frozen features", ["spark", "zero"], LINEAR],
  ["All scales against one", ["spark", "one-scale"], FINETUNED],
  ["The same of frozen features", ["spark", "one-scale"], LINEAR],
];

/** What the numbers say, a line for each question. */
function reading(settings: ExperimentSettings, lookup: Lookup): string {
  const lines = QUESTIONS.map(([question, starts, measure]) => {
    const [points, clear] = differenceCells(pairsOf(settings, lookup, starts, measure));
    const verdict = clear === "yes" ? "clear" : clear === "no" ? "not clear" : "one seed says little";
    return `- ${question}: ${points === "not run" ? points : `${points} points (${measure.label}); ${verdict}.`}`;
  });
  return `${lines.join("\n")}\n\n${CAVEAT}`;
}

const CAVEAT = `This is one network on one set of images, with few seeds. It shows that the parts work together and
which way they point here. It says nothing of other networks, images and lengths; in the paper ConvNeXt-S on ImageNet
gains 1.0 points by pre-training of 1600 epochs, of which 0.9 are lost with zero-out.`;

function differenceCells(pairs: readonly number[]): readonly [string, string] {
  if (pairs.length === 0) return ["not run", ""];
  const { mean, deviation } = spread(pairs);
  const error = deviation / Math.sqrt(pairs.length);
  const signed = `${mean >= 0 ? "+" : "−"}${Math.abs(mean).toFixed(2)}`;
  if (Number.isNaN(error)) return [signed, "one seed"];
  const sameSign = pairs.every((x) => x > 0) || pairs.every((x) => x < 0);
  const bound = STUDENT[pairs.length - 2] ?? 2;
  return [`${signed} ± ${error.toFixed(2)}`, sameSign && Math.abs(mean) > bound * error ? "yes" : "no"];
}

/** Images that were used: by the log of the first pre-training, and by the first evaluation. */
function imagesUsed(lookup: Lookup): { readonly train: number | null; readonly test: number | null } {
  const valueOf = (run: RunKind, start: Start) => lookup(jobName(run, start, 0))?.values.images ?? null;
  return { train: valueOf("pretrain", "spark"), test: valueOf("finetune", "scratch") };
}

function settingsText(settings: ExperimentSettings, lookup: Lookup): string {
  const { train, test } = imagesUsed(lookup);
  const recipe = lookup(jobName("finetune", "scratch", 0))?.recipe;
  const count = (images: number | null) => images === null ? "the" : `all ${images.toLocaleString("en")}`;
  const { inputSize, batchSize } = modelEntry(settings.model).recipe;
  const { model, inChannels, pretrainSteps, labels, fewLabels, finetuneEpochs, seeds } = settings;
  const number = (x: number) => x.toLocaleString("en");
  return [
    `- Images: ${count(train)} training images, without labels, for pre-training; ${
      number(labels)
    } of them, as many of ` +
    `each class, for fine-tuning and probes, ${number(fewLabels)} for fine-tuning with fewer labels; ${
      count(test)
    } test ` +
    `images for evaluation. ${inputSize.join("×")} pixels.`,
    `- Network: \`${model}\`${inChannels === null ? "" : `, of ${counted(inChannels, "channel")}`}.`,
    `- Pre-training: ${
      number(pretrainSteps)
    } steps of ${batchSize} images, the defaults of \`deno task pretrain\` for this ` +
    "network (LAMB; random resized crops of 67 to 100 % and flips). The paper pre-trains for 1600 epochs of ImageNet" +
    `${train === null ? "" : `; this is ${(pretrainSteps * batchSize / train).toFixed(1)} epochs of these images`}.`,
    `- Fine-tuning: ${counted(finetuneEpochs, "epoch")} of the labelled images (${
      fewEpochs(settings)
    } of the fewer ones: as many steps), the defaults of \`deno task finetune\` for this network${
      recipe === undefined ? "" : `: ${recipe}`
    }; the same for all starts.`,
    "- Probes: frozen network, mean of the last map, running statistics of batch norm taken anew from dense images (for " +
    "fresh weights too); logistic regression, and 20 nearest neighbours.",
    `- Seeds: ${Array.from({ length: seeds }, (_, i) => i).join(", ")}; each has its own pre-training.`,
  ].join("\n");
}

function pretrainTable(settings: ExperimentSettings, lookup: Lookup): string {
  const rows = NAMES.filter((start) => STARTS[start].pretraining !== null).map((start) => {
    const losses = known(valuesOf(settings, lookup, start, { label: "", kind: "pretrain", value: "loss" }));
    const { mean, deviation } = spread(losses);
    const text = losses.length === 0
      ? "not run"
      : losses.length === 1
      ? mean.toFixed(4)
      : `${mean.toFixed(4)} ± ${deviation.toFixed(4)}`;
    return [STARTS[start].label, text];
  });
  const steps = Math.min(LAST_STEPS, settings.pretrainSteps);
  return `Mean loss of the last ${
    counted(steps, "step")
  }. It tells how well masked patches were predicted, not how good the features are.` +
    `\n\n${table([["pre-training", "loss"], ...rows])}`;
}

function timeText(settings: ExperimentSettings, lookup: Lookup, command: string): string {
  const secondsOf = (kind: RunKind) =>
    NAMES.flatMap((start) =>
      Array.from({ length: settings.seeds }, (_, seed) => lookup(jobName(kind, start, seed))?.seconds ?? null)
    );
  const line = (kind: RunKind) => {
    const seconds = known(secondsOf(kind));
    const total = seconds.reduce((sum, x) => sum + x, 0);
    return `${seconds.length} × ${kind === "few" ? "finetune with fewer labels" : kind} ${
      Math.round(total / Math.max(1, seconds.length))
    } s`;
  };
  const kinds = ["pretrain", "finetune", "few", "probe"] as const;
  const minutes = kinds.flatMap((kind) => known(secondsOf(kind))).reduce((sum, x) => sum + x, 0) / 60;
  return `\`\`\`\n${command}\n\`\`\`\n\nEach run has ${counted(settings.threads, "thread")} on ` +
    `\`${settings.device}\`; the mean times were ${kinds.map(line).join(", ")}, ${
      minutes.toFixed(0)
    } minutes of runs in ` +
    "all, with whatever else the machine did. " +
    "Runs that are done leave a result file and are not run again; the command goes on where it was ended.";
}

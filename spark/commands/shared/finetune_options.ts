/** @file From what the command line says to what fine-tuning does. */
import { type FinetuneRecipe, finetuneRecipe } from "./finetune_recipe.ts";
import type { GivenFinetuneOptions } from "./finetune_table.ts";
import { MODELS } from "../../train/model_table.ts";
import { agreeing, type RunLengths } from "./options.ts";

/** All that decides the bits of a run, with defaults filled in. Plain data: checkpoints carry it. */
export interface FinetuneOptions extends Omit<FinetuneRecipe, "warmupShare"> {
  /** Tells these checkpoints from those of pre-training. */
  readonly task: "finetune";
  /** Labelled images. */
  readonly data: string;
  /** Images to evaluate on; null: found beside or within `data`. */
  readonly val: string | null;
  /** Name in `MODELS`. */
  readonly model: string;
  /** File of the pre-trained network; null: fresh weights. */
  readonly init: string | null;
  /** Images to train on; null: all. */
  readonly labels: number | null;
  /** Height and width of the images, in pixels. */
  readonly inputSize: readonly [number, number];
  /** Steps in total, or null. */
  readonly steps: number | null;
  /** Epochs of warm-up; null: the share of the run that the recipe names. */
  readonly warmupEpochs: number | null;
  /** Probability that all classes share. */
  readonly labelSmoothing: number;
  /** Seed of head, order, crops and mixing. */
  readonly seed: number;
  /** Steps between evaluations; null: a tenth of the run, at most 1000. They decide which checkpoint is the best. */
  readonly evalEvery: number | null;
}

/**
 * Fills in the defaults, which depend on the model and the size.
 *
 * @param given Options of the command line.
 * @param found What the pre-trained file says: its path and the name of its model, if it has one.
 * @returns Options of the run.
 * @throws {RangeError} If there are no images, or neither a pre-trained network nor `--from-scratch`, or both, or no
 * model.
 */
export function resolveFinetuneOptions(
  given: GivenFinetuneOptions,
  found: { readonly path: string; readonly model: string } | null,
): FinetuneOptions {
  const name = given.model ?? found?.model;
  if (given.data === undefined) refuse("there must be labelled images", "--data is absent");
  if (!found && !given.fromScratch) {
    refuse("there must be a pre-trained network or --from-scratch", "--init is absent");
  }
  if (found && given.fromScratch) refuse("--init and --from-scratch exclude each other", `--init is ${found.path}`);
  if (name === undefined) refuse("fresh weights need --model", "--model is absent");
  const inputSize = given.inputSize ?? MODELS[name]!.recipe.inputSize;
  const { warmupShare: _, ...recipe } = finetuneRecipe(name, inputSize);
  const { data, val, labels, steps, warmupEpochs, labelSmoothing, seed, evalEvery } = given;
  const own = Object.keys(recipe) as (keyof typeof recipe)[];
  const chosen = Object.fromEntries(own.flatMap((each) => given[each] === undefined ? [] : [[each, given[each]]]));
  const filled = { ...recipe, ...chosen };
  return {
    task: "finetune",
    data,
    val: val ?? null,
    model: name,
    init: found?.path ?? null,
    labels: labels ?? null,
    inputSize,
    ...filled,
    ema: filled.ema === 0 ? null : filled.ema,
    steps: steps ?? null,
    warmupEpochs: warmupEpochs ?? null,
    labelSmoothing: labelSmoothing ?? 0.1,
    seed: seed ?? 0,
    evalEvery: evalEvery ?? null,
  };
}

function refuse(requirement: string, current: string): never {
  throw new RangeError(`Cannot fine-tune as ${requirement}: current ${current}`);
}

/**
 * Takes the options of a checkpoint, after checking that those on the command line do not contradict them.
 *
 * @param saved Options of the run that wrote the checkpoint.
 * @param given Options of the command line. `data` and `val` may name other places: what they hold is checked when they
 * are opened.
 * @returns Options of the run.
 * @throws {RangeError} If an option that decides the bits has another value.
 */
export function resumeFinetuneOptions(saved: FinetuneOptions, given: GivenFinetuneOptions): FinetuneOptions {
  const { data, val, ...rest } = given;
  const kept = agreeing(saved, rest.fromScratch === undefined ? rest : { ...rest, init: rest.init ?? null });
  return { ...kept, data: data ?? kept.data, val: val ?? kept.val };
}

/**
 * Counts the steps of a run.
 *
 * @param options Options of the run.
 * @param stepsPerEpoch Steps in which as many images are seen as there are.
 * @returns Lengths in steps, and the steps between evaluations.
 * @throws {RangeError} If the warm-up is as long as the run.
 */
export function finetuneLengths(
  options: FinetuneOptions,
  stepsPerEpoch: number,
): RunLengths & { readonly evalEvery: number } {
  const { steps, epochs, warmupEpochs, model, inputSize } = options;
  const total = steps ?? epochs * stepsPerEpoch;
  const share = finetuneRecipe(model, inputSize).warmupShare;
  const warmup = warmupEpochs === null ? Math.floor(total * share) : Math.round(warmupEpochs * stepsPerEpoch);
  const evalEvery = options.evalEvery ?? Math.min(1000, Math.ceil(total / 10));
  if (warmup < total) return { stepsPerEpoch, total, warmup, evalEvery };
  throw new RangeError(
    `Cannot warm up for ${warmup} steps as that must be less than the whole run: current run has ${total} steps; ` +
      "lower --warmup-epochs",
  );
}

/** @file From what the command line says to what fine-tuning does. */
import { STREAM_VERSION } from "../../random_stream.ts";
import { makeModel, modelEntry } from "../../train/model_file.ts";
import { type RunLengths, runLengths } from "../../train/run_lengths.ts";
import { withDefaults } from "../cli/command_line.ts";
import { type Extended, extended } from "../shared/extended.ts";
import { ownChannels } from "../shared/image_input.ts";
import { checkAccumulation, sameModel } from "../shared/settled_options.ts";
import { DECIDING_OPTIONS, type FinetuneOptions, type GivenFinetuneOptions } from "./finetune_options.ts";
import { finetuneRecipe } from "./finetune_recipe.ts";

/**
 * Fills in the defaults, which depend on the model and the size.
 *
 * @param given Options of the command line.
 * @param found What the pre-trained file says: its path and the name of its model, if it has one.
 * @returns Options of the run.
 * @throws {RangeError} If there are no images, or neither a pre-trained network nor `--from-scratch`, or both, or no
 * model.
 */
export function settleFinetuneOptions(
  given: GivenFinetuneOptions,
  found: { readonly path: string; readonly model: string; readonly inChannels?: number | null } | null,
): FinetuneOptions {
  const { fromScratch, ...stated } = withDefaults(DECIDING_OPTIONS, given);
  const model = stated.model ?? found?.model;
  if (stated.data === undefined) refuse("there must be labelled images", "--data is absent");
  if (!found && !fromScratch) refuse("there must be a pre-trained network or --from-scratch", "--init is absent");
  if (found && fromScratch) refuse("--init and --from-scratch exclude each other", `--init is ${found.path}`);
  if (model === undefined) refuse("fresh weights need --model", "--model is absent");
  const inputSize = stated.inputSize ?? modelEntry(model).recipe.inputSize;
  const { warmupShare: _, ...recipe } = finetuneRecipe(model, inputSize);
  const init = found?.path ?? null;
  const inChannels = stated.inChannels ?? found?.inChannels ?? ownChannels(makeModel(model));
  if (inChannels !== null) requirePlain(given, inChannels);
  const whole = {
    task: "finetune" as const,
    randomStream: STREAM_VERSION,
    ...recipe,
    ...inChannels !== null && PLAIN,
    ...stated,
    inChannels,
    data: stated.data,
    model,
    init,
    inputSize,
  };
  checkAccumulation(whole);
  return { ...whole, ema: whole.ema === 0 ? null : whole.ema };
}

/** What is done to colours of 8 bits alone. */
const PLAIN = { augment: "none", erase: 0 } as const;

function requirePlain({ augment = "none", erase = 0 }: GivenFinetuneOptions, inChannels: number): void {
  if (augment === "none" && erase === 0) return;
  const current = augment === "none" ? `--erase is ${erase}` : `--augment is ${augment}`;
  refuse(`--augment and --erase are for 8-bit colours, and with --in-channels ${inChannels} must be left out`, current);
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
 * @returns Options of the run, and what `--extend` changes in them.
 * @throws {RangeError} If an option that decides the bits has another value, and there is no `--extend` or it may not.
 */
export function resumeFinetuneOptions(
  saved: FinetuneOptions,
  given: GivenFinetuneOptions,
): Extended<FinetuneOptions> {
  const { data, val, model, extend = false, ...rest } = given;
  // Older ones do not say.
  const whole: FinetuneOptions = { ...saved, ...OLDER, ...saved };
  const fresh = rest.fromScratch === undefined ? {} : { init: rest.init ?? null };
  const asked = { ...rest, ...fresh, model: sameModel(saved.model, model) };
  const { options, changes } = extended(whole, asked, extend);
  if (changes.length > 0) checkAccumulation(options);
  return {
    options: { ...options, data: data ?? options.data, val: val ?? options.val, model: model ?? options.model },
    changes,
  };
}

/** What runs had before there was a choice. */
const OLDER = {
  ...{ randomStream: 1, accumulate: 1, precision: "f32", syncBn: false, bucketMb: 25 },
  inChannels: null,
} as const;

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
  const { warmupShare } = finetuneRecipe(options.model, options.inputSize);
  const lengths = runLengths({ ...options, warmupShare }, stepsPerEpoch);
  return { ...lengths, evalEvery: options.evalEvery ?? Math.min(1000, Math.ceil(lengths.total / 10)) };
}

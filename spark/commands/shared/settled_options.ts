/** @file From what the command line says to what pre-training does. */
import type { Collective } from "../../../tensor/mod.ts";
import type { Model } from "../../../nn/mod.ts";
import { inputGrid } from "../../input_grid.ts";
import { STREAM_VERSION } from "../../random_stream.ts";
import type { TrainStepOptions } from "../../train_step.ts";
import { isModelFile, makeModel, modelEntry } from "../../train/model_file.ts";
import { partOfRank } from "../../train/ranks/open_ranks.ts";
import { withDefaults } from "../cli/command_line.ts";
import { defaultsOf } from "../cli/option.ts";
import { type Extended, extended } from "./extended.ts";
import { ownChannels } from "./image_input.ts";
import { DECIDING_OPTIONS, type GivenPretrainOptions, type PretrainOptions } from "./pretrain_options.ts";

/**
 * Fills in the defaults, which depend on the model and the size.
 *
 * @param given Options of the command line.
 * @returns Options of the run.
 * @throws {RangeError} If the size does not divide by the patches, these not by the model's stride, the mask would cover
 * all or nothing, or the decoder does not fit the model.
 */
export function settleOptions(given: GivenPretrainOptions): PretrainOptions {
  const stated = withDefaults(DECIDING_OPTIONS, given);
  const { recipe } = modelEntry(stated.model);
  const inputSize = stated.inputSize ?? recipe.inputSize;
  const isLarge = Math.min(...inputSize) >= 384; // the authors' second recipe
  const model = makeModel(stated.model, stated.inChannels);
  const options: PretrainOptions = {
    ...stated,
    inChannels: stated.inChannels ?? ownChannels(model),
    randomStream: STREAM_VERSION,
    inputSize,
    batchSize: stated.batchSize ?? recipe.batchSize,
    epochs: stated.epochs ?? recipe.epochs,
    steps: stated.steps ?? (given.epochs === undefined ? recipe.steps : null),
    maskRatio: stated.maskRatio ?? (isLarge ? 0.75 : 0.6),
    baseLr: stated.baseLr ?? (isLarge ? 2 : 1) * recipe.baseLr,
    dropPath: stated.dropPath ?? model.recipe.dropPath,
  };
  checkMask(options, inputGrid(model, inputSize, options.patchSize ?? model.stride));
  checkDecoder(options, model);
  checkAccumulation(options);
  checkParts(options);
  checkOrder(options);
  return options;
}

/**
 * Checks that a batch divides into small ones.
 *
 * @param options Batch size and number of small batches.
 * @throws {RangeError} If it does not.
 */
export function checkAccumulation(
  { accumulate, batchSize }: Pick<PretrainOptions, "accumulate" | "batchSize">,
): void {
  if (batchSize % accumulate === 0) return;
  throw new RangeError(
    `Cannot divide batches as --accumulate must divide --batch-size: current batch size is ${batchSize}, number of ` +
      `small batches is ${accumulate}`,
  );
}

function checkParts({ normParts, syncBn, batchSize, accumulate }: PretrainOptions): void {
  if (normParts > 1 && syncBn) {
    throw new RangeError(
      "Cannot take statistics over parts as --sync-bn takes them over the whole batch: current --norm-parts is " +
        `${normParts}; give one of both`,
    );
  }
  if (batchSize / accumulate % normParts === 0) return;
  throw new RangeError(
    `Cannot take statistics over parts as --norm-parts must divide the batch: current number of parts is ${normParts}, of ` +
      `images ${batchSize / accumulate}`,
  );
}

function checkOrder({ permuteBatch, accumulate }: PretrainOptions): void {
  if (permuteBatch === null || accumulate === 1) return;
  throw new RangeError(
    `Cannot permute batches as each must be computed at once: current --accumulate is ${accumulate}; leave it out`,
  );
}

/**
 * Checks that ranks can share the steps of a run.
 *
 * @param options Of the run.
 * @param collective The ranks.
 * @throws {RangeError} If what one process alone can do is asked for beside ranks, or batches cannot be shared.
 */
export function checkRanks(options: PretrainOptions, collective: Pick<Collective, "rank" | "size">): void {
  const { normParts, permuteBatch, batchSize, accumulate } = options;
  partOfRank(batchSize, collective, accumulate);
  const { size } = collective;
  if (size > 1 && permuteBatch !== null) {
    throw new RangeError(
      `Cannot permute batches as one process must hold them: current number of ranks is ${size}; leave --permute-batch out`,
    );
  }
  if (size > 1 && normParts > 1) {
    throw new RangeError(
      `Cannot take statistics over parts as one process must hold the batch: current number of ranks is ${size}, of ` +
        `--norm-parts ${normParts}; ranks take them over their own images without it`,
    );
  }
}

function checkDecoder({ decoderWidth, scales }: PretrainOptions, { name, stride, channels }: Model): void {
  if (decoderWidth !== null && decoderWidth % stride !== 0) {
    throw new RangeError(
      `Cannot make a decoder as --decoder-width must be a multiple of ${stride}, the stride of ${name}: current width ` +
        `is ${decoderWidth}`,
    );
  }
  if (scales === null || scales <= channels.length) return;
  throw new RangeError(
    `Cannot make a decoder as --scales must be at most ${channels.length}, the maps of ${name}: current number is ` +
      `${scales}`,
  );
}

function checkMask({ maskRatio }: PretrainOptions, [rows, columns]: readonly [number, number]): void {
  const cells = rows * columns;
  const visible = cells * (1 - maskRatio);
  if (visible > 0.5 && visible < cells - 0.5) return;
  throw new RangeError(
    `Cannot mask as at least one patch must be masked and one visible: current grid is ${rows}×${columns}, ` +
      `--mask-ratio is ${maskRatio}; enlarge --input-size or change the ratio`,
  );
}

/**
 * Takes the options of a checkpoint, after checking that those on the command line do not contradict them.
 *
 * @param saved Options of the run that wrote the checkpoint; what it lacks is what the authors do, and the random bits of
 * that time.
 * @param given Options of the command line. `data` may name another place: what it holds is checked when it is opened.
 * @returns Options of the run, and what `--extend` changes in them.
 * @throws {RangeError} If an option that decides the bits has another value, and there is no `--extend` or it may not.
 */
export function resumeOptions(
  saved: Partial<PretrainOptions>,
  given: GivenPretrainOptions,
): Extended<PretrainOptions> {
  const { data, model, extend = false, ...rest } = given;
  const old = { ...defaultsOf(DECIDING_OPTIONS), randomStream: 1 };
  // `saved` first, for its order: the checkpoint of a resumed run has the bytes of one that was never stopped.
  const asked = { ...rest, model: sameModel(saved.model, model) };
  const { options, changes } = extended({ ...saved, ...old, ...saved } as PretrainOptions, asked, extend);
  if (changes.length > 0) checkAccumulation(options);
  return { options: { ...options, data: data ?? options.data, model: model ?? options.model }, changes };
}

/** What `--model` must agree with: the file of a model may lie elsewhere today. */
export function sameModel(saved: string | undefined, given: string | undefined): string | undefined {
  return saved !== undefined && given !== undefined && isModelFile(saved) && isModelFile(given) ? saved : given;
}

/**
 * What the options say of the method, as the functions of the step take it.
 *
 * @param options Options of the run.
 * @param model The model.
 * @returns Patch size, masking, positions, loss and random bits.
 */
export function ablationOf(
  { patchSize, masking, positions, lossOn, distance, target, randomStream }: PretrainOptions,
  model: Model,
): TrainStepOptions & { readonly patchSize: number } {
  const hasPositions = positions === "sincos";
  const method = { masking, positions: hasPositions, lossOn, distance, target, randomStream };
  return { ...method, patchSize: patchSize ?? model.stride };
}

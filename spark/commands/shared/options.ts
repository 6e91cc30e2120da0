/** @file From what the command line says to what the run does. */
import type { Model } from "../../../nn/mod.ts";
import { inputGrid } from "../../input_grid.ts";
import type { Target } from "../../loss.ts";
import { flagOf } from "../cli/command_line.ts";
import { DEFAULT_MODEL, MODELS } from "../../train/model_table.ts";
import type { GivenOptions } from "./option_table.ts";

/** All that decides the bits of a run, with defaults filled in. Plain data: checkpoints carry it. */
export interface RunOptions {
  /** `fluent-emoji` or a folder of images. */
  readonly data: string;
  /** Name in `MODELS`. */
  readonly model: string;
  /** Height and width of the images, in pixels. */
  readonly inputSize: readonly [number, number];
  /** Images per step. */
  readonly batchSize: number;
  /** Passes over the data set; counts where `steps` is null. */
  readonly epochs: number;
  /** Steps in total, or null. */
  readonly steps: number | null;
  /** Share of patches that are masked. */
  readonly maskRatio: number;
  /** Peak learning rate per 256 images. */
  readonly baseLr: number;
  /** Epochs of warm-up; null: the share of the run that the model's recipe names. */
  readonly warmupEpochs: number | null;
  /** Weight decay of the first step. */
  readonly weightDecay: number;
  /** Weight decay of the last step. */
  readonly weightDecayEnd: number;
  /** Drop-path rate of the last block. */
  readonly dropPath: number;
  /** `lamb`, `adamw` or `sgd`. */
  readonly optimizer: "lamb" | "adamw" | "sgd";
  /** Seed of weights, masks and order. */
  readonly seed: number;
  /** Small batches that a step is made of. */
  readonly accumulate: number;
  /** Decay of the moving average of the weights; null: there is none. */
  readonly ema: number | null;
  /** File whose weights the run started from; null: fresh ones. */
  readonly initWeight: string | null;
  /** Height and width of the patches that are masked; null: the model's stride. */
  readonly patchSize: number | null;
  /** Channels of the decoder at the coarsest scale; null: of the model's recipe. */
  readonly decoderWidth: number | null;
  /** `sparse`, or `zero`: masked pixels are zero and the encoder is dense. */
  readonly masking: "sparse" | "zero";
  /** How many of the coarsest maps the decoder reads; null: all. */
  readonly scales: number | null;
  /** What mask tokens know of their place. */
  readonly positions: "none" | "sincos";
  /** Patches that count. */
  readonly lossOn: "masked" | "all";
  /** Squared or absolute error. */
  readonly distance: "l2" | "l1";
  /** What predictions stand for. */
  readonly target: Target;
  /** How activations are kept. */
  readonly precision: "f32" | "f16";
}

/** What the authors do where an option is not given; checkpoints written before there was a choice did the same. */
const AUTHORS_CHOICES = {
  accumulate: 1,
  ema: null,
  initWeight: null,
  patchSize: null,
  decoderWidth: null,
  masking: "sparse",
  scales: null,
  positions: "none",
  lossOn: "masked",
  distance: "l2",
  target: "normalised",
  precision: "f32",
} as const;

/**
 * Fills in the defaults, which depend on the model and the size.
 *
 * @param given Options of the command line.
 * @returns Options of the run.
 * @throws {RangeError} If the size does not divide by the patches, these not by the model's stride, the mask would cover
 * all or nothing, or the decoder does not fit the model.
 */
export function resolveOptions(given: GivenOptions): RunOptions {
  const name = given.model ?? DEFAULT_MODEL;
  const { make, recipe } = MODELS[name]!;
  const inputSize = given.inputSize ?? recipe.inputSize;
  const isLarge = Math.min(...inputSize) >= 384; // the authors' second recipe
  const options: RunOptions = {
    ...AUTHORS_CHOICES,
    ...chosen(given),
    data: given.data ?? "fluent-emoji",
    model: name,
    inputSize,
    batchSize: given.batchSize ?? recipe.batchSize,
    epochs: given.epochs ?? recipe.epochs,
    steps: given.steps ?? (given.epochs === undefined ? recipe.steps : null),
    maskRatio: given.maskRatio ?? (isLarge ? 0.75 : 0.6),
    baseLr: given.baseLr ?? (isLarge ? 2 : 1) * recipe.baseLr,
    warmupEpochs: given.warmupEpochs ?? null,
    weightDecay: given.weightDecay ?? 0.04,
    weightDecayEnd: given.weightDecayEnd ?? 0.2,
    dropPath: given.dropPath ?? make().recipe.dropPath,
    optimizer: given.optimizer ?? "lamb",
    seed: given.seed ?? 0,
  };
  const model = make();
  checkMask(options, inputGrid(model, inputSize, options.patchSize ?? model.stride));
  checkDecoder(options, model);
  checkAccumulation(options);
  return options;
}

/** Those of the authors' choices that the command line makes otherwise. */
function chosen(given: GivenOptions): Partial<RunOptions> {
  const names = Object.keys(AUTHORS_CHOICES) as (keyof typeof AUTHORS_CHOICES)[];
  return Object.fromEntries(names.flatMap((name) => given[name] === undefined ? [] : [[name, given[name]]]));
}

function checkAccumulation({ accumulate, batchSize }: RunOptions): void {
  if (batchSize % accumulate === 0) return;
  throw new RangeError(
    `Cannot divide batches as --accumulate must divide --batch-size: current batch size is ${batchSize}, number of ` +
      `small batches is ${accumulate}`,
  );
}

function checkDecoder({ decoderWidth, scales }: RunOptions, { name, stride, channels }: Model): void {
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

function checkMask({ maskRatio }: RunOptions, [rows, columns]: readonly [number, number]): void {
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
 * @param saved Options of the run that wrote the checkpoint.
 * @param given Options of the command line. `data` may name another place: what it holds is checked when it is opened.
 * @returns Options of the run.
 * @throws {RangeError} If an option that decides the bits has another value.
 */
export function resumeOptions(saved: Partial<RunOptions>, given: GivenOptions): RunOptions {
  const { data, ...rest } = given;
  const whole = agreeing({ ...AUTHORS_CHOICES, ...saved } as RunOptions, rest);
  return { ...whole, data: data ?? whole.data };
}

/**
 * Checks that options do not contradict those of a checkpoint.
 *
 * @param saved All options that decide the bits.
 * @param given Some of them, and others that do not matter.
 * @returns Those of the checkpoint.
 * @throws {RangeError} If one has another value.
 */
export function agreeing<T extends object>(saved: T, given: Readonly<Record<string, unknown>>): T {
  for (const [name, value] of Object.entries(saved)) {
    const other = given[name];
    if (other === undefined || JSON.stringify(other) === JSON.stringify(value)) continue;
    throw new RangeError(
      `Cannot resume as ${flagOf(name)} must be ${shown(value)}, as in the checkpoint: current value is ` +
        `${shown(other)}; leave the option out, or start a new run`,
    );
  }
  return saved;
}

function shown(value: unknown): string {
  return Array.isArray(value) ? value.join("x") : value === null ? "absent" : String(value);
}

/** Lengths of a run, in steps. */
export interface RunLengths {
  /** Steps in which every image is seen once. */
  readonly stepsPerEpoch: number;
  /** Steps of the run. */
  readonly total: number;
  /** Steps of the warm-up. */
  readonly warmup: number;
}

/**
 * Counts the steps of a run.
 *
 * @param options Options of the run.
 * @param stepsPerEpoch Steps in which every image is seen once.
 * @returns Lengths in steps.
 * @throws {RangeError} If the warm-up is as long as the run.
 */
export function runLengths(options: RunOptions, stepsPerEpoch: number): RunLengths {
  const { steps, epochs, warmupEpochs, model } = options;
  const total = steps ?? epochs * stepsPerEpoch;
  const warmup = warmupEpochs === null
    ? Math.floor(total * MODELS[model]!.recipe.warmupShare)
    : Math.round(warmupEpochs * stepsPerEpoch);
  if (warmup < total) return { stepsPerEpoch, total, warmup };
  throw new RangeError(
    `Cannot warm up for ${warmup} steps as that must be less than the whole run: current run has ${total} steps of ` +
      `which ${stepsPerEpoch} are an epoch; lower --warmup-epochs`,
  );
}

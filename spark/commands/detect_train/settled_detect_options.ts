/** @file From what the command line says to what the training of a detector does. */
import { type DetectorOptions, inChannelsOf } from "../../../nn/mod.ts";
import { modelEntry } from "../../train/model_file.ts";
import { DEFAULT_MODEL } from "../../train/model_table.ts";
import { type RunLengths, runLengths } from "../../train/run_lengths.ts";
import { withDefaults } from "../cli/command_line.ts";
import { flagOf } from "../cli/option.ts";
import { type Extended, extended } from "../shared/extended.ts";
import { checkAccumulation, sameModel } from "../shared/settled_options.ts";
import { DECIDING_OPTIONS, type DetectOptions, type GivenDetectOptions } from "./detect_options.ts";
import { detectRecipe } from "./detect_recipe.ts";

/** Channels of the images of detectors. */
const COLOURS = 3;

/** The built-in scenes. */
export const BUILT_IN = "scene-paste";

/**
 * Fills in the defaults, which depend on the model and the data.
 *
 * @param given Options of the command line.
 * @param found What the pre-trained file says: its path and the name of its model; null for fresh weights.
 * @returns Options of the run.
 * @throws {RangeError} If a number or a list does not fit.
 */
export function settleDetectOptions(
  given: GivenDetectOptions,
  found: { readonly path: string; readonly model: string } | null,
): DetectOptions {
  const stated = withDefaults(DECIDING_OPTIONS, given);
  const model = stated.model ?? found?.model ?? DEFAULT_MODEL;
  const isBuiltIn = stated.data === BUILT_IN;
  const recipe = detectRecipe(model, {
    ...{ isBuiltIn, isFresh: found === null },
    isFrozen: stated.backboneNorm === "frozen",
  });
  const steps = given.steps ?? (given.epochs === undefined ? recipe.steps : null);
  const sized = stated.inputSize ? sizesBy(stated.inputSize, isBuiltIn) : {};
  const whole = {
    task: "detect:train" as const,
    ...recipe,
    ...sized,
    ...stated,
    steps,
    model,
    init: found?.path ?? null,
  };
  const options: DetectOptions = { ...whole, short: whole.testShort };
  checkLists(options);
  checkAccumulation(options);
  checkFreezing(options);
  checkSize(options);
  checkChannels(model, given.inChannels ?? COLOURS);
  return options;
}

/** Scenes are made in the size that they are learned in; so are images of one's own looked at. */
function sizesBy([height, width]: readonly [number, number], isBuiltIn: boolean): Partial<DetectOptions> {
  const side = Math.min(height, width);
  return isBuiltIn ? { shorts: String(side), longest: side, testShort: side } : { testShort: side, longest: 2 * side };
}

/** Options that are lists, and what their numbers must be. */
const LISTS = {
  shorts: 1,
  boxFcs: 1,
  maskConvs: 1,
  preNms: 1,
  postNms: 1,
  boxConvs: 0,
  decayAt: 0,
  sceneObjects: 1,
  sceneScale: 0,
} as const;

/**
 * Reads a list.
 *
 * @param text `480,512`.
 * @param name Name of the option.
 * @returns Its numbers.
 * @throws {RangeError} If one is no number, or too small.
 */
export function numbersIn(text: string, name: keyof typeof LISTS): readonly number[] {
  const numbers = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  const isShare = name === "decayAt" || name === "sceneScale";
  const fits = (x: number) => isShare ? x > 0 && x < 1 : Number.isSafeInteger(x) && x >= LISTS[name];
  if (numbers.every(fits)) return numbers;
  throw new RangeError(
    `Cannot read ${flagOf(name)} as it must be ${
      isShare ? "shares between 0 and 1" : `whole numbers from ${LISTS[name]}`
    } with commas between them: current value is ${text}`,
  );
}

function checkLists(options: DetectOptions): void {
  Object.keys(LISTS).forEach((name) => numbersIn(options[name as keyof typeof LISTS], name as keyof typeof LISTS));
  for (const name of ["preNms", "postNms", "sceneObjects", "sceneScale"] as const) {
    if (numbersIn(options[name], name).length === 2) continue;
    throw new RangeError(
      `Cannot read ${flagOf(name)} as it must be two numbers: current value is ${options[name]}`,
    );
  }
}

function checkFreezing({ freezeAt, init }: DetectOptions): void {
  if (freezeAt === 0 || init !== null) return;
  throw new RangeError(
    `Cannot train a detector as --freeze-at must be 0 where weights are fresh: current number is ${freezeAt}; name ` +
      "pre-trained ones with --init",
  );
}

/** Images come to detectors as red, green and blue of 8 bits. */
function checkChannels(model: string, asked: number): void {
  const own = inChannelsOf(modelEntry(model).make());
  const [what, wrong] = asked === COLOURS ? [model, own] : ["--in-channels", asked];
  if (wrong === COLOURS) return;
  throw new RangeError(
    `Cannot train a detector as images come to it as red, green and blue of 8 bits, grey ones too: current ${what} asks for ` +
      `${wrong} channel${wrong === 1 ? "" : "s"}; an --init for other channels is made to fit`,
  );
}

function checkSize({ model, inputSize, transform, data, jitterLeast, jitterMost }: DetectOptions): void {
  const { stride } = modelEntry(model).make();
  const isUsed = transform === "jitter" || data === BUILT_IN;
  if (isUsed && inputSize.some((side) => side % stride !== 0)) {
    throw new RangeError(
      `Cannot train a detector as --input-size must be multiples of ${stride}, the stride of ${model}: current size is ` +
        inputSize.join("×"),
    );
  }
  if (data === BUILT_IN && inputSize[0] !== inputSize[1]) {
    throw new RangeError(
      `Cannot make scenes as --input-size must be a square: current size is ${inputSize.join("×")}`,
    );
  }
  if (jitterLeast <= jitterMost) return;
  throw new RangeError(
    `Cannot jitter as --jitter-least must be at most --jitter-most: current numbers are ${jitterLeast}, ${jitterMost}`,
  );
}

/**
 * Takes the options of a checkpoint, after checking that those on the command line do not contradict them.
 *
 * @param saved Options of the run that wrote the checkpoint.
 * @param given Options of the command line. Paths may name other places: what they hold is checked when they are opened.
 * @returns Options of the run, and what `--extend` changes in them.
 * @throws {RangeError} If an option that decides the bits has another value, and there is no `--extend` or it may not.
 */
export function resumeDetectOptions(saved: DetectOptions, given: GivenDetectOptions): Extended<DetectOptions> {
  const { data, val, images, valImages, model, inChannels = COLOURS, extend = false, ...rest } = given;
  checkChannels(saved.model, inChannels);
  const asked = { ...rest, model: sameModel(saved.model, model) };
  const whole: DetectOptions = { ...saved, ...OLDER, ...saved };
  const { options, changes } = extended(whole, asked, extend);
  if (changes.length > 0) checkAccumulation(options);
  const places = {
    data: data ?? options.data,
    val: val ?? options.val,
    images: images ?? options.images,
    valImages: valImages ?? options.valImages,
  };
  return { options: { ...options, ...places, model: model ?? options.model }, changes };
}

/** What runs had before there was a choice. */
const OLDER = { syncBn: false, bucketMb: 25 } as const;

/**
 * Counts the steps of a run.
 *
 * @param options Options of the run.
 * @param stepsPerEpoch Steps in which as many images are seen as there are.
 * @returns Lengths in steps, and the steps between evaluations.
 * @throws {RangeError} If the warm-up is as long as the run.
 */
export function detectLengths(
  options: DetectOptions,
  stepsPerEpoch: number,
): RunLengths & { readonly evalEvery: number } {
  const lengths = runLengths(options, stepsPerEpoch);
  return { ...lengths, evalEvery: options.evalEvery ?? Math.min(5000, Math.ceil(lengths.total / 5)) };
}

/**
 * What the options say of the detector, but for its backbone: plain data, as checkpoints carry it.
 *
 * @param options Options of the run.
 * @param classes Number of classes.
 * @returns What `detector` takes besides a backbone.
 */
export function detectorPart(options: DetectOptions, classes: number): Omit<DetectorOptions, "backbone"> {
  const { channels, stride } = modelEntry(options.model).make();
  const { boxesOnly, backboneNorm, headNorm, fpnChannels, variant, canonicalScale, rpnBatch, roiBatch } = options;
  const { freezeAt = 0 } = options; // files of before have none
  const of = (name: keyof typeof LISTS) => numbersIn(options[name], name).filter((x) => x > 0);
  const strides = [...channels.map((_, i) => stride / 2 ** (channels.length - 1 - i)), 2 * stride];
  const pair = (name: "preNms" | "postNms") => of(name) as unknown as readonly [number, number];
  return {
    ...{ classes, variant, masks: !boxesOnly, headNorm, fpnChannels, canonicalScale },
    ...{ backboneNorm: backboneNorm === "live" ? "live" : "frozen", freezeAt },
    anchorSizes: strides.map((cell) => [cell * options.anchorScale]),
    ...{ boxConvs: of("boxConvs"), boxFcs: of("boxFcs"), maskConvs: of("maskConvs") },
    ...{ rpnBatchSize: rpnBatch, roiBatchSize: roiBatch, preNms: pair("preNms"), postNms: pair("postNms") },
  };
}

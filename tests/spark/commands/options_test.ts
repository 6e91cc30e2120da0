import { deepStrictEqual, equal, match, throws } from "node:assert/strict";
import { random, zeros } from "../../../tensor/mod.ts";
import { inputGrid } from "../../../spark/mod.ts";
import { parseCommandLine } from "../../../spark/commands/cli/command_line.ts";
import { helpOf } from "../../../spark/commands/cli/help.ts";
import { flagOf } from "../../../spark/commands/cli/option.ts";
import { PRETRAIN_OPTIONS } from "../../../spark/commands/shared/pretrain_options.ts";
import { checkpointOf } from "../../../spark/commands/shared/checkpoint_stages.ts";
import { resumeOptions, settleOptions } from "../../../spark/commands/shared/settled_options.ts";
import { MODELS } from "../../../spark/train/model_table.ts";
import { runLengths, shiftAfter } from "../../../spark/train/run_lengths.ts";

/** A command line with all options, and what it says. */
const LINE =
  "--data photos --model resnet50 --input-size 192x160 --in-channels 4 --batch-size 8 --epochs 3 --steps 5 --mask-ratio 0.5 " +
  "--base-lr 1e-3 --warmup-epochs 0.5 --weight-decay 0 --weight-decay-end=0.1 --drop-path 0.2 --optimizer adamw " +
  "--device cpu --seed 7 --workers 0 --out run --resume last.safetensors --save-every 2 --log-every 5 " +
  "--tuning none --patch-size 64 --threads 2 --fast --no-kernel-cache " +
  "--decoder-width 256 --masking zero --scales 1 --positions sincos --loss-on all --distance l1 --target raw " +
  "--accumulate 2 --ema 0.99 --init-weight weights.pth --debug-nans --precision f16 --extend --checkpoint " +
  "--checkpoint-stages 2 --val held --logger own.ts --weights raw --sync-bn --norm-parts 2 --bucket-mb 4 --permute-batch 3 --deadline 60";

const GIVEN = {
  data: "photos",
  model: "resnet50",
  inputSize: [192, 160],
  inChannels: 4,
  batchSize: 8,
  epochs: 3,
  steps: 5,
  maskRatio: 0.5,
  baseLr: 1e-3,
  warmupEpochs: 0.5,
  weightDecay: 0,
  weightDecayEnd: 0.1,
  dropPath: 0.2,
  optimizer: "adamw",
  device: "cpu",
  seed: 7,
  workers: 0,
  out: "run",
  resume: "last.safetensors",
  saveEvery: 2,
  logEvery: 5,
  tuning: "none",
  threads: 2,
  fast: true,
  noKernelCache: true,
  patchSize: 64,
  decoderWidth: 256,
  masking: "zero",
  scales: 1,
  positions: "sincos",
  lossOn: "all",
  distance: "l1",
  target: "raw",
  accumulate: 2,
  ema: 0.99,
  initWeight: "weights.pth",
  weights: "raw",
  debugNans: true,
  precision: "f16",
  extend: true,
  checkpoint: true,
  checkpointStages: 2,
  val: "held",
  logger: "own.ts",
  syncBn: true,
  normParts: 2,
  bucketMb: 4,
  permuteBatch: 3,
  deadline: 60,
};

Deno.test("parseCommandLine() reads every option", () => {
  deepStrictEqual(parsed(LINE), { given: GIVEN, operands: [] });
  deepStrictEqual(Object.keys(GIVEN).sort(), Object.keys(PRETRAIN_OPTIONS).sort());
});

/** What the command line of pre-training says. */
const parsed = (line: string) => parseCommandLine(line.split(" "), { options: PRETRAIN_OPTIONS });

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["--modle resnet50", /^Cannot read --modle as it must be an option that --help lists.*did you mean --model$/],
  ["--frobnicate", /^Cannot read --frobnicate .*unknown$/],
  ["-x", /^Cannot read -x .*unknown$/],
  [
    "resnet50",
    /^Cannot read the command line as every argument must belong to an option: current argument is resnet50$/,
  ],
  [
    "--batch-size eight",
    /^Cannot read --batch-size as it must be a whole number from 1 to 65536: current value is eight$/,
  ],
  ["--batch-size 1.5", /whole number/],
  ["--batch-size 0", /current value is 0$/],
  ["--steps -3", /current value is -3$/],
  ["--mask-ratio 1.5", /^Cannot read --mask-ratio as it must be a number from 0 to 1: current value is 1.5$/],
  ["--base-lr 0", /^Cannot read --base-lr as it must be a number above 0/],
  ["--base-lr Infinity", /number above 0/],
  ["--weight-decay=", /current value is $/],
  ["--input-size 96x", /^Cannot read --input-size as it must be N or HxW, in pixels: current value is 96x$/],
  ["--input-size 0", /N or HxW/],
  [
    "--model vit",
    /^Cannot read --model as it must be one of tiny_resnet8, mini_resnet8, tiny_resnet, resnet18.*: current value is vit$/,
  ],
  ["--device tpu", /one of auto, cpu, webgpu, reference/],
  ["--optimizer adam", /one of lamb, adamw, sgd/],
  ["--seed 4294967296", /from 0 to 4294967295/],
  ["--seed", /^Cannot read --seed as it must be followed by a value: current value is absent$/],
  ["--seed --steps", /current value is --steps$/],
  ["--seed 1 --seed 2", /given once/],
];

Deno.test("parseCommandLine() refuses what it cannot read, in one line", () => {
  for (const [line, message] of REFUSED) {
    throws(() => parsed(line), (error: Error) => {
      match(error.message, message);
      equal(error.message.includes("\n"), false);
      return error instanceof RangeError;
    }, line);
  }
});

Deno.test("helpOf() names every option, in lines that fit", () => {
  equal(parsed("--help --seed x"), "help");
  const lines = helpOf({ task: "pretrain", purpose: "Trains.", options: PRETRAIN_OPTIONS }).split("\n");
  for (const name of Object.keys(PRETRAIN_OPTIONS)) {
    const flag = `${flagOf(name)} `;
    equal(lines.filter((line) => `${line.trim()} `.startsWith(flag)).length, 1, flag);
  }
  deepStrictEqual(lines.filter((line) => line.length > 118), []);
});

Deno.test("helpOf() breaks every part anew for the width of the terminal", () => {
  const purpose = "Trains a network that is small, and says\nwhat it does in more words than fit into a narrow line.";
  const details =
    "First.\nSecond, of which there is so much to say that it goes on and on, and on.\n  one   a row that stays\n  two   b";
  const line = { task: "try", purpose, options: PRETRAIN_OPTIONS, details, usage: "--data PATH" };
  for (const columns of [40, 60, 81, 100, 300]) {
    const lines = helpOf(line, columns).split("\n");
    deepStrictEqual(lines.filter((each) => each.length >= Math.max(41, columns) && each.trim().includes(" ")), []);
    deepStrictEqual(lines.slice(-2), ["  one   a row that stays", "  two   b"]);
    const words = (text: string) => text.split(/\s+/).filter(Boolean).join(" ");
    equal(words(lines.join(" ")), words(helpOf(line).replaceAll("\n", " ")), `${columns}`);
  }
  const narrow = helpOf(line, 60).split("\n");
  equal(narrow[narrow.indexOf("  --data PATH") + 1]!.startsWith("      images: a folder"), true);
  equal(helpOf(line).startsWith("Trains a network that is small, and says what it does"), true);
});

Deno.test("settleOptions() takes the recipe of the model, the size and what was given", () => {
  const { inputSize, maskRatio, baseLr, dropPath, optimizer } = settleOptions({ model: "resnet50" });
  deepStrictEqual({ inputSize, maskRatio, baseLr, dropPath, optimizer }, {
    inputSize: [224, 224],
    maskRatio: 0.6,
    baseLr: 2e-4,
    dropPath: 0.05,
    optimizer: "lamb",
  });
  const large = settleOptions({ model: "convnext_large", inputSize: [384, 384], dropPath: 0 });
  deepStrictEqual([large.maskRatio, large.baseLr, large.dropPath], [0.75, 4e-4, 0]);
  equal(settleOptions({}).model, "tiny_resnet8");
  equal(settleOptions({ epochs: 3 }).steps, null);
});

Deno.test("every model is planned at 224 and 384, and gives maps of rectangles", () => {
  for (const [model, { make }] of Object.entries(MODELS)) {
    const { name, stride, channels, init, features } = make();
    equal(name, model);
    deepStrictEqual([224, 384].map((side) => settleOptions({ model, inputSize: [side, side] }).maskRatio), [
      0.6,
      0.75,
    ]);
    const inputSize = [2 * stride, 5 * stride] as const;
    const [rows, columns] = inputGrid(make(), settleOptions({ model, inputSize }).inputSize);
    const { params, state } = init(random.key(0));
    const maps = features(params, state, zeros([1, ...inputSize, 3])).features;
    const shapes = channels.map((count, i) => {
      const scale = 2 ** (channels.length - 1 - i);
      return [1, rows * scale, columns * scale, count];
    });
    deepStrictEqual(maps.map(({ shape }) => shape), shapes);
  }
});

Deno.test("settleOptions() refuses sizes that do not divide, naming those that do", () => {
  throws(
    () => settleOptions({ model: "resnet50", inputSize: [200, 224] }),
    /^RangeError: Cannot divide images .* multiples of 32.*current size is 200×224, nearest sizes that fit are 192×224, 224×224$/,
  );
});

Deno.test("settleOptions() keeps the authors' choices but for those made otherwise, and refuses what does not fit", () => {
  const { masking, scales, lossOn, patchSize } = settleOptions({ masking: "zero", patchSize: 16 });
  deepStrictEqual([masking, scales, lossOn, patchSize], ["zero", null, "masked", 16]);
  throws(
    () => settleOptions({ patchSize: 12 }),
    /multiple of 8, the stride of tiny_resnet8: current patch size is 12/,
  );
  throws(() => settleOptions({ patchSize: 64 }), /multiples of 64, the patch size .*nearest sizes that fit are 64×64/);
  throws(() => settleOptions({ decoderWidth: 60 }), /--decoder-width must be a multiple of 8.*current width is 60/);
  throws(() => settleOptions({ accumulate: 3 }), /--accumulate must divide --batch-size: current batch size is 8/);
  throws(() => settleOptions({ scales: 4 }), /--scales must be at most 3, the maps of tiny_resnet8/);
});

Deno.test("settleOptions() refuses masks of everything or nothing", () => {
  throws(() => settleOptions({ maskRatio: 1 }), /^RangeError: Cannot mask .*12×12/);
  throws(() => settleOptions({ model: "resnet50", inputSize: [32, 32] }), /^RangeError: Cannot mask .*1×1/);
});

Deno.test("--checkpoint is of all stages, --checkpoint-stages of the first ones; both are refused", () => {
  equal(checkpointOf({}), false);
  equal(checkpointOf({ checkpoint: true }), true);
  equal(checkpointOf({ checkpointStages: 2 }), 2);
  throws(
    () => checkpointOf({ checkpoint: true, checkpointStages: 2 }),
    /^RangeError: Cannot .* is 2 .* leave one out$/,
  );
});

Deno.test("resumeOptions() keeps the options of the checkpoint and refuses others", () => {
  const saved = settleOptions({ steps: 6, inputSize: [32, 48] });
  const kept = (given: Parameters<typeof resumeOptions>[1]) => resumeOptions(saved, given);
  deepStrictEqual(kept({ steps: 6, inputSize: [32, 48], device: "cpu", workers: 3 }), { options: saved, changes: [] });
  equal(kept({ data: "elsewhere" }).options.data, "elsewhere");
  // A checkpoint from before there was a choice made the authors'.
  const { masking: _masking, target: _target, ...older } = saved;
  deepStrictEqual(resumeOptions(older, {}).options, saved);
  throws(() => resumeOptions(older, { masking: "zero" }), /--masking must be sparse.*current value is zero/);
  throws(
    () => resumeOptions(saved, { model: "resnet50" }),
    /^RangeError: Cannot resume as --model must be tiny_resnet8, as in the checkpoint: current value is resnet50/,
  );
  throws(() => resumeOptions(saved, { inputSize: [32, 32] }), /--input-size must be 32x48.*current value is 32x32/);
});

Deno.test("resumeOptions() takes other lengths and schedules with --extend, says what changes, and refuses the rest", () => {
  const saved = settleOptions({ steps: 6, batchSize: 4, inputSize: [32, 48] });
  const { options, changes } = resumeOptions(saved, { steps: 9, batchSize: 8, baseLr: 0.1, extend: true });
  deepStrictEqual(options, { ...saved, steps: 9, batchSize: 8, baseLr: 0.1 });
  deepStrictEqual(changes, [
    "--steps 9 instead of 6",
    "--batch-size 8 instead of 4",
    `--base-lr 0.1 instead of ${saved.baseLr}`,
  ]);
  const byEpochs = resumeOptions(saved, { epochs: 20, extend: true });
  deepStrictEqual([byEpochs.options.epochs, byEpochs.options.steps], [20, null]); // what was asked for last counts
  deepStrictEqual(byEpochs.changes, ["--steps absent instead of 6", `--epochs 20 instead of ${saved.epochs}`]);
  deepStrictEqual(resumeOptions(saved, { steps: 6, extend: true }).changes, []);
  throws(() => resumeOptions(saved, { steps: 9 }), /--steps must be 6, .* is 9; add --extend to go on with it, leave/);
  throws(() => resumeOptions(saved, { seed: 3, extend: true }), /--seed must be 0, .*: current value is 3; leave/);
  throws(() => resumeOptions(saved, { inputSize: [32, 32], extend: true }), /--input-size must be 32x48/);
  throws(() => resumeOptions(saved, { optimizer: "sgd", extend: true }), /--optimizer must be lamb/);
  throws(() => resumeOptions(saved, { accumulate: 3, extend: true }), /--accumulate must divide --batch-size/);
});

Deno.test("a run that goes on with another batch size has seen as many images as before", () => {
  equal(shiftAfter({ stepsPerEpoch: 6, shift: 0, done: 9 }, 3), -4); // half of 9 steps, rounded
  equal(shiftAfter({ stepsPerEpoch: 6, shift: 0, done: 12 }, 3), -6);
  equal(shiftAfter({ stepsPerEpoch: 3, shift: -6, done: 15 }, 6), 3); // 9 steps of 3 are 18 of 6
  equal(shiftAfter({ stepsPerEpoch: 6, shift: 2, done: 9 }, 6), 2);
  const wanted = { steps: null, epochs: 10, warmupEpochs: null, warmupShare: 0.1, shift: -6 };
  deepStrictEqual(runLengths(wanted, 3), { stepsPerEpoch: 3, total: 36, warmup: 3, shift: -6, scheduleShift: -6 });
  const counted = runLengths({ ...wanted, steps: 40 }, 3);
  deepStrictEqual([counted.total, counted.warmup, counted.scheduleShift], [40, 4, 0]);
});

/** Python's `round(epochs * steps_per_epoch)`, as in the official `lr_wd_annealing`. */
const WARMUPS: readonly (readonly [epochs: number, stepsPerEpoch: number, steps: number])[] = [
  [0.5, 10, 5],
  [0.05, 10, 0],
  [0.15, 10, 2],
  [0.25, 10, 2],
  [0.35, 10, 4],
  [0.1, 15, 2],
  [0.7, 5, 4],
  [0, 10, 0],
  [1.25, 2, 2],
  [1.75, 2, 4],
  [0.4, 1, 0],
  [0.6, 1, 1],
];

Deno.test("runLengths() rounds the warm-up as the official code does, that of the recipe too", () => {
  for (const [warmupEpochs, stepsPerEpoch, steps] of WARMUPS) {
    const wanted = { steps: 40, epochs: 1, warmupEpochs, warmupShare: 0.1 };
    equal(runLengths(wanted, stepsPerEpoch).warmup, steps, `${warmupEpochs} epochs of ${stepsPerEpoch}`);
  }
  const shares = [[5 / 300, 1], [0.1, 4], [1 / 80, 0], [3 / 80, 2], [20 / 400, 2]] as const;
  for (const [warmupShare, steps] of shares) {
    equal(runLengths({ steps: 40, epochs: 1, warmupEpochs: null, warmupShare }, 40).warmup, steps, `${warmupShare}`);
  }
});

Deno.test("runLengths() counts steps, and warms up for the recipe's share or for what was asked", () => {
  const authors = { ...settleOptions({ model: "resnet50" }), warmupShare: MODELS.resnet50!.recipe.warmupShare };
  deepStrictEqual(runLengths(authors, 313), {
    ...{ stepsPerEpoch: 313, total: 500_800, warmup: 12_520 },
    ...{ shift: 0, scheduleShift: 0 },
  });
  deepStrictEqual(runLengths({ ...authors, steps: 5 }, 313).warmup, 0);
  deepStrictEqual(runLengths({ ...authors, warmupEpochs: 0.5 }, 10).warmup, 5);
  throws(
    () => runLengths({ ...authors, steps: 5, warmupEpochs: 40 }, 313),
    /^RangeError: Cannot warm up for 12520 steps/,
  );
});

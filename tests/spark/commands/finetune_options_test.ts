import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { parseCommandLine } from "../../../spark/commands/cli/command_line.ts";
import { helpOf } from "../../../spark/commands/cli/help.ts";
import { flagOf as flag } from "../../../spark/commands/cli/option.ts";
import { FINETUNE_OPTIONS } from "../../../spark/commands/finetune/finetune_options.ts";
import { finetuneRecipe } from "../../../spark/commands/finetune/finetune_recipe.ts";
import {
  finetuneLengths,
  resumeFinetuneOptions,
  settleFinetuneOptions,
} from "../../../spark/commands/finetune/settled_finetune_options.ts";
import { trainTransform } from "../../../spark/commands/finetune/target_batches.ts";
import { PROBE_OPTIONS } from "../../../spark/commands/probe/probe_options.ts";
import { evalTransform } from "../../../spark/commands/shared/labelled_data.ts";

const GIVEN = {
  data: "photos",
  val: "others",
  model: "resnet50",
  init: "weights.pth",
  weights: "average",
  fromScratch: true,
  labels: 100,
  inputSize: [192, 160],
  inChannels: 4,
  batchSize: 8,
  epochs: 3,
  steps: 5,
  optimizer: "adamw",
  loss: "ce",
  baseLr: 1e-3,
  warmupEpochs: 0.5,
  weightDecay: 0,
  layerDecay: 0.9,
  dropPath: 0.2,
  labelSmoothing: 0,
  mixup: 0.3,
  cutmix: 0,
  cropScale: 0.5,
  augment: "rand",
  erase: 0.1,
  repeats: 2,
  ema: 0,
  seed: 7,
  evalEvery: 4,
  device: "cpu",
  threads: 1,
  fast: true,
  noKernelCache: true,
  workers: 0,
  out: "run",
  resume: "last.safetensors",
  tuning: "none",
  logEvery: 5,
  accumulate: 2,
  precision: "f16",
  extend: true,
  checkpoint: true,
  checkpointStages: 2,
  logger: "own.ts",
  syncBn: true,
  bucketMb: 4,
  deadline: 60,
} as const;

Deno.test("the fine-tuning command reads every option and names it in its help", () => {
  const line = Object.entries(GIVEN).flatMap(([name, value]) =>
    value === true ? [flag(name)] : [flag(name), Array.isArray(value) ? value.join("x") : String(value)]
  );
  deepStrictEqual(parseCommandLine(line, { options: FINETUNE_OPTIONS }), { given: GIVEN, operands: [] });
  deepStrictEqual(Object.keys(GIVEN).sort(), Object.keys(FINETUNE_OPTIONS).sort());
  for (const options of [FINETUNE_OPTIONS, PROBE_OPTIONS]) {
    const lines = helpOf({ task: "task", purpose: "purpose", options }).split("\n");
    for (const name of Object.keys(options)) {
      equal(lines.filter((each) => `${each.trim()} `.startsWith(`${flag(name)} `)).length, 1, name);
    }
    deepStrictEqual(lines.filter((each) => each.length > 120), []);
  }
});

const file = (model: string) => ({ path: "weights.pth", model });
const resolved = (model: string, given = {}) => settleFinetuneOptions({ data: "photos", ...given }, file(model));

/** Rows of the authors' table: model, optimizer, base rate, layer decay, weight decay, mixup, repeats, drop path, epochs. */
const AUTHORS = [
  ["convnext_small", "adamw", 2e-4, 0.7, 0.01, 0.8, 3, 0.3, 400, 20],
  ["convnext_base", "adamw", 1e-4, 0.7, 0.01, 0.8, 3, 0.4, 400, 20],
  ["convnext_large", "adamw", 1e-4, 0.7, 0.02, 0.8, 3, 0.5, 200, 10],
  ["resnet50", "lamb", 2e-3, 0.7, 0.02, 0.1, 1, 0.05, 300, 5],
  ["resnet101", "lamb", 1e-3, 0.8, 0.02, 0.1, 1, 0.2, 300, 5],
  ["resnet152", "lamb", 1e-3, 0.8, 0.02, 0.1, 1, 0.2, 300, 5],
  ["resnet200", "lamb", 1e-3, 0.8, 0.02, 0.1, 1, 0.2, 300, 5],
] as const;

Deno.test("defaults are those of SparK's authors", () => {
  for (const [name, optimizer, baseLr, layerDecay, weightDecay, mixup, repeats, dropPath, epochs, warmup] of AUTHORS) {
    const options = resolved(name);
    deepStrictEqual(
      [options.optimizer, options.baseLr, options.layerDecay, options.weightDecay, options.mixup, options.repeats],
      [optimizer, baseLr, layerDecay, weightDecay, mixup, repeats],
      name,
    );
    deepStrictEqual([options.dropPath, options.epochs, options.cutmix, options.ema], [dropPath, epochs, 1, 0.9999]);
    equal(finetuneLengths(options, 10).warmup, 10 * warmup);
    deepStrictEqual([options.labelSmoothing, options.erase, options.cropScale], [0.1, 0.25, 0.08]);
    deepStrictEqual([options.augment, options.loss], ["trivial", optimizer === "lamb" ? "bce" : "ce"]);
  }
  const large = finetuneRecipe("convnext_large", [384, 384]);
  deepStrictEqual([large.baseLr, large.ema, large.weightDecay, large.warmupShare * large.epochs], [
    6e-5,
    0.99995,
    0.01,
    20,
  ]);
  deepStrictEqual(evalTransform([224, 224]), { kind: "centerCrop", enlarge: 1 / 0.95 });
  deepStrictEqual(evalTransform([384, 384]), { kind: "centerCrop", enlarge: 1 });
  deepStrictEqual(trainTransform(resolved("resnet50")), {
    kind: "randomResizedCrop",
    scale: [0.08, 1],
    augment: { kind: "trivial" },
    erase: { probability: 0.25 },
  });
});

Deno.test("settleFinetuneOptions() takes what was given, and says what is missing", () => {
  const options = resolved("mini_resnet8", { ema: 0, steps: 9, mixup: 0.3 });
  deepStrictEqual([options.ema, options.steps, options.mixup, options.init], [null, 9, 0.3, "weights.pth"]);
  deepStrictEqual(options.inputSize, [32, 32]);
  equal(settleFinetuneOptions({ data: "x", fromScratch: true, model: "resnet18" }, null).init, null);
  const refused = [
    [{}, file("resnet18"), /--data is absent/],
    [{ data: "x" }, null, /must be a pre-trained network or --from-scratch: current --init is absent/],
    [{ data: "x", fromScratch: true }, null, /fresh weights need --model/],
    [{ data: "x", fromScratch: true }, file("resnet18"), /exclude each other/],
  ] as const;
  for (const [given, found, message] of refused) throws(() => settleFinetuneOptions(given, found), message);
});

Deno.test("resumeFinetuneOptions() keeps the options of the checkpoint and refuses others", () => {
  const saved = resolved("mini_resnet8", { steps: 6 });
  deepStrictEqual(resumeFinetuneOptions(saved, { steps: 6, device: "cpu", workers: 3 }), {
    options: saved,
    changes: [],
  });
  deepStrictEqual(resumeFinetuneOptions(saved, { data: "a", val: "b" }).options, { ...saved, data: "a", val: "b" });
  throws(
    () => resumeFinetuneOptions(saved, { mixup: 0.5 }),
    /--mixup must be 0, as in the checkpoint: current value is 0.5/,
  );
  throws(
    () => resumeFinetuneOptions(saved, { fromScratch: true }),
    /--init must be weights.pth.*current value is absent/,
  );
});

Deno.test("finetuneLengths() counts steps, warm-up and evaluations", () => {
  const options = resolved("mini_resnet8", { epochs: 4 });
  deepStrictEqual(finetuneLengths(options, 50), {
    ...{ stepsPerEpoch: 50, total: 200, warmup: 20, evalEvery: 20 },
    ...{ shift: 0, scheduleShift: 0 },
  });
  deepStrictEqual(finetuneLengths({ ...options, steps: 7, warmupEpochs: 0.1, evalEvery: 3 }, 50), {
    stepsPerEpoch: 50,
    total: 7,
    warmup: 5,
    evalEvery: 3,
    shift: 0,
    scheduleShift: 0,
  });
  throws(
    () => finetuneLengths({ ...options, steps: 5, warmupEpochs: 1 }, 50),
    /^RangeError: Cannot warm up for 50 steps/,
  );
});

/** @file `deno task interop`: exchanges checkpoints with PyTorch and compares what both make of them. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { add, mul, random, type Tensor, tensor, treeFlatten, treeUnflatten } from "../../tensor/mod.ts";
import { type Classifier, convnextSmall, globalAvgPool, resnet50 } from "../../nn/mod.ts";
import { orderedDict, readNpz, writeNpz, writePth } from "../../data/mod.ts";
import { backboneStateDict, initParams, loadBackbone, loadWeights, officialCheckpoint } from "../../spark/mod.ts";
import { MODELS } from "../../spark/train/model_table.ts";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { PYTHON_OPTION } from "../../bench/step_options.ts";
import { type Bench, openBench } from "./bench.ts";
import { checkClassifiers } from "./classifiers.ts";
import { checkDetectors } from "./detectors.ts";
import { compareKeyLists } from "./key_lists.ts";
import { checkWeightLayouts } from "./weight_layouts.ts";

const HERE = dirname(fileURLToPath(import.meta.url));

const OPTIONS = {
  keys: {
    kind: "text",
    placeholder: "FOLDER",
    what: "a folder",
    help: "key lists of the official implementation",
    default: join(HERE, "../golden/keys"),
  },
  photos: {
    kind: "text",
    placeholder: "FOLDER",
    what: "a folder",
    help: "600 or more photographs named n…_….jpg by their ImageNet class, for the check of classifiers",
    default: join(HERE, "../../../shared/data/photos"),
  },
  coco: {
    kind: "text",
    placeholder: "FOLDER",
    what: "a folder",
    help: "COCO's images/ with instances_train.json and instances_val.json, for the check of detectors",
    default: join(HERE, "../../../shared/data/coco-permissive"),
  },
  ...PYTHON_OPTION,
} as const;

const LINE = {
  task: "interop",
  purpose: `Exchanges checkpoints with PyTorch and torchvision (Debian: apt-get install python3-torch
python3-torchvision): models of torchvision saved there give the same logits and features here; weights
saved here load there strictly and give the same features; full checkpoints have the official keys and
optimizer groups; a Mask R-CNN after 100 steps of torchvision finds the same objects here, and one written
here finds the same there.`,
  options: OPTIONS,
} as const;

const FROM_TORCH = ["resnet18", "resnet50", "resnet101", "convnext_tiny", "convnext_small"];

/** Largest difference over the largest expected magnitude. */
async function relative(got: Tensor, expected: ArrayLike<number>): Promise<number> {
  const values = await got.data();
  if (values.length !== expected.length) return Infinity;
  let [difference, scale] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    difference = Math.max(difference, Math.abs(values[i]! - expected[i]!));
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return difference / scale;
}

async function inputOf(folder: string): Promise<Tensor> {
  const { x } = await readNpz(join(folder, "input.npz"));
  return tensor(x!.data as Float32Array, { dtype: "float32", shape: x!.shape });
}

/** Files of PyTorch here: logits and pooled features. */
async function fromTorch({ verdict }: Bench, folder: string): Promise<void> {
  const x = await inputOf(folder);
  for (const name of FROM_TORCH) {
    const model = MODELS[name]!.make() as Classifier;
    const { params, state, head } = await loadBackbone(join(folder, `torch_${name}.pth`), model);
    const expected = await readNpz(join(folder, `torch_${name}.npz`));
    const { features } = model.features(params, state, x);
    const { logits } = model.logits({ encoder: params, head: head! }, state, x);
    const pooled = globalAvgPool(features.at(-1)!);
    verdict(`${name} of torchvision here, features`, await relative(pooled, expected.features!.data as Float32Array));
    verdict(`${name} of torchvision here, logits`, await relative(logits, expected.logits!.data as Float32Array));
  }
}

/** Noise on everything of one axis: at their first values, errors in scales and statistics would not show. */
function scrambled<T>(tree: T): T {
  const { leaves, structure } = treeFlatten(tree);
  const noisy = (leaves as readonly Tensor[]).map((x, i) =>
    x.dtype === "int32" || x.shape.length !== 1 ? x : add(x, mul(random.normal(random.key(i), x.shape), 0.1))
  );
  return treeUnflatten(structure, noisy) as T;
}

/** Files of this library there: strictly loaded, the same features. */
async function toTorch(folder: string): Promise<readonly string[]> {
  const x = await inputOf(folder);
  const names = ["resnet50", "convnext_small"];
  for (const name of names) {
    const model = MODELS[name]!.make();
    const made = model.init(random.key(5));
    const weights = { params: scrambled(made.params), state: scrambled(made.state) };
    const path = join(folder, `ours_${name}.pth`);
    await writePth(path, orderedDict(await backboneStateDict(weights, { naming: "torchvision" })));
    const { features } = model.features(weights.params, weights.state, x);
    const pooled = globalAvgPool(features.at(-1)!);
    const data = new Float32Array(await pooled.data());
    await writeNpz(join(folder, `ours_${name}.npz`), { features: { dtype: "F32", shape: pooled.shape, data } });
  }
  return names;
}

/** A full checkpoint with the state of an optimizer, written as the official code does, and read back here. */
async function fullCheckpoints({ verdict }: Bench, folder: string, keys: string): Promise<Record<string, string>> {
  const lists: Record<string, string> = {};
  for (const make of [resnet50, convnextSmall]) {
    const model = make();
    const weights = initParams(model, random.key(7));
    const moments = { first: weights.params, second: scrambled(weights.params) };
    const optimizer = { step: tensor(107, { dtype: "int32" }), moments };
    const path = join(folder, `full_${model.name}.pth`);
    await writePth(path, await officialCheckpoint(model, weights, { inputSize: [224, 224], optimizer }));
    const { params, optimizer: read } = await loadWeights(path, model);
    const difference = await relative(
      params.decoder.blocks[0]!.conv1.weight,
      await weights.params.decoder.blocks[0]!.conv1.weight.data(),
    );
    verdict(`${model.name} full checkpoint read back`, difference + Math.abs((await read!.step.item()) - 107));
    lists[model.name] = join(keys, `${model.name}_224_withdecoder.txt`);
  }
  return lists;
}

/** Runs the check: exit code 0 if all agree. */
export const main: Command = command(LINE, async (given) => {
  const { keys, python: interpreter, photos, coco } = withDefaults(OPTIONS, given);
  const bench = openBench(interpreter);
  const { write, verdict } = bench;
  bench.fail(await compareKeyLists(keys, write));
  const folder = await Deno.makeTempDir({ prefix: "interop_" });
  try {
    await bench.python("torch_side.py", ["export", folder]);
    await fromTorch(bench, folder);
    const plan = { backbones: await toTorch(folder), full: await fullCheckpoints(bench, folder, keys) };
    await Deno.writeTextFile(join(folder, "plan.json"), JSON.stringify(plan));
    const result = JSON.parse(await bench.python("torch_side.py", ["check", folder]));
    for (const name of plan.backbones) verdict(`${name} written here, features in torchvision`, result.backbones[name]);
    for (const name of Object.keys(plan.full)) {
      write(`ok      ${name} full checkpoint in PyTorch: ${JSON.stringify(result.full[name])}`);
    }
    await checkWeightLayouts(bench, folder);
    await checkClassifiers(bench, photos, folder);
    await checkDetectors(bench, coco, folder);
    write(bench.failed() === 0 ? "all agree" : `${bench.failed()} failed`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return bench.failed() === 0 ? 0 : 1;
});

if (import.meta.main) await runCommand(main);

import { deepStrictEqual, equal, match, ok, throws } from "node:assert/strict";
import { detector } from "../../../nn/mod.ts";
import { random, type Tensor, type Tree, treeLeaves } from "../../../tensor/mod.ts";
import {
  decodeStateDict,
  encodePth,
  encodeSafetensors,
  FileTensor,
  fileTensors,
  type StateDictOptions,
} from "../../../data/mod.ts";
import { ownWeights } from "../../../spark/commands/shared/own_weights.ts";
import { accountLines, backboneOf } from "../../../spark/mod.ts";
import { CONVNEXT, dictOf, extra, load, MODEL, seedOf, under } from "./layout_support.ts";

const PREFIXES = [
  ...["_orig_mod.", "module._orig_mod.", "module.encoder_q.", "model.backbone.", "net.", "module.", "0."],
  ...["encoder.backbone.body.", "trunk.base_model.", "student.module.backbone.", "my_own_name."],
];

for (const prefix of PREFIXES) {
  Deno.test(`backboneOf() finds what stands before the names: ${prefix}`, async () => {
    const beside = ["projector.0.weight", "criterion.weight", `${prefix}queue`].map(extra);
    const { params, account } = load([...under(prefix, await dictOf(1)), ...beside]);
    deepStrictEqual([await seedOf(params), account.prefix, account.sets], [1, prefix, []]);
    deepStrictEqual(Object.values(account.unused).reduce((a, b) => a + b, 0), 3);
  });
}

for (const naming of ["official", "timm", "torchvision", "huggingface"] as const) {
  Deno.test(`backboneOf() finds prefixes of the names of ${naming}, and the head beside or inside`, async () => {
    for (const model of [MODEL, CONVNEXT]) {
      const dict = await dictOf(1, naming, model, 3);
      const found = load(under("net.", dict), {}, model);
      deepStrictEqual([await seedOf(found.params, model), found.account.headClasses], [1, 3]);
      equal(found.head === null, false);
    }
  });
}

Deno.test("backboneOf() reads a head that stands outside of the encoder's prefix", async () => {
  const dict = await dictOf(1, "official", MODEL, 5);
  const moved = [...dict].map(([name, x]) =>
    [name.startsWith("fc.") ? `model.${name}` : `model.backbone.${name}`, x] as const
  );
  equal(load(moved).account.headClasses, 5);
  const projection = new FileTensor("F32", [8, 3], new Float32Array(24)); // no head: other channels
  const other = [...under("encoder.", await dictOf(1)), ["fc.weight", projection], ["fc.bias", projection]] as const;
  equal(load(other).head, null);
});

Deno.test("backboneOf() tells several sets in one dictionary apart, and takes the one that is asked for", async () => {
  const [one, two] = [await dictOf(1), await dictOf(2)];
  const moco = [...under("module.encoder_q.", one), ...under("module.encoder_k.", two), extra("module.queue")];
  const byol = [...under("online.net.", one), ...under("target.net.", two)];
  const dino = [...under("student.backbone.", one), ...under("teacher.backbone.", two)];
  const seeds = async (items: typeof moco, ...names: readonly (string | undefined)[]) =>
    await Promise.all(names.map((weights) => seedOf(load(items, weights === undefined ? {} : { weights }).params)));
  deepStrictEqual(await seeds(moco, undefined, "module.encoder_k", "encoder_k", "encoder_q"), [1, 2, 2, 1]);
  deepStrictEqual(await seeds(byol, undefined, "target.net"), [1, 2]);
  deepStrictEqual(await seeds(dino, undefined, "student.backbone", "raw", "average"), [2, 1, 1, 2]);
  throws(
    () => load(moco, { weights: "encoder" }),
    /--weights must name one of its sets: current value is encoder, sets are module\.encoder_q, module\.encoder_k/,
  );
  throws(() => load(one, { weights: "average" }), /current value is average, set is the only one, the raw weights/);
  equal(await seedOf(load(one, { weights: "raw" }).params), 1);
});

Deno.test("backboneOf() takes the average of a checkpoint of this library, or the raw weights", async () => {
  const tensors: [string, { dtype: "F32" | "I32"; shape: readonly number[]; data: Float32Array | Int32Array }][] = [];
  const add = async (prefix: string, seed: number) => {
    const file = decodeStateDict(encodePth(await dictOf(seed)), "x.pth");
    const { params, state } = backboneOf(file, MODEL);
    const own = await ownWeights({ encoder: params }, { encoder: state }, "x");
    for (const [name, x] of Object.entries(own.tensors)) tensors.push([prefix + name, x as typeof tensors[number][1]]);
  };
  await add("", 1);
  await add("average.", 2);
  const bytes = encodeSafetensors(Object.fromEntries(tensors));
  const of = (options: StateDictOptions) => backboneOf(decodeStateDict(bytes, "last.safetensors", options), MODEL);
  const seeds = [of({}), of({ weights: "raw" }), of({ weights: "average" })].map(({ params }) => seedOf(params));
  deepStrictEqual(await Promise.all(seeds), [2, 1, 2]);
  deepStrictEqual([of({}).account.isAverage, of({}).account.set, of({}).account.sets], [true, "average", [
    "average",
    "raw",
  ]]);
});

for (const model of [MODEL, CONVNEXT]) {
  Deno.test(`backboneOf() takes the backbone of a detector of this library's training: ${model.name}`, async () => {
    const made = detector({ backbone: model, classes: 2, fpnChannels: 4, boxFcs: [4], maskConvs: [4] });
    const [raw, average] = [made.init(random.key(1)), made.init(random.key(2))];
    const moments = { optimizer: { moments: { first: raw.params } }, key: random.key(0) };
    const read = async (tree: object, options: StateDictOptions = {}) => {
      const bytes = encodeSafetensors(await fileTensors(tree as Tree));
      return backboneOf(decodeStateDict(bytes, "last.safetensors", options), model);
    };
    const plain = await read({ ...raw, ...moments });
    deepStrictEqual(await numbersIn([plain.params, plain.state]), await numbersIn([raw.params, raw.state].map(part)));
    const both = { ...raw, average, ...moments };
    const averaged = await read(both);
    deepStrictEqual(await numbersIn(averaged.params), await numbersIn(part(average.params)));
    deepStrictEqual(await numbersIn((await read(both, { weights: "raw" })).params), await numbersIn(plain.params));
    deepStrictEqual([averaged.naming, averaged.account.set, averaged.head], ["tessera", "average", null]);
    ok(averaged.account.unused["average.params.box"]! > 0, "what is not read is said");
  });
}

/** Of the trees of a detector, that of its backbone. */
const part = (tree: object) => (tree as { readonly backbone: Tree }).backbone;

async function numbersIn(tree: Tree): Promise<readonly unknown[]> {
  return await Promise.all((treeLeaves(tree) as readonly Tensor[]).map(async (x) => [...await x.data()]));
}

Deno.test("accountLines() says what was read and what was not, in two lines", async () => {
  const dict = await dictOf(1, "timm", MODEL, 4);
  dict.delete("bn1.num_batches_tracked");
  const { account } = load([...under("model.", dict), extra("model.aux.weight"), extra("queue")]);
  const lines = accountLines(account, { head: "kept" });
  equal(lines.length, 2);
  match(
    lines[0]!,
    /^weights: \d+ tensors of resnet-bottleneck-1-2 from x\.pth \(pth, names of official, model\. taken off\)$/,
  );
  equal(
    lines[1],
    "weights: 1 count missing, which decide nothing; 2 tensors unused: model 1, queue 1; head of 4 classes kept",
  );
});

Deno.test("backboneOf() refuses a larger network of the same family, and says when a file is a shard", async () => {
  const dict = await dictOf(1);
  for (const name of ["net.layer3.0.conv1.weight", "net.conv2.weight", "net.layer1.0.se.fc.weight"]) {
    throws(() => load([...under("net.", dict), extra(name)]), new RegExp(`current file also has ${name}`));
  }
  const shard = decodeStateDict(encodePth(new Map([...dict].slice(0, 5))), "model-00001-of-00002.bin");
  throws(() => backboneOf(shard, MODEL), /this is one shard of several: give their index/);
});

Deno.test("backboneOf() reads a ConvNeXt of this library with its head", async () => {
  const { params, state } = CONVNEXT.init(random.key(1));
  const head = CONVNEXT.initHead(random.key(1), { classes: 3 });
  const { tensors } = await ownWeights({ encoder: params, head }, { encoder: state }, "x");
  const found = backboneOf(decodeStateDict(encodeSafetensors(tensors), "x.safetensors"), CONVNEXT);
  deepStrictEqual([await seedOf(found.params, CONVNEXT), found.naming, found.account.headClasses], [1, "tessera", 3]);
});

for (
  const [prefix, layer] of [
    ["", "fc.1"], // a sequence of dropout and a layer
    ["", "last_linear"],
    ["", "classifier"],
    ["module.", "module.fc.1"],
    ["backbone.", "head.layer"],
    ["model.backbone.", "model.linear"],
  ] as const
) {
  Deno.test(`backboneOf() finds the only linear layer as the head: ${prefix}, ${layer}`, async () => {
    const dict = await dictOf(1, "official", MODEL, 3);
    const named = under(prefix, dict).map(([name, x]) => [name.replace(`${prefix}fc.`, `${layer}.`), x] as const);
    const { account, head } = load(named);
    deepStrictEqual([account.headClasses, account.unused, head !== null], [3, {}, true]);
  });
}

Deno.test("backboneOf() takes no head from several layers, or from one that does not fit", async () => {
  const dict = [...await dictOf(1)];
  const layer = (name: string, rows: number, columns: number) => [
    [`${name}.weight`, new FileTensor("F32", [rows, columns], new Float32Array(rows * columns))] as const,
    [`${name}.bias`, new FileTensor("F32", [rows], new Float32Array(rows))] as const,
  ];
  const channels = MODEL.channels.at(-1)!;
  for (const layers of [[...layer("fc.0", channels, channels), ...layer("fc.2", 3, channels)], layer("fc.1", 3, 5)]) {
    equal(load([...dict, ...layers]).head, null);
  }
});

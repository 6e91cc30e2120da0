import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { random, type Tensor, treeLeaves } from "../../../tensor/mod.ts";
import {
  type BatchNormState,
  type Classifier,
  type Conv2dParams,
  convnext,
  convnextBase,
  convnextLarge,
  convnextSmall,
  resnet,
  resnet101,
  resnet152,
  resnet200,
  resnet50,
} from "../../../nn/mod.ts";
import {
  backboneEntries,
  fromOfficial,
  importOfficial,
  initParams,
  officialEntries,
  type OfficialEntry,
  tensorOf,
  toOfficial,
} from "../../../spark/mod.ts";
import digests from "../../golden/keys/sha256.json" with { type: "json" };

const MODELS: Readonly<Record<string, () => Classifier>> = {
  resnet50,
  resnet101,
  resnet152,
  resnet200,
  "convnext_small": convnextSmall,
  "convnext_base": convnextBase,
  "convnext_large": convnextLarge,
};

const shapeText = (shape: readonly number[]) => `[${shape.join(", ")}]`;

/** The list of pre-training in the form of the traced files. */
function pretrainingList(name: string, size: number): string {
  const weights = initParams(MODELS[name]!(), random.key(0));
  const group = ({ kind, decays }: OfficialEntry) => kind === "buffer" ? "-" : decays ? "decay" : "no_decay";
  const rows = officialEntries(weights, { inputSize: [size, size] })
    .map((entry) => [entry.key, shapeText(entry.shape), entry.dtype, entry.kind, group(entry)].join("\t"));
  const title = `# SparK pretraining state_dict['module'] for ${name} @ ${size}: `;
  return `${title}key | shape | dtype | kind | weight-decay group\n${rows.join("\n")}\n`;
}

/** The list of the encoder alone in the form of the traced files. */
function backboneList(name: string): string {
  const rows = backboneEntries(MODELS[name]!().init(random.key(0)))
    .map((entry) => [entry.key, shapeText(entry.shape), entry.dtype].join("\t"));
  const title = `# backbone-only ("timm style"/"official style") state_dict for ${name}: key | shape | dtype`;
  return `${title}\n${rows.join("\n")}\n`;
}

for (const [file, { entries, sha256 }] of Object.entries(digests)) {
  Deno.test(`official names: ${file} has all keys, shapes and groups in order`, async () => {
    const [, name, size] = /^(.*)_(?:(\d+)_withdecoder|backbone_only)$/.exec(file)!;
    const list = size ? pretrainingList(name!, Number(size)) : backboneList(name!);
    const whole = new URL(`../../golden/keys/${file}.txt`, import.meta.url);
    const expected = await Deno.readTextFile(whole).catch(() => null);
    if (expected !== null) deepStrictEqual(list.split("\n"), expected.split("\n"));
    equal(list.split("\n").length, entries + 2);
    equal(createHash("sha256").update(list).digest("hex"), sha256);
  });
}

Deno.test("every parameter and statistic has one official name", () => {
  for (
    const model of [
      resnet({ block: "basic", depths: [1, 2], widths: [8, 16] }),
      convnext({ depths: [1, 1, 2, 1], dims: [8, 16, 32, 64] }),
    ]
  ) {
    const weights = initParams(model, random.key(0), { decoderWidth: 64 });
    const entries = officialEntries(weights, { inputSize: [64, 64] });
    const held = entries.filter(({ tree }) => tree !== null);
    const leaves = [...treeLeaves(weights.params), ...treeLeaves(weights.state)];
    const named = new Set(held.map((entry) => tensorOf(weights[entry.tree!], entry)));
    equal(held.length, leaves.length);
    deepStrictEqual(named, new Set(leaves as Tensor[]));
    equal(new Set(entries.map((entry) => entry.key)).size, entries.length);
  }
});

Deno.test("toOfficial() turns kernels round, and fromOfficial() turns them back", () => {
  const weights = initParams(convnext({ depths: [1], dims: [8] }), random.key(0), { decoderWidth: 8 });
  const entries = officialEntries(weights, { inputSize: [8, 8] });
  const named = (name: string) => entries.find((entry) => entry.key === name)!;
  const stem = named("sparse_encoder.sp_cnn.downsample_layers.0.0.weight");
  deepStrictEqual([stem.shape, stem.ownShape], [[8, 3, 4, 4], [4, 4, 3, 8]]);
  const own = Float64Array.from({ length: 8 * 3 * 16 }, (_, i) => i);
  const official = toOfficial(stem, own);
  // Element [o, i, y, x] there is [y, x, i, o] here.
  equal(official[((5 * 3 + 2) * 4 + 1) * 4 + 3], ((1 * 4 + 3) * 3 + 2) * 8 + 5);
  deepStrictEqual(fromOfficial(stem, official), own);
  const up = named("dense_decoder.dec.0.up_sample.weight");
  deepStrictEqual([up.shape, up.ownShape], [[8, 8, 4, 4], [4, 4, 8, 8]]);
  const wide = named("sparse_encoder.sp_cnn.stages.0.0.pwconv1.weight");
  deepStrictEqual([wide.shape, wide.ownShape], [[32, 8], [8, 32]]);
  deepStrictEqual(named("mask_tokens.0").shape, [1, 8, 1, 1]);
});

Deno.test("importOfficial() keeps the form and refuses a wrong size", async () => {
  const weights = resnet({ block: "basic", depths: [1], widths: [4], stemWidth: 4 }).init(random.key(0));
  const entries = backboneEntries(weights);
  const read = ({ shape, dtype }: OfficialEntry) =>
    new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(dtype === "int64" ? 7 : 0.5);
  const imported = importOfficial(weights, entries, read);
  deepStrictEqual(
    entries.map((entry) => tensorOf(imported[entry.tree!], entry).shape),
    entries.map((entry) => entry.ownShape),
  );
  equal((await (imported.params as { readonly conv1: Conv2dParams }).conv1.weight.data())[7], 0.5);
  const { count } = (imported.state as { readonly bn1: BatchNormState }).bn1;
  deepStrictEqual(await count.data(), new Int32Array([7]));
  throws(() => importOfficial(weights, entries, () => [1]), /Cannot import conv1\.weight as it must have 588 numbers/);
});

import { deepStrictEqual, equal, rejects, throws } from "node:assert/strict";
import { type Tensor, treeLeaves } from "../../../tensor/mod.ts";
import { random } from "../../../tensor/mod.ts";
import { treeFlatten, treeUnflatten } from "../../../tensor/mod.ts";
import {
  type BatchNormState,
  type Classifier,
  convnext,
  convnextSmall,
  type Model,
  namesOf,
  resnet,
  resnet101,
  resnet152,
  resnet200,
  resnet50,
} from "../../../nn/mod.ts";
import {
  decodePth,
  decodeStateDict,
  encodeNumpyPickle,
  encodePth,
  encodeSafetensors,
  FileTensor,
  readStateDict,
  type StateDictFile,
} from "../../../data/mod.ts";
import {
  backboneEntries,
  backboneOf,
  backboneStateDict,
  flattenOfficial,
  initParams,
  loadBackbone,
  loadWeights,
  officialCheckpoint,
  officialEntries,
  type OfficialEntry,
  save,
  type SparkParams,
  WEIGHT_NAMINGS,
  weightsOf,
} from "../../../spark/mod.ts";
import { withFolder } from "../../data/support.ts";

const RESNET = () => resnet({ block: "bottleneck", depths: [1, 2], widths: [4, 8], stemWidth: 4 });
const CONVNEXT = () => convnext({ depths: [1, 2, 1], dims: [4, 8, 16] });
const MODELS: readonly (readonly [string, () => Classifier])[] = [["ResNet", RESNET], ["ConvNeXt", CONVNEXT]];

/** A tree of the same form with other numbers in every tensor; variances stay positive, counts whole. */
function scrambled<T>(tree: T, seed: number): T {
  const { leaves, structure } = treeFlatten(tree);
  const names = namesOf(tree);
  const drawn = (leaves as readonly Tensor[]).map((x, i) =>
    x.dtype === "int32" ? x : random.normal(random.key(seed * 1000 + i), x.shape)
  );
  return treeUnflatten(structure, drawn.map((x, i) => names[i]!.endsWith("step") ? leaves[i] : x)) as T;
}

async function numbers(tree: unknown): Promise<readonly number[][]> {
  return await Promise.all((treeLeaves(tree) as readonly Tensor[]).map(async (x) => [...await x.data()]));
}

const weightsFor = (model: Classifier) => {
  const { params, state } = model.init(random.key(0));
  const head = model.initHead(random.key(1), { classes: 3 });
  return { params: scrambled(params, 1), state: scrambled(state, 2), head: scrambled(head, 3) };
};

for (const [family, make] of MODELS) {
  for (const naming of WEIGHT_NAMINGS.filter((name) => family === "ResNet" || name !== "detectron2")) {
    for (const withHead of [true, false]) {
      Deno.test(`backbone: ${family}, ${naming}, ${withHead ? "with head" : "without head"}`, async () => {
        const model = make();
        const { head, ...body } = weightsFor(model);
        const state = await backboneStateDict(withHead ? { ...body, head } : body, { naming });
        const encoded = naming === "detectron2" ? encodeNumpyPickle(new Map([["model", state]])) : encodePth(state);
        const files = [encoded, encodeSafetensors(Object.fromEntries(state))];
        for (const bytes of files) {
          const loaded = backboneOf(decodeStateDict(bytes, "x"), model);
          deepStrictEqual(await numbers([loaded.params, loaded.state]), await numbers([body.params, body.state]));
          deepStrictEqual(namesOf([loaded.params, loaded.state]), namesOf([body.params, body.state]));
          deepStrictEqual(loaded.head && await numbers(loaded.head), withHead ? await numbers(head) : null);
        }
      });
    }
  }
}

Deno.test("backboneStateDict() has the names of torchvision, timm and detectron2", async () => {
  const { head, ...body } = weightsFor(CONVNEXT());
  const torchvision = [...await backboneStateDict({ ...body, head }, { naming: "torchvision" })];
  const shapes = torchvision.map(([name, { shape }]) => `${name} [${shape}]`);
  deepStrictEqual(shapes.slice(0, 6), [
    "features.0.0.weight [4,3,4,4]",
    "features.0.0.bias [4]",
    "features.0.1.weight [4]",
    "features.0.1.bias [4]",
    "features.1.0.layer_scale [4,1,1]",
    "features.1.0.block.0.weight [4,1,7,7]",
  ]);
  deepStrictEqual(shapes.slice(-4), [
    "classifier.0.weight [16]",
    "classifier.0.bias [16]",
    "classifier.2.weight [3,16]",
    "classifier.2.bias [3]",
  ]);
  const timm = [...(await backboneStateDict({ ...body, head }, { naming: "timm" })).keys()];
  for (
    const name of [
      "stem.1.bias",
      "stages.1.downsample.1.weight",
      "stages.1.blocks.1.mlp.fc2.bias",
      "head.norm.weight",
      "head.fc.bias",
    ]
  ) {
    equal(timm.includes(name), true, name);
  }
});

Deno.test("backboneStateDict() has the names of detectron2, for ResNets alone", async () => {
  await rejects(
    backboneStateDict(weightsFor(CONVNEXT()), { naming: "detectron2" }),
    /Cannot export to detectron2 as it has no network but/,
  );
  const detectron = [...(await backboneStateDict(weightsFor(RESNET()), { naming: "detectron2" })).keys()];
  for (
    const name of [
      "stem.conv1.norm.running_var",
      "res2.0.conv3.norm.weight",
      "res3.0.shortcut.weight",
      "res3.0.shortcut.norm.bias",
    ]
  ) {
    equal(detectron.includes(name), true, name);
  }
});

const sparkFor = (model: Model) => {
  const { params, state } = initParams(model, random.key(0), { decoderWidth: 32 });
  return { params: scrambled(params, 4), state: scrambled(state, 5) };
};

const optimizerFor = (params: SparkParams) => {
  const step = initParams(RESNET(), random.key(0), { decoderWidth: 8 }).state.decoder.blocks[0]!.norm1.count; // int32 scalar
  return { step, moments: { first: scrambled(params, 6), second: scrambled(params, 7) } };
};

for (const [family, make] of MODELS) {
  Deno.test(`full checkpoint: ${family}, wrapped, bare, with and without optimizer, .pth and safetensors`, async () => {
    const model = make();
    const weights = sparkFor(model);
    const optimizer = optimizerFor(weights.params);
    const saved = await officialCheckpoint(model, weights, { inputSize: [64, 64], optimizer });
    const { tensors, metadata } = flattenOfficial(saved);
    const bare = (decodePth(encodePth(saved)) as Map<string, unknown>).get("module");
    const files = [encodePth(saved), encodePth(bare), encodeSafetensors(tensors, metadata)]
      .map((bytes) => decodeStateDict(bytes, "x"));
    const expected = await numbers([weights.params, weights.state]);
    for (const [i, file] of files.entries()) {
      const loaded = weightsOf(file, model);
      deepStrictEqual(await numbers([loaded.params, loaded.state]), expected);
      if (i === 1) equal(loaded.optimizer, null);
      else deepStrictEqual(await numbers(loaded.optimizer), await numbers(optimizer));
      deepStrictEqual(await numbers(backboneOf(file, model).params), await numbers(weights.params.encoder));
    }
    const plain = decodePth(encodePth(saved)) as Map<string, Map<string, unknown>>;
    deepStrictEqual([...plain.keys()], OFFICIAL_KEYS);
    deepStrictEqual(Object.fromEntries(plain.get("module")!.get("config") as Map<string, unknown>), {
      "mask_ratio": 0.6,
      "densify_norm_str": model.densifyNorm,
      sbn: false,
      hierarchy: model.channels.length,
      "sparse_encoder.input_size": 64,
      "dense_decoder.width": 32,
    });
  });
}

const OFFICIAL_KEYS = ["args", "input_size", "arch", "epoch", "performance_desc", "module", "optimizer", "is_pretrain"];

Deno.test("loadWeights() and loadBackbone() read checkpoints of this library", () =>
  withFolder({}, async (folder) => {
    const model = RESNET();
    const weights = sparkFor(model);
    const optimizer = optimizerFor(weights.params);
    const path = `${folder}/last.safetensors`;
    await save(path, { ...weights, optimizer, key: random.key(3) });
    const loaded = await loadWeights(path, model);
    deepStrictEqual(await numbers([loaded.params, loaded.state]), await numbers([weights.params, weights.state]));
    deepStrictEqual(await numbers(loaded.optimizer), await numbers(optimizer));
    const backbone = await loadBackbone(path, model);
    deepStrictEqual(await numbers(backbone.params), await numbers(weights.params.encoder));
    deepStrictEqual(await numbers(backbone.state), await numbers(weights.state.encoder));
    deepStrictEqual([backbone.naming, (await readStateDict(path)).container], ["tessera", "safetensors"]);
  }));

/** A file with all names and shapes of a list, its values never read. */
function fileOf(entries: readonly OfficialEntry[], rename = (key: string) => key): StateDictFile {
  const empty = new Float32Array(0);
  const tensors = entries.map(({ key, shape }) => [rename(key), { dtype: "F32", shape, data: empty }] as const);
  return {
    path: "x.pth",
    container: "pth",
    tensors: Object.fromEntries(tensors),
    values: new Map(),
    extra: new Map(),
    set: "",
    sets: [""],
    passedOver: new Map(),
  };
}

Deno.test("loading refuses other models by file and first name", () => {
  const entries = (model: Model) => backboneEntries(model.init(random.key(0)));
  const refused = (file: StateDictFile, model: Model, message: RegExp) =>
    throws(() => backboneOf(file, model), message);
  refused(
    fileOf(entries(resnet50())),
    resnet101(),
    /Cannot load x.pth into resnet101 as it must have layer3.6.conv1.weight and \d+ more/,
  );
  refused(fileOf(entries(resnet101())), resnet50(), /current file also has layer3.6.conv1.weight and \d+ more$/);
  refused(fileOf(entries(resnet200())), resnet152(), /current file also has layer2.8.conv1.weight/);
  refused(fileOf(entries(convnextSmall())), resnet50(), /into resnet50 as it must have conv1.weight/);
  const wider = resnet({ block: "basic", depths: [1], widths: [8], stemWidth: 4 });
  const narrower = resnet({ block: "basic", depths: [1], widths: [4], stemWidth: 4 });
  refused(fileOf(entries(wider)), narrower, /must have|must have shape|also has/);
  const sparse = officialEntries(initParams(RESNET(), random.key(0), { decoderWidth: 8 }), { inputSize: [32, 32] });
  const more = fileOf([...sparse, { ...sparse[3]!, key: "sparse_encoder.sp_cnn.layer9.weight" }]);
  refused(more, RESNET(), /also has sparse_encoder.sp_cnn.layer9.weight$/);
});

Deno.test("loading refuses values that are not finite, and a missing count is 0", async () => {
  const model = RESNET();
  const state = new Map(await backboneStateDict(weightsFor(model), { naming: "official" }));
  state.delete("bn1.num_batches_tracked");
  const loaded = backboneOf(decodeStateDict(encodePth(state), "x.pth"), model);
  equal(await (loaded.state as { readonly bn1: BatchNormState }).bn1.count.item(), 0);
  state.set("bn1.bias", new FileTensor("F32", [4], Float32Array.of(0, NaN, 0, 0)));
  throws(() => backboneOf(decodeStateDict(encodePth(state), "x.pth"), model), /current value of bn1.bias at 1 is NaN$/);
});

Deno.test("loading refuses an optimizer of other groups", async () => {
  const model = RESNET();
  const weights = sparkFor(model);
  const saved = new Map(
    await officialCheckpoint(model, weights, { inputSize: [32, 32], optimizer: optimizerFor(weights.params) }),
  );
  const { optimizer } = Object.fromEntries(saved) as { optimizer: Map<string, unknown> };
  const groups = optimizer.get("param_groups") as readonly unknown[];
  saved.set("optimizer", new Map(optimizer).set("param_groups", groups.slice(1)));
  throws(
    () => weightsOf(decodeStateDict(encodePth(saved), "x.pth"), model),
    /optimizer of x.pth as it must have groups of/,
  );
});

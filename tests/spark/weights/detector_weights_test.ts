import { deepStrictEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { random, type Tensor, treeFlatten, treeLeaves, treeUnflatten } from "../../../tensor/mod.ts";
import { convnext, detector, type DetectorOptions, resnet } from "../../../nn/mod.ts";
import { decodeStateDict, encodePth, encodeSafetensors, FileTensor, fileTensors, writePth } from "../../../data/mod.ts";
import { type DetectorNaming, detectorOf, detectorSizes, detectorStateDict, loadDetector } from "../../../spark/mod.ts";
import { withFolder } from "../../data/support.ts";

const BACKBONE = resnet({ block: "bottleneck", depths: [1, 1, 1, 1], widths: [4, 4, 8, 8], stemWidth: 4 });
const SIZES = { classes: 3, fpnChannels: 4, boxFcs: [6, 5], maskConvs: [4, 4], boxSize: 3 };
const CONVNEXT = convnext({ depths: [1, 1, 1, 1], dims: [4, 4, 8, 8] });
const MODELS: Readonly<Record<string, DetectorOptions>> = {
  "ConvNeXt": { backbone: CONVNEXT, ...SIZES },
  "Mask R-CNN": { backbone: BACKBONE, ...SIZES },
  "Faster R-CNN": { backbone: BACKBONE, ...SIZES, masks: false },
  "frozen norms": { backbone: BACKBONE, ...SIZES, backboneNorm: "frozen" },
  "norms in the heads": { backbone: BACKBONE, ...SIZES, headNorm: "batch", boxConvs: [4, 4], boxFcs: [6] },
  "two convolutions before proposals": { backbone: BACKBONE, ...SIZES, rpnConvs: 2 },
};

/** A detector and its weights, each number of them another: at their first values, what is taken for another would not show. */
function made(options: DetectorOptions, seed = 1) {
  const model = detector(options);
  const { params, state } = model.init(random.key(seed));
  const scrambled = <T>(tree: T, key: number): T => {
    const { leaves, structure } = treeFlatten(tree as never);
    const noisy = (leaves as readonly Tensor[]).map((x, i) =>
      x.dtype === "int32" ? x : random.uniform(random.foldIn(random.key(key), i), x.shape, { min: 0.5, max: 1.5 })
    );
    return treeUnflatten(structure, noisy as never) as T;
  };
  return { model, weights: { params: scrambled(params, seed), state: scrambled(state, seed + 100) } };
}

const numbers = async (tree: unknown) =>
  await Promise.all((treeLeaves(tree as never) as readonly Tensor[]).map(async (x) => [x.shape, [...await x.data()]]));
const same = async (a: { params: unknown; state: unknown }, b: { params: unknown; state: unknown }) => {
  deepStrictEqual(await numbers(a.params), await numbers(b.params));
  deepStrictEqual(await numbers(a.state), await numbers(b.state));
};

const dictOf = async (
  { model, weights }: ReturnType<typeof made>,
  naming: DetectorNaming,
  options: { readonly background?: "first" | "last" } = {},
) => new Map(await detectorStateDict(model, weights, { naming, ...options }));
const fileOf = (dict: ReadonlyMap<string, FileTensor>, path = "x.pth") => decodeStateDict(encodePth(dict), path);

for (const naming of ["torchvision", "detectron2", "mmdetection"] as const) {
  for (const [name, options] of Object.entries(MODELS)) {
    if (name === "ConvNeXt" && naming === "torchvision") continue;
    Deno.test(`every bit of a detector survives a file of ${naming}, which tells its sizes: ${name}`, async () => {
      const one = made(options);
      const file = fileOf(await dictOf(one, naming));
      const read = detectorOf(file, one.model);
      equal(read.naming, naming);
      await same(read, one.weights);
      const others = [resnet({ block: "basic", depths: [1, 1, 1, 1] }), BACKBONE, CONVNEXT];
      const sizes = detectorSizes(file, { backbones: others })!;
      const { settings } = one.model;
      for (const [size, value] of Object.entries(sizes)) {
        if (size === "variant") equal(value, naming);
        else deepStrictEqual(value, settings[size as keyof typeof settings], size);
      }
    });
  }
}

Deno.test("detectors of this library's training are read whole, of a moving average where there is one", async () => {
  const [one, average] = [made(MODELS.ConvNeXt!), made(MODELS.ConvNeXt!, 7)];
  const train = { ...one.weights, optimizer: {}, key: random.key(0) };
  const read = async (tree: object) =>
    detectorOf(decodeStateDict(encodeSafetensors(await fileTensors(tree as never)), "x.safetensors"), one.model);
  equal((await read(train)).naming, "tessera");
  deepStrictEqual((await read(train)).read, { set: "", sets: [], isAverage: false });
  const both = { set: "average", sets: ["average", "raw"], isAverage: true };
  deepStrictEqual((await read({ ...train, average: average.weights })).read, both);
  await same(await read(train), one.weights);
  await same(await read({ ...train, average: average.weights }), average.weights);
});

Deno.test("detectorSizes() knows what is no detector, and refuses other numbers of anchors and unknown backbones by name", async () => {
  const one = made(MODELS["Mask R-CNN"]!);
  const file = fileOf(await dictOf(one, "torchvision"));
  equal(
    detectorSizes(fileOf(new Map([["fc.weight", new FileTensor("F32", [1], Float32Array.of(1))]])), { backbones: [] }),
    null,
  );
  throws(
    () => detectorSizes(file, { backbones: [CONVNEXT] }),
    /Cannot tell the backbone of x\.pth as it must be one of/,
  );
  const wide = made({ ...MODELS["Mask R-CNN"]!, anchorRatios: [1] });
  throws(
    () => detectorSizes(file, { backbones: [], more: 1 } as never),
    /Cannot detectorSizes|detectorSizes/,
  );
  const single = fileOf(await dictOf(wide, "detectron2"));
  throws(() => detectorSizes(single, { backbones: [BACKBONE] }), /there must be 3 a cell.*current number is 1/);
});

/** Shapes by name, as the libraries have them: `torchvision.models.detection.mask_rcnn` and detectron2's model zoo. */
const KNOWN: Readonly<Record<DetectorNaming, Readonly<Record<string, readonly number[]>>>> = {
  torchvision: {
    "backbone.body.conv1.weight": [4, 3, 7, 7],
    "backbone.body.layer1.0.downsample.1.running_var": [16],
    "backbone.fpn.inner_blocks.0.0.weight": [4, 16, 1, 1],
    "backbone.fpn.layer_blocks.3.0.bias": [4],
    "rpn.head.conv.0.0.weight": [4, 4, 3, 3],
    "rpn.head.cls_logits.weight": [3, 4, 1, 1],
    "rpn.head.bbox_pred.bias": [12],
    "roi_heads.box_head.fc6.weight": [6, 36],
    "roi_heads.box_head.fc7.bias": [5],
    "roi_heads.box_predictor.cls_score.weight": [4, 5],
    "roi_heads.box_predictor.bbox_pred.weight": [16, 5],
    "roi_heads.mask_head.1.0.weight": [4, 4, 3, 3],
    "roi_heads.mask_predictor.conv5_mask.weight": [4, 4, 2, 2],
    "roi_heads.mask_predictor.mask_fcn_logits.bias": [4],
  },
  detectron2: {
    "backbone.bottom_up.stem.conv1.weight": [4, 3, 7, 7],
    "backbone.bottom_up.res2.0.shortcut.norm.running_var": [16],
    "backbone.fpn_lateral2.weight": [4, 16, 1, 1],
    "backbone.fpn_output5.bias": [4],
    "proposal_generator.rpn_head.conv.weight": [4, 4, 3, 3],
    "proposal_generator.rpn_head.objectness_logits.weight": [3, 4, 1, 1],
    "proposal_generator.rpn_head.anchor_deltas.bias": [12],
    "roi_heads.box_head.fc1.weight": [6, 36],
    "roi_heads.box_predictor.cls_score.weight": [4, 5],
    "roi_heads.box_predictor.bbox_pred.weight": [12, 5],
    "roi_heads.mask_head.mask_fcn2.weight": [4, 4, 3, 3],
    "roi_heads.mask_head.deconv.weight": [4, 4, 2, 2],
    "roi_heads.mask_head.predictor.bias": [3],
  },
  mmdetection: {
    "backbone.conv1.weight": [4, 3, 7, 7],
    "backbone.layer1.0.downsample.1.running_var": [16],
    "neck.lateral_convs.0.conv.weight": [4, 16, 1, 1],
    "neck.fpn_convs.3.conv.bias": [4],
    "rpn_head.rpn_conv.weight": [4, 4, 3, 3],
    "rpn_head.rpn_cls.weight": [3, 4, 1, 1],
    "rpn_head.rpn_reg.bias": [12],
    "roi_head.bbox_head.shared_fcs.0.weight": [6, 36],
    "roi_head.bbox_head.fc_cls.weight": [4, 5],
    "roi_head.bbox_head.fc_reg.weight": [12, 5],
    "roi_head.mask_head.convs.1.conv.weight": [4, 4, 3, 3],
    "roi_head.mask_head.upsample.weight": [4, 4, 2, 2],
    "roi_head.mask_head.conv_logits.bias": [3],
  },
};

Deno.test("detectors on a ConvNeXt have the names of its authors, with a norm for each map", async () => {
  const one = made(MODELS.ConvNeXt!);
  for (const [naming, root] of [["mmdetection", "backbone."], ["detectron2", "backbone.bottom_up."]] as const) {
    const dict = await dictOf(one, naming);
    for (
      const name of [
        "downsample_layers.0.0.weight",
        "stages.2.0.pwconv1.bias",
        "stages.3.0.gamma",
        "norm0.weight",
        "norm3.bias",
      ]
    ) {
      ok(dict.has(root + name), root + name);
    }
    deepStrictEqual([...dict.get(`${root}norm2.bias`)!.data as Float32Array], [
      ...await one.weights.params.norms[2]!.bias!.data(),
    ]);
  }
});

for (const naming of ["torchvision", "detectron2", "mmdetection"] as const) {
  Deno.test(`detectorStateDict() writes names and shapes of ${naming}`, async () => {
    const dict = await dictOf(made(MODELS["Mask R-CNN"]!), naming);
    for (const [name, shape] of Object.entries(KNOWN[naming])) {
      deepStrictEqual(dict.get(name)?.shape, shape, name);
    }
  });
}

Deno.test("class scores stand behind background in torchvision's files, before it in detectron2's", async () => {
  const one = made(MODELS["Mask R-CNN"]!);
  const scores = async (naming: DetectorNaming, background?: "first" | "last") => {
    const dict = await dictOf(one, naming, background ? { background } : {});
    return [...dict.get("roi_heads.box_predictor.cls_score.bias")!.data as Float32Array];
  };
  const own = [...await one.weights.params.box.logits.bias!.data()];
  deepStrictEqual(await scores("detectron2"), own);
  deepStrictEqual(await scores("torchvision"), [own[3], own[0], own[1], own[2]]);
  deepStrictEqual(await scores("detectron2", "first"), await scores("torchvision"));
  const moved = fileOf(await dictOf(one, "detectron2", { background: "first" }));
  await same(detectorOf(moved, one.model, { background: "first" }), one.weights);
});

Deno.test("files flatten the regions of the box head by channel, then row and column; here channels come last", async () => {
  const one = made(MODELS["Mask R-CNN"]!);
  const own = one.weights.params.box.fcs[0]!.weight; // [rows · columns · channels, width]
  deepStrictEqual(own.shape, [36, 6]);
  const values = await own.data();
  for (const [naming, name] of [["torchvision", "fc6"], ["detectron2", "fc1"]] as const) {
    const file = (await dictOf(one, naming)).get(`roi_heads.box_head.${name}.weight`)!.data as Float32Array;
    for (let i = 0; i < file.length; i++) {
      const [out, channel, cell] = [Math.floor(i / 36), Math.floor((i % 36) / 9), i % 9];
      equal(file[i], values[(cell * 4 + channel) * 6 + out]);
    }
  }
});

Deno.test("detectorOf() reads the names of torchvision before 0.14", async () => {
  const one = made(MODELS["Mask R-CNN"]!);
  const dict = [...await dictOf(one, "torchvision")].map(([name, x]) => {
    const old = name.replace(/^(backbone\.fpn\.\w+_blocks\.\d)\.0\./, "$1.")
      .replace("rpn.head.conv.0.0.", "rpn.head.conv.")
      .replace(/^roi_heads\.mask_head\.(\d)\.0\./, (_, i) => `roi_heads.mask_head.mask_fcn${Number(i) + 1}.`);
    return [old, x] as const;
  });
  const names = dict.map(([name]) => name);
  const old = ["backbone.fpn.inner_blocks.0.weight", "rpn.head.conv.bias", "roi_heads.mask_head.mask_fcn2.weight"];
  ok(old.every((name) => names.includes(name)));
  await same(detectorOf(fileOf(new Map(dict)), one.model), one.weights);
});

Deno.test("detectorOf() makes variances smaller where the file's norms add nothing to them", async () => {
  const one = made(MODELS["frozen norms"]!);
  const read = detectorOf(fileOf(await dictOf(one, "torchvision")), one.model, { normEpsilon: 0 });
  const variances = ({ backbone }: typeof one.weights.state) => {
    const found: Tensor[] = [];
    const walk = (tree: unknown): void =>
      Object.entries(tree as Readonly<Record<string, unknown>>).forEach(([name, x]) => {
        if (name === "runningVar") found.push(x as Tensor);
        else if (name !== "runningMean" && name !== "count") walk(x);
      });
    walk(backbone);
    return Promise.all(found.map((x) => x.data()));
  };
  const [before, after] = [await variances(one.weights.state), await variances(read.state)];
  equal(before.length, 1 + 4 * 4); // the stem; three convolutions and a shortcut in each block
  before.forEach((all, i) => all.forEach((x, k) => ok(Math.abs(x - 1e-5 - after[i]![k]!) < 2e-7)));
});

Deno.test("detectorOf() leaves counts and settings beside the weights alone, and may lack counts", async () => {
  const one = made(MODELS["Mask R-CNN"]!);
  const dict = await dictOf(one, "detectron2");
  dict.set("pixel_mean", new FileTensor("F32", [3, 1, 1], new Float32Array(3)));
  dict.set("proposal_generator.anchor_generator.cell_anchors.0", new FileTensor("F32", [3, 4], new Float32Array(12)));
  [...dict.keys()].filter((name) => name.endsWith("num_batches_tracked")).forEach((name) => dict.delete(name));
  deepStrictEqual(await numbers(detectorOf(fileOf(dict), one.model).params), await numbers(one.weights.params));
});

Deno.test("detectorOf() refuses by file and name what does not fit the model", async () => {
  const one = made(MODELS["Mask R-CNN"]!);
  for (const naming of ["torchvision", "detectron2", "mmdetection"] as const) {
    const dict = await dictOf(one, naming);
    const name = Object.keys(KNOWN[naming]).at(-1)!;
    const refused = (change: (dict: Map<string, FileTensor>) => void, message: RegExp) => {
      const changed = new Map(dict);
      change(changed);
      throws(() => detectorOf(fileOf(changed), one.model), (error: Error) => {
        match(error.message, /^Cannot load x\.pth as /);
        match(error.message, message);
        return error instanceof RangeError;
      });
    };
    const { shape, data } = dict.get(name)!;
    refused((all) => all.delete(name), new RegExp(`it must have ${name.replaceAll(".", "\\.")}: current names are`));
    refused((all) => all.set("extra.weight", new FileTensor("F32", [1], Float32Array.of(1))), /extra\.weight has none/);
    refused(
      (all) => all.set(name, new FileTensor("F32", [...shape, 1], data as Float32Array)),
      /must have shape \[\d\]/,
    );
    refused((all) => {
      all.set(name, new FileTensor("F32", shape, new Float32Array(shape[0]!).fill(NaN)));
    }, /every value must be finite: current value of .* is NaN/);
    const others: readonly (readonly [DetectorOptions, RegExp])[] = [
      [{ ...MODELS["Mask R-CNN"]!, classes: 4 }, /must have shape/],
      [{ ...MODELS["Mask R-CNN"]!, fpnChannels: 8 }, /must have shape/],
      [MODELS["Faster R-CNN"]!, /mask.* and \d+ more have none/],
      [MODELS["norms in the heads"]!, /it must have .* and \d+ more/],
    ];
    for (const [options, message] of others) throws(() => detectorOf(fileOf(dict), detector(options)), message);
  }
});

Deno.test("torchvision has no names for detectors on a ConvNeXt, which is said", async () => {
  const one = made(MODELS.ConvNeXt!);
  await rejects(detectorStateDict(one.model, one.weights, { naming: "torchvision" }), /Cannot .*as .*ResNets only/);
});

Deno.test("loadDetector() reads .pth and safetensors", async () => {
  const one = made(MODELS["Faster R-CNN"]!);
  const dict = await dictOf(one, "torchvision");
  await withFolder({ "a.safetensors": encodeSafetensors(Object.fromEntries(dict)) }, async (folder) => {
    await writePth(`${folder}/b.pth`, dict);
    for (const name of ["a.safetensors", "b.pth"]) {
      await same(await loadDetector(`${folder}/${name}`, one.model), one.weights);
    }
    await rejects(loadDetector(`${folder}/none.pth`, one.model), /none\.pth/);
  });
});

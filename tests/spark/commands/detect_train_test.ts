import { deepStrictEqual, equal, match, notDeepStrictEqual, ok, rejects } from "node:assert/strict";
import { convertFile } from "../../../spark/commands/convert/convert.ts";
import { detectPredict } from "../../../spark/commands/detect_predict/detect_predict.ts";
import { detectTrain } from "../../../spark/commands/detect_train/detect_train.ts";
import { openDetectData } from "../../../spark/commands/detect_train/detect_data.ts";
import type { DetectOptions } from "../../../spark/commands/detect_train/detect_options.ts";
import { findAnnotations } from "../../../data/sets/scenes/find_annotations.ts";
import { cocoScenes } from "../../../data/sets/scenes/coco_scenes.ts";
import { encodePng } from "../../../data/images/png.ts";
import { evaluateCoco } from "../../../data/sets/coco/evaluation.ts";
import { readCocoResults } from "../../../data/sets/coco/results.ts";
import { openAnnotations } from "../../../data/sets/open_annotations.ts";
import { readSafetensors } from "../../../data/formats/safetensors.ts";
import { withFolder } from "../../data/support.ts";
import { caught, runHere } from "./command_here.ts";

/** A detector of a few channels, at a rate that does not depend on the length of the run. */
const SMALL = [
  ...["--model", "tiny_resnet8", "--input-size", "32", "--batch-size", "2", "--device", "cpu", "--workers", "0"],
  ...["--fpn-channels", "8", "--box-fcs", "8", "--mask-convs", "8", "--rpn-batch", "8", "--roi-batch", "8"],
  ...["--pre-nms", "20,20", "--post-nms", "10,10", "--schedule", "step", "--decay-at", "0.99", "--warmup-epochs", "0"],
  ...["--eval-every", "2"],
];
const SCENES = [...SMALL, "--scenes", "6", "--scenes-to-score", "2", "--scene-emoji", "1", "--precise", "1"];

const linesOf = async (folder: string) =>
  (await Deno.readTextFile(`${folder}/log.jsonl`)).trim().split("\n").map((line) => JSON.parse(line));

/** Of a run, `whole`, the backbone is a start for another, and can be converted. */
async function checkBackbone(
  root: string,
  tensors: Awaited<ReturnType<typeof readSafetensors>>["tensors"],
): Promise<void> {
  const line = [...SCENES, "--steps", "1", "--init", `${root}/whole`, "--out", `${root}/next`];
  const { code, out } = await runHere(detectTrain, line);
  equal(code, 0);
  match(out.join("\n"), /weights: \d+ tensors of tiny_resnet8 from .*whole\/evaluated\.safetensors .*of this library/);
  equal(await convertFile([`${root}/whole`, `${root}/backbone.safetensors`, "--to", "safetensors"]), 0);
  const { tensors: own } = await readSafetensors(`${root}/backbone.safetensors`);
  const names = Object.keys(own);
  ok(names.length > 20 && names.every((name) => /^(params|state)\.encoder\./.test(name)));
  const backbone = names.map((name) => tensors[name.replace(".encoder.", ".backbone.")]!.data);
  deepStrictEqual(names.map((name) => own[name]!.data), backbone);
}

Deno.test("detect:train goes on to the same bits, and leaves log, pictures, report and result", async () => {
  await withFolder({}, async (root) => {
    equal(await detectTrain([...SCENES, "--steps", "4", "--out", `${root}/whole`]), 0);
    equal(await detectTrain([...SCENES, "--steps", "2", "--out", `${root}/parts`]), 0);
    equal(await detectTrain(["--resume", `${root}/parts`, "--extend", "--steps", "4"]), 0);
    const both = (file: string) =>
      Promise.all(["whole", "parts"].map((name) => readSafetensors(`${root}/${name}/${file}.safetensors`)));
    const [whole, parts] = await both("last");
    deepStrictEqual(parts!.tensors, whole!.tensors);
    const [ofWhole, ofParts] = await both("evaluated");
    deepStrictEqual(ofParts!.tensors, ofWhole!.tensors);
    const lines = await linesOf(`${root}/whole`);
    const steps = lines.filter(({ loss }) => loss !== undefined);
    deepStrictEqual(steps.map(({ step }) => step), [1, 2, 3, 4]);
    for (const { loss, parts: losses } of steps) {
      deepStrictEqual(Object.keys(losses), ["objectness", "rpnBox", "class", "box", "mask"]);
      const sum = Object.values(losses as Record<string, number>).reduce((total, each) => total + each, 0);
      ok(Math.abs(sum - loss) < 1e-5 * loss);
    }
    deepStrictEqual(lines.filter(({ evaluated }) => evaluated).map(({ evaluated }) => evaluated), [2, 4]);
    const result = JSON.parse(await Deno.readTextFile(`${root}/whole/result.json`));
    equal(result.scores["new scenes"].box.length, 12);
    match(await Deno.readTextFile(`${root}/whole/report.html`), /<h2>What is found<\/h2>[\s\S]*data:image\/png/);
    const saved = JSON.parse(whole!.metadata.configuration!);
    deepStrictEqual([saved.detector.classes, saved.categories.length, saved.options.short], [12, 12, 32]);
    await checkBackbone(root, ofWhole!.tensors);
  });
});

/** Two landscapes and a portrait. */
const SIZES: readonly (readonly [number, number])[] = [[32, 48], [32, 48], [48, 32]];

/** Images of one bright square each, and their annotations; `more` are further records. */
async function ownSet(root: string, name: string, more: readonly object[] = [], sizes = SIZES): Promise<void> {
  const images = await Promise.all(sizes.map(async ([height, width], i) => {
    const data = new Uint8Array(height * width * 3);
    for (let y = 8; y < 24; y++) for (let x = 8; x < 24; x++) data[(y * width + x) * 3 + 1] = 250;
    await Deno.writeFile(`${root}/images/${name}_${i}.png`, encodePng({ width, height, channels: 3, data }));
    return { id: 10 + i, file_name: `${name}_${i}.png`, height, width };
  }));
  const segmentation = [[8, 8, 24, 8, 24, 24, 8, 24]];
  const annotations = images.map(({ id }, i) => (
    { id: i + 1, image_id: id, category_id: 7, bbox: [8, 8, 16, 16], segmentation }
  ));
  const set = { images, categories: [{ id: 7, name: "square" }], annotations: [...annotations, ...more] };
  await Deno.writeTextFile(`${root}/instances_${name}.json`, JSON.stringify(set));
}

Deno.test("detect:train of one's own images: two shapes of batches, val beside train, what is broken is counted", async () => {
  await withFolder({}, async (root) => {
    await Deno.mkdir(`${root}/images`);
    await ownSet(root, "train", [{ id: 9, image_id: 99, category_id: 7, bbox: [0, 0, 4, 4] }]);
    await ownSet(root, "val");
    const edge = ["--transform", "edge", "--shorts", "32", "--longest", "64", "--boxes-only", "--precise", "0"];
    equal(await detectTrain([...SMALL, ...edge, "--data", root, "--steps", "2", "--out", `${root}/run`]), 0);
    const [head] = await linesOf(`${root}/run`);
    deepStrictEqual(head.sources.map(({ used }: { used: number }) => used), [3, 3]);
    deepStrictEqual(head.sources[0].leftOut.map(({ kind, count }: { kind: string; count: number }) => [kind, count]), [[
      "annotation",
      1,
    ]]);
    const { scores } = JSON.parse(await Deno.readTextFile(`${root}/run/result.json`));
    deepStrictEqual(Object.keys(scores["held out"].classes), ["square"]);
    equal(scores["held out"].mask, undefined);
  });
});

/** Numbers of what the weights of a place find in the images that were evaluated on. */
async function scoresOfUse(root: string, init: string, isAverage: boolean) {
  const annotations = `${root}/instances_val.json`;
  const images = [0, 1, 2].map((i) => `${root}/images/val_${i}.png`);
  const how = ["--device", "cpu", "--annotations", annotations, "--out", `${root}/found`, "--pictures", "0"];
  const { lines, release } = caught("stdout");
  const code = await detectPredict(["--init", init, ...how, ...images]).finally(release);
  equal(code, 0);
  equal(/, (?:a moving average|average of 2 sets .*)$/m.test(lines().join("\n")), isAverage);
  const canvases = /filled up to (\d+) size/.exec(lines().join("\n"))![1];
  const set = await openAnnotations(annotations);
  const { detections } = readCocoResults(JSON.parse(await Deno.readTextFile(`${root}/found/results.json`)), set, "");
  const of = (kind: "box" | "mask") => evaluateCoco(set, detections, { kind, areas: kind }).metrics;
  return { box: of("box"), mask: of("mask"), canvases: Number(canvases) };
}

for (const [name, more] of [["", []], [" of a moving average", ["--ema", "0.9"]]] as const) {
  Deno.test(`what is used of a run is what it evaluated: statistics taken anew${name}, canvases`, () =>
    withFolder({}, async (root) => {
      await Deno.mkdir(`${root}/images`);
      await ownSet(root, "train");
      await ownSet(root, "val", [], [[32, 48], [40, 44], [48, 32]]);
      const edge = [
        "--transform",
        "edge",
        "--shorts",
        "32",
        "--test-short",
        "36",
        "--longest",
        "64",
        "--base-lr",
        "0.02",
      ];
      const how = [...SMALL.slice(0, -2), ...edge, "--precise", "2", "--eval-every", "12", "--steps", "12", ...more];
      equal(await detectTrain([...how, "--data", root, "--out", `${root}/run`]), 0);
      const { scores } = JSON.parse(await Deno.readTextFile(`${root}/run/result.json`));
      const { box, mask } = scores["held out"];
      ok(box[0] > 0.01 && mask[1] > 0.01, `${box} ${mask}`);
      const evaluated = { box, mask, canvases: 2 }; // a landscape and a portrait, of three sizes
      deepStrictEqual(await scoresOfUse(root, `${root}/run`, more.length > 0), evaluated);
      deepStrictEqual(await scoresOfUse(root, `${root}/run/best.safetensors`, more.length > 0), evaluated);
      const { canvases: _, ...raw } = await scoresOfUse(root, `${root}/run/last.safetensors`, more.length > 0);
      notDeepStrictEqual(raw, { box, mask });
    }));
}

Deno.test("findAnnotations() and cocoScenes() find what is usually there, and say what they looked for", async () => {
  await withFolder({}, async (root) => {
    await Deno.mkdir(`${root}/images`);
    await ownSet(root, "train");
    await ownSet(root, "val");
    equal(findAnnotations(root, "train"), `${root}/instances_train.json`);
    equal(findAnnotations(root, "val"), `${root}/instances_val.json`);
    equal(findAnnotations(`${root}/instances_train.json`, "val"), `${root}/instances_val.json`);
    equal(findAnnotations(`${root}/images`, "train"), null);
    const { dataset } = await cocoScenes({ annotations: `${root}/instances_train.json` });
    deepStrictEqual(dataset.sizes, [[32, 48], [32, 48], [48, 32]]);
    deepStrictEqual((await dataset.loadScene!(2, () => 0)).objects.map(({ box }) => box), [[8, 8, 24, 24]]);
    await Deno.rename(`${root}/images`, `${root}/elsewhere`);
    const moved = cocoScenes({ annotations: `${root}/instances_train.json` });
    await rejects(
      moved,
      /train_0.png \(or another of the first 3\) must lie in one of .*\/images.*; name the folder with --images/,
    );
    await rejects(
      detectTrain([...SMALL, "--data", `${root}/elsewhere`, "--out", `${root}/none`]),
      /must hold annotations/,
    );
  });
});

Deno.test("classes of the images to evaluate on are those that are learned, whatever their ids", () =>
  withFolder({}, async (root) => {
    await Deno.mkdir(`${root}/images`);
    await ownSet(root, "train");
    await ownSet(root, "val");
    const set = async (name: string, categories: readonly object[], change: (id: number) => number) => {
      const file = `${root}/instances_${name}.json`;
      const { annotations, ...rest } = JSON.parse(await Deno.readTextFile(file));
      const own = annotations.map((each: { id: number }) => ({ ...each, category_id: change(each.id) }));
      await Deno.writeTextFile(file, JSON.stringify({ ...rest, categories, annotations: own }));
    };
    await set("train", [{ id: 4, name: "circle" }, { id: 7, name: "square" }], (id) => id === 1 ? 4 : 7);
    await set("val", [{ id: 4, name: "square" }], () => 4);
    const options = { data: root, val: null, images: null, valImages: null, seed: 0 } as unknown as DetectOptions;
    const { val, categories } = await openDetectData(options, () => {});
    deepStrictEqual(categories, [{ id: 4, name: "circle" }, { id: 7, name: "square" }]);
    const { set: { objects, categories: own } } = val["held out"]!;
    deepStrictEqual(own, categories);
    deepStrictEqual(objects.map(({ category }) => category), [7, 7, 7]);
  }));

for (const boxesOnly of [false, true]) {
  Deno.test(`objects without segmentation are noted where masks are learned: boxesOnly ${boxesOnly}`, () =>
    withFolder({}, async (root) => {
      await Deno.mkdir(`${root}/images`);
      const bare = [{ id: 9, image_id: 10, category_id: 7, bbox: [0, 0, 4, 4] }];
      await Promise.all(["train", "val"].map((name) => ownSet(root, name, bare)));
      for (const data of [root, `${root}/instances_train.json`]) { // val beside train, and held out
        const where = { data, val: null, images: data === root ? null : `${root}/images`, valImages: null };
        const lines: string[] = [];
        await openDetectData({ ...where, seed: 0, boxesOnly } as unknown as DetectOptions, (line) => lines.push(line));
        equal(/without segmentation/.test(lines.join("\n")), !boxesOnly, lines.join("\n"));
      }
    }));
}

Deno.test("detect:train refuses lists and sizes that do not fit", async () => {
  await rejects(detectTrain(["--shorts", "480,x"]), /Cannot read --shorts as it must be whole numbers from 1/);
  await rejects(detectTrain(["--pre-nms", "20"]), /Cannot read --pre-nms as it must be two numbers/);
  await rejects(
    detectTrain(["--freeze-at", "1"]),
    /--freeze-at must be 0 where weights are fresh: current number is 1/,
  );
  await rejects(detectTrain(["--input-size", "33"]), /--input-size must be multiples of 8/);
  for (const [asked, channels] of [["1", "1 channel;"], ["4", "4 channels;"], ["7", "7 channels;"]] as const) {
    const message = new RegExp(`as red, green and blue of 8 bits, .* current --in-channels asks for ${channels}`);
    await rejects(detectTrain(["--in-channels", asked]), message);
  }
});

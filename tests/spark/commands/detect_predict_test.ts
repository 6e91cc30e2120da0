import { deepStrictEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { zipSync } from "fflate";
import { random } from "../../../tensor/mod.ts";
import { type Detector, detector } from "../../../nn/mod.ts";
import {
  decodeImage,
  encodePng,
  fileTensors,
  readCocoResults,
  readCocoSet,
  turned,
  writePth,
  writeSafetensors,
} from "../../../data/mod.ts";
import { type DetectorNaming, detectorStateDict, save } from "../../../spark/mod.ts";
import { MODELS } from "../../../spark/train/model_table.ts";
import { detectPredict } from "../../../spark/commands/detect_predict/detect_predict.ts";
import { pictureNames } from "../../../spark/commands/detect_predict/picture_file.ts";
import { categoriesOf } from "../../../spark/commands/detect_predict/detector_categories.ts";
import { withFolder } from "../../data/support.ts";
import { withExif } from "../../data/images/exif_support.ts";
import { caught } from "./command_here.ts";

const SIZES = { classes: 3, fpnChannels: 4, boxFcs: [8], maskConvs: [4] };
const backbone = () => MODELS.mini_resnet8!.make();
const ANCHORS = { anchorSizes: [[8], [16], [32], [64]] };

/** Runs the command with its print caught. */
async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const { lines, release } = caught("stdout");
  try {
    return { code: await detectPredict(["--device", "cpu", ...args]), text: lines().join("\n") };
  } finally {
    release();
  }
}

const noise = (height: number, width: number) =>
  encodePng({
    ...{ width, height, channels: 3 },
    data: Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 7919 + (i >> 6) * 31) % 256),
  });
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const ANNOTATIONS = {
  images: [{ id: 70, file_name: "in/b.png", height: 64, width: 32 }, {
    id: 9,
    file_name: "a.png",
    height: 32,
    width: 48,
  }],
  categories: [{ id: 5, name: "cup" }, { id: 17, name: "dog" }, { id: 2, name: "sun" }],
  annotations: [],
};
const FILES = {
  "images/a.png": noise(32, 48),
  "images/in/b.png": noise(64, 32),
  "images/in/broken.png": noise(8, 8).slice(0, 40),
  "annotations.json": json(ANNOTATIONS),
  "names.txt": new TextEncoder().encode("one\ntwo\n\nthree\n"),
  "two.txt": new TextEncoder().encode("one\ntwo\nthree\nfour\n"),
  "settings.json": json(ANCHORS),
};

type Records = readonly {
  readonly image_id: number;
  readonly category_id: number;
  readonly score: number;
  readonly bbox: number[];
}[];
const read = async (path: string) => JSON.parse(await Deno.readTextFile(path));
const rounded = (records: Records) =>
  records.map((
    { image_id, category_id, score, bbox },
  ) => [image_id, category_id, ...[score, ...bbox].map((x) => x.toFixed(4))]);

const model: Detector = detector({ backbone: backbone(), ...SIZES, ...ANCHORS });
const weights = model.init(random.key(1));

/** Writes the detector under another library's names. */
const foreign = async (path: string, naming: DetectorNaming) =>
  await writePth(path, await detectorStateDict(model, weights, { naming }));

Deno.test("detect:predict reads checkpoints and files of all namings, and finds the same with the same rules", () =>
  withFolder(FILES, async (folder) => {
    const at = (name: string) => `${folder}/${name}`;
    const how = ["--short", "32", "--longest", "64", "--score", "0", "--detections", "7", "--pictures", "0"];
    const configuration = {
      options: { model: "mini_resnet8", short: 32, longest: 64 },
      detector: { ...SIZES, ...ANCHORS },
      categories: [{ id: 1, name: "one" }, { id: 2, name: "two" }, { id: 3, name: "three" }],
    };
    await save(at("own.safetensors"), { ...weights, optimizer: {}, key: random.key(0) } as never, { configuration });
    const own = await run("--init", at("own.safetensors"), "--out", at("own"), ...how.slice(4), at("images"));
    equal(own.code, 0);
    match(own.text, /Mask R-CNN on mini_resnet8, 3 classes$/m);
    match(own.text, /14 objects in 2 of 3 images, filled up to 2 sizes; wrote .*own\/results\.json/);
    const fast = ["--fast", "--threads", "1"];
    await run("--init", at("own.safetensors"), "--out", at("fast"), ...fast, ...how.slice(4), at("images"));
    deepStrictEqual(await read(at("fast/results.json")), await read(at("own/results.json")));
    const expected = rounded(await read(at("own/results.json")));
    equal(expected.length, 14);
    for (const naming of ["torchvision", "detectron2", "mmdetection"] as const) {
      await foreign(at("x.pth"), naming);
      const rules = { ...ANCHORS, variant: "detectron2" };
      await Deno.writeFile(at("rules.json"), json(rules));
      const { text } = await run(
        "--init",
        at("x.pth"),
        "--settings",
        at("rules.json"),
        "--out",
        at("x"),
        ...how,
        at("images"),
      );
      match(text, new RegExp(`names of ${naming}, rules of detectron2`));
      deepStrictEqual(rounded(await read(at("x/results.json"))), expected, naming);
    }
  }));

Deno.test("detect:predict writes results that can be scored, draws pictures, and takes ids and names from annotations", () =>
  withFolder(FILES, async (folder) => {
    const at = (name: string) => `${folder}/${name}`;
    await foreign(at("x.pth"), "detectron2");
    const how = [
      "--init",
      at("x.pth"),
      "--settings",
      at("settings.json"),
      "--short",
      "32",
      "--longest",
      "64",
      "--score",
      "0.01",
    ];
    const more = ["--drawn", "0", "--detections", "5", "--out", at("out")];
    await run(...how, ...more, "--classes", at("names.txt"), at("images"));
    const set = readCocoSet(await read(at("out/images.json")), "images.json");
    deepStrictEqual(set.images.map(({ id, height, width }) => [id, height, width]), [[1, 32, 48], [2, 64, 32]]);
    deepStrictEqual(set.categories.map(({ name }) => name), ["one", "two", "three"]);
    const { detections, problems } = readCocoResults(await read(at("out/results.json")), set, "results.json");
    deepStrictEqual([detections.length, problems], [10, []]);
    ok(detections.every(({ mask, image }) => mask!.size.join() === (image === 1 ? "32,48" : "64,32")));
    const picture = await decodeImage(await Deno.readFile(at("out/pictures/a.png")));
    ok(picture.width % 48 === 0 && picture.width > 48 && picture.height * 48 === picture.width * 32);
    deepStrictEqual([...Deno.readDirSync(at("out/pictures"))].map(({ name }) => name).sort(), ["a.png", "b.png"]);

    await Deno.remove(at("images/in/broken.png"));
    await run(...how, "--out", at("named"), "--annotations", at("annotations.json"), at("images"));
    const named: Records = await read(at("named/results.json"));
    deepStrictEqual([...new Set(named.map(({ image_id }) => image_id))].sort(), [70, 9]);
    ok(named.every(({ category_id }) => [2, 5, 17].includes(category_id)));
    await rejects(Deno.stat(at("named/images.json")));
    const images = ANNOTATIONS.images.map((image) => ({ ...image, file_name: `C:\\all\\${image.file_name}` }));
    await Deno.writeFile(at("windows.json"), json({ ...ANNOTATIONS, images }));
    const { text } = await run(...how, "--out", at("windows"), "--annotations", at("windows.json"), at("images"));
    match(text, /^Names of the annotations are read without their folders$/m);
    deepStrictEqual(await read(at("windows/results.json")), named);
  }));

Deno.test("detect:predict looks at photographs as they are shown, or as their annotations have them, and tells objects there", async () => {
  const stored = noise(32, 48);
  const shown = encodePng(turned(await decodeImage(stored), 6));
  const image = (size: readonly [number, number]) => ({ id: 1, file_name: "a.png", height: size[0], width: size[1] });
  const marked = (size: readonly [number, number]) => json({ ...ANNOTATIONS, images: [image(size)] });
  const cases: Readonly<Record<string, readonly [given: readonly string[], size: readonly [number, number]]>> = {
    "tagged/a.png": [[], [48, 32]],
    "tagged.zip": [[], [48, 32]],
    "tagged/": [["--annotations", "upright.json"], [48, 32]],
    "tagged": [["--annotations", "stored.json"], [32, 48]],
  };
  const tagged = withExif(stored, 6);
  await withFolder({
    ...{ "tagged/a.png": tagged, "48/a.png": shown, "32/a.png": stored, "upright.json": marked([48, 32]) },
    ...{ "stored.json": marked([32, 48]), "other.json": marked([40, 48]), "settings.json": json(ANCHORS) },
    "tagged.zip": zipSync({ "a.png": tagged }),
  }, async (folder) => {
    const at = (name: string) => name.endsWith(".json") ? `${folder}/${name}` : name;
    await foreign(`${folder}/x.pth`, "detectron2");
    const how = ["--settings", at("settings.json"), "--short", "32", "--longest", "64", "--score", "0", "--drawn", "0"];
    const found = async (path: string, more: readonly string[] = []) => {
      const own = ["--init", `${folder}/x.pth`, ...how, "--detections", "4", "--out", `${folder}/out`];
      const { code } = await run(...own, ...more.map(at), `${folder}/${path}`);
      return code === 0 ? await read(`${folder}/out/results.json`) : null;
    };
    for (const [path, [given, size]] of Object.entries(cases)) {
      deepStrictEqual(await found(path, given), await found(String(size[0]), given), path);
      deepStrictEqual((await found(path, given))[0].segmentation.size, size, path);
      if (given.length === 0) deepStrictEqual((await read(`${folder}/out/images.json`)).images[0].height, size[0]);
      const { height, width } = await decodeImage(await Deno.readFile(`${folder}/out/pictures/a.png`));
      equal(height * size[1], width * size[0], path);
    }
    equal(await found("tagged", ["--annotations", "other.json"]), null);
  });
});

Deno.test("detect:predict refuses by name: no detector, other classes, images that annotations lack", () =>
  withFolder(FILES, async (folder) => {
    const at = (name: string) => `${folder}/${name}`;
    const { params } = backbone().init(random.key(0));
    await writeSafetensors(at("backbone.safetensors"), await fileTensors({ params: { encoder: params } } as never), {});
    await foreign(at("x.pth"), "mmdetection");
    const of = ["--init", at("x.pth"), "--settings", at("settings.json"), "--out", at("out")];
    await rejects(run(at("images")), /--init must name a detector/);
    await rejects(
      run("--init", at("backbone.safetensors"), at("images")),
      /must hold a detector.*current names are params\.encoder/,
    );
    await rejects(
      run(...of, "--classes", at("two.txt"), at("images")),
      /a category for each of the 3.*current number is 4/,
    );
    await rejects(
      run(...of, "--annotations", at("annotations.json"), at("images")),
      /must have each of them: current image .*broken\.png/,
    );
    await rejects(
      run(...of, "--weights", "ema", at("images")),
      /--weights must name one of its sets: current value is ema, set is the only one/,
    );
    await Deno.mkdir(at("bad"));
    await Deno.copyFile(at("images/in/broken.png"), at("bad/broken.png"));
    equal((await run(...of, at("bad"))).code, 1);
  }));

Deno.test("categoriesOf() goes by order, or by id where classes have gaps as torchvision's", () => {
  const cups = [{ id: 2, name: "cup" }, { id: 4, name: "dog" }];
  deepStrictEqual(categoriesOf(cups, null, 2), cups);
  deepStrictEqual(categoriesOf(cups, null, 4).map(({ id, name }) => `${id} ${name}`), ["1 1", "2 cup", "3 3", "4 dog"]);
  deepStrictEqual(categoriesOf(null, null, 2).map(({ id }) => id), [1, 2]);
  deepStrictEqual(categoriesOf(null, cups, 2), cups);
  throws(() => categoriesOf(cups, null, 3), /current number is 2, with ids up to 4/);
});

Deno.test("categoriesOf() goes by the names that the file of weights has, and says what is called otherwise or lacks", () => {
  const saved = ["cup", "dog", "sun"].map((name, i) => ({ id: i + 1, name }));
  const of = (...names: readonly string[]) => names.map((name, i) => ({ id: 10 * (i + 1), name }));
  const cases: readonly (readonly [names: readonly string[], categories: string, said: string])[] = [
    [["cup", "dog", "sun"], "10 cup, 20 dog, 30 sun", ""],
    [["dog", "sun", "cup"], "30 cup, 10 dog, 20 sun", ""],
    [["ant", "cup", "dog", "sun"], "20 cup, 30 dog, 40 sun", ""],
    [["Cup", "dog", "sun"], "10 Cup, 20 dog, 30 sun", "Classes have other names, taken in their order: cup is Cup"],
    [
      ["dog", "cup"],
      "20 cup, 10 dog, 21 sun",
      "Classes of the detector that are not among those named get ids of their own: sun 21",
    ],
    [
      ["dog", "cup", "ant"],
      "20 cup, 10 dog, 31 sun",
      "Classes of the detector that are not among those named get ids of their own: sun 31",
    ],
  ];
  for (const [names, expected, said] of cases) {
    const lines: string[] = [];
    const found = categoriesOf(of(...names), saved, 3, (line) => lines.push(line));
    deepStrictEqual(found.map(({ id, name }) => `${id} ${name}`).join(", "), expected);
    equal(lines.join(), said);
  }
  throws(() => categoriesOf(of("a", "b"), saved, 3), /current number is 2/);
});

Deno.test("pictures are called as their images, and by id too where that would be one name", () => {
  const images = [{ name: "x/a.jpg", id: 4 }, { name: "y/a.png", id: 6 }, { name: "b.tar.png", id: 8 }];
  deepStrictEqual(pictureNames(images), ["a_4.png", "a_6.png", "b.tar.png"]);
});

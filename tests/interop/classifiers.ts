/** @file Classifiers there and back: from the bytes of images to logits, by the commands, torchvision and ONNX Runtime. */
import { basename, join } from "node:path";
import { readNpz } from "../../data/mod.ts";
import { type Bench, mustRun } from "./bench.ts";
import { runOnnx } from "./onnx_runtime.ts";

/** Every third image is scored, the others are trained on. */
const THIRD = 3;
const LEAST = 200;

/** How images come to a network: both kernels of the resize, and a crop. */
const VIEW = { size: 64, cropRatio: 0.875 } as const;

/** A network that is trained on one side and scored on both. */
interface Row {
  readonly name: string;
  readonly model: "resnet18" | "convnext_tiny";
  readonly trainedBy: "tessera" | "torchvision";
  readonly filter: "bicubic" | "bilinear";
  readonly steps: number;
}

const ROWS: readonly Row[] = [
  { name: "resnet18 of deno task finetune", model: "resnet18", trainedBy: "tessera", filter: "bicubic", steps: 24 },
  { name: "resnet18 of torchvision", model: "resnet18", trainedBy: "torchvision", filter: "bilinear", steps: 40 },
  {
    name: "convnext_tiny of torchvision",
    model: "convnext_tiny",
    trainedBy: "torchvision",
    filter: "bicubic",
    steps: 6,
  },
];

/** Classes of ImageNet by what their numbers begin with: WordNet numbers animals first. */
const classOf = (name: string): string => {
  const first = name.slice(0, 3);
  return first === "n02" ? name < "n0268" ? "n02_animals" : "n02_things" : first < "n05" ? first : "n06_and_on";
};

/** Photographs, split. */
interface Photos {
  readonly train: string;
  readonly val: string;
  readonly classes: readonly string[];
  /** Paths of images and numbers of their classes. */
  readonly images: Readonly<Record<"train" | "val", readonly (readonly [string, number])[]>>;
}

/** Links the photographs into a folder for each class, in two parts; null if they are not there. */
async function linkPhotos(photos: string, folder: string): Promise<Photos | null> {
  const names = await Array.fromAsync(Deno.readDir(photos), ({ name }) => name).catch(() => []);
  const files = names.filter((name) => /^n\d{8}_.*\.jpg$/.test(name)).toSorted();
  if (files.length < THIRD * LEAST) return null;
  const classes = [...new Set(files.map(classOf))].toSorted();
  const images: Record<"train" | "val", [string, number][]> = { train: [], val: [] };
  for (const [i, name] of files.entries()) {
    const part = i % THIRD === 0 ? "val" : "train";
    const path = join(folder, part, classOf(name), name);
    await Deno.mkdir(join(folder, part, classOf(name)), { recursive: true });
    await Deno.symlink(await Deno.realPath(join(photos, name)), path);
    images[part].push([path, classes.indexOf(classOf(name))]);
  }
  return { train: join(folder, "train"), val: join(folder, "val"), classes, images };
}

/** Trains here, and carries over to torchvision: the weights for the commands, and those for torchvision. */
async function trainedHere({ model, steps }: Row, { train, val }: Photos, folder: string) {
  const run = join(folder, "run");
  const line =
    `--data ${train} --val ${val} --from-scratch --model ${model} --input-size ${VIEW.size} --batch-size 32 ` +
    `--steps ${steps} --eval-every ${steps} --optimizer adamw --loss ce --base-lr 0.008 --layer-decay 1 --augment none ` +
    `--erase 0 --mixup 0 --cutmix 0 --crop-scale 0.5 --ema 0 --out ${run} --device cpu`;
  const said = await mustRun("finetune", line.split(" "));
  const torch = join(folder, "carried.pth");
  await mustRun("convert", [run, torch, "--to", "torchvision"]);
  return { init: run, torch, said: /step \d+: (top-1 [\d.]+ %)/.exec(said)?.[1] ?? "not evaluated" };
}

async function trainedThere(bench: Bench, row: Row, photos: Photos, folder: string) {
  const weights = join(folder, "checkpoint.pth");
  const job = join(folder, "train.json");
  await Deno.writeTextFile(
    job,
    JSON.stringify({ ...row, ...VIEW, classes: photos.classes, images: photos.images.train, weights }),
  );
  const { first, last } = JSON.parse(await bench.python("classifier_side.py", ["train", job]));
  return { init: weights, torch: weights, said: `loss ${first.toFixed(2)} to ${last.toFixed(2)}` };
}

/** What the commands make of the images and the weights. */
async function runCommands(row: Row, init: string, { val, classes }: Photos, folder: string) {
  const file = (name: string) => join(folder, name);
  await Deno.writeTextFile(file("classes.txt"), `${classes.join("\n")}\n`);
  const view = ["--init", init, "--input-size", String(VIEW.size), "--crop-ratio", String(VIEW.cropRatio)];
  const how = [...view, "--filter", row.filter, "--device", "cpu"];
  const made = {
    predicted: file("predicted.json"),
    evaluated: file("evaluated.json"),
    confusion: file("confusion.csv"),
    embedded: file("embedded.npz"),
    onnx: file("network.onnx"),
  };
  await mustRun("predict", [val, ...how, "--logits", "--classes", file("classes.txt"), "--out", made.predicted]);
  await mustRun("evaluate", ["--data", val, ...how, "--out", made.evaluated, "--confusion", made.confusion]);
  await mustRun("embed", [val, ...how, "--out", made.embedded]);
  await mustRun("convert", [init, made.onnx, "--to", "onnx"]);
  return made;
}

function largest(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Infinity;
  let [difference, scale] = [0, 0];
  for (let i = 0; i < got.length; i++) {
    difference = Math.max(difference, Math.abs(got[i]! - expected[i]!));
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return difference / Math.min(1, scale);
}

/** In how many rows the largest value stands at the same place. */
function sameFirst(got: ArrayLike<number>, expected: ArrayLike<number>, classes: number): number {
  const first = (values: ArrayLike<number>, row: number) => {
    const of = Array.from({ length: classes }, (_, k) => values[row * classes + k]!);
    return of.indexOf(Math.max(...of));
  };
  return Array.from({ length: expected.length / classes }, (_, row) => row)
    .filter((row) => first(got, row) === first(expected, row)).length;
}

async function checkRow(bench: Bench, row: Row, photos: Photos, folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const { init, torch, said } = row.trainedBy === "tessera"
    ? await trainedHere(row, photos, folder)
    : await trainedThere(bench, row, photos, folder);
  bench.write(`        ${row.name}: ${row.steps} steps, ${said}`);
  const { onnx, ...made } = await runCommands(row, init, photos, folder);
  const [job, tensors] = [join(folder, "score.json"), join(folder, "tensors.npz")];
  const images = photos.images.val;
  await Deno.writeTextFile(
    job,
    JSON.stringify({ ...row, ...VIEW, classes: photos.classes, images, weights: torch, tensors, ...made }),
  );
  const { predicted, evaluated, embedded } = JSON.parse(await bench.python("classifier_side.py", ["score", job]));
  const all = images.length;
  const judge = (what: string, error: number) => bench.verdict(`${row.name}, ${what}`, error);
  const count = (what: string, found: number) =>
    bench.require(`${row.name}, ${what}`, found === all, `${found} of ${all}`);
  judge(`predict, logits from file bytes (${row.filter})`, predicted.logits);
  count("predict, top-1", predicted.top1);
  judge("predict, probabilities", predicted.probabilities);
  count("evaluate, images", evaluated.images);
  judge(
    "evaluate, top-1, top-5, loss, recall",
    Math.max(...[
      ...[evaluated.top1, evaluated.top5, evaluated.loss, evaluated.recall],
    ]),
  );
  bench.require(
    `${row.name}, evaluate, confusion`,
    evaluated.confusion === 0,
    `${evaluated.right} of ${all} right on both sides`,
  );
  judge("embed, features", embedded);
  const saved = await readNpz(tensors);
  const logits = await runOnnx(onnx, saved.images as { data: Float32Array; shape: readonly number[] });
  const expected = saved.logits!.data as Float32Array;
  judge("ONNX in ONNX Runtime, logits", largest(logits, expected));
  count("ONNX in ONNX Runtime, top-1", sameFirst(logits, expected, photos.classes.length));
}

/**
 * Checks classifiers on photographs.
 *
 * @param bench Where verdicts go.
 * @param photos Folder of photographs whose names begin with the number of their ImageNet class.
 * @param folder A folder for what is made.
 */
export async function checkClassifiers(bench: Bench, photos: string, folder: string): Promise<void> {
  const linked = await linkPhotos(photos, folder);
  if (linked === null) {
    bench.write(
      `skipped classifiers, as --photos must name a folder of ${THIRD * LEAST} or more photographs n…_….jpg: ` +
        `${photos} has none`,
    );
    return;
  }
  const { train, val } = linked.images;
  bench.write(
    `        ${train.length} photographs of ${
      basename(photos)
    } to train on, ${val.length} to score, at ${VIEW.size} px`,
  );
  for (const [i, row] of ROWS.entries()) await checkRow(bench, row, linked, join(folder, `classifier_${i}`));
}

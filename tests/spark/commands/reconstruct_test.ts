import { deepStrictEqual, equal, match, notDeepStrictEqual, ok, rejects } from "node:assert/strict";
import { cpuDevice, random } from "../../../tensor/mod.ts";
import { decodeImage, encodePng, normalise, type Pixels } from "../../../data/mod.ts";
import { init, pretrainOptimizer, save, startAverage, type TrainState } from "../../../spark/mod.ts";
import { convertFile } from "../../../spark/commands/convert/convert.ts";
import { MODELS } from "../../../spark/train/model_table.ts";
import { reconstructCommand } from "../../../spark/commands/reconstruct/reconstruct.ts";
import { randomMasks, reconstructImages } from "../../../spark/commands/shared/reconstruct_images.ts";
import { readSavedModel } from "../../../spark/commands/shared/saved_model.ts";
import { testFiles, testImage, withFolder } from "../../data/support.ts";
import { type Ran, runHere } from "./command_here.ts";

const OPTIONS = { model: "tiny_resnet8", inputSize: [32, 48], maskRatio: 0.5 };
const device = cpuDevice({ threads: 1 }); // no workers to end

const stateOf = (seed: number): TrainState =>
  init(MODELS[OPTIONS.model]!.make(), pretrainOptimizer({ learningRate: 1e-3 }), random.key(seed), { decoderWidth: 8 });

const checkpoint = (path: string, train = stateOf(0), options: object = OPTIONS) =>
  save(path, train, { configuration: { options, images: "2:abc", step: 0 } });

const run = (...args: readonly string[]): Promise<Ran> => runHere(reconstructCommand, ["--device", "cpu", ...args]);

/** Values of a patch of 8 by 8 pixels. */
function patchOf({ width, data }: Pixels, row: number, column: number): readonly number[] {
  return Array.from({ length: 64 }, (_, i) => {
    const at = ((8 * row + Math.floor(i / 8)) * width + 8 * column + i % 8) * 3;
    return [...data.subarray(at, at + 3)];
  }).flat();
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

Deno.test("reconstruct draws input, masked input and both reconstructions, the same from any checkpoint", () =>
  withFolder(testFiles(3), async (folder) => {
    const file = (name: string) => `${folder}/${name}`;
    await checkpoint(file("a.safetensors"));
    const common = ["--images", folder, "--seed", "4"];
    const first = await run("--checkpoint", file("a.safetensors"), ...common, "--out", file("a_grid.PNG"));
    deepStrictEqual([first.code, first.err], [0, []]);
    match(
      first.out.join("\n"),
      /^weights: .*\nweights: .*\n.* \(folder\): 3 images without classes\n {2}left out 1 of 4 files: 1 file of weights \(a.safetensors\)\ntiny_resnet8 of .*: 3 images at 32×48, 12 of 24 patches masked, loss \d\.\d{4}\nMean error of /,
    );
    const grid = await Deno.readFile(file("a_grid.PNG"));
    const { width, height } = await decodeImage(grid);
    deepStrictEqual([width, height], [4 * (6 * 48 + 4) + 4, 3 * (6 * 32 + 4) + 4]);
    await Deno.remove(file("a_grid.PNG"));
    await convertFile([file("a.safetensors"), file("b.pth"), "--to", "official"]);
    const args = ["--checkpoint", file("b.pth"), ...common, "--mask-ratio", "0.5", "--input-size", "32x48"];
    const second = await run(...args, "--out", file("b.png"));
    deepStrictEqual([second.code, second.err], [0, []]);
    deepStrictEqual(await Deno.readFile(file("b.png")), grid);
  }));

Deno.test("reconstructImages() keeps what is visible, and the honest picture knows nothing of what is hidden", () =>
  withFolder({}, async (folder) => {
    await checkpoint(`${folder}/a.safetensors`);
    const saved = await readSavedModel(`${folder}/a.safetensors`, { option: "--checkpoint" });
    const inputSize = [32, 48] as const;
    const masks = await randomMasks(1, { count: 10, grid: [4, 6], maskRatio: 0.5 });
    deepStrictEqual(masks.slice(0, 3), await randomMasks(1, { count: 3, grid: [4, 6], maskRatio: 0.5 }));
    ok(new Set(masks.map((mask) => JSON.stringify(mask))).size === 10);
    const pictures = masks.map((_, i) => testImage(48, 32, i));
    const images = pictures.map((image) => normalise(image));
    const { rows, loss, errors } = await reconstructImages(saved, { images, masks, inputSize }, device);
    ok(loss > 0.5 && loss < 2 && errors.length === 2 && errors[0]! < errors[1]!);
    for (const [i, mask] of masks.entries()) {
      const [input, masked, given, honest] = rows[i]!;
      deepStrictEqual(input, pictures[i]);
      mask.forEach((cells, row) =>
        cells.forEach((cell, column) => {
          const [truth, ...others] = [input!, masked!, given!, honest!].map((image) => patchOf(image, row, column));
          if (cell === 1) others.forEach((patch) => deepStrictEqual(patch, truth));
          else ok(Math.abs(mean(others[1]!) - mean(truth!)) < 12, "brightness is given");
        })
      );
    }
    const changed = images.map((image, i) =>
      image.map((value, at) => {
        const [y, x] = [Math.floor(at / 3 / 48), Math.floor(at / 3) % 48];
        return masks[i]![Math.floor(y / 8)]![Math.floor(x / 8)] === 1 ? value : -value;
      })
    );
    const other = await reconstructImages(saved, { images: changed, masks, inputSize }, device);
    deepStrictEqual(other.rows.map((row) => row[3]), rows.map((row) => row[3]));
    notDeepStrictEqual(other.rows.map((row) => row[2]), rows.map((row) => row[2]));
  }));

Deno.test("readSavedModel() takes the moving average, the patches and the ablations of the run", () =>
  withFolder({}, async (folder) => {
    const path = `${folder}/a.safetensors`;
    const train = { ...startAverage(stateOf(0)), params: stateOf(5).params };
    await checkpoint(path, train, { ...OPTIONS, patchSize: 16, target: "raw", masking: "zero" });
    const { isAverage, params, method, inputSize, maskRatio } = await readSavedModel(path, { option: "--checkpoint" });
    deepStrictEqual([isAverage, method.patchSize, method.target, method.masking], [true, 16, "raw", "zero"]);
    deepStrictEqual([inputSize, maskRatio], [[32, 48], 0.5]);
    const { weight } = params.decoder.projection;
    deepStrictEqual(await weight.data(), await stateOf(0).params.decoder.projection.weight.data());
    const images = [normalise(testImage(48, 32, 1))];
    const saved = await readSavedModel(path, { option: "--checkpoint" });
    const { rows } = await reconstructImages(saved, { images, masks: [[[1, 0, 0], [0, 1, 0]]], inputSize }, device);
    equal(rows[0]!.length, 3, "one reconstruction: predictions are pixels");
  }));

/** Runs the command on wide images, and tells the most memory that its process had. */
async function peakOf(folder: string): Promise<{ readonly out: string; readonly mebibytes: number }> {
  const path = new URL("../../../spark/commands/reconstruct/reconstruct.ts", import.meta.url).pathname;
  const args = ["--checkpoint", `${folder}/a.safetensors`, "--images", `${folder}/wide`, "--input-size", "224"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", path, "--device", "cpu", ...args, "--out", `${folder}/wide.png`],
    ...{ stdout: "piped", stderr: "piped" },
  }).spawn();
  const peak = { kibibytes: 0 };
  const look = setInterval(() => {
    const status = textOrEmpty(`/proc/${child.pid}/status`);
    peak.kibibytes = Math.max(peak.kibibytes, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
  }, 20);
  const { stdout } = await child.output();
  clearInterval(look);
  return { out: new TextDecoder().decode(stdout), mebibytes: peak.kibibytes / 1024 };
}

function textOrEmpty(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // the process has ended
  }
}

Deno.test("reconstruct cuts images of 20000 by 1 before it resizes them, and counts what it cannot read", async () => {
  const wide = { "0.png": encodePng(testImage(20_000, 1, 1)), "1.png": encodePng(testImage(1, 20_000, 2)) };
  const files = Object.entries({ ...wide, "2.png": Uint8Array.of(1, 2, 3) });
  await withFolder(Object.fromEntries(files.map(([name, bytes]) => [`wide/${name}`, bytes])), async (folder) => {
    await checkpoint(`${folder}/a.safetensors`);
    const { out, mebibytes } = await peakOf(folder);
    match(out, /: 2 images at 224×224, .*, loss \d\.\d{4}; made of 2 of 3: 1 could not be read: .*wide\/2\.png\n/);
    ok(mebibytes > 50 && mebibytes < 700, `${mebibytes} MiB`); // 3,250 where the whole was resized
  });
});

Deno.test("reconstruct says in a line what does not fit", () =>
  withFolder(
    { ...testFiles(1), "bad.jpg": Uint8Array.of(1, 2, 3), "m.json": new TextEncoder().encode("[]") },
    async (folder) => {
      const file = (name: string) => `${folder}/${name}`;
      await checkpoint(file("a.safetensors"));
      await convertFile([file("a.safetensors"), file("backbone.pth"), "--to", "pytorch"]);
      const good = ["--checkpoint", file("a.safetensors"), "--images", file("image_00.png"), "--out", file("o.png")];
      const without = (flag: string) => good.filter((_, i) => good[i] !== flag && good[i - 1] !== flag);
      const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
        [without("--checkpoint"), /Cannot reconstruct as --checkpoint must be given/],
        [without("--out"), /Cannot reconstruct as --out must be given/],
        [[...without("--out"), "--out", file("o.jpg")], /o.jpg as --out must end with .png/],
        [[...without("--checkpoint"), "--checkpoint", file("no.pth")], /Cannot read .*no.pth/],
        [[...without("--checkpoint"), "--checkpoint", file("backbone.pth")], /backbone.pth as it must hold a decoder/],
        [
          [...without("--images"), "--images", file("bad.jpg")],
          /Cannot read the images of .*bad.jpg as at least one of 1 must decode: .* as it must be an image \(JPEG/,
        ],
        [[...without("--images"), "--images", file("none")], /existing folder or file: current path is .*none/],
        [[...good, "--mask", file("m.json")], /m.json as masks as a list must have one for each of the 1 images/],
        [[...good, "--mask", file("n.json")], /n.json as masks as --mask must be random or a file: current error/],
        [[...good, "--mask", file("m.json"), "--mask-ratio", "0.4"], /--mask-ratio goes with --mask random/],
        [[...good, "--input-size", "33"], /must be multiples of 8, the stride of tiny_resnet8: current size is 33×33/],
        [[...good, "--sead", "3"], /Cannot read --sead .* did you mean --seed/],
      ];
      for (const [args, message] of cases) await rejects(reconstructCommand([...args, "--device", "cpu"]), message);
      const { code, err } = await run(...without("--images"), "--images", file("bad.jpg"));
      deepStrictEqual([code, err.length], [1, 1]);
      ok(![...Deno.readDirSync(folder)].some(({ name }) => name.startsWith("o.")));
    },
  ));

import { deepStrictEqual, equal, match, throws } from "node:assert/strict";
import { concat, random, type Tensor, treeLeaves } from "../../../tensor/mod.ts";
import { denormalise, encodeNpy, encodePth, normalisationFor, openImages, readStateDict } from "../../../data/mod.ts";
import { convnext, resnet50 } from "../../../nn/mod.ts";
import { backboneStateDict, initParams } from "../../../spark/mod.ts";
import { convertFile } from "../../../spark/commands/convert/convert.ts";
import { embed } from "../../../spark/commands/embed/embed.ts";
import { evaluate } from "../../../spark/commands/evaluate/evaluate.ts";
import { finetune } from "../../../spark/commands/finetune/finetune.ts";
import { settleFinetuneOptions } from "../../../spark/commands/finetune/settled_finetune_options.ts";
import { predict } from "../../../spark/commands/predict/predict.ts";
import { pretrain } from "../../../spark/commands/pretrain/pretrain.ts";
import { reconstructCommand } from "../../../spark/commands/reconstruct/reconstruct.ts";
import { conversionLine, imageInput, networkFor } from "../../../spark/commands/shared/image_input.ts";
import { channelsIn } from "../../../spark/commands/shared/weight_file.ts";
import { makeModel } from "../../../spark/train/model_file.ts";
import { assertClose } from "../../support/assert_close.ts";
import { withFolder } from "../../data/support.ts";
import { runHere } from "./command_here.ts";

/** Floats of an image of some channels, another for each number. */
function array(channels: number, number: number, size = 16): Uint8Array<ArrayBuffer> {
  const data = Float32Array.from({ length: size * size * channels }, (_, i) => ((i * 37 + number * 101) % 97) / 96);
  return encodeNpy({ dtype: "F32", shape: [size, size, channels], data });
}

/** Grey of 16 bits, as PGM has it. */
function grey16(number: number, size = 16): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(`P5 ${size} ${size} 65535\n`);
  const out = new Uint8Array(head.length + 2 * size * size);
  out.set(head);
  for (let i = head.length; i < out.length; i++) out[i] = (i * 31 + number * 17) & 255;
  return out;
}

const folderOf = (make: (number: number) => Uint8Array, ending: string) =>
  Object.fromEntries(
    ["a", "b"].flatMap((name, k) => [0, 1, 2, 3].map((i) => [`${name}/${i}${ending}`, make(4 * k + i)])),
  );

const RUN = "--input-size 16 --steps 1 --batch-size 4 --device cpu --threads 1 --workers 0";
const HOW = "--device cpu --threads 1 --workers 0 --batch-size 4";

/** Runs a command that must succeed; what it says. */
async function said(command: typeof pretrain, line: string): Promise<string> {
  const ran = await runHere(command, line);
  equal(ran.code, 0, ran.err.join("\n"));
  return [...ran.out, ...ran.err].join("\n");
}

/** Pre-trains and fine-tunes in `runs`. */
async function trained(folder: string, runs: string, channels: number): Promise<void> {
  const line = `--model mini_resnet8 --in-channels ${channels} --data ${folder} ${RUN} --out ${runs}/p`;
  const own = new RegExp(`images become ${channels} channels? of their own depth: .*/0\\.(npy|pgm) has ${channels}`);
  match(await said(pretrain, line), own);
  const init = `--init ${runs}/p --data ${folder} ${RUN} --out ${runs}/f`;
  match(await said(finetune, init), /weights: 54 tensors of mini_resnet8/); // channels are those of the file
  const file = await readStateDict(`${runs}/f/last.safetensors`);
  deepStrictEqual(file.tensors["params.encoder.conv1.weight"]!.shape, [3, 3, channels, 16]);
}

/** Everything that reads what was trained. */
async function used(folder: string, runs: string, channels: number): Promise<void> {
  match(await said(evaluate, `--data ${folder} --init ${runs}/f ${HOW}`), /, 8 images: top-1/);
  match(await said(predict, `${folder} --init ${runs}/f ${HOW} --top 1 --out ${runs}/p.csv`), /8 of 8 images/);
  match(await said(embed, `${folder} --init ${runs}/f ${HOW} --out ${runs}/e.npz`), /64 features of 8 images/);
  await said(convertFile, `${runs}/f ${runs}/c.pth --to pytorch`);
  match(await Deno.readTextFile(`${runs}/c.py`), new RegExp(`conv1=nn\\.Conv2d\\(${channels}, 16, 3`));
  deepStrictEqual(JSON.parse(await Deno.readTextFile(`${runs}/c.json`)).mean, normalisationFor(channels).mean);
  // A file without a word of channels tells them by its first convolution.
  match(
    await said(predict, `${folder} --init ${runs}/c.pth --input-size 16 ${HOW} --out ${runs}/q.csv`),
    /8 of 8 images/,
  );
  await said(reconstructCommand, `--checkpoint ${runs}/p --images ${folder} --out ${runs}/r.png --device cpu`);
  await said(convertFile, `${runs}/p ${runs}/o.pth --to official`);
  equal(channelsIn(await readStateDict(`${runs}/o.pth`), "mini_resnet8"), channels);
}

for (
  const [name, channels, files] of [
    ["seven channels of floats", 7, folderOf((i) => array(7, i), ".npy")],
    ["grey of 16 bits", 1, folderOf((i) => grey16(i), ".pgm")],
  ] as const
) {
  Deno.test(`images of ${name}: pretrain, finetune and everything behind them`, () =>
    withFolder(files, async (folder) => {
      const runs = await Deno.makeTempDir();
      try {
        await trained(folder, runs, channels);
        await used(folder, runs, channels);
        const line = `--model mini_resnet8 --in-channels 5 --data ${folder} ${RUN} --out ${runs}/w`;
        const { err } = await runHere(pretrain, line);
        match(err.join("\n"), /0\.(npy|pgm) does not as images must have 5 channels: current image has [17]/);
      } finally {
        await Deno.remove(runs, { recursive: true });
      }
    }));
}

Deno.test("an image of other channels among others is passed over by name", () =>
  withFolder({ ...folderOf((i) => array(2, i), ".npy"), "b/9.npy": array(4, 9) }, async (folder) => {
    const runs = await Deno.makeTempDir();
    try {
      const line = `--model mini_resnet8 --in-channels 2 --data ${folder} ${RUN} --steps 3 --out ${runs}/p`;
      const { code, out, err } = await runHere(pretrain, line.replace("--steps 1 ", ""));
      equal(code, 0, err.join("\n"));
      match([...out, ...err].join("\n"), /b\/9\.npy as images must have 2 channels: current image has 4/);
    } finally {
      await Deno.remove(runs, { recursive: true });
    }
  }));

Deno.test("networkFor() sums a first convolution for grey: as three equal colours were; repeats it for more channels", async () => {
  const model = makeModel("mini_resnet8");
  const weights = model.init(random.key(3));
  const bytes = encodePth(await backboneStateDict(weights, { naming: "timm" }));
  await withFolder({ "w.pth": bytes }, async (folder) => {
    const file = await readStateDict(`${folder}/w.pth`);
    equal(channelsIn(file, "mini_resnet8"), null);
    const grey = random.normal(random.key(4), [1, 16, 16, 1]);
    const one = networkFor(file, "mini_resnet8", 1);
    equal(one.converted, "weights: first convolution summed from 3 to 1 channels");
    const last = (of: ReturnType<typeof makeModel>, params: typeof one.params, x: Tensor) =>
      of.features(params, one.state, x).features.at(-1)!.data();
    const expected = await last(model, weights.params, concat([grey, grey, grey], { axis: 3 }));
    assertClose([...await last(makeModel("mini_resnet8", 1), one.params, grey)], [...expected], { absolute: 1e-5 });
    const five = networkFor(file, "mini_resnet8", 5);
    match(five.converted!, /repeated, times 0\.600 from 3 to 5 channels/);
    const conv = (params: unknown) => (params as { conv1: { weight: Tensor } }).conv1.weight;
    const [three, more] = [await conv(weights.params).data(), await conv(five.params).data()];
    const at = (values: ArrayLike<number>, channels: number, c: number) => values[c * 16 + 5 * channels * 16]!;
    for (let c = 0; c < 5; c++) assertClose([at(more, 5, c)], [at(three, 3, c % 3) * 0.6], { absolute: 1e-7 });
    equal(networkFor(file, "mini_resnet8", null).converted, null);
  });
});

Deno.test("models take other channels, and their decoders put out as many", () => {
  const stem = (params: unknown) =>
    (treeLeaves(params as never) as readonly Tensor[]).find(({ shape }) => shape.length === 4);
  deepStrictEqual(resnet50({ inChannels: 2 }).inChannels, 2);
  const model = convnext({ depths: [1, 1], dims: [8, 16], inChannels: 4 });
  const { params } = initParams(model, random.key(0), { decoderWidth: 16 });
  deepStrictEqual([stem(params.encoder)!.shape, params.decoder.projection.weight.shape], [[4, 4, 4, 8], [1, 1, 2, 4]]);
  throws(() => resnet50({ inChannels: 0 }), /inChannels must be an integer of at least 1: current inChannels is 0/);
});

Deno.test("augmentation of colours is refused for other channels, and left out of the defaults", () => {
  const given = { data: "x", model: "resnet18", fromScratch: true, inChannels: 1 } as const;
  const { augment, erase, inChannels } = settleFinetuneOptions(given, null);
  deepStrictEqual([augment, erase, inChannels], ["none", 0, 1]);
  throws(
    () => settleFinetuneOptions({ ...given, augment: "rand" }, null),
    /with --in-channels 1 must be left out: .* is rand/,
  );
  equal(settleFinetuneOptions({ data: "x", model: "resnet18", fromScratch: true }, null).augment, "trivial");
});

Deno.test("conversionLine() says what becomes of images; denormalise() shows any channels", () =>
  withFolder({ "a.pgm": grey16(1), "b/a.npy": array(7, 1) }, async (folder) => {
    const line = async (path: string, inChannels: number | null) =>
      (await conversionLine(await openImages(`${folder}/${path}`), imageInput(inChannels)))?.replace(`${folder}/`, "");
    equal(await line("a.pgm", null), "  images become red, green and blue of 8 bits: a.pgm has 1 channel of 16 bits");
    equal(await line("a.pgm", 1), "  images become 1 channel of their own depth: a.pgm has 1 channel of 16 bits");
    match((await line("b", 7))!, /a\.npy has 7 channels of floats from 0 to 1/);
    const grey = denormalise([0, 1], [1, 2], { mean: [0.5], std: [0.25] });
    deepStrictEqual([...grey.data], [128, 128, 128, 191, 191, 191]);
    const seven = denormalise([0, 1, 2, 9, 9, 9, 9], [1, 1], normalisationFor(7));
    deepStrictEqual([...seven.data], [128, 191, 255]);
  }));

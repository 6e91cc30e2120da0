import { deepStrictEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { encodePng, readPth, readStateDict } from "../../../data/mod.ts";
import { readCheckpoint } from "../../../spark/mod.ts";
import { convertFile } from "../../../spark/commands/convert/convert.ts";
import { finetune } from "../../../spark/commands/finetune/finetune.ts";
import { pretrain } from "../../../spark/commands/pretrain/pretrain.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testImage, withFolder } from "../../data/support.ts";
import { linesOf } from "../pretrain_runs.ts";
import { runHere } from "./command_here.ts";

const WHERE = "--device cpu --threads 1 --workers 0";
const PRETRAIN = `--model mini_resnet8 --input-size 16 --batch-size 4 --decoder-width 8 --base-lr 0.1 ${WHERE}`;
const FINETUNE = `--model mini_resnet8 --from-scratch --input-size 16 --batch-size 4 --steps 2 --eval-every 2 ${WHERE}`;

/** Ten images to train on, in two classes, three that are held out, and a file that is none among each. */
const FILES = {
  ...Object.fromEntries(
    Array.from({ length: 10 }, (_, i) => [`train/${i % 2 ? "odd" : "even"}/${i}.png`, encodePng(testImage(20, 20, i))]),
  ),
  ...Object.fromEntries([0, 1, 2].map((i) => [`held/even/${i}.png`, encodePng(testImage(18, 22, 50 + i))])),
  "held/even/broken.png": new TextEncoder().encode("no image"),
};

async function weightsIn(folder: string): Promise<readonly number[]> {
  const { tensors } = await readStateDict(`${folder}/last.safetensors`, { weights: "raw" });
  return Object.entries(tensors).filter(([name]) => name.startsWith("params.encoder."))
    .flatMap(([, { data }]) => [...data as Float32Array]);
}

Deno.test("pretrain --val computes the loss on held-out images with every checkpoint, and trains on none of them", () =>
  withFolder(FILES, async (folder) => {
    const line = `--data ${folder}/train ${PRETRAIN} --steps 2 --save-every 1`;
    const { code, out, err } = await runHere(pretrain, `${line} --val ${folder}/held --out ${folder}/a`);
    equal(code, 0, err.join("\n"));
    match(out.join("\n"), /held \(folder\): 3 images.*\n|held.*broken\.png/);
    const held = (await linesOf(`${folder}/a`)).filter((row) => "heldOut" in row) as unknown as {
      heldOut: number;
      val: { loss: number; images: number; unread: { name: string }[] };
    }[];
    deepStrictEqual(held.map(({ heldOut }) => heldOut), [1, 2]);
    ok(held.every(({ val }) => val.images === 3 && Number.isFinite(val.loss) && val.loss > 0));
    deepStrictEqual(held.map(({ val }) => val.unread.map(({ name }) => name.replace(/^.*\//, ""))), [
      ["broken.png"],
      ["broken.png"],
    ]);
    notEqual(held[0]!.val.loss, held[1]!.val.loss);
    match(await Deno.readTextFile(`${folder}/a/report.html`), /held/);
    // What is only looked at decides no bit.
    equal((await runHere(pretrain, `${line} --out ${folder}/b`)).code, 0);
    deepStrictEqual(await weightsIn(`${folder}/b`), await weightsIn(`${folder}/a`));
    const missing = await runHere(pretrain, `${line} --val ${folder}/absent --out ${folder}/c`);
    match(missing.err.at(-1)!, /absent/);
  }));

Deno.test("finetune --accumulate makes a step of small batches, each with statistics of its own", () =>
  withFolder(FILES, async (folder) => {
    const line = `--data ${folder}/train --val ${folder}/held ${FINETUNE}`;
    const run = async (name: string, more: string) => {
      const { code, out, err } = await runHere(finetune, `${line} ${more} --out ${folder}/${name}`);
      equal(code, 0, err.join("\n"));
      const { configuration } = await readCheckpoint(`${folder}/${name}/last.safetensors`);
      return { out, options: (configuration as { options: Record<string, unknown> }).options };
    };
    const whole = await run("whole", "--accumulate 1");
    const parts = await run("parts", "--accumulate 2");
    deepStrictEqual([whole.options.accumulate, parts.options.accumulate], [1, 2]);
    const steps = async (name: string) => (await linesOf(`${folder}/${name}`)).filter((row) => "step" in row);
    const [one, two] = [await steps("whole"), await steps("parts")];
    deepStrictEqual(two.map(({ step }) => step), [1, 2]);
    // The statistics of batch norm are those of two images instead of four: near, not equal.
    assertClose(two.map(({ loss }) => Number(loss)), one.map(({ loss }) => Number(loss)), { absolute: 0.5 });
    notEqual(one[0]!.loss, two[0]!.loss);
    const refused = await runHere(finetune, `${line} --accumulate 3 --out ${folder}/x`);
    match(
      refused.err.at(-1)!,
      /--accumulate must divide --batch-size: current batch size is 4, number of small .* is 3/,
    );
  }));

Deno.test("finetune --precision f16 is refused on the cpu with the remedy, before the run begins", () =>
  withFolder(FILES, async (folder) => {
    const line = `--data ${folder}/train --val ${folder}/held ${FINETUNE} --precision f16 --out ${folder}/x`;
    const { code, err } = await runHere(finetune, line);
    equal(code, 1);
    match(err.at(-1)!, /Cannot keep activations as f16 as --device must be webgpu: current device is cpu; take webgpu/);
  }));

Deno.test("a run goes on from an official checkpoint with weights, moments, steps and its place in the epochs", () =>
  withFolder(FILES, async (folder) => {
    const line = `--data ${folder}/train ${PRETRAIN}`; // three steps are an epoch
    const run = async (more: string) => {
      const ran = await runHere(pretrain, `${line} ${more}`);
      equal(ran.code, 0, ran.err.join("\n"));
      return ran.out;
    };
    await run(`--steps 4 --out ${folder}/half`);
    equal((await runHere(convertFile, `${folder}/half ${folder}/half.pth --to official`)).code, 0);
    const saved = await readPth(`${folder}/half.pth`) as ReadonlyMap<string, unknown>;
    equal(saved.get("epoch"), 0); // one epoch is finished, the second begun
    const said = await run(`--steps 8 --resume ${folder}/half.pth --out ${folder}/on`);
    match(said.join("\n"), /: 10 images at 16×16, 8 steps of 4 \(2\.7 epochs\)/);
    match(said.join("\n"), /Goes on after step 4, of .*half\.pth/);
    match(said.at(-1)!, /Done after 8 of 8 steps/);
    const steps = (await linesOf(`${folder}/on`)).flatMap(({ step }) => step ?? []);
    deepStrictEqual(steps, [5, 6, 7, 8]);
    // A run that goes on from this library's own checkpoint sees the same images at the same rates.
    await run(`--steps 8 --resume ${folder}/half --extend`);
    const of = async (name: string) => (await linesOf(`${folder}/${name}`)).filter((row) => Number(row.step) > 4);
    const [on, own] = [await of("on"), await of("half")];
    for (const what of ["learningRate", "weightDecay", "epoch"]) {
      deepStrictEqual(on.map((row) => row[what]), own.map((row) => row[what]), what);
    }
    // Masks are drawn by a key that official files lack.
    assertClose(on.map(({ loss }) => Number(loss)), own.map(({ loss }) => Number(loss)), { absolute: 0.02 });
  }));

Deno.test("--resume refuses foreign files without decoder or optimizer, and says how to start from their weights", () =>
  withFolder(FILES, async (folder) => {
    const line = `--data ${folder}/train ${PRETRAIN}`;
    equal((await runHere(pretrain, `${line} --steps 1 --ema 0.9 --out ${folder}/run`)).code, 0);
    const convert = (out: string, more: string) =>
      runHere(convertFile, `${folder}/run ${folder}/${out} --to official ${more}`);
    equal((await convert("average.pth", "--weights average")).code, 0);
    equal((await convert("backbone.pth", "--backbone")).code, 0);
    const refused = async (path: string) => {
      const { code, err } = await runHere(pretrain, `${line} --steps 3 --resume ${folder}/${path} --out ${folder}/x`);
      equal(code, 1);
      return err.at(-1)!;
    };
    match(
      await refused("average.pth"),
      /must hold the state of the optimizer: current file has none; start a new run .*--init-weight/,
    );
    match(
      await refused("backbone.pth"),
      /must hold all of pre-training, decoder and optimizer: current file is a backbone of mini_resnet8/,
    );
  }));

/** Lines of too few numbers for batch norm, and what the refusal must name. */
const TOO_FEW: readonly (readonly [line: string, said: RegExp])[] = [
  [
    "--batch-size 1 --mask-ratio 0.75",
    /on 1 image at once .* raise --batch-size, enlarge --input-size or lower --mask-ratio$/,
  ],
  [
    "--batch-size 4 --accumulate 4 --mask-ratio 0.75",
    /on 1 image at once .* raise --batch-size, lower --accumulate, enlarge/,
  ],
];

Deno.test("training says which options give batch norm too few numbers, and that it is not memory", () =>
  withFolder(FILES, async (folder) => {
    for (const [more, said] of TOO_FEW) {
      const { code, out, err } = await runHere(
        pretrain,
        `--data ${folder}/train ${PRETRAIN.replace("--batch-size 4", "")} ${more} --steps 2 --out ${folder}/x`,
      );
      deepStrictEqual([code, out.some((line) => /memory/.test(line))], [1, false]);
      match(err.at(-1)!, /batch norm needs two or more numbers a channel: current shape of a map is \[1, 1, 1, \d+\]/);
      match(err.at(-1)!, said);
    }
    const line = `--data ${folder}/train --val ${folder}/held ${
      FINETUNE.replace("--batch-size 4", "--batch-size 1").replace("16", "8")
    } --out ${folder}/y`;
    match((await runHere(finetune, line)).err.at(-1)!, /raise --batch-size, enlarge --input-size$/);
  }));

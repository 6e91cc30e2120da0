import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { dataKey, drawsOf, encodePng, encodePth, flipHorizontal, paintBackground } from "../../data/mod.ts";
import { backboneStateDict, readCheckpoint } from "../../spark/mod.ts";
import { random } from "../../tensor/mod.ts";
import { finetune } from "../../spark/commands/finetune/finetune.ts";
import { probe } from "../../spark/commands/probe/probe.ts";
import { MODELS } from "../../spark/train/model_table.ts";
import { withFolder as inFolder } from "../data/support.ts";
import { assertClose } from "../support/assert_close.ts";
import { testWebgpu } from "../support/device_or_skip.ts";
import { type Ran, runHere } from "./commands/command_here.ts";
import { linesOf, sameFiles, stopped } from "./pretrain_runs.ts";

/** Everything random on, on tiny images. */
const LINE =
  "--model mini_resnet8 --batch-size 4 --steps 12 --eval-every 4 --warmup-epochs 0.5 --mixup 0.2 --cutmix 1 " +
  "--ema 0.9 --drop-path 0.3 --augment trivial --erase 0.5 --repeats 2 --layer-decay 0.7 --optimizer lamb --loss bce " +
  "--base-lr 0.01 --device cpu --threads 1 --workers 1 --seed 3 --log-every 2";

/** Images of three classes that differ in brightness, and one file that is none. */
function imagesIn(folder: string, each: number): readonly (readonly [string, Uint8Array])[] {
  const images = ["dark", "grey", "light"].flatMap((name, i) =>
    Array.from({ length: each }, (_, k) => {
      const image = paintBackground(40, drawsOf(dataKey(i, k)));
      const data = image.data.map((value) => value / 4 + 80 * i);
      return [`${folder}/${name}/${k}.png`, encodePng(flipHorizontal({ ...image, data }))] as const;
    })
  );
  return [...images, [`${folder}/dark/broken.jpg`, new TextEncoder().encode("no image")]];
}

const FILES = Object.fromEntries([...imagesIn("images/train", 6), ...imagesIn("images/val", 3)]);
const withFolder = (f: (path: string) => Promise<void>) => inFolder(FILES, f);

/** What must not depend on interruptions: all but speed, time and command line. */
async function logOf(folder: string): Promise<Awaited<ReturnType<typeof linesOf>>> {
  return (await linesOf(folder)).filter((line) => !("cmd" in line)).map((line) => {
    const { imagesPerSecond: _, rema: __, fini: ___, ...rest } = line;
    return rest;
  });
}

async function sameRun(a: string, b: string): Promise<void> {
  await sameFiles(a, b, ["last.safetensors", "best.safetensors", "result.json"]);
  deepStrictEqual(await logOf(b), await logOf(a));
}

/** Runs a command that must succeed; what it prints. */
async function said(command: typeof finetune, line: string): Promise<string> {
  const { code, out, err } = await runHere(command, line);
  equal(code, 0, err.join("\n"));
  return out.join("\n");
}

async function checkWhole({ code, out, err }: Ran, folder: string): Promise<void> {
  equal(code, 0, err.join("\n"));
  const stdout = out.join("\n");
  match(
    stdout,
    /\nmini_resnet8 from scratch on .*: 19 images of 3 classes at 32×32, 10 to be evaluated on; 12 steps of 4 /,
  );
  match(stdout, /Skips .*broken.jpg as /);
  match(stdout, /step 12: top-1 [\d.]+ %, top-5 100.00 %, loss [\d.]+, average top-1 .*; best [\d.]+ % after step \d+/);
  const lines = await linesOf(folder);
  const evaluated = lines.filter((line) => "evaluated" in line);
  deepStrictEqual(evaluated.map((line) => line.evaluated), [4, 8, 12]);
  deepStrictEqual(lines.flatMap(({ step }) => step ?? []), Array.from({ length: 12 }, (_, i) => i + 1));
  const { val, ema, best } = evaluated.at(-1) as unknown as Record<string, Record<string, number>>;
  equal(val!.images, 9); // the broken file is not counted, nor what stands in for it
  ok(val!.top5 === 1 && ema!.images === 9 && [4, 8, 12].includes(best!.step!));
  const { configuration } = await readCheckpoint(`${folder}/last.safetensors`);
  const { classes, step } = configuration as { classes: readonly string[]; step: number };
  deepStrictEqual([classes, step], [["dark", "grey", "light"], 12]);
  const result = JSON.parse(await Deno.readTextFile(`${folder}/result.json`));
  deepStrictEqual([result.evaluated, result.best], [12, best]);
  const best2 = (await readCheckpoint(`${folder}/best.safetensors`)).configuration as { step: number };
  equal(best2.step, best!.step);
}

Deno.test("finetune leaves checkpoints, log and result; a killed run resumes to the same bits", () =>
  withFolder(async (path) => {
    const line = `--data ${path}/images --from-scratch ${LINE}`;
    await checkWhole(await runHere(finetune, `${line} --out ${path}/whole`), `${path}/whole`);
    const killed = await stopped("finetune", `${line} --out ${path}/killed`, { after: 6, by: "SIGKILL" });
    equal(killed.signal, "SIGKILL", killed.stderr);
    const resumed = await said(finetune, `--resume ${path}/killed --device cpu --threads 1 --workers 0`);
    match(resumed, /Goes on after step 4, of /);
    await sameRun(`${path}/whole`, `${path}/killed`);
    const interrupted = await stopped("finetune", `${line} --out ${path}/interrupted`, { after: 6, by: "SIGINT" });
    equal(interrupted.code, 130, interrupted.stderr);
    await said(finetune, `--resume ${path}/interrupted/last.safetensors --device cpu --threads 1 --workers 1`);
    await sameRun(`${path}/whole`, `${path}/interrupted`);
    match(await said(finetune, `--resume ${path}/killed --device cpu`), /Nothing to do: 12 of 12 steps done/);
    const { code, err } = await runHere(finetune, `--resume ${path}/killed --base-lr 1`);
    deepStrictEqual([code, err.length], [1, 1]);
    match(err[0]!, /^Cannot resume as --base-lr must be 0.01, as in the checkpoint: current value is 1/);
  }));

Deno.test("finetune and probe start from PyTorch's files and from runs, and say what does not fit", () =>
  withFolder(async (path) => {
    const weights = MODELS.mini_resnet8!.make().init(random.key(5));
    await Deno.writeFile(`${path}/backbone.pth`, encodePth(await backboneStateDict(weights, { naming: "timm" })));
    const short = "--batch-size 4 --steps 2 --device cpu --threads 1 --workers 0";
    const line = `--data ${path}/images/train --init ${path}/backbone.pth --out ${path}/run ${short}`;
    // A tenth is held out: 1 of 19.
    match(
      await said(finetune, line),
      /\nmini_resnet8 from .*backbone.pth on .*: 18 images of 3 classes at 32×32, 1 to be evaluated on;/,
    );
    const probed = await said(
      probe,
      `--data ${path}/images --init ${path}/run --device cpu --threads 1 --workers 0 ` +
        `--batch-size 4 --recalibrate 5 --neighbours 3 --epochs 5 --out ${path}/probe.json`,
    );
    match(probed, /\nmini_resnet8 of .*run\/last.safetensors: linear top-1 .* %; nearest neighbours /);
    const { linear, neighbours, model } = JSON.parse(await Deno.readTextFile(`${path}/probe.json`));
    equal(model, "mini_resnet8");
    ok([linear.top1, linear.top5, neighbours].every((share) => share >= 0 && share <= 1) && linear.top5 === 1);
    const refused = [
      [
        `--data ${path}/images`,
        /^Cannot fine-tune as there must be a pre-trained network or --from-scratch: current --init is absent/,
      ],
      [`--data ${path}/images/train/dark --from-scratch --model mini_resnet8 --out ${path}/x`, /two or more classes/],
      [`--data ${path}/images --init ${path}/absent.pth`, /^Cannot read .*absent.pth/],
      [
        `--data ${path}/images --init ${path}/backbone.pth --model resnet18`,
        /^Cannot load .*backbone.pth into resnet18/,
      ],
    ] as const;
    for (const [args, message] of refused) {
      const { code, err } = await runHere(finetune, `${args} --device cpu`);
      deepStrictEqual([code, err.length], [1, 1]);
      match(err[0]!, message);
    }
  }));

/** Numbers of the log: losses and norms of the steps, losses of the evaluations. */
async function numbersOf(folder: string): Promise<readonly number[]> {
  const lines = await logOf(folder) as readonly Readonly<Record<string, number | { readonly loss: number } | null>>[];
  return lines.flatMap(({ loss, gradientNorm, val, ema }) =>
    [loss, gradientNorm, val, ema].flatMap((x) => typeof x === "number" ? [x] : x ? [x.loss] : [])
  );
}

testWebgpu(
  "finetune and probe on webgpu are near those on the cpu; a killed run resumes to the same bits there",
  () =>
    withFolder(async (path) => {
      // With seed 3 an activation of step 10 lies within rounding of a kink, where the gradient jumps: its norm by 1.3e-4,
      // on the cpu alone too if the learning rate is a hundredth larger. With seed 4 none of the steps has one.
      const line = `--data ${path}/images --from-scratch ${LINE.replace("--seed 3", "--seed 4")}`;
      const onGpu = line.replace("--device cpu --threads 1", "--device webgpu");
      await said(finetune, `${line} --out ${path}/cpu`);
      const whole = await said(finetune, `${onGpu} --out ${path}/whole`);
      match(whole, /12 steps of 4 .*, on webgpu\nPlanned memory: .* launches a step; compiled in /);
      const [expected, actual] = [await numbersOf(`${path}/cpu`), await numbersOf(`${path}/whole`)];
      equal(expected.length, 2 * 12 + 2 * 3);
      assertClose(actual, expected, { absolute: 1e-5, relative: 1e-4 });
      const killed = await stopped("finetune", `${onGpu} --out ${path}/killed`, { after: 6, by: "SIGKILL" });
      equal(killed.signal, "SIGKILL", killed.stderr);
      const resumed = await said(finetune, `--resume ${path}/killed --device webgpu --workers 0`);
      match(resumed, /Goes on after step 4, of /);
      await sameRun(`${path}/whole`, `${path}/killed`);
      const probes: Record<string, unknown>[] = [];
      for (const device of ["cpu", "webgpu"]) {
        const options = "--from-scratch --model mini_resnet8 --seed 5 --threads 1 --workers 0 --batch-size 4 " +
          "--recalibrate 5 --epochs 1";
        const out = `${path}/${device}.json`;
        await said(probe, `--data ${path}/images ${options} --device ${device} --out ${out}`);
        probes.push(JSON.parse(await Deno.readTextFile(out)));
      }
      deepStrictEqual(probes[1], probes[0]);
      ok((probes[0]!.linear as { top1: number }).top1 < 1, "not all is right, so that errors would show");
    }),
);

import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { dataKey, drawsOf, encodePng, encodePth, flipHorizontal, paintBackground } from "../../data/mod.ts";
import { backboneStateDict, readCheckpoint } from "../../spark/mod.ts";
import { random } from "../../tensor/mod.ts";
import { MODELS } from "../../spark/train/model_table.ts";
import { assertClose } from "../support/assert_close.ts";
import { testWebgpu } from "../support/device_or_skip.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Everything random on, on tiny images. */
const LINE =
  "--model mini_resnet8 --batch-size 4 --steps 12 --eval-every 4 --warmup-epochs 0.5 --mixup 0.2 --cutmix 1 " +
  "--ema 0.9 --drop-path 0.3 --augment trivial --erase 0.5 --repeats 2 --layer-decay 0.7 --optimizer lamb --loss bce " +
  "--base-lr 0.01 --device cpu --threads 1 --workers 1 --seed 3 --log-every 2";

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function start(task: string, line: string): Deno.ChildProcess {
  const script = `${ROOT}spark/commands/${task}/${task}.ts`;
  const args = ["run", "-A", `--config=${ROOT}deno.json`, "--no-lock", script, ...line.split(" ").filter(Boolean)];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "piped", env: { NO_COLOR: "1" } }).spawn();
}

async function run(task: string, line: string): Promise<Finished> {
  const { code, stdout, stderr } = await start(task, line).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** Three classes of images that differ in brightness, and one file that is none. */
async function makeImages(path: string, each: number): Promise<void> {
  for (const [i, name] of ["dark", "grey", "light"].entries()) {
    await Deno.mkdir(`${path}/${name}`, { recursive: true });
    for (let k = 0; k < each; k++) {
      const image = paintBackground(40, drawsOf(dataKey(i, k)));
      const data = image.data.map((value) => value / 4 + 80 * i);
      await Deno.writeFile(`${path}/${name}/${k}.png`, encodePng(flipHorizontal({ ...image, data })));
    }
  }
  await Deno.writeTextFile(`${path}/dark/broken.jpg`, "no image");
}

async function withFolder(f: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await makeImages(`${path}/images/train`, 6);
    await makeImages(`${path}/images/val`, 3);
    await f(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

type Line = Readonly<Record<string, unknown>>;

async function linesOf(folder: string): Promise<readonly Line[]> {
  const lines = (await Deno.readTextFile(`${folder}/log.jsonl`)).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

/** What must not depend on interruptions: all but speed, time and command line. */
async function logOf(folder: string): Promise<readonly Line[]> {
  return (await linesOf(folder)).filter((line) => !("cmd" in line)).map((line) => {
    const { imagesPerSecond: _, rema: __, fini: ___, ...rest } = line;
    return rest;
  });
}

/** Waits for a checkpoint, and for steps after it. */
async function reached(folder: string, steps: number): Promise<void> {
  for (let wait = 0; wait < 12_000; wait++) {
    const lines = await linesOf(folder).catch(() => []);
    const kept = await Deno.stat(`${folder}/last.safetensors`).then(() => true, () => false);
    if (kept && lines.some(({ step }) => typeof step === "number" && step >= steps)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`Cannot wait longer for ${steps} steps in ${folder}`);
}

async function sameFiles(a: string, b: string): Promise<void> {
  for (const name of ["last.safetensors", "best.safetensors", "result.json"]) {
    const [one, other] = await Promise.all([a, b].map((folder) => Deno.readFile(`${folder}/${name}`)));
    ok(Buffer.from(one!).equals(other!), `${name} differs`);
  }
  deepStrictEqual(await logOf(b), await logOf(a));
}

async function checkWhole({ code, stdout, stderr }: Finished, folder: string): Promise<void> {
  equal(code, 0, stderr);
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
    await checkWhole(await run("finetune", `${line} --out ${path}/whole`), `${path}/whole`);
    const child = start("finetune", `${line} --out ${path}/killed`);
    await reached(`${path}/killed`, 6);
    child.kill("SIGKILL");
    await child.output();
    const resumed = await run("finetune", `--resume ${path}/killed --device cpu --workers 0`);
    equal(resumed.code, 0, resumed.stderr);
    match(resumed.stdout, /Goes on after step (4|8), of /);
    await sameFiles(`${path}/whole`, `${path}/killed`);
    const interrupted = start("finetune", `${line} --out ${path}/interrupted`);
    await reached(`${path}/interrupted`, 6);
    interrupted.kill("SIGINT");
    equal((await interrupted.output()).code, 130);
    equal((await run("finetune", `--resume ${path}/interrupted/last.safetensors --device cpu`)).code, 0);
    await sameFiles(`${path}/whole`, `${path}/interrupted`);
    const again = await run("finetune", `--resume ${path}/killed --device cpu`);
    match(again.stdout, /Nothing to do: all 12 steps are done/);
    const other = await run("finetune", `--resume ${path}/killed --base-lr 1`);
    deepStrictEqual([other.code, other.stderr.trim().split("\n").length], [1, 1]);
    match(other.stderr, /^Cannot resume as --base-lr must be 0.01, as in the checkpoint: current value is 1/);
  }));

Deno.test("finetune and probe start from PyTorch's files and from runs, and say what does not fit", () =>
  withFolder(async (path) => {
    const weights = MODELS.mini_resnet8!.make().init(random.key(5));
    await Deno.writeFile(`${path}/backbone.pth`, encodePth(await backboneStateDict(weights, { naming: "timm" })));
    const short = "--batch-size 4 --steps 2 --device cpu --threads 1 --workers 0";
    const line = `--data ${path}/images/train --init ${path}/backbone.pth --out ${path}/run ${short}`;
    const { code, stdout, stderr } = await run("finetune", line);
    equal(code, 0, stderr);
    // A tenth is held out: 1 of 19.
    match(stdout, /\nmini_resnet8 from .*backbone.pth on .*: 18 images of 3 classes at 32×32, 1 to be evaluated on;/);
    const probed = await run(
      "probe",
      `--data ${path}/images --init ${path}/run --device cpu --threads 1 --workers 0 ` +
        `--batch-size 4 --recalibrate 5 --neighbours 3 --epochs 5 --out ${path}/probe.json`,
    );
    equal(probed.code, 0, probed.stderr);
    match(probed.stdout, /\nmini_resnet8 of .*run\/last.safetensors: linear top-1 .* %; nearest neighbours /);
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
      const failed = await run("finetune", `${args} --device cpu`);
      equal(failed.code, 1);
      match(failed.stderr, message);
      equal(failed.stderr.trim().split("\n").length, 1);
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
      const [cpu, whole] = [
        await run("finetune", `${line} --out ${path}/cpu`),
        await run("finetune", `${onGpu} --out ${path}/whole`),
      ];
      deepStrictEqual([cpu.code, whole.code], [0, 0], cpu.stderr + whole.stderr);
      match(whole.stdout, /12 steps of 4 .*, on webgpu\nPlanned memory: .* launches a step; compiled in /);
      const [expected, actual] = [await numbersOf(`${path}/cpu`), await numbersOf(`${path}/whole`)];
      equal(expected.length, 2 * 12 + 2 * 3);
      assertClose(actual, expected, { absolute: 1e-5, relative: 1e-4 });
      const child = start("finetune", `${onGpu} --out ${path}/killed`);
      await reached(`${path}/killed`, 5);
      child.kill("SIGKILL");
      await child.output();
      const resumed = await run("finetune", `--resume ${path}/killed --device webgpu --workers 0`);
      equal(resumed.code, 0, resumed.stderr);
      match(resumed.stdout, /Goes on after step (4|8), of /);
      await sameFiles(`${path}/whole`, `${path}/killed`);
      const probes: Record<string, unknown>[] = [];
      for (const device of ["cpu", "webgpu"]) {
        const options =
          "--from-scratch --model mini_resnet8 --seed 5 --workers 0 --batch-size 4 --recalibrate 5 --epochs 1";
        const out = `${path}/${device}.json`;
        const probed = await run("probe", `--data ${path}/images ${options} --device ${device} --out ${out}`);
        equal(probed.code, 0, probed.stderr);
        probes.push(JSON.parse(await Deno.readTextFile(out)));
      }
      deepStrictEqual(probes[1], probes[0]);
      ok((probes[0]!.linear as { top1: number }).top1 < 1, "not all is right, so that errors would show");
    }),
);

import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { decodeImage } from "../../data/mod.ts";
import { readCheckpoint } from "../../spark/mod.ts";
import { pretrain } from "../../spark/commands/pretrain/pretrain.ts";
import type { StepRecord } from "../../spark/train/metrics.ts";
import { readEvents } from "../support/event_reader.ts";
import { type Ran, runHere } from "./commands/command_here.ts";
import { epochsOf, linesOf, logOf, sameRun, stopped, withFolder } from "./pretrain_runs.ts";

/** A run of 24 steps on tiny images. */
const TINY = "--input-size 32x48 --batch-size 2 --steps 24 --save-every 6 --device cpu --base-lr 0.05 --seed 3";
/** Where runs are computed that nothing stops: in this process, beside one thread that reads images. */
const HERE = "--threads 1 --workers 1";

async function checkResults({ code, out, err }: Ran, folder: string): Promise<void> {
  equal(code, 0, err.join("\n"));
  const stdout = out.join("\n");
  match(stdout, /(^|\n)tiny_resnet8 on .*: 8 images at 32×48, 24 steps of 2 \(6.0 epochs\), on cpu\nPlanned memory: /);
  match(stdout, /Skips .*broken.jpg as /);
  match(stdout, /Done after 24 of 24 steps, 1 file skipped; /);
  ok(stdout.indexOf("Planned memory") < stdout.indexOf("step  1/24"));
  const skipped = (await linesOf(folder)).filter((line) => "skipped" in line);
  deepStrictEqual(skipped.length, 1);
  match(`${skipped[0]!.skipped}: ${skipped[0]!.reason}`, /broken.jpg: it must be an image/);
  const records = await logOf(folder);
  deepStrictEqual(records.map(({ step }) => step), Array.from({ length: 24 }, (_, i) => i + 1));
  ok(records.every(({ loss, gradientNorm }) => loss > 0 && loss < 2 && gradientNorm > 0));
  equal(records.at(-1)!.epoch, 6);
  match(await Deno.readTextFile(`${folder}/loss.svg`), /^<svg/);
  await checkLogs(folder, records);
  const pictures = [...Deno.readDirSync(`${folder}/reconstructions`)].map(({ name }) => name).sort();
  deepStrictEqual(pictures, [0, 6, 12, 18, 24].map((step) => `step_${String(step).padStart(6, "0")}.png`));
  const bytes = await Deno.readFile(`${folder}/reconstructions/${pictures[0]}`);
  ok((await decodeImage(bytes)).width >= 3 * 48);
}

/** Head and epochs of the log, the event file, and the report. */
async function checkLogs(folder: string, records: readonly StepRecord[]): Promise<void> {
  const [head] = await linesOf(folder);
  deepStrictEqual(Object.keys(head!), [
    "name",
    "cmd",
    "git_commit_id",
    "git_commit_msg",
    "model",
    "sources",
    "weights",
  ]);
  deepStrictEqual([head!.name, head!.model], ["whole", "tiny_resnet8"]);
  const mean = (from: number) => records.slice(from, from + 4).reduce((sum, { loss }) => sum + loss, 0) / 4;
  deepStrictEqual(await epochsOf(folder), [1, 2, 3, 4, 5, 6].map((k) => [`${k}/6`, mean(4 * k - 4)]));
  const [file] = [...Deno.readDirSync(`${folder}/tensorboard_log`)];
  const events = readEvents(await Deno.readFile(`${folder}/tensorboard_log/${file!.name}`));
  const losses = events.flatMap(({ step, scalars }) =>
    "pt_train_loss/loss" in scalars ? [[step, scalars["pt_train_loss/loss"]]] : []
  );
  deepStrictEqual(losses, records.map(({ step, loss }) => [step, Math.fround(loss)]));
  equal(events.filter(({ images }) => "reconstructions" in images).length, 5);
  const final = events.find(({ scalars }) => "pt_result/min_loss" in scalars)!.scalars["pt_result/min_loss"];
  equal(final, Math.fround(Math.min(...[0, 4, 8, 12, 16, 20].map(mean))));
  const report = await Deno.readTextFile(`${folder}/report.html`);
  equal(report.match(/<svg /g)!.length, 5);
  equal(report.match(/data:image\/png;base64,/g)!.length, 5);
  equal(/(src|href)="(?!data:)/.test(report), false, "nothing is fetched");
}

/** Kills a run after its first checkpoint and lets it go on. */
async function killAndResume(line: string, folder: string): Promise<void> {
  const killed = await stopped("pretrain", `${line} --out ${folder}`, { after: 8, by: "SIGKILL" });
  equal(killed.signal, "SIGKILL", killed.stderr);
  const resumed = await runHere(pretrain, `--resume ${folder} --device cpu --threads 1 --workers 2 --save-every 6`);
  equal(resumed.code, 0, resumed.err.join("\n"));
  match(resumed.out.join("\n"), /Goes on after step 6, of /);
}

/** Presses Ctrl-C within a run and lets it go on. */
async function interruptAndResume(line: string, folder: string): Promise<void> {
  const { code, stdout, stderr } = await stopped("pretrain", `${line} --out ${folder}`, { after: 3, by: "SIGINT" });
  equal(code, 130, stderr);
  match(stdout, /Interrupted after \d+ of 24 steps.*\nGo on with: deno task pretrain --resume /);
  const resumed = await runHere(pretrain, `--resume ${folder}/last.safetensors --device cpu ${HERE}`);
  equal(resumed.code, 0, resumed.err.join("\n"));
}

Deno.test("pretrain leaves log, checkpoint, pictures and loss curve; stopped runs go on to the same bits", () =>
  withFolder(async (path, data) => {
    await checkResults(await runHere(pretrain, `${TINY} ${HERE} ${data} --out ${path}/whole`), `${path}/whole`);
    await killAndResume(`${TINY} --workers 1 ${data}`, `${path}/killed`);
    await sameRun(`${path}/whole`, `${path}/killed`);
    await interruptAndResume(`${TINY} --workers 1 ${data}`, `${path}/interrupted`);
    await sameRun(`${path}/whole`, `${path}/interrupted`);
    const again = await runHere(pretrain, `--resume ${path}/whole --device cpu`);
    equal(again.code, 0, again.err.join("\n"));
    match(again.out.join("\n"), /Nothing to do: 24 of 24 steps done/);
  }));

Deno.test("pretrain stops at a loss that is not finite, names the step and keeps the checkpoint before it", () =>
  withFolder(async (path, data) => {
    const line = TINY.replace("--base-lr 0.05", "--base-lr 1e30").replace("--save-every 6", "--save-every 1");
    const { code, err } = await runHere(pretrain, `${line} ${HERE} ${data} --out ${path}/run`);
    equal(code, 1);
    match(
      err.at(-1)!,
      /^Cannot go on after step 2 as loss and gradient must be finite: .* the checkpoint of step 1 is kept; /,
    );
    equal((await readCheckpoint(`${path}/run/last.safetensors`)).tensors["optimizer.step"]!.data[0], 1);
    equal((await logOf(`${path}/run`)).length, 2);
  }));

Deno.test("pretrain --log-every logs the same in the same order, and finds a loss that is not finite all the same", () =>
  withFolder(async (path, data) => {
    const line = `${TINY} ${HERE} ${data}`.replace("--steps 24", "--steps 7").replace(
      "--save-every 6",
      "--save-every 5",
    );
    const each = await runHere(pretrain, `${line} --log-every 1 --out ${path}/each`);
    const parts = await runHere(pretrain, `${line} --log-every 3 --out ${path}/parts`);
    deepStrictEqual([each.code, parts.code], [0, 0], [...each.err, ...parts.err].join("\n"));
    deepStrictEqual(parts.out.join("\n").match(/step +\d+/g), ["step 3", "step 5", "step 7"]);
    await sameRun(`${path}/each`, `${path}/parts`);
    const bad = await runHere(
      pretrain,
      `${line.replace("--base-lr 0.05", "--base-lr 1e30")} --log-every 3 --out ${path}/bad`,
    );
    equal(bad.code, 1);
    match(bad.err.at(-1)!, /^Cannot go on after step 2 as .*; there is no checkpoint yet; /);
    equal((await logOf(`${path}/bad`)).length, 3); // found at the first reading
  }));

/** Command lines that are refused, and how. `{}` is a folder that holds images, a file and a finished run. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["--modle x", /^Cannot read --modle /],
  [
    "--data {}/images --precision f16 --out {}/f16",
    /^Cannot keep activations as f16 as --device must be webgpu: current device is cpu/,
  ],
  [
    "--input-size 100 --out {}/a",
    /^Cannot divide images .* nearest sizes that fit are 96×96, 96×104, 104×96, 104×104$/,
  ],
  [
    "--data {}/absent --out {}/b",
    /^Cannot make a data set as .*existing folder or file: current path is .*absent \(--data\)$/,
  ],
  ["--data {}/empty --out {}/c", /^Cannot make a data set as the folder must hold images/],
  [
    "--data {}/images --checkpoint-stages 9 --out {}/d",
    /^Cannot compute blocks of tiny_resnet8 twice as --checkpoint-stages must be at most \d, its stages: current value is 9$/,
  ],
  ["--data {}/absent --out {}/file/run", /^Cannot write the run folder as it must be a folder that can be written/],
  ["--data {}/images --out {}/run", /^Cannot start a new run as the run folder must be empty: .*--resume/],
  ["--resume {}/absent", /^Cannot resume as --resume must name a checkpoint/],
  ["--resume {}/run --model resnet50", /^Cannot resume as --model must be tiny_resnet8, as in the checkpoint/],
  ["--resume {}/run --steps 2", /^Cannot resume as --steps must be 1, .*; add --extend to go on with it, leave/],
  ["--resume {}/run --seed 4", /^Cannot resume as --seed must be 3, as in the checkpoint: current value is 4/],
  ["--resume {}/run --data {}/others", /^Cannot resume as --data must hold the images of the checkpoint's run/],
  ["--resume {}/truncated.safetensors", /^Cannot read .*truncated.safetensors as safetensors .* truncated$/],
  ["--resume {}/other.safetensors", /^Cannot restore .*other.safetensors .* params\.encoder\./],
  ["--resume {}/images/0.png", /^Cannot read .*0.png as weights .*: current file is a PNG image \(--resume\)/],
];

/** Replaces text in the header of a safetensors file by as much other text. */
function renamed(bytes: Uint8Array, from: string, to: string): Uint8Array {
  equal(from.length, to.length);
  const at = Buffer.from(bytes).indexOf(from);
  ok(at > 0);
  const changed = bytes.slice();
  changed.set(new TextEncoder().encode(to), at);
  return changed;
}

Deno.test("pretrain says in one line what it cannot do, exits with 1, and leaves what was saved alone", () =>
  withFolder(async (path, data) => {
    const first = await runHere(
      pretrain,
      `${TINY} ${HERE} ${data} --out ${path}/run`.replace("--steps 24", "--steps 1"),
    );
    equal(first.code, 0, first.err.join("\n"));
    const checkpoint = await Deno.readFile(`${path}/run/last.safetensors`);
    await Deno.writeFile(`${path}/truncated.safetensors`, checkpoint.subarray(0, checkpoint.length - 1000));
    await Deno.writeFile(
      `${path}/other.safetensors`,
      renamed(checkpoint, "params.encoder.layer1", "params.encoder.layerX"),
    );
    await Deno.writeTextFile(`${path}/file`, "");
    await Deno.mkdir(`${path}/empty`);
    await Deno.mkdir(`${path}/others`);
    await Deno.copyFile(`${path}/images/0.png`, `${path}/others/0.png`);
    for (const [line, message] of REFUSED) {
      const { code, out, err } = await runHere(pretrain, `${line.replaceAll("{}", path)} --device cpu`);
      deepStrictEqual([code, err.length], [1, 1], `${line}: ${[...out, ...err].join("\n")}`);
      match(err[0]!, message, line);
    }
    deepStrictEqual(await Deno.readFile(`${path}/run/last.safetensors`), checkpoint);
  }));

Deno.test("pretrain --help lists the options", async () => {
  const { code, out, err } = await runHere(pretrain, "--help");
  deepStrictEqual([code, err], [0, []]);
  match(out.join("\n"), /Usage: deno task pretrain/);
});

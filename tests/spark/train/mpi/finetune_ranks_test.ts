import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import type { StepRecord } from "../../../../spark/train/metrics.ts";
import { compare, type Result, resultOf } from "../../../ranks/results.ts";
import { mpirun, testMpi } from "../../../support/mpirun.ts";
import { makeClasses } from "./class_folder.ts";

const FINETUNE = new URL("../../../../spark/commands/finetune/finetune.ts", import.meta.url).pathname;

/** Fine-tunes for two steps by some ranks. */
async function finetune(folder: string, ranks: number, further: readonly string[]): Promise<Result> {
  const out = join(folder, `run${ranks}`);
  const { code, stderr } = await mpirun(ranks, [
    ...[FINETUNE, "--data", join(folder, "train"), "--val", join(folder, "val"), "--from-scratch"],
    ...["--model", "tiny_resnet8", "--input-size", "64", "--batch-size", "5", "--steps", "2", "--eval-every", "2"],
    ...["--warmup-epochs", "0", "--mixup", "0.2", "--cutmix", "1", "--device", "cpu", "--workers", "0", "--seed", "3"],
    ...["--out", out, ...further],
  ]);
  equal(code, 0, stderr);
  return await resultOf(out);
}

const recordsOf = (log: string) =>
  log.trim().split("\n").map((line) => JSON.parse(line) as StepRecord).filter(({ step }) => step !== undefined);

testMpi(
  "Two ranks fine-tune as one process does, whatever is mixed; the first alone writes, and says who there was",
  async () => {
    const folder = await makeClasses();
    const [one, two] = [await finetune(folder, 1, []), await finetune(folder, 2, ["--sync-bn"])];
    const { loss, leaves } = compare(two, one);
    ok(loss < 1e-6, `losses differ by ${loss}`);
    const far = Object.entries(leaves).filter(([, distance]) => distance > 2e-5);
    deepStrictEqual(far, []);
    const log = await Deno.readTextFile(join(folder, "run2", "log.jsonl"));
    match(log, /"ranks":2,"joined_by":"Open MPI/);
    const hosts = [Deno.hostname(), Deno.hostname()];
    deepStrictEqual(JSON.parse(log.slice(0, log.indexOf("\n"))).hosts, hosts);
    const report = await Deno.readTextFile(join(folder, "run2", "report.html"));
    match(report, /<th>ranks<\/th><td>2 of Open MPI [^<]*, on /);
    match(report, /<h2>Ranks<\/h2>.*<th>0<\/th><td>\d+\.\d\d<\/td>.*\n<tr><th>1<\/th>/);
    for (const { step, ranks, waited, rankSpeeds, imagesPerSecond } of recordsOf(log)) {
      deepStrictEqual([ranks, waited?.length, rankSpeeds?.length], [2, 2, 2]);
      const seconds = 5 / imagesPerSecond; // images are 2 and 3
      [2, 3].forEach((images, rank) => {
        ok(waited![rank]! >= 0 && waited![rank]! < seconds, `rank ${rank} waited ${waited![rank]} of ${seconds} s`);
        const expected = images / (seconds - waited![rank]!);
        ok(Math.abs(rankSpeeds![rank]! / expected - 1) < 0.02, `step ${step}: ${rankSpeeds![rank]}, not ${expected}`);
      });
    }
    equal(JSON.parse(await Deno.readTextFile(join(folder, "run2", "result.json"))).evaluated, 2);
    await Deno.remove(folder, { recursive: true });
  },
);

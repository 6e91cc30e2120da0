import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { compare, resultOf } from "../../../ranks/results.ts";
import { testFiles } from "../../../data/support.ts";
import { mpirun, testMpi } from "../../../support/mpirun.ts";

const FINETUNE = new URL("../../../../spark/commands/finetune/finetune.ts", import.meta.url).pathname;

/** A folder with images of two classes, to train and to be evaluated on. */
async function makeClasses(): Promise<string> {
  const folder = await Deno.makeTempDir();
  for (const place of ["train/even", "train/odd", "val/even", "val/odd"]) {
    await Deno.mkdir(join(folder, place), { recursive: true });
  }
  for (const [i, [name, bytes]] of Object.entries(testFiles(6)).entries()) {
    const of = i % 2 === 0 ? "even" : "odd";
    await Deno.writeFile(join(folder, "train", of, name), bytes);
    if (i < 2) await Deno.writeFile(join(folder, "val", of, name), bytes);
  }
  return folder;
}

testMpi(
  "Two ranks fine-tune as one process does, whatever is mixed; the first alone writes, and says who there was",
  async () => {
    const folder = await makeClasses();
    const run = async (ranks: number, further: readonly string[]) => {
      const out = join(folder, `run${ranks}`);
      const { code, stderr } = await mpirun(ranks, [
        FINETUNE,
        ...["--data", join(folder, "train"), "--val", join(folder, "val"), "--from-scratch", "--model", "tiny_resnet8"],
        ...["--input-size", "64", "--batch-size", "5", "--steps", "2", "--eval-every", "2", "--warmup-epochs", "0"],
        ...[
          "--mixup",
          "0.2",
          "--cutmix",
          "1",
          "--device",
          "cpu",
          "--workers",
          "0",
          "--seed",
          "3",
          "--out",
          out,
          ...further,
        ],
      ]);
      equal(code, 0, stderr);
      return await resultOf(out);
    };
    const [one, two] = [await run(1, []), await run(2, ["--sync-bn"])];
    const { loss, leaves } = compare(two, one);
    ok(loss < 1e-6, `losses differ by ${loss}`);
    const far = Object.entries(leaves).filter(([, distance]) => distance > 2e-5);
    deepStrictEqual(far, []);
    const log = await Deno.readTextFile(join(folder, "run2", "log.jsonl"));
    match(log, /"ranks":2,"joined_by":"Open MPI/);
    match(log, /"ranks":2,"waited":\[/);
    equal(JSON.parse(await Deno.readTextFile(join(folder, "run2", "result.json"))).evaluated, 2);
    await Deno.remove(folder, { recursive: true });
  },
);

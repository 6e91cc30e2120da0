import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { mpirun, testMpi } from "../../../support/mpirun.ts";
import { makeClasses } from "./class_folder.ts";

const PROBE = new URL("../../../../spark/commands/probe/probe.ts", import.meta.url).pathname;

testMpi(
  "Three ranks probe as one process does; the first alone prints and writes, and knows what others skipped",
  async () => {
    const folder = await makeClasses();
    await Deno.writeTextFile(join(folder, "train", "odd", "broken.png"), "no image");
    const run = async (ranks: number, batchSize = 4) => {
      const out = join(folder, `found${ranks}.json`);
      const left = await mpirun(ranks, [
        ...[PROBE, "--data", join(folder, "train"), "--val", join(folder, "val"), "--from-scratch"],
        ...[
          "--model",
          "tiny_resnet8",
          "--input-size",
          "64",
          "--batch-size",
          `${batchSize}`,
          "--recalibrate",
          "2",
          "--epochs",
          "3",
        ],
        ...["--neighbours", "2", "--device", "cpu", "--workers", "0", "--out", out],
      ]);
      equal(left.code, batchSize < ranks ? 1 : 0, left.stderr);
      return { ...left, found: await Deno.readTextFile(out).then(JSON.parse, () => null) };
    };
    const [one, three] = [await run(1), await run(3)];
    deepStrictEqual(three.found, one.found);
    equal(one.found.unread.train.length, 1);
    match(three.stderr.replaceAll(/\s+/g, " "), /rank 1: Skips \S*broken.png as /);
    ok(one.found.images.train > 4, "a batch alone has no order");
    match(three.stdout, /^[^]*tiny_resnet8 with fresh weights: linear top-1 [^]*$/);
    equal(three.stdout.split("linear top-1").length, 2);
    const few = await run(3, 2);
    match(
      few.stderr,
      /Cannot share a batch as each rank must have an image: current --batch-size is 2, number of ranks is 3/,
    );
    await Deno.remove(folder, { recursive: true });
  },
);

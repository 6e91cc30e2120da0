import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { compare, resultOf } from "../../../ranks/results.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { hasMpi, mpirun, testMpi } from "../../../support/mpirun.ts";
import { makeClasses } from "./class_folder.ts";

const PRETRAIN = new URL("../../../../spark/commands/pretrain/pretrain.ts", import.meta.url).pathname;
const SMALL = new URL("../../small_model.ts", import.meta.url).pathname;

(hasMpi ? testWebgpu : testMpi)(
  "Two ranks pre-train on webgpu as one process does there, the second with more images",
  async () => {
    const folder = await makeClasses();
    const train = async (ranks: number, further: readonly string[]) => {
      const out = join(folder, `run${ranks}`);
      const { code, stderr } = await mpirun(ranks, [
        ...[PRETRAIN, "--data", join(folder, "train"), "--model", SMALL, "--batch-size", "3", "--steps", "3"],
        ...["--warmup-epochs", "0", "--base-lr", "0.05", "--device", "webgpu", "--workers", "0", "--out", out],
        ...further,
      ]);
      equal(code, 0, stderr);
      return await resultOf(out);
    };
    const one = await train(1, []);
    const { loss, leaves } = compare(await train(2, ["--sync-bn"]), one);
    ok(loss < 1e-6, `losses differ by ${loss}`);
    deepStrictEqual(Object.entries(leaves).filter(([, distance]) => distance > 2e-4), []);
    equal(one.losses.length, 3);
    await Deno.remove(folder, { recursive: true });
  },
);

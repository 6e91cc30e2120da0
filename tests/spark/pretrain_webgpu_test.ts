import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { readCheckpoint } from "../../spark/mod.ts";
import { pretrain } from "../../spark/commands/pretrain/pretrain.ts";
import { testWebgpu } from "../support/device_or_skip.ts";
import { runHere } from "./commands/command_here.ts";
import { logOf, run, sameRun, stopped, withFolder } from "./pretrain_runs.ts";

const SMALL = `--model ${import.meta.dirname}/small_model.ts --batch-size 2 --log-every 1 --workers 0 --seed 3`;

testWebgpu(
  "A GPU that is lost in mid-run ends in one line that tells how to go on; the run goes on from there",
  () =>
    withFolder(async (path, data) => {
      const script = "tests/spark/pulled_device.ts";
      const line = `${SMALL} --steps 6 --save-every 2 ${data} --out ${path}/run --device webgpu`;
      const pulled = await run(script, `${line} --logger ${import.meta.dirname}/pulled_device.ts`);
      equal(pulled.code, 1, pulled.stdout + pulled.stderr);
      const told = pulled.stderr.split("\n").find((each) => each.startsWith("Cannot")) ?? pulled.stderr;
      match(
        told,
        /^Cannot use webgpu as its device must not be lost: .*; go on with: deno task pretrain --resume \S+\/run$/,
      );
      equal((await readCheckpoint(`${path}/run/last.safetensors`)).tensors["optimizer.step"]!.data[0], 2);
      // On the cpu, for it compiles faster; all that decides the bits is in the checkpoint.
      const resumed = await runHere(pretrain, `--resume ${path}/run --device cpu --threads 1 --workers 0`);
      equal(resumed.code, 0, resumed.err.join("\n"));
      match(resumed.out.join("\n"), /Goes on after step 2, of /);
    }),
);

/** So large a rate that gradients overflow float16 from about step 5 on, until the scale of the loss has fallen. */
const OVERFLOWS =
  `${SMALL} --steps 24 --save-every 4 --target raw --optimizer sgd --base-lr 200 --device webgpu --precision f16`;

testWebgpu(
  "pretrain --precision f16: a run that is killed, and interrupted, ends in the losses, scales and bits of a whole one",
  () =>
    withFolder(async (path, data) => {
      const whole = await runHere(pretrain, `${OVERFLOWS} ${data} --out ${path}/whole`);
      equal(whole.code, 0, whole.err.join("\n"));
      const records = await logOf(`${path}/whole`);
      const scales = records.map(({ lossScale }) => lossScale!);
      equal(scales[0], 2 ** 16);
      ok(scales.at(-1)! < scales[0]! && scales.at(-1)! > 1, `${scales}`);
      const skipped = records.filter(({ gradientNorm }) => gradientNorm === null);
      ok(skipped.length > 0 && skipped.length < 18, `${skipped.length}`);

      const line = `${OVERFLOWS} ${data} --out ${path}/killed`;
      const killed = await stopped("pretrain", line, { after: 6, by: "SIGKILL" });
      equal(killed.signal, "SIGKILL", killed.stderr);
      const goesOn = "--device webgpu --save-every 4 --log-every 1 --workers 0";
      const { code, stdout, stderr } = await stopped(
        "pretrain",
        `--resume ${path}/killed --out ${path}/interrupted ${goesOn}`,
        { after: 10, by: "SIGINT" },
      );
      equal(code, 130, stdout + stderr);
      match(stdout, /Goes on after step 4, of [^]*Interrupted after \d+ of 24 steps/);
      const last = await runHere(pretrain, `--resume ${path}/interrupted ${goesOn}`);
      equal(last.code, 0, last.err.join("\n"));
      await sameRun(`${path}/whole`, `${path}/interrupted`);
      const tensors = (await readCheckpoint(`${path}/interrupted/last.safetensors`)).tensors;
      deepStrictEqual([...tensors["lossScale.scale"]!.data], [scales.at(-1)]);
    }),
  { precision: "f16" },
);

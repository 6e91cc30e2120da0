import { equal, match, ok } from "node:assert/strict";
import { dataKey, drawsOf, encodePng, paintBackground } from "../../data/mod.ts";
import { readCheckpoint } from "../../spark/mod.ts";
import { testWebgpu } from "../support/device_or_skip.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const OPTIONS = "--input-size 32 --batch-size 2 --steps 6 --save-every 2 --workers 0 --seed 3".split(" ");

async function run(script: string, args: readonly string[]) {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `--config=${ROOT}deno.json`, "--no-lock", `${ROOT}${script}`, ...args],
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

testWebgpu(
  "A GPU that is lost in mid-run ends in one line that tells how to go on; the run goes on from there",
  async () => {
    const path = await Deno.makeTempDir();
    try {
      await Deno.mkdir(`${path}/images`);
      for (const i of [0, 1, 2]) {
        await Deno.writeFile(`${path}/images/${i}.png`, encodePng(paintBackground(64, drawsOf(dataKey(i)))));
      }
      const pulled = await run("tests/spark/pulled_device.ts", [
        ...OPTIONS,
        ...["--data", `${path}/images`, "--out", `${path}/run`, "--device", "webgpu"],
      ]);
      equal(pulled.code, 1, pulled.stdout + pulled.stderr);
      const line = pulled.stderr.split("\n").find((each) => each.startsWith("Cannot")) ?? pulled.stderr;
      match(
        line,
        /^Cannot use webgpu as its device must not be lost: .*; go on with: deno task pretrain --resume \S+\/run$/,
      );
      const saved = Number((await readCheckpoint(`${path}/run/last.safetensors`)).tensors["optimizer.step"]!.data[0]);
      ok(saved >= 2 && saved < 6, `${saved}`);
      // On the cpu, for it compiles faster; all that decides the bits is in the checkpoint.
      const resumed = await run("spark/scripts/pretrain.ts", [
        "--resume",
        `${path}/run`,
        "--device",
        "cpu",
        "--workers",
        "0",
      ]);
      match(resumed.stdout, new RegExp(`Goes on after step ${saved}, of `));
      equal(resumed.code, 0, resumed.stderr);
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  },
);

import { deepStrictEqual, match } from "node:assert/strict";
import type { Command } from "../../spark/commands/cli/command.ts";
import { profile } from "../../spark/commands/profile.ts";
import { tune } from "../../spark/commands/tune.ts";
import { main as crash } from "../crash/run.ts";
import { main as equal } from "../devices/run.ts";
import { main as fuzz } from "../fuzz/run.ts";
import { main as interop } from "../interop/run.ts";
import { main as report } from "../report/run.ts";
import { runHere } from "../spark/commands/command_here.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const [STEP, PEERS, MATMUL] = ["bench/step.ts", "bench/peers.ts", "bench/matmul_bench.ts"] as const;
const [PROFILE, TUNE] = ["spark/commands/profile.ts", "spark/commands/tune.ts"] as const;
const [CRASH, EQUAL, FUZZ] = ["tests/crash/run.ts", "tests/devices/run.ts", "tests/fuzz/run.ts"] as const;
const [INTEROP, REPORT] = ["tests/interop/run.ts", "tests/report/run.ts"] as const;

/** Files that export the command that they run. */
const COMMANDS: Readonly<Record<string, Command>> = {
  ...{ [PROFILE]: profile, [TUNE]: tune, [CRASH]: crash, [EQUAL]: equal, [FUZZ]: fuzz },
  ...{ [INTEROP]: interop, [REPORT]: report },
};

/** Exit code and lines on stderr of a file in a process of its own. */
async function started(file: string, line: string) {
  const args = ["run", "-A", "--no-check", "--no-lock", file, ...line.split(" ")];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } })
    .output();
  const err = new TextDecoder().decode(stderr).split("\n").slice(0, -1);
  return { code, err: err.filter((each) => !each.startsWith("Download ")) }; // deno's own
}

/** Command lines that are refused before anything is computed, and how. */
const REFUSED: readonly (readonly [file: string, line: string, message: RegExp])[] = [
  ...[STEP, PROFILE, EQUAL, TUNE].flatMap((file): typeof REFUSED => [
    [
      file,
      "--model nothing",
      /^Cannot read --model as it must be one of tiny_resnet8, .*: current value is nothing$/,
    ],
    [file, "--input-size 0", /^Cannot read --input-size as it must be .*: current value is 0$/],
    [file, "--batch-size -3", /^Cannot read --batch-size as it must be a whole number from 1.*: current value is -3$/],
    [file, "--modle tiny_resnet8", /^Cannot read --modle as it must be an option .*did you mean --model$/],
  ]),
  ...[STEP, EQUAL].map((file) =>
    [
      file,
      "--device nothing",
      /^Cannot read --device as it must be one of cpu, webgpu, reference: current value is nothing$/,
    ] as const
  ),
  [CRASH, "--kills 1.5", /^Cannot read --kills as it must be a whole number from 0: current value is 1\.5$/],
  [CRASH, "--steps 0", /^Cannot read --steps as it must be a whole number from 6: current value is 0$/],
  [FUZZ, "--count 0", /^Cannot read --count as it must be a whole number from 1: current value is 0$/],
  [FUZZ, "--kind nothing", /^Cannot read --kind as it must be one of .*: current value is nothing$/],
  [STEP, "--model tiny_resnet8 --input-size 33", /^Cannot divide images into patches as .* current size is 33×33, /],
  [PROFILE, "--device nothing", /^Cannot read --device as it must be one of cpu, webgpu: current value is nothing$/],
  [PEERS, "--device nothing", /^Cannot read --device as it must be one of cpu, webgpu: current value is nothing$/],
  [PEERS, "--only nothing", /^Cannot compare as --only must be part of one of matmul .*: current text is nothing$/],
  [PEERS, "--rounds x", /^Cannot read --rounds as it must be a whole number from 1: current value is x$/],
  [MATMUL, "--device nothing", /^Cannot read --device as it must be one of .* value is nothing$/],
];

Deno.test("benchmarks and checks say in one line what they cannot do, and exit with 1", async () => {
  for (const [file, line, message] of REFUSED) {
    const command = COMMANDS[file];
    const { code, err } = command ? await runHere(command, line) : await started(file, line);
    deepStrictEqual([code, err.length], [1, 1], `${file} ${line}: ${err.join("\n")}`);
    match(err[0]!, message, `${file} ${line}`);
  }
});

Deno.test("files of checks run what they export", async () => {
  for (const file of [CRASH, EQUAL, FUZZ, INTEROP, REPORT]) {
    const { code, err } = await started(file, "--sed 1");
    deepStrictEqual([code, err.length], [1, 1], `${file}: ${err.join("\n")}`);
    match(err[0]!, /^Cannot read --sed as it must be an option that --help lists/);
  }
});

import { deepStrictEqual, match } from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url).pathname;

async function run(args: readonly string[]) {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], cwd: ROOT, env: { NO_COLOR: "1" } });
  const { code, stderr } = await command.output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

const STEP = "run -A --no-lock bench/step.ts";
const PROFILE = "run -A --no-lock spark/commands/profile.ts";
const PEERS = "run -A --no-lock bench/peers.ts";
const EQUAL = "run -A --no-lock tests/devices/run.ts";
const TUNE = "run -A --no-lock spark/commands/tune.ts";
const CRASH = "run -A --no-lock tests/crash/run.ts";
const FUZZ = "run -A --no-lock tests/fuzz/run.ts";
const INTEROP = "run -A --no-lock tests/interop/run.ts";
const REPORT = "run -A --no-lock tests/report/run.ts";

/** Command lines that are refused before anything is computed, and how. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ...[STEP, PROFILE, EQUAL, TUNE].flatMap((command): readonly (readonly [string, RegExp])[] => [
    [
      `${command} --model nothing`,
      /^Cannot read --model as it must be one of tiny_resnet8, .*: current value is nothing\n$/,
    ],
    [`${command} --input-size 0`, /^Cannot read --input-size as it must be .*: current value is 0\n$/],
    [
      `${command} --batch-size -3`,
      /^Cannot read --batch-size as it must be a whole number from 1.*: current value is -3\n$/,
    ],
    [`${command} --modle tiny_resnet8`, /^Cannot read --modle as it must be an option .*did you mean --model\n$/],
  ]),
  ...[STEP, EQUAL].map((command) =>
    [
      `${command} --device nothing`,
      /^Cannot read --device as it must be one of cpu, webgpu, reference: current value is nothing\n$/,
    ] as const
  ),
  ...[CRASH, FUZZ, INTEROP, REPORT].map((command) =>
    [`${command} --sed 1`, /^Cannot read --sed as it must be an option that --help lists: /] as const
  ),
  [`${CRASH} --kills 1.5`, /^Cannot read --kills as it must be a whole number from 0: current value is 1\.5\n$/],
  [`${CRASH} --steps 0`, /^Cannot read --steps as it must be a whole number from 6: current value is 0\n$/],
  [`${FUZZ} --count 0`, /^Cannot read --count as it must be a whole number from 1: current value is 0\n$/],
  [`${FUZZ} --kind nothing`, /^Cannot read --kind as it must be one of .*: current value is nothing\n$/],
  [`${STEP} --model tiny_resnet8 --input-size 33`, /^Cannot divide images into patches as .* current size is 33×33, /],
  [
    `${PROFILE} --device nothing`,
    /^Cannot read --device as it must be one of cpu, webgpu: current value is nothing\n$/,
  ],
  [`${PEERS} --device nothing`, /^Cannot read --device as it must be one of cpu, webgpu: current value is nothing\n$/],
  [`${PEERS} --only nothing`, /^Cannot compare as --only must be part of one of matmul .*: current text is nothing\n$/],
  [`${PEERS} --rounds x`, /^Cannot read --rounds as it must be a whole number from 1: current value is x\n$/],
  [
    "run -A --no-check --no-lock bench/matmul_bench.ts --device nothing",
    /^Cannot read --device as it must be one of .* value is nothing\n$/,
  ],
];

Deno.test("benchmarks and checks say in one line what they cannot do, and exit with 1", async () => {
  for (const [line, message] of REFUSED) {
    const { code, stderr } = await run(line.split(" "));
    const told = stderr.split("\n").filter((each) => !/^(Check|Download) /.test(each)).join("\n"); // deno's own
    deepStrictEqual([code, told.split("\n").length], [1, 2], `${line}: ${stderr}`);
    match(told, message, line);
  }
});

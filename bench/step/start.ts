/**
 * @file How long a program takes from its start to the end of its first step, when it was started before.
 *
 *     deno task bench:start [--fast] [--model resnet50 --input-size 224 --batch-size 8] [--starts 3]
 *
 * Starts `bench/step.ts` again and again. The first start fills the caches: modules of Deno, kernels; it is not counted.
 * Each line has the time from the start of the process to the end of its first step, the median of its later ones, and
 * whether the first is within 1.3 later ones and 2 s. Where first touches of memory take long, they are most of the rest:
 * what `pages` is printed for, the time of a first touch of so much memory as the step plans, on one thread.
 */
// deno-lint-ignore-file no-console
import { processOptions } from "../../spark/commands/cli/process_options.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { median } from "../statistics.ts";
import { JSON_OPTION, STEP_OPTIONS, THREADS_OPTION } from "../step_options.ts";

const args = processOptions({
  task: "bench:start",
  purpose: "Times the first step of a program from the start of its process, when it was started before.",
  options: {
    ...STEP_OPTIONS,
    ...THREADS_OPTION,
    fast: { kind: "flag", help: "compute in a process of its own, whose engine joins vectors" },
    starts: { kind: "whole", least: 1, help: "starts that are timed, after one that fills caches", default: 3 },
    steps: { kind: "whole", least: 1, help: "later steps of each start", default: 3 },
    ...JSON_OPTION,
  },
});

/** What is allowed: so many later steps, and so many milliseconds. */
const ALLOWED = { steps: 1.3, milliseconds: 2000 } as const;

/** Milliseconds of one start. */
interface Start {
  /** From the start of the process to the end of the first step. */
  readonly first: number;
  /** Median of the later steps. */
  readonly later: number;
  /** Bytes that the step plans. */
  readonly plannedBytes: number;
}

const allowance = ({ later }: Pick<Start, "later">) => ALLOWED.steps * later + ALLOWED.milliseconds;

/** Arguments of `bench/step.ts`. */
function stepArguments(): readonly string[] {
  const { model, batchSize, inputSize, decoderWidth, threads, steps, fast } = args;
  const given = { "input-size": inputSize, "decoder-width": decoderWidth, threads };
  return [
    ...["--model", model, "--batch-size", `${batchSize}`, "--steps", `${steps}`, "--json"],
    ...Object.entries(given).flatMap(([name, value]) => value === undefined ? [] : [`--${name}`, `${value}`]),
    ...fast ? ["--fast"] : [],
  ];
}

async function start(): Promise<Start> {
  const began = performance.timeOrigin + performance.now();
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("../step.ts", import.meta.url).href, ...stepArguments()],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  const line = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
  if (code !== 0) throw new Error(`Cannot time a start as the step must end well: current exit code is ${code}`);
  const { firstStepEnded, millisecondsPerStep, plannedBytes } = JSON.parse(line);
  return { first: firstStepEnded - began, later: millisecondsPerStep, plannedBytes };
}

/** Milliseconds for the first touch of so much memory, page by page. */
function touch(bytes: number): number {
  const pages = Math.ceil(bytes / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
  const words = new Uint8Array(memory.buffer);
  const from = performance.now();
  for (let at = 0; at < words.length; at += 4096) words[at] = 1;
  return performance.now() - from;
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;

function say(name: string, { first, later }: Pick<Start, "first" | "later">): void {
  if (args.json) return;
  const allowed = allowance({ later });
  console.log(
    `${name}: first step ${seconds(first)} from the start, later ${seconds(later)}, ` +
      `allowed ${seconds(allowed)}: ${first <= allowed ? "yes" : "NO"}`,
  );
}

async function main(): Promise<number> {
  await start();
  const starts: Start[] = [];
  for (let i = 0; i < args.starts; i++) {
    starts.push(await start());
    say(`start ${i + 1}`, starts.at(-1)!);
  }
  const medians = { first: median(starts.map(({ first }) => first)), later: median(starts.map(({ later }) => later)) };
  say("medians", medians);
  const { plannedBytes } = starts[0]!;
  const pages = touch(plannedBytes);
  const allowed = allowance(medians);
  if (!args.json) {
    console.log(`pages: ${seconds(pages)} for the first touch of ${Math.round(plannedBytes / 2 ** 20)} MiB`);
  } else {console.log(
      JSON.stringify({ ...medians, allowed, met: medians.first <= allowed, pages, plannedBytes, starts }),
    );}
  return 0;
}

await runCommand(main);

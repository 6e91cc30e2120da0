/**
 * @file Time and memory of a training step of Mask R-CNN on ResNet-50 beside torchvision's own, on the same cores, in turns.
 *
 *     deno task bench:detector --rounds 10
 *
 * Both sides are processes of their own that read the same weights, images and objects. Both take the first anchors and
 * proposals instead of random ones, so that they do the same work: the five losses of the first step, and the numbers of
 * proposals of objects, are compared before anything is timed. Then each side takes a step in turn. Medians and ranges are
 * printed, and whether the bounds are kept; ratios are of this library to torchvision: below 1 where it is faster or smaller.
 * That of times is the median of those of the rounds. Memory is the most that each process had resident, its weights and
 * runtime included. `--profile` tells the time of each kernel of this library's step instead.
 */
// deno-lint-ignore-file no-console
import { processOptions } from "../spark/commands/cli/process_options.ts";
import { runCommand } from "../spark/commands/cli/run_command.ts";
import type { DetectorWork } from "./detector/work.ts";
import { type LineProcess, startLineProcess } from "./line_process.ts";
import { JSON_OPTION, PYTHON_OPTION } from "./step_options.ts";
import { median, spread } from "./statistics.ts";

const args = processOptions({
  task: "bench:detector",
  purpose: "Times a training step of Mask R-CNN on ResNet-50 beside torchvision's, in turns.",
  options: {
    inputSize: { kind: "whole", least: 64, help: "height and width of the images, a multiple of 32", default: 256 },
    batchSize: { kind: "whole", least: 1, help: "images per step", default: 2 },
    objects: { kind: "whole", least: 1, help: "objects of each image", default: 24 },
    rounds: { kind: "whole", least: 1, help: "steps of each side that are timed", default: 10 },
    profile: { kind: "flag", help: "tell the time of each kernel of this library's step instead" },
    ...PYTHON_OPTION,
    ...JSON_OPTION,
  },
});
const WORK: DetectorWork = { size: args.inputSize, batch: args.batchSize, objects: args.objects };

/** Relative difference of losses: sums in another order, and proposals that change places by it. */
const TOLERANCE = 2e-3;

/** Largest ratios of time and of memory that are wanted. */
const BOUNDS = { time: 1, memory: 0.7 } as const;

/** What a step answers. */
interface Step {
  readonly losses: Readonly<Record<string, number>>;
  readonly milliseconds: number;
  readonly positives: number;
  readonly residentBytes: number;
  readonly plannedBytes?: number;
  readonly launches?: number;
  readonly flops?: number;
}

const pathOf = (name: string) => new URL(`./${name}`, import.meta.url).pathname;
const ours = (action: string, folder: string) => [
  ...["run", "-A", "--no-check", pathOf("detector/side.ts"), action, folder, JSON.stringify(WORK)],
];

async function prepare(folder: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args: ours("prepare", folder) }).output();
  if (!success) throw new Error(`Cannot measure as weights must be written: ${new TextDecoder().decode(stderr)}`);
}

const step = async (side: LineProcess) => await side.ask("step") as Step;

/** Refuses to time what does not compute the same. */
function compare(mine: Step, theirs: Step): number {
  const errors = Object.entries(theirs.losses).map(([name, value]) => ({
    name,
    error: Math.abs(mine.losses[name]! - value) / Math.abs(value),
  }));
  const worst = errors.reduce((a, b) => b.error > a.error ? b : a);
  if (worst.error <= TOLERANCE && mine.positives === theirs.positives) return worst.error;
  throw new Error(
    `Cannot time steps as both sides must compute the same: current losses are ${
      JSON.stringify(mine.losses)
    } here and ` +
      `${JSON.stringify(theirs.losses)} there, of ${mine.positives} and ${theirs.positives} proposals of objects`,
  );
}

async function measure(folder: string): Promise<object> {
  const threads = `${navigator.hardwareConcurrency}`;
  const mine = startLineProcess(Deno.execPath(), ours("step", folder));
  const theirs = startLineProcess(args.python, [
    pathOf("baseline/detector_torch.py"),
    folder,
    JSON.stringify(WORK),
    threads,
  ]);
  const [first, other] = [await step(mine), await step(theirs)];
  const lossError = compare(first, other);
  if (!args.json) {
    console.log(`losses agree to ${lossError.toExponential(1)}, ${first.positives} proposals of objects on both sides`);
  }
  const times: Record<"mine" | "theirs", Step[]> = { mine: [], theirs: [] };
  for (let round = 1; round <= args.rounds; round++) {
    times.mine.push(await step(mine));
    times.theirs.push(await step(theirs));
    if (args.json) continue;
    const [here, there] = [times.mine.at(-1)!.milliseconds, times.theirs.at(-1)!.milliseconds];
    console.log(`round ${round}: ${here.toFixed(0)} ms, torchvision ${there.toFixed(0)} ms`);
  }
  await Promise.all([mine.close(), theirs.close()]);
  return report(first, lossError, times);
}

const verdict = (ratio: number, most: number) => `at most ${most}: ${ratio <= most ? "yes" : "NO"}`;

function report(first: Step, lossError: number, { mine, theirs }: Readonly<Record<"mine" | "theirs", Step[]>>): object {
  const millisecondsOf = (steps: readonly Step[]) => steps.map(({ milliseconds }) => milliseconds);
  const [residentBytes, baselineBytes] = [mine, theirs].map((steps) =>
    Math.max(...steps.map(({ residentBytes }) => residentBytes))
  ) as [number, number];
  const { plannedBytes, launches, flops, positives } = first;
  const ratios = mine.map(({ milliseconds }, i) => milliseconds / theirs[i]!.milliseconds);
  const [timeRatio, residentRatio] = [median(ratios), residentBytes / baselineBytes];
  if (!args.json) {
    const range = `${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`;
    console.log(`time ${timeRatio.toFixed(3)} (${range}) of torchvision's, ${verdict(timeRatio, BOUNDS.time)}`);
    console.log(`memory ${residentRatio.toFixed(3)} of torchvision's, ${verdict(residentRatio, BOUNDS.memory)}`);
  }
  return {
    ...{ ...WORK, rounds: args.rounds, lossError, positives },
    ...spread("millisecondsPerStep", millisecondsOf(mine)),
    ...spread("baselineMilliseconds", millisecondsOf(theirs)),
    ...spread("timeRatio", ratios),
    ...{ residentBytes, baselineBytes, residentRatio },
    ...{ plannedBytes, launches, gflops: flops! / median(millisecondsOf(mine)) / 1e6 },
  };
}

/** Kernels of this library's steps, the first left out. */
async function profile(folder: string): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), { args: ours("profile", folder), stdin: "piped", stdout: "null" })
    .spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode("step\n".repeat(args.rounds + 1)));
  await input.close();
  return (await child.status).code;
}

async function main(): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "detector_" });
  try {
    await prepare(folder);
    if (args.profile) return await profile(folder);
    const result = await measure(folder);
    console.log(args.json ? JSON.stringify(result) : result);
    return 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

await runCommand(main);

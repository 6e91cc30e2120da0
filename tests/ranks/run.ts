/** @file `deno task ranks`: trains by one process and by several ranks of Open MPI, and compares what comes out. */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import process from "node:process";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { mpirun } from "../support/mpirun.ts";
import {
  compare,
  type Distance,
  farthest,
  isSame,
  judge,
  type Result,
  resultOf,
  type Verdict,
  withStatistics,
} from "./results.ts";

const OPTIONS = {
  least: { kind: "whole", least: 1, help: "the smallest number of ranks", default: 1 },
  most: { kind: "whole", least: 1, help: "the largest number of ranks", default: 4 },
  model: { kind: "text", placeholder: "NAME", what: "a model", help: "what is trained", default: "tiny_resnet8" },
  inputSize: { kind: "whole", least: 32, help: "height and width of the images", default: 64 },
  batchSize: { kind: "whole", least: 2, help: "images of a step", default: 12 },
  decoderWidth: { kind: "whole", least: 1, help: "channels of the decoder (default: those of the model)" },
  steps: { kind: "whole", least: 1, help: "steps", default: 20 },
  data: { kind: "text", placeholder: "PATH", what: "a folder", help: "images", default: "fluent-emoji" },
  bucketMb: { kind: "number", least: 0, help: "MiB of gradients that are summed together", default: 25 },
  statistics: {
    kind: "name",
    names: ["both", "sync", "parts"],
    help: "with --sync-bn, without it, or both",
    default: "both",
  },
  permutations: {
    kind: "whole",
    least: 1,
    help: "other orders of the images, whose farthest run says what rounding alone does",
    default: 5,
  },
  runs: {
    kind: "text",
    placeholder: "PATH",
    what: "a folder",
    help: "where runs are kept, and found again by the same command (default: nowhere)",
  },
  once: { kind: "flag", help: "run the ranks once: whether they come to the same bits twice is not looked at" },
  out: { kind: "text", placeholder: "FILE", what: "a file", help: "file for the distance of each leaf, JSON" },
  device: { kind: "name", names: ["cpu", "webgpu", "reference"], help: "where to compute", default: "cpu" },
} as const;

const LINE = {
  task: "ranks",
  purpose:
    `Trains the same steps by one process and twice by several ranks of Open MPI on this machine, with --sync-bn against
one process with the whole batch, and without it against one process that computes the same parts one after another
(--accumulate), so by the kernels of a rank, and takes running statistics over them at once (--norm-parts). Both runs
of the ranks must end in the same bits. Against one process the losses must agree within 1e-6, and each leaf of
parameters and running statistics within 1e-5 of its norm, or within three times what the same process differs from
itself at most when it computes the images of its batches in other orders; on the reference device, which computes in
float64, within 1e-12.`,
  options: OPTIONS,
} as const;

const PRETRAIN = fileURLToPath(new URL("../../spark/commands/pretrain/pretrain.ts", import.meta.url));

/** The least bounds by device: of losses and of leaves. */
const SINGLE = { loss: 1e-6, leaf: 1e-5 };
const BOUNDS = { cpu: SINGLE, webgpu: SINGLE, reference: { loss: 1e-12, leaf: 1e-12 } };

/** Trains: `count` ranks, further options, and which time this is. */
type Train = (count: number, further: readonly string[], repeat?: number) => Promise<Result>;

function trainerOf(
  options: ReturnType<typeof withDefaults<typeof OPTIONS>>,
  root: string,
): Train {
  const args = Object.entries({
    ...{ "--model": options.model, "--input-size": options.inputSize, "--batch-size": options.batchSize },
    ...{ "--steps": options.steps, "--data": options.data, "--device": options.device, "--workers": 0 },
    ...{ "--bucket-mb": options.bucketMb, "--warmup-epochs": 0, "--save-every": options.steps },
    ...options.decoderWidth !== undefined && { "--decoder-width": options.decoderWidth },
  }).flatMap(([flag, value]) => [flag, `${value}`]);
  return async (count, further, repeat = 0) => {
    const name = [...args, ...further, "by", count, ...repeat > 0 ? [repeat] : []].join("_").replaceAll("/", "-");
    const out = join(root, name.replaceAll("--", ""));
    if (!await exists(join(out, "ended"))) await runOnce(count, [...args, ...further, "--out", out], out);
    const result = await resultOf(out);
    if (options.runs === undefined) await Deno.remove(out, { recursive: true });
    return result;
  };
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/** Trains, each rank by one thread: how many there are changes no bit, and runs share the cores. */
async function runOnce(count: number, args: readonly string[], out: string): Promise<void> {
  await Deno.remove(out, { recursive: true }).catch(() => {});
  const { code, stderr } = await mpirun(count, [PRETRAIN, ...args, "--threads", "1"], { timeout: 7200 });
  if (code !== 0) {
    throw new Error(`Cannot compare ranks as all runs must end well: current run of ${count} has ${stderr}`);
  }
  await Deno.writeTextFile(join(out, "ended"), "");
}

/** Does things, so many at once as there are cores. */
async function atOnce<T>(tasks: readonly (() => Promise<T>)[]): Promise<readonly T[]> {
  const results: T[] = [];
  const left = [...tasks.entries()];
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, async () => {
    for (let next = left.shift(); next; next = left.shift()) results[next[0]] = await next[1]();
  }));
  return results;
}

/** One process. */
interface Alone {
  /** What ranks are compared with. */
  readonly expected: Result;
  /** How far it is at most from itself when it sums in other orders. */
  readonly spread: Distance;
  /** How far it is from itself when it computes its parts one after another. */
  readonly inTurn: Distance;
}

/**
 * Trains by one process: the batch at once, in other orders too, and its parts one after another. Ranks have the kernels of the
 * last: those of a whole batch round otherwise in every order, and ReLU6 has a kink, at which rounding decides gradients.
 */
async function alone(train: Train, parts: number, permutations: number): Promise<Alone> {
  const further = parts === 1 ? [] : ["--norm-parts", `${parts}`];
  const seeds = Array.from({ length: permutations }, (_, i) => [...further, "--permute-batch", `${i + 1}`]);
  const runs = [further, ...parts === 1 ? [] : [["--accumulate", `${parts}`]], ...seeds];
  const found = await atOnce(runs.map((run) => () => train(1, run)));
  const one = found[0]!;
  const expected = parts === 1 ? one : withStatistics(found[1]!, one);
  const spread = farthest(found.slice(-permutations).map((other) => compare(other, one)));
  return { expected, spread, inTurn: compare(expected, one) };
}

const short = (x: number) => x.toExponential(1);

/** Whether two runs came to the same bits, if there were two. */
type Same = boolean | null;

function told({ loss, leaf: [name, leaf, allowed], beyond }: Verdict, same: Same): string {
  const leaves = beyond === 0 ? "" : `; ${beyond} LEAVES BEYOND`;
  return `losses within ${short(loss[0])} (allowed ${short(loss[1])}), the worst leaf ${short(leaf)} of ` +
    `${short(allowed)} (${name})${leaves}` +
    (same === null ? "" : `; twice ${same ? "the same bits" : "OTHER BITS"}`);
}

const main: Command = command(LINE, async (given) => {
  const options = withDefaults(OPTIONS, given);
  const { least, most, statistics, once, out, permutations, model, inputSize, steps, batchSize, device } = options;
  const root = options.runs ?? await Deno.makeTempDir();
  const write = (line: string) => void process.stdout.write(`${line}\n`);
  const train = trainerOf(options, root);
  const failed = { count: 0 };
  const check = async (count: number, further: readonly string[], { expected, spread }: Alone) => {
    const [first, again] = await atOnce((once ? [0] : [0, 1]).map((repeat) => () => train(count, further, repeat)));
    const same = once ? null : isSame(first!, again!);
    const distance = compare(first!, expected);
    if (out !== undefined) {
      const row = { model, count, further, distance, spread, losses: { first: first!.losses, one: expected.losses } };
      await Deno.writeTextFile(out, `${JSON.stringify(row)}\n`, { append: true });
    }
    const verdict = judge(distance, spread, BOUNDS[device]);
    if (same === false || verdict.beyond > 0 || !(verdict.loss[0] <= verdict.loss[1])) failed.count++;
    write(`${count} ranks, ${further.join(" ") || "statistics of each"}: ${told(verdict, same)}`);
  };
  try {
    write(`${model} at ${inputSize}, ${steps} steps of ${batchSize} on ${device}`);
    const reference = async (parts: number) => {
      const found = await alone(train, parts, permutations);
      write(`one process, ${permutations} other orders: ${rangeOf(found.spread)}`);
      if (parts > 1) write(`one process, ${parts} parts one after another: ${rangeOf(found.inTurn)}`);
      return found;
    };
    if (statistics !== "parts") {
      const whole = await reference(1);
      for (let count = least; count <= most; count++) await check(count, ["--sync-bn"], whole);
    }
    if (statistics !== "sync") {
      for (let count = Math.max(2, least); count <= most; count++) await check(count, [], await reference(count));
    }
  } finally {
    if (options.runs === undefined) await Deno.remove(root, { recursive: true });
  }
  return failed.count === 0 ? 0 : 1;
});

function rangeOf({ loss, leaves }: Distance): string {
  const all = Object.values(leaves).sort((a, b) => a - b);
  return `losses ${short(loss)}, leaves ${short(all[all.length >> 1]!)} in the middle, ${short(all.at(-1)!)} at most`;
}

if (import.meta.main) await runCommand(main);

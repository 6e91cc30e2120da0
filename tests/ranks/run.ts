/** @file `deno task ranks`: trains by one process and by several ranks of Open MPI, and compares what comes out. */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import process from "node:process";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { readCheckpoint } from "../../spark/mod.ts";
import { mpirun } from "../support/mpirun.ts";

const OPTIONS = {
  ranks: { kind: "whole", least: 2, help: "how many ranks", default: 2 },
  model: { kind: "text", placeholder: "NAME", what: "a model", help: "what is trained", default: "tiny_resnet8" },
  inputSize: { kind: "whole", least: 32, help: "height and width of the images", default: 64 },
  batchSize: { kind: "whole", least: 2, help: "images of a step", default: 12 },
  steps: { kind: "whole", least: 1, help: "steps", default: 20 },
  data: { kind: "text", placeholder: "PATH", what: "a folder", help: "images", default: "fluent-emoji" },
  device: { kind: "name", names: ["cpu", "webgpu", "reference"], help: "where to compute", default: "cpu" },
  alone: { kind: "flag", help: "without --sync-bn, against one process with --norm-parts" },
} as const;

const LINE = {
  task: "ranks",
  purpose:
    `Trains the same steps by one process and twice by several ranks of Open MPI on this machine. Both runs of the
ranks must end in the same bits; against one process the losses must agree within 1e-6, and each leaf of parameters
and running statistics within 1e-5 of its norm.`,
  options: OPTIONS,
} as const;

const PRETRAIN = fileURLToPath(new URL("../../spark/commands/pretrain/pretrain.ts", import.meta.url));

interface Result {
  readonly losses: readonly number[];
  readonly tensors: Readonly<Record<string, ArrayLike<number>>>;
}

async function resultOf(folder: string): Promise<Result> {
  const lines = (await Deno.readTextFile(join(folder, "log.jsonl"))).trim().split("\n").map((line) => JSON.parse(line));
  const { tensors } = await readCheckpoint(join(folder, "last.safetensors"));
  return {
    losses: lines.filter(({ step }) => step !== undefined).map(({ loss }) => loss),
    tensors: Object.fromEntries(
      Object.entries(tensors).map(([name, { data }]) => [name, data as unknown as ArrayLike<number>] as const),
    ),
  };
}

const norm = (x: Iterable<number>) => Math.sqrt([...x].reduce((sum, value) => sum + value * value, 0));

/** ‖difference‖ / ‖expected‖; of leaves that are zero, ‖difference‖. */
function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const differences = Array.from(actual, (value, i) => value - expected[i]!);
  return norm(differences) / (norm(Array.from(expected)) || 1);
}

/** True of parameters and running statistics: moments of what batch norm takes out again, such as biases, are rounding alone. */
const isLasting = (name: string) => !name.startsWith("optimizer.");

/** True if all is equal to the bit, moments too. */
function isSame(a: Result, b: Result): boolean {
  const equal = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    Array.from(x).every((value, i) => Object.is(value, y[i]));
  return equal(a.losses, b.losses) && Object.entries(a.tensors).every(([name, x]) => equal(x, b.tensors[name]!));
}

/** The largest relative difference of losses, and the leaf that is farthest off. */
function compare(actual: Result, expected: Result) {
  const loss = Math.max(
    ...actual.losses.map((x, i) => Math.abs(x - expected.losses[i]!) / Math.abs(expected.losses[i]!)),
  );
  const leaves = Object.entries(expected.tensors).filter(([name]) => isLasting(name)).map(([name, x]) =>
    [name, distance(actual.tensors[name]!, x)] as const
  );
  const [name, leaf] = leaves.reduce((most, one) => one[1] > most[1] ? one : most);
  return { loss, name, leaf };
}

const main: Command = command(LINE, async (given) => {
  const { ranks, alone, ...options } = withDefaults(OPTIONS, given);
  const folder = await Deno.makeTempDir();
  const runOf = async (name: string, count: number, further: readonly string[]) => {
    const out = join(folder, name);
    const args = Object.entries({
      ...{ "--model": options.model, "--input-size": options.inputSize, "--batch-size": options.batchSize },
      ...{ "--steps": options.steps, "--data": options.data, "--device": options.device, "--out": out, "--workers": 0 },
      ...{ "--warmup-epochs": 0, "--save-every": options.steps },
    }).flatMap(([flag, value]) => [flag, `${value}`]);
    const { code, stderr } = await mpirun(count, [PRETRAIN, ...args, ...further], { timeout: 3600 });
    if (code !== 0) {
      throw new Error(`Cannot compare ranks as all runs must end well: current run ${name} has ${stderr}`);
    }
    return await resultOf(out);
  };
  const one = await runOf("one", 1, alone ? ["--norm-parts", `${ranks}`] : []);
  const first = await runOf("first", ranks, alone ? [] : ["--sync-bn"]);
  const second = await runOf("second", ranks, alone ? [] : ["--sync-bn"]);
  const same = isSame(second, first);
  const { loss, name, leaf } = compare(first, one);
  process.stdout.write(
    `${ranks} ranks, ${options.model} at ${options.inputSize}, ${options.steps} steps of ${options.batchSize}, ` +
      `${alone ? "statistics of each rank" : "--sync-bn"}: losses within ${loss.toExponential(1)}, leaves within ` +
      `${leaf.toExponential(1)} (${name}); twice ${same ? "the same bits" : "OTHER BITS"}\n`,
  );
  await Deno.remove(folder, { recursive: true });
  return same && loss <= 1e-6 && leaf <= 1e-5 ? 0 : 1;
});

if (import.meta.main) await runCommand(main);

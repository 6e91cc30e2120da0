/**
 * @file The same work in this library, jax-js, TensorFlow.js and PyTorch, each in a process of its own, in turns.
 *
 *     deno task bench:peers --device cpu            # jax-js wasm, tfjs wasm, PyTorch on the cpu
 *     deno task bench:peers --device webgpu         # jax-js and tfjs on the same adapter
 *
 * Before anything is timed the results of all sides are compared with the definition in float64. A side takes turns with
 * the others; medians of `--rounds` turns are printed, and ratios above 1 where this library is faster. A side whose run takes
 * longer than `--patience` milliseconds is timed once; a first run longer than five times that is not repeated. On a GPU, a turn queues several runs and waits once; the time of one
 * run is what each further run adds. `--fast` gives all sides that V8 runs the flags with which it joins vectors. `--only text` picks works by name; with `--json` the last line is one object.
 */
// deno-lint-ignore-file no-console
import { convElement, matmulElement, samplePositions } from "./definitions.ts";
import { processOptions } from "../spark/commands/cli/process_options.ts";
import { runCommand } from "../spark/commands/cli/run_command.ts";
import { JOINING_FLAGS } from "../spark/train/fast_cpu/process_engine.ts";
import { type LineProcess, startLineProcess } from "./line_process.ts";
import type { Answer, Request } from "./peers/side.ts";
import { flopsOf, inputsOf, isComposed, nameOf, numbers, type Work, WORKS } from "./peers/work.ts";
import { JSON_OPTION, PYTHON_OPTION, THREADS_OPTION } from "./step_options.ts";
import { sparseElement } from "./sparse_product.ts";
import { median } from "./statistics.ts";

const args = processOptions({
  task: "bench:peers",
  purpose: "Times the same work in this library, jax-js, TensorFlow.js and PyTorch, in turns.",
  options: {
    device: { kind: "name", names: ["cpu", "webgpu"], help: "cpu or webgpu", default: "cpu" },
    rounds: { kind: "whole", least: 1, help: "turns of each side", default: 5 },
    only: {
      kind: "text",
      placeholder: "TEXT",
      what: "part of a name",
      help: "works whose names hold TEXT (default all)",
    },
    sides: {
      kind: "text",
      placeholder: "NAMES",
      what: "names",
      help: "sides by parts of their names, parted by commas",
    },
    patience: { kind: "whole", least: 1, help: "milliseconds after which a run is not repeated", default: 1500 },
    fast: { kind: "flag", help: "run what V8 runs, all sides alike, with the flags of --fast" },
    ...PYTHON_OPTION,
    ...THREADS_OPTION,
    ...JSON_OPTION,
  },
});
const GPU = args.device === "webgpu";
const { rounds: ROUNDS, patience: PATIENCE } = args;
/** Milliseconds that the runs of a turn take together at the least. */
const TURN = 100;

/** Name of this library's side. */
const OURS = "tessera";

interface Peer {
  readonly name: string;
  readonly process: LineProcess;
}

function pathOf(name: string): string {
  return new URL(`./peers/${name}`, import.meta.url).pathname;
}

/** Starts the processes, this library's first. */
function startPeers(): readonly Peer[] {
  const foreign = ["run", "-A", "--no-config", "--no-lock", "--no-check"];
  const backend = GPU ? "webgpu" : "wasm";
  const deno = Deno.execPath();
  const root = new URL("..", import.meta.url).pathname;
  const commands: readonly (readonly [string, string, readonly string[]])[] = [
    [OURS, deno, ["run", "-A", pathOf("tessera.ts"), args.device]],
    [`jax-js ${backend}`, deno, [...foreign, pathOf("jax.ts"), backend]],
    [`tfjs ${backend}`, deno, [...foreign, pathOf("tfjs.ts"), backend]],
    ...(GPU ? [] : [
      ["PyTorch", args.python, [
        pathOf("peer_torch.py"),
        `${args.threads ?? navigator.hardwareConcurrency}`,
      ]] as const,
    ]),
  ];
  const env = args.fast ? { DENO_V8_FLAGS: JOINING_FLAGS } : {};
  const wanted = args.sides?.split(",");
  return commands
    .filter(([name], i) => i === 0 || !wanted || wanted.some((word) => name.includes(word)))
    .map(([name, command, flags]) => ({ name, process: startLineProcess(command, flags, { cwd: root, env }) }));
}

async function ask({ process }: Peer, request: Request): Promise<Answer> {
  return await process.ask(JSON.stringify(request)) as Answer;
}

/** The right value of elements of a result; `null` for composed works, whose sides are compared with each other. */
function definitionOf(work: Work): ((at: number) => number) | null {
  if (isComposed(work)) return null;
  const data = Object.fromEntries(
    Object.entries(inputsOf(work)).map(([name, shape], seed) => [
      name,
      numbers(shape.reduce((product, size) => product * size, 1), seed, 1),
    ]),
  );
  if (work.kind === "matmul") return (at) => matmulElement(data.a!, data.b!, work.geometry, at);
  if (work.kind === "sparse") return (at) => sparseElement(data.values!, data.x!, work.geometry, at);
  const none = new Float32Array();
  const { x = none, w = none, y = none } = data;
  return (at) => convElement(work.part, { x, w, y }, work.geometry, at);
}

/** The answer, or what is wrong with it: every element must be right. */
function verified({ name }: Peer, answer: Answer, right: readonly number[] | null): Answer {
  const { samples, length } = answer;
  if (!samples || !right) return answer;
  const largest = Math.max(...right.map(Math.abs));
  const wrong = samples.findIndex((value, i) => !(Math.abs(value - right[i]!) <= 2e-4 * largest));
  if (wrong < 0) return answer;
  const error = `wrong result: element ${wrong} of ${length} samples is ${samples[wrong]}, not ${right[wrong]}`;
  if (name === OURS) throw new Error(`Cannot compare as our own result must be right: current ${error}`);
  return { error };
}

/** Milliseconds of one run, and submits of it. */
async function timeOnce(peer: Peer, repeats: number): Promise<Answer> {
  const many = await ask(peer, { action: "time", repeats });
  if (!GPU || many.error || repeats === 1) return { ...many, milliseconds: many.milliseconds! / repeats };
  const one = await ask(peer, { action: "time", repeats: 1 });
  return { ...many, milliseconds: (many.milliseconds! - one.milliseconds!) / (repeats - 1) };
}

interface Timing {
  readonly milliseconds?: number;
  readonly samples: number;
  readonly submits?: number;
  readonly readings?: number;
  readonly error?: string;
}

/** Times one work on all sides in turns. */
async function compare(work: Work, peers: readonly Peer[]): Promise<readonly Timing[]> {
  const definition = definitionOf(work);
  const [first, cold]: [Answer[], number[]] = [[], []];
  let right: readonly number[] | null = null;
  for (const peer of peers) {
    const from = performance.now();
    const answer = await ask(peer, { action: "prepare", work }).catch((error): Answer => ({ error: `${error}` }));
    cold.push(performance.now() - from);
    if (definition && answer.length) right ??= samplePositions(answer.length).map(definition);
    first.push(verified(peer, answer, right));
    right ??= answer.samples ?? null;
  }
  // One run that takes this long is not repeated: compiling and reading are little of it.
  const times: number[][] = cold.map((time) => time > 5 * PATIENCE ? [time] : []);
  const last: Answer[] = [];
  const repeats: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    for (const [i, peer] of peers.entries()) {
      if (first[i]!.error || (times[i]!.length > 0 && times[i]![0]! > PATIENCE)) continue;
      const answer = await timeOnce(peer, repeats[i] ?? 1);
      const { milliseconds } = last[i] = answer;
      if (round < 0) repeats[i] = Math.max(GPU ? 3 : 1, Math.ceil(TURN / milliseconds!));
      if (round >= 0 || milliseconds! > PATIENCE) times[i]!.push(milliseconds!);
    }
  }
  return peers.map((_, i) => ({
    ...(times[i]!.length > 0 ? { milliseconds: median(times[i]!) } : {}),
    samples: times[i]!.length,
    submits: last[i]?.submits ?? 0,
    readings: last[i]?.readings ?? 0,
    ...(first[i]!.error ? { error: first[i]!.error!.split("\n")[0]!.slice(0, 110) } : {}),
  }));
}

/** A line for each side. */
function tell(work: Work, peers: readonly Peer[], timings: readonly Timing[]): void {
  console.log(`\n${nameOf(work)}`);
  const ours = timings[0]!.milliseconds!;
  timings.forEach(({ milliseconds, samples, submits, readings, error }, i) => {
    const name = peers[i]!.name.padEnd(14);
    if (milliseconds === undefined) return console.log(`  ${name} ${error}`);
    const rate = isComposed(work)
      ? `${(1000 / milliseconds).toFixed(1).padStart(8)} runs/s`
      : `${(flopsOf(work) / milliseconds / 1e6).toFixed(1).padStart(8)} GFLOP/s`;
    const ratio = i === 0 ? "" : `   ${(milliseconds / ours).toFixed(2).padStart(7)}× ours`;
    const count = GPU ? `  ${submits!.toFixed(1)} submits, ${readings!.toFixed(1)} readings` : "";
    console.log(`  ${name} ${milliseconds.toFixed(2).padStart(9)} ms ${rate}  median of ${samples}${count}${ratio}`);
  });
}

/** The works that were asked for. */
function wantedWorks(): readonly Work[] {
  const works = WORKS.filter((work) => nameOf(work).includes(args.only ?? ""));
  if (works.length > 0) return works;
  const names = WORKS.map(nameOf).join(", ");
  throw new RangeError(`Cannot compare as --only must be part of one of ${names}: current text is ${args.only}`);
}

async function main(): Promise<number> {
  const works = wantedWorks();
  const peers = startPeers();
  const report: object[] = [];
  for (const work of works) {
    const timings = await compare(work, peers);
    tell(work, peers, timings);
    const ours = timings[0]!.milliseconds!;
    report.push({
      name: nameOf(work),
      flops: flopsOf(work),
      sides: Object.fromEntries(peers.map(({ name }, i) => {
        const { milliseconds } = timings[i]!;
        return [name, milliseconds === undefined ? timings[i] : { ...timings[i], ratio: milliseconds / ours }];
      })),
    });
  }
  await Promise.all(peers.map(({ process }) => process.close()));
  if (args.json) {
    console.log(JSON.stringify({ device: args.device, fast: args.fast ?? false, rounds: ROUNDS, works: report }));
  }
  return 0;
}

await runCommand(main);

/**
 * @file Everything that a graphics card can tell, by one command: tests, whole steps beside PyTorch, a profile, all kernels
 * with their share of the card's peak, golden traces, equality with the cpu, tuned tiles. Writes `gpu.json` and `gpu.md`.
 *
 *     bench/gpu/pack.sh && bench/gpu/run.sh --out results
 *
 * Stages are processes; one that fails or takes too long is noted, and the others go on. What the time does not suffice for is
 * noted too. `--rehearsal` takes small sizes, for a software adapter.
 */
// deno-lint-ignore-file no-console
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { webgpuDevice } from "../../tensor/mod.ts";
import { measureLimits } from "../../tensor/profiling/machine_limits.ts";
import { type Outcome, reportOf } from "./report.ts";
import { type Stage, stagesOf } from "./stages.ts";

const OPTIONS = {
  out: { kind: "text", placeholder: "FOLDER", what: "a folder", help: "folder of the results", default: "runs/gpu" },
  seconds: { kind: "whole", least: 1, help: "seconds that all of it may take", default: 530 },
  rehearsal: { kind: "flag", help: "small sizes, for a software adapter" },
  only: {
    kind: "text",
    placeholder: "TEXT",
    what: "part of a name",
    help: "stages whose names hold TEXT (default all)",
  },
} as const;

const LINE = {
  task: "bench:gpu",
  purpose: "Runs everything that a graphics card can tell and writes gpu.json and gpu.md.",
  options: OPTIONS,
} as const;

/** Sizes of the paper's models on a card, and such as a processor that stands in for one can do. */
const SIZES = {
  card: { inputSize: 224, batches: [32, 64], steps: 5, patience: 1 },
  rehearsal: { inputSize: 64, batches: [2], steps: 1, patience: 8 },
} as const;

/** The adapter and the most that it can do. */
async function describeAdapter() {
  const { vendor, architecture, device, description } = (await navigator.gpu!.requestAdapter())?.info ?? {};
  const opened = await webgpuDevice();
  const limits = await measureLimits(opened);
  opened.close();
  return { vendor, architecture, device, description, ...limits };
}

/** What the report begins with, and where it goes. */
interface Place {
  readonly adapter: Readonly<Record<string, unknown>>;
  readonly folder: string;
}

/** Runs a stage, and ends it when its time or that of the benchmark is over. */
async function runStage({ name, command, seconds, result }: Stage, left: number, folder: string): Promise<Outcome> {
  if (left < 5) return { name, status: "no time left", seconds: 0 };
  const begin = performance.now();
  const [program, ...args] = command;
  const signal = AbortSignal.timeout(1000 * Math.min(seconds, left));
  const since = () => (performance.now() - begin) / 1000;
  try {
    const path = program === "deno" ? Deno.execPath() : program!;
    const { code, stdout, stderr } = await new Deno.Command(path, { args, signal, stdin: "null" }).output();
    const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
    const ended = signal.aborted ? `ended after ${since().toFixed(0)} s` : code === 0 ? "done" : `exit code ${code}`;
    await Deno.writeTextFile(`${folder}/${name.replaceAll(" ", "_")}.log`, `${text}\n${errors}\n`);
    return { name, status: ended, seconds: since(), ...valueOf(result, text!, ended === "done", errors!) };
  } catch (error) {
    return { name, status: `not run: ${(error as Error).message}`, seconds: since() };
  }
}

/** What a stage is kept by: its object, or the end of what it said. */
function valueOf(result: Stage["result"], text: string, done: boolean, errors: string): Partial<Outcome> {
  if (result === "json" && done) return { value: JSON.parse(text.split("\n").at(-1)!) };
  return { text: (done ? text : `${text}\n${errors}`).split("\n").slice(-60).join("\n") };
}

/** Runs stages in turn. The report is written after each: what ends the benchmark leaves what was measured. */
async function runStages(
  stages: readonly Stage[],
  seconds: number,
  { adapter, folder }: Place,
): Promise<readonly Outcome[]> {
  const begin = performance.now();
  const outcomes: Outcome[] = [];
  for (const stage of stages) {
    const outcome = await runStage(stage, seconds - (performance.now() - begin) / 1000, folder);
    outcomes.push(outcome);
    console.log(`${outcome.name}: ${outcome.status}, ${outcome.seconds.toFixed(0)} s`);
    const kernels = await Deno.readTextFile(`${folder}/kernels.jsonl`).catch(() => "");
    const report = reportOf(adapter, outcomes, kernels);
    await Deno.writeTextFile(`${folder}/gpu.json`, JSON.stringify(report.json, null, 1));
    await Deno.writeTextFile(`${folder}/gpu.md`, report.markdown);
  }
  return outcomes;
}

/** Runs the command: exit code 0 if every stage was done. */
const main: Command = command(LINE, async (given) => {
  const { out, seconds, rehearsal, only = "" } = withDefaults(OPTIONS, given);
  const begin = performance.now();
  await Deno.mkdir(out, { recursive: true });
  const adapter = await describeAdapter();
  console.log(`adapter: ${JSON.stringify(adapter)}`);
  const stages = stagesOf(SIZES[rehearsal ? "rehearsal" : "card"], out).filter(({ name }) => name.includes(only));
  const outcomes = await runStages(stages, seconds - (performance.now() - begin) / 1000, { adapter, folder: out });
  console.log(`results: ${out}/gpu.md, ${out}/gpu.json`);
  return outcomes.every(({ status }) => status === "done") ? 0 : 1;
});

if (import.meta.main) await runCommand(main);

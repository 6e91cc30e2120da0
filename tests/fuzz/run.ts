/** @file `deno task fuzz`: damaged files of every kind, each kind in a process of its own that is watched. */
import { fileURLToPath } from "node:url";
import process from "node:process";
import { type Command, command } from "../../spark/commands/cli/command.ts";
import { withDefaults } from "../../spark/commands/cli/command_line.ts";
import { runCommand } from "../../spark/commands/cli/run_command.ts";
import { fuzz, MAX_MILLISECONDS } from "./fuzz.ts";
import { TARGETS } from "./targets.ts";

const OPTIONS = {
  count: { kind: "whole", least: 1, help: "files in all", default: 10000 },
  seed: { kind: "whole", least: 0, help: "seed of the damage", default: 0 },
  kind: { kind: "name", names: TARGETS.map(({ name }) => name), help: "one of {names} (default all)" },
  keep: {
    kind: "text",
    placeholder: "FOLDER",
    what: "a folder",
    help: "where files that break the rule are kept (default: a new one)",
  },
  child: { kind: "flag", help: "do the reading in this process, as those that this command starts do" },
} as const;

const LINE = {
  task: "fuzz",
  purpose: `Damages good files of every kind and reads them: a file must be read or refused by an error that names
it and the reason, within 5 s of a processor and 1 GiB. Files that break this are kept.`,
  options: OPTIONS,
} as const;

const MAX_BYTES = 2 ** 30;
/** A process that says nothing for so long, working or not, hangs; on a busy machine its turn may come late. */
const MAX_SILENCE = 180_000;
/** How often it is looked at. */
const LOOK = 1000;

interface Job {
  readonly kind: string;
  readonly seed: number;
  readonly count: number;
  readonly keep: string;
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Largest resident memory of this process so far. */
function peakBytes(): number {
  const line = /VmHWM:\s*(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"));
  return Number(line?.[1] ?? 0) * 1024;
}

/** The watched half: prints the number of each file before it is read, and at the end what came of all. */
async function child({ kind, seed, count, keep }: Job): Promise<void> {
  const target = TARGETS.find(({ name }) => name === kind)!;
  const folder = await Deno.makeTempDir({ prefix: "fuzz_" });
  const path = `${folder}/damaged.${kind}`;
  const outcome = await fuzz(target, { seed, from: 0, count, path, before: (index) => write(`${index}`) });
  await Deno.remove(folder, { recursive: true });
  for (const { index, bytes } of outcome.problems.slice(0, 20)) {
    await Deno.writeFile(`${keep}/${kind}_${seed}_${index}`, bytes);
  }
  const problems = outcome.problems.map(({ index, what }) => ({ index, what }));
  write(JSON.stringify({ ...outcome, problems, peak: peakBytes() }));
}

/** Milliseconds of processors that a process has used; 0 if it is gone. Ticks are of 10 ms. */
function usedBy(pid: number): number {
  try {
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return 0;
  }
}

interface Report {
  readonly read: number;
  readonly refused: number;
  readonly problems: readonly { readonly index: number; readonly what: string }[];
  readonly slowestMilliseconds: number;
  readonly peak: number;
}

/** Runs the watched half; a process that works too long on a file, or falls silent, is ended. */
async function watch({ kind, seed, count, keep }: Job): Promise<Report | string> {
  const args = ["run", "-A", fileURLToPath(import.meta.url), "--child", "--kind", kind];
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args, "--seed", String(seed), "--count", String(count), "--keep", keep],
    stdout: "piped",
    stderr: "piped",
  });
  const process = command.spawn();
  const said = { last: "start", hangs: false };
  const seen = { time: performance.now(), used: usedBy(process.pid) };
  const watcher = setInterval(() => {
    const works = said.last !== "start" && usedBy(process.pid) - seen.used > MAX_MILLISECONDS;
    if (!works && performance.now() - seen.time < MAX_SILENCE) return;
    said.hangs = true;
    process.kill("SIGKILL");
  }, LOOK);
  const errors = new Response(process.stderr).text();
  let rest = "";
  for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
    Object.assign(seen, { time: performance.now(), used: usedBy(process.pid) });
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    said.last = lines.at(-1) ?? said.last;
  }
  clearInterval(watcher);
  const { success } = await process.status;
  if (said.hangs) return `file ${said.last} hangs`;
  return success ? JSON.parse(said.last) : `file ${said.last} ends the process: ${(await errors).slice(-1000)}`;
}

function verdict(kind: string, count: number, report: Report | string): boolean {
  if (typeof report === "string") {
    write(`FAILED  ${kind}: ${report}`);
    return false;
  }
  const { read, refused, problems, slowestMilliseconds, peak } = report;
  const passed = problems.length === 0 && peak <= MAX_BYTES;
  write(
    `${passed ? "ok    " : "FAILED"}  ${kind.padEnd(11)} ${count} files: ${refused} refused by name, ${read} read; ` +
      `slowest ${slowestMilliseconds.toFixed(0)} ms, peak ${(peak / 2 ** 20).toFixed(0)} MiB`,
  );
  for (const { index, what } of problems.slice(0, 10)) write(`        file ${index}: ${what}`);
  return passed;
}

/** Runs the check: exit code 0 if no kind of file failed. */
export const main: Command = command(LINE, async (given) => {
  const { seed, count: all, kind: only, ...rest } = withDefaults(OPTIONS, given);
  if (rest.child) {
    await child({ kind: only!, seed, count: all, keep: rest.keep! });
    return 0;
  }
  const kinds = only === undefined ? TARGETS.map(({ name }) => name) : [only];
  const keep = rest.keep ?? await Deno.makeTempDir({ prefix: "fuzz_kept_" });
  const count = Math.ceil(all / kinds.length);
  let failed = 0;
  for (const kind of kinds) {
    const report = await watch({ kind, seed, count, keep });
    if (!verdict(kind, count, report)) failed++;
  }
  write(failed === 0 ? `${count * kinds.length} files, no crash, no hang` : `${failed} kinds failed; files in ${keep}`);
  return failed === 0 ? 0 : 1;
});

if (import.meta.main) await runCommand(main);

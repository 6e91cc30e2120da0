/**
 * @file Whether long loops stay as they are: resident memory, device memory and time of a step, tenth by tenth.
 *
 *     deno task bench:memory --device cpu
 */
import { processOptions } from "../spark/commands/cli/process_options.ts";
import { openDevice } from "../tensor/mod.ts";
import { type LongLoop, LOOPS } from "./long_loops.ts";
import { median as medianOf } from "./statistics.ts";
import { BENCH_DEVICE_OPTION } from "./step_options.ts";

/**
 * Resident bytes of the process and bytes of the device at one moment; of the steps since the last one, milliseconds in the
 * median and on the average, and the time as a share of the control's right after, in the median. Only the share says whether the loop becomes slower: the rest is also what else the machine does.
 */
interface Row {
  readonly step: number;
  readonly resident: number;
  readonly device: number;
  readonly median: number;
  readonly average: number;
  readonly share: number;
}

const args = processOptions({
  task: "bench:memory",
  purpose:
    "Runs a jitted step that donates nothing and a descent without jit, and prints whether memory and time stay the same.",
  options: {
    ...BENCH_DEVICE_OPTION,
    steps: {
      kind: "whole",
      least: 2000,
      help: "steps of the jitted loop: 100,000 on cpu, 20,000 on webgpu if left out",
    },
    descentSteps: { kind: "whole", least: 2000, help: "steps of the descent without jit", default: 5000 },
  },
});
const device = await openDevice(args.device);
// deno-lint-ignore no-console
const say = (text: string) => console.log(text);
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

/** Step from which on memory has to be flat. */
const WARM = 1000;

/** Steps between two of the control. */
const CONTROL = 4;

/** Runs a loop, and the control after some of its steps. */
async function run(name: string, { start, step, control }: LongLoop, steps: number): Promise<readonly Row[]> {
  say(`${name}: ${steps} steps on ${device.name}`);
  const rows: Row[] = [];
  const tenths = Array.from({ length: 10 }, (_, i) => Math.round(steps * (i + 1) / 10));
  const marks = new Set([Math.min(WARM, steps), ...tenths]);
  let state = start(device);
  const times = { steps: new Float64Array(steps), control: new Float64Array(steps) }; // made once, to take no memory later
  const timed = async <T>(work: () => Promise<T>, list: Float64Array, at: number): Promise<T> => {
    const from = performance.now();
    const result = await work();
    list[at] = performance.now() - from;
    return result;
  };
  let since = 0;
  for (let i = 1; i <= steps; i++) {
    state = await timed(() => step(state, device), times.steps, i - 1);
    if (i % CONTROL === 0) await timed(() => control(state, device), times.control, i - 1);
    if (!marks.has(i)) continue;
    rows.push(rowOf(i, times.steps.subarray(since, i), times.control.subarray(since, i)));
    const { resident, device: held, median, average, share } = rows.at(-1)!;
    say(
      `  step ${i}: resident ${mib(resident)} MiB, device ${mib(held)} MiB, ${median.toFixed(3)} ms a step, ` +
        `${average.toFixed(3)} on the average, ${share.toFixed(3)} of the control`,
    );
    since = i;
  }
  return rows;
}

/** One row, of the times of steps and of the control after some of them, 0 elsewhere. */
function rowOf(step: number, times: Float64Array, controls: Float64Array): Row {
  const shares = [...times].flatMap((time, i) => controls[i]! > 0 ? [time / controls[i]!] : []);
  return {
    ...{ step, resident: Deno.memoryUsage().rss, device: device.counters?.().bytes ?? 0, median: medianOf([...times]) },
    ...{ average: times.reduce((sum, x) => sum + x, 0) / times.length, share: medianOf(shares) },
  };
}

/** Says whether nothing grew after the first thousand steps, and no tenth took longer than another by a tenth. */
function judge(rows: readonly Row[]): boolean {
  const later = rows.filter(({ step }) => step >= WARM);
  const first = later[0]!;
  const grown = (of: (row: Row) => number) => Math.max(...later.map(of)) - of(first);
  const shares = later.slice(1).map(({ share }) => share);
  const range = (of: (row: Row) => number) => {
    const values = later.slice(1).map(of);
    return `${Math.min(...values).toFixed(3)} to ${Math.max(...values).toFixed(3)}`;
  };
  const verdicts = [
    [
      `resident within 2 % or 30 MB: +${mib(grown((row) => row.resident))} MiB`,
      grown((row) => row.resident) <= Math.max(30e6, 0.02 * first.resident),
    ],
    [`device within 2 %: +${mib(grown((row) => row.device))} MiB`, grown((row) => row.device) <= 0.02 * first.device],
    [
      `time of a step within 10 % between tenths: ${range((row) => row.share)} of the control, ` +
      `${range((row) => row.median)} ms in the median, ${range((row) => row.average)} on the average`,
      Math.max(...shares) <= 1.1 * Math.min(...shares),
    ],
  ] as const;
  verdicts.forEach(([text, holds]) => say(`  ${holds ? "yes" : "NO "} ${text}`));
  return verdicts.every(([, holds]) => holds);
}

const counts = { jitted: args.steps ?? (device.name === "webgpu" ? 20_000 : 100_000), descent: args.descentSteps };
const results: boolean[] = [];
for (const name of ["jitted", "descent"] as const) results.push(judge(await run(name, LOOPS[name], counts[name])));
device.close();
if (!results.every((holds) => holds)) Deno.exitCode = 1;

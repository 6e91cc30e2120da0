/**
 * @file Whether long loops stay as they are: resident memory, device memory and time of a step, tenth by tenth.
 *
 *     deno task bench:memory --device cpu
 */
import { processOptions } from "../spark/commands/cli/process_options.ts";
import { openDevice } from "../tensor/mod.ts";
import { type LongLoop, LOOPS } from "./long_loops.ts";
import { BENCH_DEVICE_OPTION } from "./step_options.ts";

/** Resident bytes of the process and bytes of the device at one moment, and milliseconds of a step since the last one. */
interface Row {
  readonly step: number;
  readonly resident: number;
  readonly device: number;
  readonly milliseconds: number;
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

async function run(name: string, { start, step }: LongLoop, steps: number): Promise<readonly Row[]> {
  say(`${name}: ${steps} steps on ${device.name}`);
  const rows: Row[] = [];
  const marks = new Set([
    Math.min(WARM, steps),
    ...Array.from({ length: 10 }, (_, i) => Math.round(steps * (i + 1) / 10)),
  ]);
  let state = start(device);
  let [from, since] = [performance.now(), 0];
  for (let i = 1; i <= steps; i++) {
    state = await step(state, device);
    if (!marks.has(i)) continue;
    const milliseconds = (performance.now() - from) / (i - since);
    rows.push({ step: i, resident: Deno.memoryUsage().rss, device: device.counters?.().bytes ?? 0, milliseconds });
    const { resident, device: held } = rows.at(-1)!;
    say(`  step ${i}: resident ${mib(resident)} MiB, device ${mib(held)} MiB, ${milliseconds.toFixed(3)} ms a step`);
    [from, since] = [performance.now(), i];
  }
  return rows;
}

/** Says whether nothing grew after the first thousand steps, and no tenth took longer than another by a tenth. */
function judge(rows: readonly Row[]): boolean {
  const later = rows.filter(({ step }) => step >= WARM);
  const first = later[0]!;
  const grown = (of: (row: Row) => number) => Math.max(...later.map(of)) - of(first);
  const times = later.slice(1).map(({ milliseconds }) => milliseconds);
  const verdicts = [
    [
      `resident within 2 % or 30 MB: +${mib(grown((row) => row.resident))} MiB`,
      grown((row) => row.resident) <= Math.max(30e6, 0.02 * first.resident),
    ],
    [`device within 2 %: +${mib(grown((row) => row.device))} MiB`, grown((row) => row.device) <= 0.02 * first.device],
    [
      `time of a step within 10 % between tenths: ${Math.min(...times).toFixed(3)} to ${
        Math.max(...times).toFixed(3)
      } ms`,
      Math.max(...times) <= 1.1 * Math.min(...times),
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

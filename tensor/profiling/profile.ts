/** @file Where the time of a function goes, kernel by kernel. */
import type { LaunchTime } from "../compiler/profile.ts";
import { defaultDevice, type Device, type ExecutableStats, openDevice } from "../device.ts";
import { requireFunction, requireOptions } from "../errors.ts";
import { toDevice } from "../functions/to_device.ts";
import { Tensor } from "../tensor.ts";
import { treeFlatten } from "../tree.ts";
import { jit } from "../transform/jit.ts";
import { chromeTrace, type HostSpan, type TraceEvent } from "./chrome_trace.ts";
import { type MachineLimits, measureLimits } from "./machine_limits.ts";
import { type KernelTime, kernelTimes, makeProfile, profileTable } from "./profile_table.ts";

/** Options of `profile`. */
export interface ProfileOptions {
  /** `cpu` or `webgpu`; the default device's kind if left out, else cpu. */
  readonly device?: "cpu" | "webgpu";
  /** Runs that are timed, after one that warms up. 1 by default. */
  readonly runs?: number;
  /** Kernels that the text lists. 40 by default. */
  readonly rows?: number;
  /** Positions of plain arguments, as of `jit`. */
  readonly static?: readonly number[];
}

/** What a profile found. `String` of it is a table: by family of kernels, then kernel by kernel. */
export interface ProgramProfile {
  /** Where it ran. */
  readonly device: string;
  /** Runs that were timed. */
  readonly runs: number;
  /** Milliseconds of all kernels of one run. */
  readonly milliseconds: number;
  /** Each kernel, what takes longest first. */
  readonly kernels: readonly KernelTime[];
  /** Planned bytes, launches and operations of one run. */
  readonly stats: ExecutableStats;
  /** What this machine can do at most. */
  readonly limits: MachineLimits;
  /** Each launch, in order. */
  readonly times: readonly LaunchTime[];
  /** Host and device for `chrome://tracing` or ui.perfetto.dev, to be written as JSON. */
  trace(): { readonly traceEvents: readonly TraceEvent[]; readonly displayTimeUnit: "ms" };
  /** The table. */
  toString(): string;
}

function deviceOf({ device }: ProfileOptions): "cpu" | "webgpu" {
  const name = device ?? (defaultDevice().name === "webgpu" ? "webgpu" : "cpu");
  if (name === "cpu" || name === "webgpu") return name;
  throw new RangeError(`Cannot profile as device must be "cpu" or "webgpu": current device is ${name}`);
}

function wholeOf(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new RangeError(`Cannot profile as ${name} must be whole and at least 1: current ${name} is ${value}`);
}

/** Times parts of what the host does. */
function makeStopwatch() {
  const spans: HostSpan[] = [];
  const time = async <T>(name: string, run: () => T | Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await run();
    spans.push({ name, start, milliseconds: performance.now() - start });
    return result;
  };
  return { spans, time };
}

function release(tree: unknown): void {
  treeFlatten<unknown>(tree).leaves.forEach((x) => x instanceof Tensor && x[Symbol.dispose]());
}

/** What was timed on a device. */
interface Timed {
  readonly times: readonly LaunchTime[];
  readonly spans: readonly HostSpan[];
  readonly stats: ExecutableStats;
}

type Loose = (...args: unknown[]) => unknown;

async function timeRuns(
  f: Loose,
  args: readonly unknown[],
  kind: "cpu" | "webgpu",
  { runs = 1, static: fixed = [] }: ProfileOptions,
): Promise<Timed> {
  const profile = makeProfile();
  const device = await openDevice(kind, { onLaunch: profile.listen });
  const { spans, time } = makeStopwatch();
  try {
    const run = jit(f, { device, static: [...fixed] });
    const moved = await toDevice(args, device);
    const given = args.map((arg, i) => fixed.includes(i) ? arg : moved[i]);
    const call = run as unknown as Loose & Pick<typeof run, "stats" | "prepare">;
    const stats = await time("trace and plan", () => (call.stats as Loose)(...given) as ExecutableStats);
    await time("compile", () => (call.prepare as Loose)(...given));
    for (let i = 0; i <= runs; i++) {
      profile.on = i > 0; // the first warms up
      const result = await time(`run ${i}: call`, () => call(...given));
      await time(`run ${i}: wait`, () => device.synchronize());
      release(result);
    }
    return { times: profile.times, spans: spans.slice(-2 * runs), stats };
  } finally {
    device.close();
  }
}

async function limitsOf(kind: "cpu" | "webgpu"): Promise<MachineLimits> {
  const device: Device = await openDevice(kind);
  try {
    return await measureLimits(device);
  } finally {
    device.close();
  }
}

/**
 * Makes a function that tells where the time of another goes: it is compiled, run once to warm up, run again with every
 * kernel timed, and each kernel set beside what the machine can do. Timed kernels wait for each other, so that a profiled
 * run takes longer than others. On webgpu the device's timestamps are used where the adapter has them.
 *
 * @param f Any function of trees of tensors, jitted or not.
 * @param options `device`, `runs`, `rows`, `static`.
 * @returns A function of the arguments of `f`, whose result says what was found.
 * @throws {RangeError} If an option is out of its range.
 * @throws {DeviceError} By that function, if the device cannot be opened.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { matmul, ones, tanh, type Tensor } from "@tessera/tessera/tensor";
 * import { profile } from "@tessera/tessera/tensor/kernel";
 *
 * const found = await profile((x: Tensor) => tanh(matmul(x, x)), { device: "cpu" })(ones([64, 64]));
 * ok(found.kernels.some(({ kernel }) => kernel.startsWith("matmul [64,64]·[64,64]")));
 * console.log(String(found)); // launches, ms, share, GFLOP/s, GB/s and % of the machine's limit of each kernel
 * ```
 */
export function profile<Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
  options: ProfileOptions = {},
): (...args: Args) => Promise<ProgramProfile> {
  requireOptions("profile", options, { device: true, runs: true, rows: true, static: true });
  requireFunction("profile", "f", f);
  const device = deviceOf(options);
  const [runs, rows] = [wholeOf("runs", options.runs ?? 1), wholeOf("rows", options.rows ?? 40)];
  return async (...args) => {
    const { times, spans, stats } = await timeRuns(f as unknown as Loose, args, device, options);
    const limits = await limitsOf(device);
    const milliseconds = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / runs;
    return {
      ...{ device, runs, milliseconds, stats, limits, times },
      kernels: kernelTimes(times, runs),
      trace: () => chromeTrace(device, spans, times),
      toString: () =>
        `${device}, planned ${(stats.plannedBytes / 2 ** 20).toFixed(1)} MiB\n${
          profileTable(times, runs, limits, rows)
        }`,
    };
  };
}

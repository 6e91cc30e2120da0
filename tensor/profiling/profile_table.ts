/** @file Where the time of a program goes: launches gathered by kernel, with their share of what the machine can do. */
import { type LaunchListener, type LaunchTime, workOf } from "../compiler/profile.ts";
import type { Scalar } from "../compiler/scalar.ts";
import type { TensorSpec } from "../spec.ts";
import type { MachineLimits } from "./machine_limits.ts";

/** Launches that belong together. */
interface Row {
  readonly label: string;
  launches: number;
  milliseconds: number;
  flops: number;
  bytes: number;
}

/** One kernel of a profile, or one family of them: what a run of the program spends on it. */
export interface KernelTime {
  /** What it computes, with its shapes. */
  readonly kernel: string;
  /** Launches in a run. */
  readonly launches: number;
  /** Milliseconds in a run. */
  readonly milliseconds: number;
  /** Floating point operations in a run; a multiply-add is two. */
  readonly flops: number;
  /** Bytes that are read and written in a run, each once. */
  readonly bytes: number;
}

/**
 * Gathers launches by kernel.
 *
 * @param times Launches of some runs.
 * @param runs How many.
 * @returns A row for each kernel, what takes longest first.
 */
export function kernelTimes(times: readonly LaunchTime[], runs: number): readonly KernelTime[] {
  return gather(times, labelOf).map(({ label, launches, milliseconds, flops, bytes }) => ({
    kernel: label,
    launches: launches / runs,
    milliseconds: milliseconds / runs,
    flops: flops / runs,
    bytes: bytes / runs,
  }));
}

/** Gathers what a device reports while `on` is true. */
export interface Profile {
  /** To be given to the device. */
  readonly listen: LaunchListener;
  /** False to begin with, so that warming up does not count. */
  on: boolean;
  /** In the order of the launches. */
  readonly times: LaunchTime[];
}

/** Makes an empty profile. */
export function makeProfile(): Profile {
  const profile: Profile = {
    on: false,
    times: [],
    listen: (time) => {
      if (profile.on) profile.times.push(time);
    },
  };
  return profile;
}

/** Text of a profile of `steps` runs: by family, then the `top` kernels that took the longest. */
export function profileTable(
  times: readonly LaunchTime[],
  steps: number,
  limits: MachineLimits,
  top: number,
): string {
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const lines = (name: (time: LaunchTime) => string, count: number) =>
    gather(times, name).slice(0, count).map((row) => rowText(row, steps, total, limits));
  return [
    `machine: ${limits.gflops.toFixed(1)} GFLOP/s of multiply-adds, ${
      limits.gigabytesPerSecond.toFixed(1)
    } GB/s copied`,
    `${(total / steps).toFixed(2)} ms in ${times.length / steps} launches a run`,
    HEAD,
    ...lines(familyOf, Infinity),
    "",
    HEAD,
    ...lines(labelOf, top),
  ].join("\n");
}

const HEAD = "launches        ms   share  GFLOP/s     GB/s  % of limit  kernel";

function rowText(
  { label, launches, milliseconds, flops, bytes }: Row,
  steps: number,
  total: number,
  limits: MachineLimits,
) {
  const [gflops, gigabytes] = [flops / milliseconds / 1e6, bytes / milliseconds / 1e6];
  const share = Math.max(gflops / limits.gflops, gigabytes / limits.gigabytesPerSecond);
  return [
    (launches / steps).toFixed(0).padStart(8),
    (milliseconds / steps).toFixed(2).padStart(9),
    `${(100 * milliseconds / total).toFixed(1)} %`.padStart(7),
    gflops.toFixed(1).padStart(8),
    gigabytes.toFixed(1).padStart(8),
    (100 * share).toFixed(0).padStart(11),
    ` ${label}`,
  ].join(" ");
}

/** Rows by name, the longest time first. The passes of one kernel count as one launch and do its work once. */
function gather(times: readonly LaunchTime[], name: (time: LaunchTime) => string): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const time of times) {
    const label = name(time);
    const row = rows.get(label) ?? { label, launches: 0, milliseconds: 0, flops: 0, bytes: 0 };
    rows.set(label, row);
    row.milliseconds += time.milliseconds;
    if (time.pass > 0) continue;
    const { flops, bytes } = workOf(time.step.kernel, time.specs);
    row.launches++;
    row.flops += flops;
    row.bytes += bytes;
  }
  return [...rows.values()].toSorted((a, b) => b.milliseconds - a.milliseconds);
}

/** Name and, for contractions, the window: `conv 3×3`. */
export function familyOf({ step: { kernel } }: LaunchTime): string {
  if (kernel.kind === "map") return "map";
  if (kernel.kind === "reduce") return `reduce ${kernel.results.map(({ op }) => op).join(" ")}`;
  const shapes = kernel.specs.map(({ shape }) => shape);
  const weight = kernel.name.endsWith("WeightGradient") ? shapes.at(-1)! : shapes[1];
  if (kernel.name.startsWith("conv")) {
    return `${kernel.name} ${weight!.slice(0, -2).join("×")}${weight!.at(-2) === 1 ? " depthwise" : ""}`;
  }
  if (!kernel.name.startsWith("kernelMap")) return kernel.name;
  return `${kernel.name} ${weight![0]} taps${weight![1] === 1 ? " depthwise" : ""}`;
}

/** Name and shapes; for maps and reductions also the operations. */
export function labelOf({ step: { kernel, inputs }, specs }: LaunchTime): string {
  const after = kernel.kind !== "map" && kernel.epilogue ? [`then ${operationsOf(kernel.epilogue.map.values)}`] : [];
  const text = (some: readonly TensorSpec[]) => some.map(({ shape }) => `[${shape}]`).join("·");
  if (kernel.kind === "template") {
    const own = `${kernel.name} ${text(kernel.specs.slice(0, -1))} → ${text(kernel.specs.slice(-1))}`;
    const before = kernel.prologues.map(({ operand, map }) => `operand ${operand} by ${operationsOf(map.values)}`);
    return [own, ...before, ...after].join(", ");
  }
  const operations = operationsOf(
    kernel.kind === "map" ? kernel.values : [...kernel.results, ...kernel.stores].map(({ value }) => value),
  );
  const shape = kernel.kind === "map" ? `[${kernel.shape}]` : `[${kernel.shape}] over [${kernel.reduceShape}]`;
  const head = kernel.kind === "map" ? "map" : kernel.results.map(({ op }) => op).join(" ");
  const outputs = specs.length - inputs.length;
  return [`${head} ${shape}, ${inputs.length} in ${outputs} out: ${operations}`, ...after].join(", ");
}

/** Which operations expressions hold, each once, the last first. */
function operationsOf(roots: readonly Scalar[]): string {
  const seen = new Set<Scalar>();
  const names = new Set<string>();
  const visit = (x: Scalar): void => {
    if (seen.has(x)) return;
    seen.add(x);
    if (x.kind !== "load" && x.kind !== "const") names.add(x.kind === "op" ? x.op : x.kind);
    if (x.kind === "op") x.args.forEach(visit);
    if (x.kind === "guard") visit(x.value);
    if (x.kind === "gather") visit(x.index);
  };
  roots.forEach(visit);
  return [...names].slice(0, 12).join(" ");
}

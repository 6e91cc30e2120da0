/** @file The fastest tiles for the kernels of a function on this machine's GPU. */
import type { TemplateKernel } from "../compiler/kernel.ts";
import type { LaunchTime } from "../compiler/profile.ts";
import { openDevice } from "../device.ts";
import { adapterHere, type TuningTable } from "../devices/webgpu/tuning/table.ts";
import {
  requireSeconds,
  tuneWebgpu,
  TUNING_OPTIONS,
  type TuningOptions,
} from "../devices/webgpu/tuning/tune_webgpu.ts";
import { requireFunction, requireOptions } from "../errors.ts";
import { toDevice } from "../functions/to_device.ts";
import { jit } from "../transform/jit.ts";

/** Options of `tune`. */
export interface TuneOptions extends TuningOptions {
  /** Positions of plain arguments, as of `jit`. */
  readonly static?: readonly number[];
}

/** Kernels below this share of the time of a run are not worth tuning. */
const MIN_SHARE = 0.005;

type Loose = (...args: unknown[]) => unknown;

/** What one run launches, with the time that it takes. */
async function launchesOf(
  f: Loose,
  args: readonly unknown[],
  fixed: readonly number[],
): Promise<readonly LaunchTime[]> {
  const times: LaunchTime[] = [];
  const device = await openDevice("webgpu", { onLaunch: (time: LaunchTime) => void times.push(time) });
  try {
    const moved = await toDevice(args, device);
    const given = args.map((arg, i) => fixed.includes(i) ? arg : moved[i]);
    (jit(f, { device, static: [...fixed] }) as unknown as Loose)(...given);
    await device.synchronize();
    return times;
  } finally {
    device.close();
  }
}

/** Kernels that take part of the time, those that take most first. */
function hotKernels(times: readonly LaunchTime[]): readonly TemplateKernel[] {
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const byKey = new Map<string, { readonly kernel: TemplateKernel; milliseconds: number }>();
  for (const { step: { kernel }, milliseconds } of times) {
    if (kernel.kind !== "template") continue;
    const entry = byKey.get(kernel.key) ?? { kernel, milliseconds: 0 };
    entry.milliseconds += milliseconds;
    byKey.set(kernel.key, entry);
  }
  const hot = [...byKey.values()].filter(({ milliseconds }) => milliseconds >= MIN_SHARE * total);
  return hot.toSorted((a, b) => b.milliseconds - a.milliseconds).map(({ kernel }) => kernel);
}

/**
 * Makes a function that finds the fastest tiles for the products and windows of another, on this machine's GPU: it is run
 * once to see which kernels take the time, then tiles are timed for each class of shape. A minute for some dozen kernels.
 *
 * @param f Any function of trees of tensors, jitted or not.
 * @param options `static`; `tell`, `seconds` and `tellLeft`, as of `tuneWebgpu`: of the time, the first run is not part.
 * @returns A function of the arguments of `f`, that gives the table: only classes for which other tiles than the default are
 * faster. `webgpuDevice({ tuning })` uses it, `tuningText` writes it, `parseTuning` reads it.
 * @throws {DeviceError} By that function, if there is no adapter, or none that can be timed.
 *
 * @example Usage
 * ```ts no-assert
 * import { matmul, ones, type Tensor, webgpuDevice } from "@tessera/tessera/tensor";
 * import { tune } from "@tessera/tessera/tensor/kernel";
 *
 * const tunedDevice = async () => {
 *   const tuning = await tune((x: Tensor) => matmul(x, x))(ones([512, 512]));
 *   return await webgpuDevice({ tuning });
 * };
 * ```
 */
export function tune<Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
  options: TuneOptions = {},
): (...args: Args) => Promise<TuningTable> {
  requireOptions("tune", options, { static: true, ...TUNING_OPTIONS });
  requireFunction("tune", "f", f);
  const { static: fixed = [], ...tuning } = options;
  if (tuning.seconds !== undefined) requireSeconds("tune", tuning.seconds);
  return async (...args) => {
    const kernels = hotKernels(await launchesOf(f as unknown as Loose, args, fixed));
    return await tuneWebgpu(kernels, { adapter: await adapterHere(), ...tuning });
  };
}

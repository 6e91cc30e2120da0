import { type OptionNames, requireKind, requireOptions } from "../../../errors.ts";
import type { TemplateKernel } from "../../../compiler/kernel.ts";
import { closeCore } from "../runtime/core.ts";
import { openCore, type WebgpuOptions } from "../webgpu_device.ts";
import type { TuningTable } from "./table.ts";
import { tuneTiles, type TuningResult } from "./tune.ts";

export type { TuningResult } from "./tune.ts";

/** What is told of tuning, and how long it may take. */
export interface TuningOptions {
  /** Told each result. */
  readonly tell?: (result: TuningResult) => void;
  /** Seconds in which tiles are tried. */
  readonly seconds?: number;
  /** Told the names of the classes that there was no time for. */
  readonly tellLeft?: (names: readonly string[]) => void;
}

/** The names of the options. */
export const TUNING_OPTIONS: OptionNames<TuningOptions> = { tell: true, seconds: true, tellLeft: true };

/** Refuses what is no time. */
export function requireSeconds(operation: string, seconds: number): void {
  requireKind(operation, "seconds", seconds, typeof seconds === "number" && seconds > 0, "a number above 0");
}

/**
 * Times tiles for kernels on an adapter, and gathers the fastest ones. A minute for some dozen kernels.
 *
 * @param kernels The kernels to time, such as a device with `onLaunch` reports them, those that take longest first.
 * @param options `adapter`: name for the table. `webgpu`: how to open the device. `tell`: told each result. `seconds`: how long
 * tiles are tried (default: as long as it takes); what was found by then is kept. `tellLeft`: told the names of the classes
 * that there was no time for, if there are any.
 * @returns The table: only classes for which other tiles than the default are faster.
 * @throws {DeviceError} If there is no adapter, or none that can be timed.
 *
 * @example Usage
 * ```ts no-assert
 * import { jit, matmul, type Tensor, webgpuDevice, zeros } from "@tessera/tessera/tensor";
 * import { tuneWebgpu } from "@tessera/tessera/tensor/kernel";
 *
 * const tune = async () => {
 *   const kernels = new Map();
 *   const device = await webgpuDevice({
 *     onLaunch: ({ step: { kernel } }) => kernel.kind === "template" && kernels.set(kernel.key, kernel),
 *   });
 *   await jit((x: Tensor) => matmul(x, x), { device })(zeros([64, 64])).data();
 *   return await tuneWebgpu([...kernels.values()], { adapter: "mine" });
 * };
 * ```
 */
export async function tuneWebgpu(
  kernels: readonly TemplateKernel[],
  options: TuningOptions & { readonly adapter: string; readonly webgpu?: WebgpuOptions },
): Promise<TuningTable> {
  requireOptions("tuneWebgpu", options, { adapter: true, webgpu: true, ...TUNING_OPTIONS });
  const { adapter, webgpu = {} } = options;
  const { tell = () => {}, tellLeft = () => {}, seconds = Infinity } = options;
  requireSeconds("tuneWebgpu", seconds);
  const core = await openCore({ ...webgpu, onLaunch: () => {} }); // asks for timestamps
  try {
    const end = performance.now() + 1000 * seconds;
    const { results, left } = await tuneTiles(core, kernels, { tell, isOver: () => performance.now() >= end });
    if (left.length > 0) tellLeft(left);
    const found = results.flatMap(({ name, tile }) => tile ? [[name, tile] as const] : []);
    return { adapter, tiles: Object.fromEntries(found) };
  } finally {
    closeCore(core);
  }
}

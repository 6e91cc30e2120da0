import { requireOptions } from "../../../errors.ts";
import type { TemplateKernel } from "../../../compiler/kernel.ts";
import { closeCore } from "../runtime/core.ts";
import { openCore, type WebgpuOptions } from "../webgpu_device.ts";
import type { TuningTable } from "./table.ts";
import { tuneTiles, type TuningResult } from "./tune.ts";

export type { TuningResult } from "./tune.ts";

/**
 * Times tiles for kernels on an adapter, and gathers the fastest ones. A minute for some dozen kernels.
 *
 * @param kernels The kernels to time, such as a device with `onLaunch` reports them, those that take longest first.
 * @param options `adapter`: name for the table. `tell`: told each result. `webgpu`: how to open the device.
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
  options: {
    readonly adapter: string;
    readonly tell?: (result: TuningResult) => void;
    readonly webgpu?: WebgpuOptions;
  },
): Promise<TuningTable> {
  requireOptions("tuneWebgpu", options, { adapter: true, tell: true, webgpu: true });
  const { adapter, tell = () => {}, webgpu = {} } = options;
  const core = await openCore({ ...webgpu, onLaunch: () => {} }); // asks for timestamps
  try {
    const results = await tuneTiles(core, kernels, tell);
    const found = results.flatMap(({ name, tile }) => tile ? [[name, tile] as const] : []);
    return { adapter, tiles: Object.fromEntries(found) };
  } finally {
    closeCore(core);
  }
}

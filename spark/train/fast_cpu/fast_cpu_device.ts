/**
 * A cpu device in a process of its own, whose engine computes twice as fast.
 *
 * ```ts
 * import { fastCpuDevice } from "@tessera/tessera/fast";
 * import { setDefaultDevice } from "@tessera/tessera/tensor";
 *
 * const { device } = await fastCpuDevice();
 * setDefaultDevice(device);
 * ```
 *
 * @module
 */
import { CPU_OPTIONS, cpuDeviceOn, type CpuOptions } from "../../../tensor/devices/cpu/cpu_device.ts";
import type { Device } from "../../../tensor/mod.ts";
import { requireOptions } from "../../../tensor/errors.ts";
import { processEngine } from "./process_engine.ts";

export { kernelCache } from "./kernel_cache.ts";
export type { KernelStore } from "../../../tensor/devices/cpu/runtime/assemble.ts";

/** Settings of a cpu device in a process of its own. */
export type FastCpuOptions = Omit<CpuOptions, "tiles" | "onLaunch">;

/** What `fastCpuDevice` opens. */
export interface FastCpu {
  /** The device. */
  readonly device: Device;
  /** True if the engine joins vectors; if not, it is as fast as that of `cpuDevice`. */
  readonly wide: boolean;
  /** Number of the process, whose memory is that of the tensors. */
  readonly pid: number;
}

/**
 * Opens a cpu device whose kernels run in a process of their own: one that joins neighbouring vectors of 128 bits to such of
 * 256, and computes products of matrices about twice as fast. Results are those of `cpuDevice` to the bit.
 *
 * The process is started without the checks of addresses that keep V8 from joining vectors. It reads no file and runs no
 * kernel but those of this library; texts of a `customKernel` are refused. Needs permission to run Deno.
 *
 * @param options As of `cpuDevice`, but for `tiles`, which are found out by a trial, and `onLaunch`, as nothing here sees launches.
 * @returns The device, and what is known of the process. It ends with `close`, or with this one.
 * @throws {DeviceError} If the process cannot be started.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { add, tensor } from "@tessera/tessera/tensor";
 * import { fastCpuDevice } from "@tessera/tessera/fast";
 *
 * const { device } = await fastCpuDevice({ threads: 1 });
 * equal(await add(tensor(1), 2).item({ device }), 3);
 * device.close();
 * ```
 */
export async function fastCpuDevice(options: FastCpuOptions = {}): Promise<FastCpu> {
  const { tiles: _tiles, onLaunch: _onLaunch, ...known } = CPU_OPTIONS;
  requireOptions("fastCpuDevice", options, known);
  const { engine, tiles, pid } = await processEngine(options.threads ?? navigator.hardwareConcurrency, options.kernels);
  return { device: cpuDeviceOn(engine, { ...options, tiles, ownKernels: true }), wide: tiles === "6x16", pid };
}

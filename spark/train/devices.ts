import { cpuDevice, type Device, openDevice } from "../../tensor/mod.ts";
import { adapterHere } from "../../tensor/kernel.ts";
import { fastCpuDevice } from "./fast_cpu/fast_cpu_device.ts";
import { kernelCache } from "./fast_cpu/kernel_cache.ts";
import { chooseTuning, writeTuning } from "./tuning_file.ts";

/** Adapters that compute on the processor: the cpu device is faster there. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|software|basic render/i;

/** True if there is a WebGPU adapter that is a piece of hardware. */
async function hasHardwareAdapter(): Promise<boolean> {
  // Without it the driver's loader complains on stderr, even where it needs none.
  if (Deno.build.os === "linux" && !Deno.env.get("XDG_RUNTIME_DIR")) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
  const adapter = await globalThis.navigator?.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return false;
  const { description, device, vendor, architecture, isFallbackAdapter } = adapter.info;
  return !isFallbackAdapter && !SOFTWARE.test([description, device, vendor, architecture].join(" "));
}

/** What a run may use of the machine. */
export interface RunMachine {
  /** Value of `--threads`, for cpu. */
  readonly threads?: number | undefined;
  /** Value of `--fast`, for cpu. */
  readonly fast?: boolean | undefined;
  /** True to keep assembled kernels of the cpu device in the cache folder of the user, and take them from there. */
  readonly keepsKernels?: boolean;
  /** Told what is other than was asked for. */
  readonly say?: (line: string) => void;
}

/**
 * Opens the device of a run.
 *
 * @param name `auto`, `cpu`, `webgpu` or `reference`. `auto` is webgpu where there is a hardware adapter, else cpu.
 * @param options `tuning`: value of `--tuning`. `kept`: file in the run folder for the tiles that webgpu uses; empty:
 * none. `precision`: value of `--precision`, f32 if not given; and the machine.
 * @returns The device.
 * @throws {RangeError} If `f16` is asked for on another device than webgpu, or `fast` on another than cpu.
 * @throws {DeviceError} If it cannot be opened, or float16 does not work there.
 */
async function openRunDevice(
  name: string,
  { tuning, kept, precision = "f32", ...machine }: RunMachine & {
    readonly tuning?: string | undefined;
    readonly kept: string;
    readonly precision?: "f32" | "f16";
  },
): Promise<Device> {
  const chosen = name !== "auto" ? name : await hasHardwareAdapter() ? "webgpu" : "cpu";
  if (machine.fast && chosen !== "cpu") {
    throw new RangeError(`Cannot compute with --fast as --device must be cpu: current device is ${chosen}`);
  }
  if (chosen !== "webgpu") {
    if (precision === "f32") return chosen === "cpu" ? await openCpu(machine) : await openDevice(chosen);
    throw new RangeError(
      `Cannot keep activations as f16 as --device must be webgpu: current device is ${chosen}; take webgpu, or f32 in a new run`,
    );
  }
  const table = chooseTuning(tuning, kept, await adapterHere());
  const device = await openDevice(chosen, { tuning: table, precision });
  if (kept !== "") writeTuning(kept, table); // a run that goes on keeps to its tiles, and so to its bits
  return device;
}

/** Share of the machine's memory that a cpu device may have: the state is copied where it is saved, and images are decoded. */
const SHARE = 3 / 4;

/**
 * How much memory the cpu device of a run may have.
 *
 * @param total Bytes that the machine has.
 * @returns 4 GiB, and more where that is no more than three quarters of it; 16 GiB at most.
 */
export function cpuBytes(total: number = Deno.systemMemoryInfo().total): number {
  return Math.min(2 ** 34, Math.max(2 ** 32, Math.floor(SHARE * total)));
}

async function openCpu({ threads, fast = false, keepsKernels = false, say }: RunMachine): Promise<Device> {
  const settings = {
    maxBytes: cpuBytes(),
    ...threads !== undefined && { threads },
    ...keepsKernels && { kernels: kernelCache() },
  };
  if (!fast) return cpuDevice(settings);
  const { device, wide } = await fastCpuDevice(settings);
  if (!wide) say?.("--fast: the engine did not join vectors in a trial; the run is as fast as without it");
  return device;
}

/**
 * Opens the device of a run, and closes it after the run.
 *
 * @param name As of `openRunDevice`.
 * @param options As of `openRunDevice`.
 * @param run What computes there.
 * @returns Its result.
 */
export async function onRunDevice<T>(
  name: string | undefined,
  options: Parameters<typeof openRunDevice>[1],
  run: (device: Device) => Promise<T>,
): Promise<T> {
  const device = await openRunDevice(name ?? "auto", options);
  try {
    return await run(device);
  } finally {
    device.close();
  }
}

/**
 * Writes a number of bytes.
 *
 * @param count Bytes.
 * @returns Such as `1.25 GiB`.
 */
export function bytes(count: number): string {
  const unit = count >= 2 ** 30 ? ["GiB", 2 ** 30] as const : ["MiB", 2 ** 20] as const;
  return `${(count / unit[1]).toFixed(count >= 100 * unit[1] ? 0 : 2)} ${unit[0]}`;
}

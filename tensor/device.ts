import { DeviceError, requireKind } from "./errors.ts";
import type { Tensor } from "./tensor.ts";
import type { TensorSpec, TypedArray } from "./spec.ts";

/** Device memory that holds the values of one tensor. */
export interface DeviceBuffer {
  /** Where it lies. */
  readonly device: Device;
  /** Shape and dtype of the values. */
  readonly spec: TensorSpec;
  /** Gives the memory back. A second call does nothing; reading afterwards throws `DeviceError`. */
  free(): void;
  /** Values without waiting, on devices whose memory the host can see. */
  peek?(): TypedArray | undefined;
}

/** A program compiled for a device: the same launches at every call. */
export interface Executable {
  /**
   * Runs the program.
   *
   * @param inputs Leaves with values (host or buffers of this device), in the order of the program's inputs. Donated buffers are taken over.
   * @returns One buffer per output of the program. Returns when the work is queued; reading waits for it.
   */
  run(inputs: readonly Tensor[]): readonly DeviceBuffer[];
  /** What the program needs, known before it runs. */
  readonly stats: ExecutableStats;
  /** Makes ready what the first run would otherwise make while it runs, such as pipelines, side by side. */
  ready?(): Promise<void>;
}

/** What an executable costs. */
export interface ExecutableStats {
  /** Bytes of inputs, outputs and the memory plan together. */
  readonly plannedBytes: number;
  /** Launches in one run. */
  readonly launches: number;
  /** Floating point operations of all matrix products and convolutions in one run, a multiply-add being two. */
  readonly flops: number;
}

/** What a device has done since it was opened. */
export interface DeviceCounters {
  /** Times that commands were handed to the device; a replayed program is one. */
  readonly submits: number;
  /** Launches of kernels. */
  readonly launches: number;
  /** Tensors that were read by the host. */
  readonly readBacks: number;
  /** Times that the host waited for the device without reading. */
  readonly waits: number;
  /** Bytes of device memory that exist now, in use or kept for later. */
  readonly bytes: number;
}

/** A traced function: placeholders, results, and which placeholders may be overwritten. */
export interface Program {
  /** Placeholders, in call order. */
  readonly inputs: readonly Tensor[];
  /** Results; each depends on placeholders and on leaves. */
  readonly outputs: readonly Tensor[];
  /** Positions of inputs whose memory may be taken for outputs of the same spec. */
  readonly donated: ReadonlySet<number>;
}

/** Where programs run. */
export interface Device {
  /** `reference`, `cpu` or `webgpu`. */
  readonly name: string;
  /** Bytes that all of a program must fit into, where that is known. */
  readonly maxBytes?: number;
  /** Compiles a traced function. Leaves with values inside it are bound once. */
  compile(program: Program): Executable;
  /** Computes tensors that are not traced, in one program. */
  evaluate(tensors: readonly Tensor[]): readonly DeviceBuffer[];
  /** Copies values to the host, when they are computed. */
  read(buffer: DeviceBuffer): Promise<TypedArray>;
  /** Waits until all queued work is done. */
  synchronize(): Promise<void>;
  /** Waits until queued work is on its way to where it is done, on devices of which that is another process: it then goes on there. */
  flush?(): Promise<void>;
  /** What was done so far, on devices that count. */
  counters?(): DeviceCounters;
  /** Ends workers and releases memory. */
  close(): void;
}

/** Opens a device with settings of its kind. */
export type DeviceOpener = (options?: Readonly<Record<string, unknown>>) => Device | Promise<Device>;

/** The default device and the ways to open one. State of the process, as documented at `setDefaultDevice`. */
const registry: { device: Device | null; readonly openers: Map<string, DeviceOpener> } = {
  device: null,
  openers: new Map(),
};

/**
 * Names a way to open a device, for `openDevice`.
 *
 * @param name What users write after `--device`.
 * @param open Opens it; throws `DeviceError` if it cannot.
 */
export function registerDevice(name: string, open: DeviceOpener): void {
  registry.openers.set(name, open);
}

/**
 * Opens a device by name.
 *
 * @param name `reference`, `cpu` or `webgpu`.
 * @param options Settings as of `cpuDevice` or `webgpuDevice`.
 * @returns The device; the caller closes it.
 * @throws {RangeError} If there is no device of that name.
 * @throws {DeviceError} If it cannot be opened here, with what to install.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { openDevice } from "@tessera/tessera/tensor";
 *
 * equal((await openDevice("reference")).name, "reference");
 * ```
 */
export async function openDevice(name: string, options?: Readonly<Record<string, unknown>>): Promise<Device> {
  const open = registry.openers.get(name);
  if (!open) {
    const names = [...registry.openers.keys()].join(", ");
    throw new RangeError(`Cannot open a device as its name must be one of ${names}: current name is ${name}`);
  }
  return await open(options);
}

/**
 * Chooses the device of every computation that names none. The one setting of the process.
 *
 * @param device An open device.
 * @throws {TypeError} If it is none, such as the name of one.
 */
export function setDefaultDevice(device: Device): void {
  requireDevice("setDefaultDevice", device);
  registry.device = device;
}

/** Refuses what is no device, such as the name of one. */
export function requireDevice(operation: string, device: unknown): asserts device is Device {
  const given = device as Partial<Device> | null | undefined;
  const fits = typeof given?.evaluate === "function" && typeof given.compile === "function";
  requireKind(operation, "device", device, fits, 'an open one, such as await openDevice("cpu")');
}

/** The device that is named, checked; the default one if none is. */
export function deviceOf(operation: string, device: Device | undefined): Device {
  if (device === undefined) return defaultDevice();
  requireDevice(operation, device);
  return device;
}

/**
 * The device of computations that name none: the one set, else `cpu`, opened at the first use.
 *
 * @returns An open device.
 * @throws {DeviceError} If none was set and only `@tessera/tessera/core`, which has no cpu device, was imported.
 */
export function defaultDevice(): Device {
  if (registry.device) return registry.device;
  const open = registry.openers.get("cpu");
  if (open) return registry.device = open() as Device;
  throw new DeviceError(
    "cpu",
    "Cannot compute as a device must be chosen where there is no cpu device: current choice is none; " +
      "setDefaultDevice(await webgpuDevice()), or import @tessera/tessera/tensor",
  );
}

/** @file A cpu device whose first memory is small, and full: what is put there now lies in the second one. */
import { cpuDeviceOn } from "../../tensor/devices/cpu/cpu_device.ts";
import type { Engine } from "../../tensor/devices/cpu/runtime/engine.ts";
import { memoryOf } from "../../tensor/devices/cpu/runtime/heap.ts";
import type { BlockBuffer } from "../../tensor/compiler/bindings.ts";
import type { Block } from "../../tensor/devices/cpu/runtime/blocks.ts";
import { bufferOf } from "../../tensor/tensor.ts";
import { type Device, type Tensor, tensor, toDevice } from "../../tensor/mod.ts";

const MIB = 2 ** 20;

/** A device, and what fills its first memory. */
export interface CrowdedDevice {
  readonly device: Device;
  /** Fills what is free of the first memory, until `clear`. */
  fill(): Promise<void>;
  /** Gives back what filled it. */
  clear(): void;
  /** Puts tensors on the device: those at odd positions beside the first memory. */
  spread(tensors: readonly Tensor[]): Promise<readonly Tensor[]>;
}

/**
 * Number of the memory that holds a tensor.
 *
 * @param x Computed on a cpu device.
 * @returns 0 for the first.
 */
export function memoryOfTensor(x: Tensor): number {
  return memoryOf((bufferOf(x) as BlockBuffer<Block>).block.address);
}

/**
 * Opens a device.
 *
 * @param engine What computes.
 * @param nearBytes Of the first memory.
 * @returns The device, whose first memory is not filled yet.
 */
export function crowdedDevice(engine: Engine, nearBytes: number = 8 * MIB): CrowdedDevice {
  const device = cpuDeviceOn(engine, { nearBytes, maxBytes: 2 ** 32, tiles: "4x8" });
  const fillers: Tensor[] = [];
  const put = (bytes: number) => toDevice(tensor(new Float32Array(bytes / 4)), device);
  const fill = async () => {
    for (let bytes = nearBytes / 2; bytes >= 64;) {
      const filler = await put(bytes);
      if (memoryOfTensor(filler) === 0) fillers.push(filler);
      else {
        filler[Symbol.dispose]();
        bytes /= 2;
      }
    }
  };
  const clear = () => fillers.splice(0).forEach((filler) => filler[Symbol.dispose]());
  return {
    device,
    fill,
    clear,
    async spread(tensors) {
      clear();
      const near = await Promise.all(tensors.map((x, i) => i % 2 === 0 ? toDevice(x, device) : x));
      await fill();
      return await Promise.all(near.map((x) => toDevice(x, device)));
    },
  };
}

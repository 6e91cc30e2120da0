/** @file A cpu device whose first memory is small, and full: what is put there now lies in the second one. */
import type { BlockBuffer } from "../../tensor/compiler/bindings.ts";
import { cpuDeviceOn } from "../../tensor/devices/cpu/cpu_device.ts";
import type { Block } from "../../tensor/devices/cpu/runtime/blocks.ts";
import type { Engine } from "../../tensor/devices/cpu/runtime/engine.ts";
import type { KernelStore } from "../../tensor/devices/cpu/runtime/assemble.ts";
import { memoryOf } from "../../tensor/devices/cpu/runtime/heap.ts";
import { type Device, type Tensor, tensor, toDevice } from "../../tensor/mod.ts";
import { bufferOf, realize } from "../../tensor/tensor.ts";

/** A device, and what fills its first memory. */
export interface CrowdedDevice {
  readonly device: Device;
  /** Fills what is free of the first memory. */
  fill(): void;
  /** Puts small tensors on the device, those at odd positions beside the first memory, which is full then. */
  spread(tensors: readonly Tensor[]): Promise<readonly Tensor[]>;
}

const memoryOfBuffer = (buffer: unknown) => memoryOf((buffer as BlockBuffer<Block>).block.address);

/**
 * Number of the memory that holds a tensor.
 *
 * @param x Computed on a cpu device.
 * @returns 0 for the first.
 */
export function memoryOfTensor(x: Tensor): number {
  return memoryOfBuffer(bufferOf(x));
}

/**
 * Opens a device.
 *
 * @param engine What computes.
 * @param nearBytes Of the first memory.
 * @param kernels Where kernels and programs of any size are kept, if anywhere.
 * @returns The device, whose first memory is not filled yet.
 */
export function crowdedDevice(engine: Engine, nearBytes: number = 2 ** 23, kernels?: KernelStore): CrowdedDevice {
  const stored = kernels && { kernels, keptNodes: 0 };
  const device = cpuDeviceOn(engine, { nearBytes, maxBytes: 2 ** 32, tiles: "4x8", ...stored });
  const fillers: { free(): void }[] = [];
  const fill = () => {
    for (let bytes = nearBytes / 2; bytes >= 64;) {
      const [filler] = realize([tensor(new Float32Array(bytes / 4))], device);
      if (memoryOfBuffer(filler) === 0) fillers.push(filler!);
      else {
        filler!.free();
        bytes /= 2;
      }
    }
  };
  return {
    device,
    fill,
    async spread(tensors) {
      fillers.splice(0).forEach((filler) => filler.free());
      const near = await Promise.all(tensors.map((x, i) => i % 2 === 0 ? toDevice(x, device) : x));
      fill();
      return await Promise.all(near.map((x) => toDevice(x, device)));
    },
  };
}

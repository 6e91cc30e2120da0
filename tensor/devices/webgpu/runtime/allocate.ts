/** @file Device memory, with what goes wrong reported. */
import { HOW_MEMORY_COMES_BACK } from "../../../compiler/pressure.ts";

/** What is called when memory was refused, with a message for the user. */
export type Refused = (message: string) => void;

/**
 * Makes a buffer. The device tells later whether there was memory for it: until then it may be used like any other.
 *
 * @param gpu Where it lies.
 * @param descriptor Size and usage.
 * @param refused Called if there was none; the buffer holds nothing then.
 * @returns The buffer.
 */
export function allocate(gpu: GPUDevice, descriptor: GPUBufferDescriptor, refused: Refused): GPUBuffer {
  gpu.pushErrorScope("out-of-memory");
  const buffer = gpu.createBuffer(descriptor);
  gpu.popErrorScope().then((error) => {
    if (!error) return;
    const mib = Math.ceil(descriptor.size / 2 ** 20);
    refused(
      `Cannot allocate on webgpu as the device must have memory left: current request is ${mib} MiB; ` +
        `${HOW_MEMORY_COMES_BACK}, or close other programs that use the GPU (${error.message})`,
    );
  }, () => {}); // a lost device is reported by the next call
  return buffer;
}

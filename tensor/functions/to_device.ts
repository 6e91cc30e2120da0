import type { Device } from "../device.ts";
import { bufferOf, leaf, realize, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";

/**
 * Moves a tensor to a device: computes it where it lies, reads it, and writes it there.
 *
 * @param x Any tensor that is not traced.
 * @param device Where its values are to lie.
 * @returns A tensor of the same values on the device; `x` itself if it lies there.
 * @throws {TypeError} If the tensor is traced: inside `jit` there are no values.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { add, cpuDevice, referenceDevice, tensor, toDevice } from "@tessera/tessera/tensor";
 *
 * const here = await toDevice(tensor([1]), referenceDevice());
 * const device = cpuDevice(); // not the default device, which is another one on the cpu
 * using there = await toDevice(here, device);
 * equal(await add(there, 1).item({ device }), 2);
 * ```
 */
export async function toDevice(x: Tensor, device: Device): Promise<Tensor> {
  requireTensor("toDevice", "x", x);
  if (bufferOf(x)?.device === device) return x;
  const spec = { shape: x.shape, dtype: x.dtype };
  const [buffer] = realize([leaf(spec, { host: await x.data() })], device);
  return leaf(spec, { buffer: buffer! });
}

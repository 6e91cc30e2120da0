import { type Device, requireDevice } from "../device.ts";
import { bufferOf, leaf, realize, Tensor } from "../tensor.ts";
import { requireTree, treeFlatten, treeUnflatten } from "../tree.ts";

/**
 * Moves a tensor, or all tensors of a tree, to a device: computes them where they lie, reads them, and writes them there.
 *
 * @param tree A tensor that is not traced, or a tree of such; other leaves stay as they are.
 * @param device Where the values are to lie.
 * @returns A tree of the same values on the device; what lies there already is itself.
 * @throws {TypeError} If a tensor is traced: inside `jit` there are no values; if something else is given than a tree or device.
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
export async function toDevice<T>(tree: T, device: Device): Promise<T> {
  requireDevice("toDevice", device);
  requireTree("toDevice", tree);
  const { leaves, structure } = treeFlatten<unknown>(tree);
  const moved = await Promise.all(leaves.map((x) => x instanceof Tensor ? moveOne(x, device) : x));
  return treeUnflatten(structure, moved) as T;
}

async function moveOne(x: Tensor, device: Device): Promise<Tensor> {
  if (bufferOf(x)?.device === device) return x;
  const spec = { shape: x.shape, dtype: x.dtype };
  const [buffer] = realize([leaf(spec, { host: await x.data() })], device);
  return leaf(spec, { buffer: buffer! });
}

import { type Device, deviceOf } from "../../device.ts";
import { requireOptions } from "../../errors.ts";
import { realize, Tensor } from "../../tensor.ts";
import { requireTree, treeLeaves } from "../../tree.ts";

/**
 * Computes all tensors of a tree in one program, and waits for it.
 *
 * @param tree Any tree; leaves that are no tensors stay as they are.
 * @param options `device`: where to compute; the default device if not named.
 * @returns The tree itself: its tensors are values now.
 * @throws {TypeError} If a tensor is traced: inside `jit` there are no values; if something else is given than a tree.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { add, evaluate, mul, tensor } from "@tessera/tessera/tensor";
 *
 * const { sum } = await evaluate({ sum: add(tensor(1), 2), product: mul(tensor(3), 4) });
 * equal(await sum.item(), 3);
 * ```
 */
export async function evaluate<T>(tree: T, options: { readonly device?: Device } = {}): Promise<T> {
  requireOptions("evaluate", options, { device: true });
  const device = deviceOf("evaluate", options.device);
  requireTree("evaluate", tree);
  realize(treeLeaves<unknown>(tree).filter((x) => x instanceof Tensor), device);
  await device.synchronize();
  return tree;
}

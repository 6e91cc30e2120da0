import { type Device, deviceOf } from "../../device.ts";
import { requireFunction, requireOptions } from "../../errors.ts";
import { leafSource } from "../../tensor.ts";
import { treeLeaves } from "../../tree.ts";
import { isDifferentiable } from "../../transform/arguments.ts";
import { runInside } from "../../transform/running.ts";
import { firstNotFinite } from "../first_not_finite.ts";
import { evaluate } from "./evaluate.ts";

/** Settings of `debugNans`. */
export interface DebugNansOptions {
  /** True to refuse infinities too; false by default. */
  readonly infinities?: boolean;
  /** Where to compute; the default device if not named. */
  readonly device?: Device;
}

/**
 * Makes a function that finds where NaN comes from: it runs without `jit`, and if a result holds NaN everything is computed
 * once more with a look at each operation. As JAX's `jax_debug_nans`, for one function.
 *
 * @param f Any function that returns a tree of tensors; jitted functions inside are taken apart. A gradient is looked into by
 * `debugNans(grad(f))`.
 * @param options Whether infinities count, and where to compute.
 * @returns The same function, which waits for its results.
 * @throws {RangeError} By that function, if a result holds NaN, naming the operation that made it of numbers, with the shapes.
 *
 * @example Usage
 * ```ts
 * import { rejects } from "node:assert/strict";
 * import { debugNans, log, mul, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * await rejects(debugNans((x: Tensor) => mul(log(x), 2))(tensor([1, -1])), /current origin is log/);
 * ```
 */
export function debugNans<Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  options: DebugNansOptions = {},
): (...args: Args) => Promise<R> {
  requireOptions("debugNans", options, { infinities: true, device: true });
  requireFunction("debugNans", "f", f);
  const { infinities = false } = options;
  return async (...args) => {
    const device = deviceOf("debugNans", options.device);
    const result = runInside([], () => f(...args));
    const outputs = treeLeaves<unknown>(result).filter(isDifferentiable);
    const origin = await firstNotFinite(outputs, { device, infinities });
    if (!origin) return (await evaluate([result], { device }))[0]!;
    const given = leafSource(origin) !== undefined;
    const made = given
      ? "a value that was given"
      : `${origin.primitive.name} of ${origin.inputs.map(({ shape }) => `[${shape}]`).join(" and ")}`;
    throw new RangeError(
      `Cannot go on as results must ${infinities ? "be finite" : "hold no NaN"}: current origin is ${made}, a tensor ` +
        `${origin.dtype} [${origin.shape}]`,
    );
  };
}

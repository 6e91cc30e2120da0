/** @file Functions with a pullback of their own. */
import { requireFunction, requireKind, shown } from "../errors.ts";
import { constant } from "../primitives/constant.ts";
import { identity, withBackward } from "../primitives/identity.ts";
import { nextSequence, Tensor } from "../tensor.ts";
import { treeFlatten, treeUnflatten } from "../tree.ts";
import { capturedBy } from "./running.ts";

function refuseCaptured(outputs: readonly Tensor[], operands: readonly Tensor[], since: number): void {
  const [captured] = capturedBy(outputs, operands, since);
  if (!captured) return;
  throw new TypeError(
    "Cannot customVjp as every differentiated tensor that the function uses must be an argument, or its gradient would be " +
      `lost: current capture is a tensor of shape [${captured.shape}] made by ${captured.primitive.name}; pass it, or ` +
      "use stopGradient",
  );
}

/**
 * Gives a function a pullback of its own.
 *
 * @param f A function of tensors (or `null`) that returns a tensor or a tree of tensors. What it uses and is to be
 * differentiated must be among its arguments.
 * @param backward From the arguments, the output and the cotangent of the output (its structure, zeros where nothing
 * flows) to one cotangent per argument, `null` for zero. Built of tensor functions, so it can be differentiated again.
 * @returns The same function, with that pullback.
 * @throws {TypeError} By that function, if an argument is neither tensor nor `null`, or if `f` uses a tensor that is being
 * differentiated and was not passed; when it is differentiated, if `backward` gives no cotangent or `null` for each argument,
 * of its shape and dtype.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { customVjp, grad, mul, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const halved = customVjp((x: Tensor) => mul(x, 1), (_args, _output, cotangent) => [mul(cotangent, 0.5)]);
 * equal(await grad(halved)(tensor(1)).item(), 0.5);
 * ```
 */
export function customVjp<Args extends readonly (Tensor | null)[], Output>(
  f: (...args: Args) => Output,
  backward: (args: Args, output: Output, cotangent: Output) => readonly (Tensor | null)[],
): (...args: Args) => Output {
  requireFunction("customVjp", "f", f);
  requireFunction("customVjp", "backward", backward);
  return (...args) => {
    args.forEach((arg, i) => {
      if (arg === null || arg instanceof Tensor) return;
      throw new TypeError(
        `Cannot customVjp as arguments must be tensors or null: current argument ${i} is ${shown(arg)}`,
      );
    });
    const operands = args.filter((arg) => arg !== null);
    const apart = args.map((arg) => arg && identity(arg)) as unknown as Args; // told apart from what `f` captures
    const since = nextSequence();
    const output = f(...apart);
    const { leaves, structure } = treeFlatten<unknown>(output);
    refuseCaptured(leaves.filter((leaf) => leaf instanceof Tensor), apart.filter((arg) => arg !== null), since);
    // One node per output leaf: by linearity the pullback of each may be taken alone, the others' cotangents zero.
    const wrapped = leaves.map((leaf, i) =>
      !(leaf instanceof Tensor) ? leaf : withBackward(leaf, operands, (cotangent) => {
        const all = leaves.map((x, j) => i === j ? cotangent : x instanceof Tensor ? constant(x.shape, 0, x.dtype) : x);
        const parts = backward(args, output, treeUnflatten(structure, all) as Output);
        const fits = Array.isArray(parts) && parts.length === args.length;
        requireKind("customVjp", "what backward gives", parts, fits, `a list of ${args.length}, one for each argument`);
        return parts.filter((_, k) => args[k] !== null);
      })
    );
    return treeUnflatten(structure, wrapped) as Output;
  };
}

/** @file Views that change nothing but what gradients see. */
import type { Primitive } from "../primitive.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { spread } from "./batching/spread.ts";

function identityLike<P extends object>(
  name: string,
  vjpRule: Primitive<P>["vjpRule"],
  opaque: { readonly opaque?: true } = {},
): Primitive<P> {
  const primitive: Primitive<P> = {
    name,
    shapeRule: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
    reference: ([x]) => x!.data,
    vjpRule,
    batchRule: (batch, params) => bind(primitive, spread(batch), params),
    lowering: { kind: "view", ...opaque, view: (_, output) => ({ move: "reshape", shape: output.shape }) },
  };
  return primitive;
}

/** A tensor under another name: the arguments of a differentiated function, told apart from what it captures. */
const IDENTITY: Primitive = /* @__PURE__ */ identityLike("identity", (cotangent) => [cotangent]);

/** A constant to gradients. */
const STOP_GRADIENT: Primitive = /* @__PURE__ */ identityLike("stopGradient", () => [null]);

/** Input 0, with a pullback to the further inputs that its maker wrote. */
export interface CustomVjpParams {
  /** From the cotangent of the output to those of the further inputs. */
  readonly backward: (cotangent: Tensor) => readonly (Tensor | null)[];
}

const CUSTOM_VJP: Primitive<CustomVjpParams> = /* @__PURE__ */ identityLike(
  "customVjp",
  (cotangent, _, { backward }) => [
    null,
    ...backward(cotangent),
  ],
);

/**
 * Gives a tensor a second identity.
 *
 * @param x Any tensor.
 * @returns A tensor of the same values.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { identity, ones } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(identity(ones([2])).shape, [2]);
 * ```
 */
export function identity(x: Tensor): Tensor {
  requireTensor("identity", "x", x);
  return bind(IDENTITY, [x], {});
}

/**
 * Cuts the gradient: the result is a constant to every transformation.
 *
 * @param x Any tensor.
 * @returns A tensor of the same values, through which no cotangent flows.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { grad, mul, stopGradient, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const derivative = grad((x: Tensor) => mul(stopGradient(x), x))(tensor(3));
 * deepStrictEqual(await derivative.item(), 3);
 * ```
 */
export function stopGradient(x: Tensor): Tensor {
  requireTensor("stopGradient", "x", x);
  return bind(STOP_GRADIENT, [x], {});
}

/** True of the result of `stopGradient`. */
export function isConstantToGradients(x: Tensor): boolean {
  return x.primitive === STOP_GRADIENT;
}

/** Attaches a pullback to `y`; see `customVjp`. */
export function withBackward(y: Tensor, inputs: readonly Tensor[], backward: CustomVjpParams["backward"]): Tensor {
  return bind(CUSTOM_VJP, [y, ...inputs], { backward });
}

/** The pullback that was attached to a tensor; `null` if it has none of its own. */
export function backwardOf(x: Tensor): CustomVjpParams["backward"] | null {
  return x.primitive === CUSTOM_VJP as unknown as Primitive ? (x.params as CustomVjpParams).backward : null;
}

const RECOMPUTED: Primitive = /* @__PURE__ */ identityLike(
  "recomputed",
  (cotangent) => [cotangent],
  { opaque: true },
);

/** A tensor that common-subexpression elimination does not see through: what is built on it is computed again. */
export function recomputed(x: Tensor): Tensor {
  return bind(RECOMPUTED, [x], {});
}

interface NamedParams {
  readonly name: string;
}

const NAMED: Primitive<NamedParams> = /* @__PURE__ */ identityLike("name", (cotangent) => [cotangent]);

/**
 * Names a value for the policies of `checkpoint`, as JAX's `checkpoint_name`; it is the same to everything else.
 *
 * @param x Any tensor.
 * @param name Its name, for `checkpointPolicies.saveOnlyTheseNames`.
 * @returns A tensor of the same values.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { checkpoint, checkpointName, checkpointPolicies, exp, grad, sin, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const f = (x: Tensor) => sin(checkpointName(exp(x), "powers"));
 * const policy = checkpointPolicies.saveOnlyTheseNames("powers");
 * equal(await grad(checkpoint(f, { policy }))(tensor(0)).item(), Math.fround(Math.cos(1)));
 * ```
 */
export function checkpointName(x: Tensor, name: string): Tensor {
  requireTensor("checkpointName", "x", x);
  return bind(NAMED, [x], { name });
}

/** The name that was given to a value; `null` if it has none. */
export function nameOf(x: Tensor): string | null {
  return x.primitive === NAMED as unknown as Primitive ? (x.params as NamedParams).name : null;
}

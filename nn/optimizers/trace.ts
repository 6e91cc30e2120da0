import { requireOptions } from "../../tensor/parts.ts";
import { add, mul } from "../../tensor/core.ts";
import { requireWithin } from "./schedule.ts";
import { type GradientTransformation, leafwise } from "./transformation.ts";

/** Options of `trace`. */
export interface TraceOptions {
  /** Share of the velocity that the next step keeps: the momentum, in [0, 1). */
  readonly decay: number;
  /** True: the step looks ahead along the velocity, as Nesterov's. Default false. */
  readonly nesterov?: boolean;
}

/**
 * Sums gradients up to a velocity, `velocity · decay + gradient`: momentum as in PyTorch without dampening, and optax's
 * `trace`. The velocity starts at 0.
 *
 * @param options Momentum.
 * @returns The transformation. It keeps the `velocity`.
 * @throws {TypeError} If a setting is no number of its range, or no schedule where it may be one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { chain, trace } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const momentum = chain(trace({ decay: 0.5 }));
 * const [params, gradients] = [{ w: tensor(0) }, { w: tensor(1) }];
 * const [, state] = momentum.update(gradients, momentum.init(params), params);
 * equal(await momentum.update(gradients, state, params)[0].w.item(), 1.5);
 * ```
 */
export function trace(options: TraceOptions): GradientTransformation {
  requireOptions("trace", options, { decay: true, nesterov: true });
  const { decay, nesterov = false } = options;
  requireWithin("trace", { decay });
  return leafwise(["velocity"], ({ update, kept }) => {
    const velocity = add(mul(kept.velocity!, decay), update);
    return { update: nesterov ? add(update, mul(velocity, decay)) : velocity, kept: { velocity } };
  });
}

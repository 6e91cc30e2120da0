/** @file The usual schedules, with optax's names and formulas: functions of the steps done. */
import { requireOptions } from "../../tensor/parts.ts";
import {
  add,
  cast,
  clip,
  exp,
  floor,
  full,
  greaterEqual,
  less,
  maximum,
  minimum,
  mul,
  pow,
  sub,
  type Tensor,
  where,
} from "../../tensor/core.ts";
import { cosine, requireFinite, type Schedule } from "./schedule.ts";

function requireSteps(name: string, steps: number): void {
  if (Number.isFinite(steps) && steps > 0) return;
  throw new RangeError(`Cannot make ${name} as its steps must be positive: current number of steps is ${steps}`);
}

/** Share of `steps` that are done after `begin`, in [0, 1], float32. */
function progress(step: Tensor, steps: number, begin: number): Tensor {
  return clip(mul(sub(cast(step, "float32"), begin), 1 / steps), 0, 1);
}

/**
 * One rate for ever.
 *
 * @param value The rate.
 * @returns The schedule.
 * @throws {TypeError} If a setting is no finite number.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { constantSchedule } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal(await constantSchedule(0.5)(tensor(7, { dtype: "int32" })).item(), 0.5);
 * ```
 */
export function constantSchedule(value: number): Schedule {
  requireFinite("constantSchedule", { value });
  return () => full([], value);
}

/** Options of `polynomialSchedule`. */
export interface PolynomialOptions {
  /** Rate at the beginning. */
  readonly start: number;
  /** Rate at the end, where it stays. */
  readonly end: number;
  /** Steps from the one to the other. */
  readonly steps: number;
  /** Exponent: 1, if not given, is a straight line. */
  readonly power?: number;
  /** Steps before it begins; 0 if not given. */
  readonly begin?: number;
}

/**
 * From one rate to another by a power of what is left: `end + (start - end) · (1 - done)^power`, as optax's
 * `polynomial_schedule` and PyTorch's `PolynomialLR`. With power 1 it is a line.
 *
 * @param options Rates, length in steps, power.
 * @returns The schedule.
 * @throws {RangeError} If the steps are not positive.
 * @throws {TypeError} If a setting is no finite number.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { polynomialSchedule } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rate = polynomialSchedule({ start: 1, end: 0, steps: 10, power: 2 });
 * equal(await rate(tensor(5, { dtype: "int32" })).item(), 0.25);
 * ```
 */
export function polynomialSchedule(options: PolynomialOptions): Schedule {
  requireOptions("polynomialSchedule", options, { start: true, end: true, steps: true, power: true, begin: true });
  const { start, end, steps, power = 1, begin = 0 } = options;
  requireFinite("polynomialSchedule", { start, end, power, begin });
  requireSteps("polynomialSchedule", steps);
  return (step) => {
    const left = sub(1, progress(step, steps, begin));
    return add(mul(power === 1 ? left : pow(left, power), start - end), end);
  };
}

/** Options of `exponentialSchedule`. */
export interface ExponentialOptions {
  /** Rate at the beginning. */
  readonly start: number;
  /** Factor of every `steps` steps, positive. */
  readonly factor: number;
  /** Steps after which the rate has been multiplied once; 1 if not given. */
  readonly steps?: number;
  /** True: the rate falls in stairs, once every `steps`. Default false. */
  readonly staircase?: boolean;
  /** Steps before it begins; 0 if not given. */
  readonly begin?: number;
  /** The rate does not pass this one; no bound if not given. */
  readonly bound?: number;
}

/**
 * A rate that is multiplied by a factor every so many steps, `start · factor^(done / steps)`, as optax's
 * `exponential_decay` and PyTorch's `ExponentialLR`.
 *
 * @param options Rate, factor, steps, stairs, bound.
 * @returns The schedule.
 * @throws {RangeError} If the steps or the factor are not positive.
 * @throws {TypeError} If a setting is no finite number.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { exponentialSchedule } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rate = exponentialSchedule({ start: 1, factor: 0.5, steps: 10, staircase: true });
 * equal((await rate(tensor(25, { dtype: "int32" })).item()).toFixed(4), "0.2500");
 * ```
 */
export function exponentialSchedule(options: ExponentialOptions): Schedule {
  requireOptions("exponentialSchedule", options, {
    ...{ start: true, factor: true, steps: true, staircase: true, begin: true, bound: true },
  });
  const { start, factor, steps = 1, staircase = false, begin = 0, bound } = options;
  requireFinite("exponentialSchedule", { start, begin, bound: bound ?? 0 });
  requireSteps("exponentialSchedule", steps);
  if (!(typeof factor === "number" && factor > 0)) {
    throw new RangeError(`Cannot make exponentialSchedule as the factor must be positive: current factor is ${factor}`);
  }
  return (step) => {
    const done = mul(maximum(sub(cast(step, "float32"), begin), 0), 1 / steps);
    const rate = mul(exp(mul(staircase ? floor(add(done, 1e-6)) : done, Math.log(factor))), start);
    return bound === undefined ? rate : factor < 1 ? maximum(rate, bound) : minimum(rate, bound);
  };
}

/**
 * A rate that is multiplied at certain steps, as optax's `piecewise_constant_schedule` and PyTorch's `MultiStepLR`.
 *
 * @param start Rate at the beginning.
 * @param scales From steps to factors: from that step on, the rate is multiplied by it.
 * @returns The schedule.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { piecewiseConstantSchedule } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rate = piecewiseConstantSchedule(1, { 30: 0.5, 60: 0.5 });
 * equal(await rate(tensor(60, { dtype: "int32" })).item(), 0.25);
 * ```
 */
export function piecewiseConstantSchedule(start: number, scales: Readonly<Record<number, number>>): Schedule {
  const steps = Object.keys(scales).map(Number);
  const bad = steps.find((step) => !Number.isInteger(step) || step < 0);
  if (bad !== undefined) {
    throw new RangeError(`Cannot make piecewiseConstantSchedule as steps must be whole: current step is ${bad}`);
  }
  return (step) =>
    steps.reduce((rate, at) => where(greaterEqual(step, at), mul(rate, scales[at]!), rate), full([], start));
}

/** Options of `cosineSchedule`. */
export interface CosineOptions {
  /** Rate at the beginning. */
  readonly start: number;
  /** Rate at the end, where it stays; 0 if not given. */
  readonly end?: number;
  /** Steps from the one to the other. */
  readonly steps: number;
  /** Steps before it begins; 0 if not given. */
  readonly begin?: number;
}

/**
 * Half a cosine from one rate to another, as optax's `cosine_decay_schedule` and PyTorch's `CosineAnnealingLR`.
 *
 * @param options Rates, and length in steps.
 * @returns The schedule.
 * @throws {RangeError} If the steps are not positive.
 * @throws {TypeError} If a setting is no finite number.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { cosineSchedule } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * equal((await cosineSchedule({ start: 1, steps: 10 })(tensor(5, { dtype: "int32" })).item()).toFixed(4), "0.5000");
 * ```
 */
export function cosineSchedule(options: CosineOptions): Schedule {
  requireOptions("cosineSchedule", options, { start: true, end: true, steps: true, begin: true });
  const { start, end = 0, steps, begin = 0 } = options;
  requireFinite("cosineSchedule", { start, end, begin });
  requireSteps("cosineSchedule", steps);
  return (step) => cosine(start, end, progress(step, steps, begin));
}

/**
 * One schedule after the other, each counted from its own beginning, as optax's `join_schedules` and PyTorch's
 * `SequentialLR`.
 *
 * @param schedules At least one.
 * @param boundaries The step at which each but the first begins, rising.
 * @returns The schedule.
 * @throws {RangeError} If the boundaries are not one fewer than the schedules, or do not rise.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { constantSchedule, joinSchedules, polynomialSchedule } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const warmup = polynomialSchedule({ start: 0, end: 1, steps: 10 });
 * const rate = joinSchedules([warmup, constantSchedule(1)], [10]);
 * equal(await rate(tensor(5, { dtype: "int32" })).item(), 0.5);
 * ```
 */
export function joinSchedules(schedules: readonly Schedule[], boundaries: readonly number[]): Schedule {
  const rises = boundaries.every((step, i) => i === 0 || step > boundaries[i - 1]!);
  if (schedules.length === 0 || boundaries.length !== schedules.length - 1 || !rises) {
    throw new RangeError(
      "Cannot join schedules as there must be a rising boundary between each two: current numbers are " +
        `${schedules.length} schedules and boundaries ${boundaries.join(", ") || "none"}`,
    );
  }
  return (step) =>
    schedules.slice(1).reduce(
      (rate, schedule, i) => where(less(step, boundaries[i]!), rate, schedule(sub(step, boundaries[i]!))),
      schedules[0]!(step),
    );
}

/** Options of `oneCycleSchedule`. */
export interface OneCycleOptions {
  /** Largest rate. */
  readonly peak: number;
  /** Steps in total. */
  readonly steps: number;
  /** Share of the steps that rise; 0.3 if not given. */
  readonly rising?: number;
  /** The peak over the first rate; 25 if not given. */
  readonly startDivisor?: number;
  /** The first rate over the last; 10,000 if not given. */
  readonly endDivisor?: number;
}

/**
 * One rise and one fall, both half a cosine (Smith 2018), as PyTorch's `OneCycleLR`: from `peak / startDivisor` at the first
 * step to the peak, and down to `peak / (startDivisor · endDivisor)` at the last.
 *
 * @param options Peak, steps, share of the rise, divisors.
 * @returns The schedule.
 * @throws {RangeError} If the rise is not a share of at least two steps.
 * @throws {TypeError} If a setting is no finite number.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { oneCycleSchedule } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rate = oneCycleSchedule({ peak: 1, steps: 10 });
 * equal((await rate(tensor(0, { dtype: "int32" })).item()).toFixed(4), "0.0400");
 * ```
 */
export function oneCycleSchedule(options: OneCycleOptions): Schedule {
  requireOptions("oneCycleSchedule", options, {
    ...{ peak: true, steps: true, rising: true, startDivisor: true, endDivisor: true },
  });
  const { peak, steps, rising = 0.3, startDivisor = 25, endDivisor = 1e4 } = options;
  requireFinite("oneCycleSchedule", { peak, steps, rising, startDivisor, endDivisor });
  const top = rising * steps - 1; // the step at the peak: it need not be whole
  if (!(top > 0 && top < steps - 1)) {
    throw new RangeError(
      `Cannot make oneCycleSchedule as its rise must be over 1 step and not all: it is ${rising * steps} of ${steps}`,
    );
  }
  const start = peak / startDivisor;
  const up = cosineSchedule({ start, end: peak, steps: top });
  const down = cosineSchedule({ start: peak, end: start / endDivisor, steps: steps - 1 - top, begin: top });
  return (step) => where(less(cast(step, "float32"), top), up(step), down(step));
}

/** @file Rates that depend on the step, as functions of a counter that lives on the device. */
import { requireKind, requireOptions } from "../../tensor/parts.ts";
import { add, cast, cos, type DType, full, less, minimum, mul, sub, type Tensor, where } from "../../tensor/core.ts";

/** From the number of steps done (int32 scalar) to a float32 scalar. */
export type Schedule = (step: Tensor) => Tensor;

/** Options of `warmupCosine`. */
export interface WarmupCosineOptions {
  /** Largest rate, at the end of the warm-up. */
  readonly peak: number;
  /** Steps of warm-up. */
  readonly warmup: number;
  /** Steps in total. */
  readonly total: number;
  /** Rate of the first step over the peak; 0.005 if not given. */
  readonly start?: number;
  /** Rate of the last step over the peak; 0.001 if not given. */
  readonly end?: number;
}

/** `to + (from - to) · (0.5 + 0.5 cos πr)`: from `from` at r = 0 to `to` at r = 1, where it stays. */
export function cosine(from: number, to: number, r: Tensor): Tensor {
  return add(mul(add(mul(cos(mul(minimum(r, 1), Math.PI)), 0.5), 0.5), from - to), to);
}

/**
 * SparK's learning rate: linear from `start · peak` over the warm-up, then half a cosine to `end · peak` at the last step,
 * where it stays.
 *
 * @param options Peak and lengths, in steps.
 * @returns The schedule.
 * @throws {RangeError} If the warm-up is not shorter than the whole.
 * @throws {TypeError} If a setting is no finite number.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { warmupCosine } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const rate = warmupCosine({ peak: 1, warmup: 20, total: 200 });
 * equal((await rate(tensor(20, { dtype: "int32" })).item()).toFixed(3), "1.000");
 * ```
 */
export function warmupCosine(options: WarmupCosineOptions): Schedule {
  requireOptions("warmupCosine", options, { peak: true, warmup: true, total: true, start: true, end: true });
  const { peak, warmup, total, start = 0.005, end = 0.001 } = options;
  requireFinite("warmupCosine", { peak, start, end });
  if (!(warmup >= 0 && total > 0 && warmup < total)) {
    throw new RangeError(
      `Cannot make a schedule as 0 <= warmup < total must hold: current warmup is ${warmup}, total is ${total}`,
    );
  }
  return (step) => {
    const t = cast(step, "float32");
    const rising = mul(add(mul(t, (1 - start) / Math.max(warmup, 1)), start), peak);
    const falling = cosine(peak, peak * end, mul(sub(t, warmup), 1 / Math.max(total - 1 - warmup, 1)));
    return where(less(t, warmup), rising, falling);
  };
}

/** Options of `cosineWeightDecay`. */
export interface CosineWeightDecayOptions {
  /** Decay of the first step; 0.04 if not given. */
  readonly start?: number;
  /** Decay of the last step; 0.2 if not given. */
  readonly end?: number;
  /** Steps in total. */
  readonly total: number;
}

/**
 * SparK's weight decay: half a cosine from `start` to `end`, which rises, and stays there.
 *
 * @param options Values, and length in steps.
 * @returns The schedule.
 * @throws {TypeError} If a setting is no finite number.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { cosineWeightDecay } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const decay = cosineWeightDecay({ total: 200 });
 * equal((await decay(tensor(199, { dtype: "int32" })).item()).toFixed(3), "0.200");
 * ```
 */
export function cosineWeightDecay(options: CosineWeightDecayOptions): Schedule {
  requireOptions("cosineWeightDecay", options, { start: true, end: true, total: true });
  const { start = 0.04, end = 0.2, total } = options;
  requireFinite("cosineWeightDecay", { start, end, total });
  return (step) => cosine(start, end, mul(cast(step, "float32"), 1 / Math.max(total - 1, 1)));
}

/** Refuses what is neither a finite number nor a schedule. */
export function requireRate(operation: string, argument: string, rate: unknown): void {
  const fits = Number.isFinite(rate) || typeof rate === "function";
  requireKind(operation, argument, rate, fits, "a finite number or a schedule");
}

/** Refuses settings that are no finite numbers. */
export function requireFinite(operation: string, settings: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(settings)) {
    requireKind(operation, name, value, Number.isFinite(value), "a finite number");
  }
}

/** Refuses settings of a rule that are no numbers from `least` on, below `end`. */
export function requireWithin(
  operation: string,
  settings: Readonly<Record<string, number>>,
  { least = 0, end = Infinity }: { readonly least?: number; readonly end?: number } = {},
): void {
  const range = end === Infinity ? `a number of at least ${least}` : `a number in [${least}, ${end})`;
  for (const [name, value] of Object.entries(settings)) {
    requireKind(operation, name, value, typeof value === "number" && value >= least && value < end, range);
  }
}

/** The value of a number or schedule after `step` steps, in a dtype. */
export function scheduled(value: number | Schedule, step: Tensor, dtype: DType): Tensor {
  return typeof value === "number" ? full([], value, { dtype }) : cast(value(step), dtype);
}

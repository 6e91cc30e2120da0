/** @file Windows along one axis, and what follows from them: sizes, whether they leave what they slide over, phases of the adjoint. */

/** How the positions of windows along one axis follow from the window and the tap: `window·stride + origin + tap·step`. */
export interface WindowAxis {
  /** How many windows. */
  readonly outputs: number;
  /** Taps of a window. */
  readonly taps: number;
  /** Positions from one window to the next. */
  readonly stride: number;
  /** Position of the first tap of the first window. */
  readonly origin: number;
  /** Positions from one tap to the next; negative where taps walk backwards. */
  readonly step: number;
  /** Positions outside `[0, extent)` read zero. */
  readonly extent: number;
}

/** Settings of a convolution along one axis. */
export interface AxisSettings {
  /** Positions between neighbouring windows. */
  readonly stride: number;
  /** Zeros before and after. */
  readonly padding: readonly [number, number];
  /** Positions between neighbouring taps. */
  readonly dilation: number;
}

/** How many windows of `taps` fit into an axis; less than one if none does. */
export function windowCount(extent: number, taps: number, { stride, padding, dilation }: AxisSettings): number {
  return Math.floor((extent + padding[0] + padding[1] - dilation * (taps - 1) - 1) / stride) + 1;
}

/** Whether some window reaches outside `[0, extent)`. */
export function leaves({ outputs, taps, stride, origin, step, extent }: WindowAxis): boolean {
  const ends = [origin, origin + (taps - 1) * step];
  return Math.min(...ends) < 0 || Math.max(...ends) + (outputs - 1) * stride >= extent;
}

/** The positions of an axis that are `phase` modulo the stride of a convolution, and the taps that reach them. */
export interface Phase {
  /** First of the positions; the next are `spacing` apart. */
  readonly phase: number;
  readonly spacing: number;
  /** First tap that reaches them, and how far apart such taps are. */
  readonly firstTap: number;
  readonly tapStep: number;
  /** Windows over the outputs of the convolution, one for each of the positions; its taps are the ones that reach them. */
  readonly axis: WindowAxis;
}

/**
 * The adjoint of windows along an axis. Position `i = phase + stride·j` gets output `o` through tap `k` where
 * `o·stride = i - origin - k·step`: every `stride / gcd`-th tap, the others would multiply zeros.
 *
 * @param axis Windows of a convolution.
 * @returns One phase for each residue of the stride that has positions. Phases may have no taps.
 */
export function phasesOf({ outputs, taps, stride, origin, step, extent }: WindowAxis): readonly Phase[] {
  const common = greatestCommonDivisor(stride, step);
  const tapStep = stride / common;
  return Array.from({ length: Math.min(stride, extent) }, (_, phase) => {
    const firstTap = [...Array(Math.min(tapStep, taps)).keys()]
      .find((tap) => (phase - origin - tap * step) % stride === 0) ?? taps;
    const axis: WindowAxis = {
      outputs: Math.ceil((extent - phase) / stride),
      taps: Math.ceil((taps - firstTap) / tapStep),
      stride: 1,
      origin: firstTap < taps ? (phase - origin - firstTap * step) / stride : 0,
      step: -step / common,
      extent: outputs,
    };
    return { phase, spacing: stride, firstTap, tapStep, axis };
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** @file Which scheme computes a convolution fastest. */
import type { ConvParams } from "../../compiler/conv_params.ts";
import type { WatOptions } from "../../compiler/kernel.ts";
import { type PhasedConv, phasedConv } from "./winograd_geometry.ts";
import { makeScheme, type Scheme } from "./winograd_scheme.ts";

/** Points chosen for the least rounding error; all constants of the input and output transforms are exact in float32. */
const F4X3 = makeScheme({ outputs: 4, taps: 3, zero: true, pairs: [5 / 8, 3 / 2] });
const F2X3 = makeScheme({ outputs: 2, taps: 3, zero: true, pairs: [1] });
const F4X2 = makeScheme({ outputs: 4, taps: 2, zero: false, pairs: [1 / 2, 5 / 4] });
const F3X2 = makeScheme({ outputs: 3, taps: 2, zero: true, pairs: [1] });

/** Every scheme by name. */
export const SCHEMES: Readonly<Record<string, Scheme>> = { F4X3, F2X3, F4X2, F3X2 };

/**
 * Chooses a scheme.
 *
 * @param conv The convolution.
 * @returns The scheme, or `null` where direct computation is faster.
 */
export function chooseScheme(conv: PhasedConv): Scheme | null {
  if (Math.min(conv.channels, conv.outChannels) < 16) return null;
  return conv.taps === 3 ? F4X3 : F4X2;
}

/**
 * Chooses Winograd's method for a convolution or one of its gradients.
 *
 * @param shapes Shapes of the images, the weights and the result of the convolution.
 * @param params Its settings.
 * @param options Whether the method is allowed at all.
 * @returns The convolution and its scheme, or `null` to compute it directly.
 */
export function winogradFor(
  [x, w, y]: readonly [x: readonly number[], w: readonly number[], y: readonly number[]],
  params: ConvParams,
  { winograd }: WatOptions,
): { readonly conv: PhasedConv; readonly scheme: Scheme } | null {
  const conv = winograd ? phasedConv(x, w, y, params) : null;
  const scheme = conv && chooseScheme(conv);
  return conv && scheme && { conv, scheme };
}

/** @file A contraction as a cpu kernel: which of the forms writes it follows from what it is. */
import type { WatKernel, WatOptions } from "../../../compiler/kernel_text.ts";
import { CPU_COSTS, CPU_WEIGHT_GRADIENT_COSTS, winogradOuter, winogradProduct } from "../../../contraction/choice.ts";
import type { Contraction, OuterContraction, RowsContraction } from "../../../contraction/contraction.ts";
import { isDepthwise } from "../../../contraction/traits.ts";
import { depthwiseKernel } from "../depthwise/depthwise.ts";
import { depthwiseWeightGradientKernel } from "../depthwise/depthwise_weight_gradient.ts";
import { slidingConv, slidingWindow } from "../depthwise/depthwise_window.ts";
import { slidingWeightGradient } from "../depthwise/depthwise_window_gradient.ts";
import { winogradKernel } from "../winograd/winograd_conv.ts";
import { winogradWeightGradientKernel } from "../winograd/winograd_weight_gradient.ts";
import { outerKernel } from "./outer_kernel.ts";
import { rowsKernel } from "./rows_kernel.ts";
import { type Tiles, tilesOf } from "./tiles.ts";

/**
 * Writes a contraction of float32.
 *
 * @param contraction Any contraction.
 * @param options Whether Winograd's method may be chosen, and which tiles.
 * @param tiles What the registers hold.
 * @returns The kernel.
 */
export function writeContraction(
  contraction: Contraction,
  options: WatOptions,
  tiles: Tiles = tilesOf(options.tiles()),
): WatKernel {
  return contraction.form === "rows" ? writeRows(contraction, options, tiles) : writeOuter(contraction, options, tiles);
}

function writeRows(contraction: RowsContraction, { winograd }: WatOptions, tiles: Tiles): WatKernel {
  const fast = winograd ? winogradProduct(contraction, CPU_COSTS) : null;
  if (fast) return winogradKernel(fast, tiles.rows);
  if (!isDepthwise(contraction)) return rowsKernel(contraction, tiles);
  const [phase, another] = contraction.phases;
  const sliding = phase && !another ? slidingWindow(phase.rows, contraction) : null;
  return sliding ? slidingConv(sliding.window, sliding.reversed) : depthwiseKernel(contraction);
}

function writeOuter(contraction: OuterContraction, { winograd }: WatOptions, tiles: Tiles): WatKernel {
  const fast = winograd ? winogradOuter(contraction, CPU_WEIGHT_GRADIENT_COSTS) : null;
  if (fast) return winogradWeightGradientKernel(fast, tiles.steps);
  if (!isDepthwise(contraction)) return outerKernel(contraction, tiles);
  const sliding = slidingWindow(contraction.rows, contraction);
  return sliding ? slidingWeightGradient(sliding.window) : depthwiseWeightGradientKernel(contraction);
}

/** @file Depthwise windows over images: every channel has a weight of its own. Also input gradients, phase by phase. */
import type { WgslLimits, WgslPass } from "../../../compiler/kernel_text.ts";
import type { RowsContraction, RowsProduct } from "../../../contraction/contraction.ts";
import { readsOf } from "../../../contraction/traits.ts";
import type { WindowAxis } from "../../../contraction/window_axis.ts";
import { affine } from "../emit/values.ts";
import type { Depthwise } from "./depthwise_parts.ts";
import { registerWindows } from "./depthwise_registers.ts";
import { chooseWindowTile } from "./depthwise_tiles.ts";
import { sharedWindows } from "./depthwise_workgroup.ts";

const WRITERS = { registers: registerWindows, workgroup: sharedWindows };

/** Of lines of pixels: one image row, one row of taps. */
const ONE_ROW: WindowAxis = { outputs: 1, taps: 1, stride: 1, origin: 0, step: 1, extent: 1 };

/** The axes of windows over lines or images; `null` of tables and volumes. */
export function planeOf(rows: RowsProduct["rows"]): { readonly y: WindowAxis; readonly x: WindowAxis } | null {
  if (rows.kind !== "window" || rows.axes.length > 2) return null;
  return { y: rows.axes.at(-2) ?? ONE_ROW, x: rows.axes.at(-1)! };
}

/**
 * Describes a phase of a depthwise contraction as windows of single channels.
 *
 * @param contraction The contraction.
 * @param phase One of its phases.
 * @returns The windows; `null` if they do not slide over lines or images.
 */
export function windowsOf(contraction: RowsContraction, { rows, right, result }: RowsProduct): Depthwise | null {
  const plane = planeOf(rows);
  if (rows.kind !== "window" || !plane) return null;
  const apart = (strides: readonly number[]) => [strides.at(-2) ?? 0, strides.at(-1)!];
  const [image, ...places] = result.rowStrides;
  return {
    images: rows.images,
    channels: contraction.batch,
    ...plane,
    image: { buffer: rows.input },
    weight: {
      buffer: right.input,
      at: (jy, jx) => affine([jy, jx], apart(right.tapStrides), right.offset, "u"),
    },
    result: {
      buffer: readsOf(contraction),
      at: (number, y, x) => affine([number, y, x], [image!, ...apart(places)], result.offset, "u"),
    },
  };
}

/**
 * Writes depthwise windows, in the variant that suits the device and the shape.
 *
 * @param windows What they see.
 * @param limits Limits and traits of the device.
 * @returns The pass.
 */
export function depthwise(windows: Depthwise, limits: WgslLimits): WgslPass {
  const tile = chooseWindowTile(limits, windows);
  return WRITERS[tile.kind](windows, tile);
}

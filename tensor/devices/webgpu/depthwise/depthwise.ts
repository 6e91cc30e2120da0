/** @file Depthwise windows over images: every channel has a weight of its own. Also input gradients, phase by phase. */
import type { WgslLimits, WgslPass } from "../../../compiler/kernel.ts";
import type { Depthwise } from "./depthwise_parts.ts";
import { registerWindows } from "./depthwise_registers.ts";
import { chooseWindowTile } from "./depthwise_tiles.ts";
import { sharedWindows } from "./depthwise_workgroup.ts";

const WRITERS = { registers: registerWindows, workgroup: sharedWindows };

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

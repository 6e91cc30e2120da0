import type { TileVariant, WgslLimits } from "../../../compiler/kernel_text.ts";
import { windowCandidates, windowsOfClass } from "../depthwise/depthwise_tiles.ts";
import { shapeOfClass, tileCandidates } from "../contraction/tiles.ts";

/**
 * Tiles worth timing for a class of shape.
 *
 * @param limits Limits and traits of the device.
 * @param name The class, of products or of depthwise windows.
 * @returns All are allowed for the largest shape of the class; the default comes first.
 */
export function classCandidates(limits: WgslLimits, name: string): readonly TileVariant[] {
  const windows = windowsOfClass(name);
  return windows ? windowCandidates(limits, windows) : tileCandidates(limits, shapeOfClass(name));
}

/** @file Regions of the map that fits the size of each box. */
import { add, cast, greaterEqual, reshape, stopGradient, type Tensor, tensor, zeros } from "../../tensor/core.ts";
import { requireKind, requireOptions, requireTensor, roiAlign } from "../../tensor/parts.ts";
import { areaOf } from "./boxes.ts";
import type { DetectorSettings, DetectorVariant } from "./options.ts";

/** Bounds of boxes and maps. */
export interface LevelOptions {
  /** How many maps there are. */
  readonly levels: number;
  /** Side of a box in pixels from which on it belongs to the third map; 224 by default. */
  readonly canonicalScale?: number;
  /** Where the small number stands that decides at bounds; `detectron2` by default. */
  readonly rule?: DetectorVariant;
}

/** Area from which on a box belongs to the map `power` steps after the third. */
function boundOf(power: number, scale: number, rule: DetectorVariant): number {
  // Each side of ⌊log2(√area / scale …)⌋ = power solved for the area, so that no logarithm is rounded.
  const side = rule === "torchvision"
    ? scale * 2 ** (power - 1e-6)
    : rule === "detectron2"
    ? scale * (2 ** power - 1e-8)
    : scale / 4 * (2 ** (power + 2) - 1e-6);
  return side ** 2;
}

/**
 * The map that each box reads: of a square of `canonicalScale` pixels the third; of one twice as large the next.
 *
 * @param boxes `[..., 4]`.
 * @param options Number of maps, scale, rule.
 * @returns int32 `[...]`: 0 for the finest map.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { levelsOf } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const levels = levelsOf(tensor([[0, 0, 10, 10], [0, 0, 224, 224]]), { levels: 4 });
 * deepStrictEqual(await levels.data(), new Int32Array([0, 2]));
 * ```
 */
export function levelsOf(boxes: Tensor, options: LevelOptions): Tensor {
  requireOptions("levelsOf", options, { levels: true, canonicalScale: true, rule: true });
  requireTensor("levelsOf", "boxes", boxes);
  const { levels, canonicalScale = 224, rule = "detectron2" } = options;
  requireKind("levelsOf", "levels", levels, Number.isInteger(levels) && levels >= 1, "a whole number of at least 1");
  const isScale = Number.isFinite(canonicalScale) && canonicalScale > 0;
  requireKind("levelsOf", "canonicalScale", canonicalScale, isScale, "a positive number");
  const wide = boxes.dtype === "float64" ? boxes : cast(boxes, "float32"); // areas of narrow numbers overflow
  const area = stopGradient(areaOf(wide));
  return Array.from({ length: levels - 1 }, (_, i) => boundOf(i - 1, canonicalScale, rule))
    .map((bound) => cast(greaterEqual(area, bound), "int32"))
    .reduce((sum, above) => add(sum, above), zeros(area.shape, { dtype: "int32" }));
}

/**
 * Reads boxes from the maps of a pyramid.
 *
 * @param maps All maps; the last, pooled one is not read.
 * @param boxes `[B, N, 4]`.
 * @param size Rows and columns.
 * @param settings Rules.
 * @returns `[B·N, size, size, C]`.
 */
export function poolRegions(maps: readonly Tensor[], boxes: Tensor, size: number, settings: DetectorSettings): Tensor {
  const [batch, count] = boxes.shape as [number, number];
  const read = maps.slice(0, -1);
  const { canonicalScale, levelRule: rule, sampling, aligned, strides } = settings;
  const image = tensor(Int32Array.from({ length: batch * count }, (_, i) => Math.floor(i / count)));
  const flat = stopGradient(reshape(boxes, [batch * count, 4]));
  const level = levelsOf(flat, { levels: read.length, canonicalScale, rule });
  const scales = read.map((_, i) => 1 / strides[i]!);
  return roiAlign(read, flat, { image, level }, { size: [size, size], sampling, aligned, scales });
}

/** @file Detectors of objects: what they are made of, and whole ones. */
export {
  maskAlign,
  type MaskAlignOptions,
  roiAlign,
  type RoiAlignOptions,
  type RoiPlaces,
  suppress,
  type SuppressOptions,
} from "../../tensor/parts.ts";
export {
  DETECTOR_RULES,
  type DetectorOptions,
  type DetectorRules,
  type DetectorSettings,
  type DetectorVariant,
} from "./options.ts";
export { type ConvUnitParams, type ConvUnitState } from "./conv_unit.ts";
export * from "./fpn.ts";
export { isFrozen } from "./frozen_stages.ts";
export {
  type BoxHeadParams,
  type BoxOutput,
  type HeadState,
  type MaskHeadParams,
  type RpnHeadParams,
  type RpnOutput,
} from "./heads.ts";
export { type LevelOptions, levelsOf } from "./pool_regions.ts";
export { type Proposals } from "./proposals.ts";
export { type Objects, type RoiTargets } from "./roi_targets.ts";
export { type RpnBatch } from "./losses.ts";
export {
  anchorOptionsOf,
  type Detector,
  detector,
  type DetectorParams,
  type DetectorState,
  type PyramidOptions,
  totalOf,
} from "./detector.ts";
export * from "./detection_losses.ts";
export * from "./detect.ts";
export * from "./non_maximum_suppression.ts";

/** @file Detectors of objects: what they are made of, and whole ones. */
export {
  maskAlign,
  type MaskAlignOptions,
  roiAlign,
  type RoiAlignOptions,
  type RoiPlaces,
  suppress,
  type SuppressOptions,
} from "../../tensor/kernel.ts";

/**
 * Image files to batches, and the files that a training run leaves: checkpoints, pictures, curves. Weights are read from
 * safetensors, PyTorch's and NumPy's files and written as such.
 *
 * A data set (`folder`, `fluentEmoji`, or any record with `length` and `load`) gives single images; `batches` decodes
 * and augments them in threads and yields tensors. All randomness follows from a seed.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { batches, fluentEmoji } from "@tessera/tessera/data";
 *
 * for await (const batch of batches(await fluentEmoji(), { size: [96, 96], batchSize: 4, seed: 1, steps: 1 })) {
 *   deepStrictEqual(batch.images.shape, [4, 96, 96, 3]);
 * }
 * ```
 *
 * @module
 */
export * from "./images/pixels.ts";
export type { ImageFormat, ImageSize } from "./images/image_format.ts";
export { IMAGE_FORMATS } from "./images/image_formats.ts";
export { transformRaster } from "./images/transform_raster.ts";
export { fitChannels, type Raster, toPixels, trueChannels } from "./images/raster.ts";
export * from "./images/decode.ts";
export { orientationOf, type ShownSize, turned } from "./images/orientation.ts";
export * from "./images/png.ts";
export { type Filter, resample, type ResampleOptions } from "./images/resample.ts";
export type { Draw } from "./images/draw.ts";
export * from "./batches/draws.ts";
export * from "./images/colour.ts";
export * from "./images/affine.ts";
export * from "./images/augment.ts";
export * from "./images/erase.ts";
export {
  applyTransform,
  type CenterCrop,
  flipHorizontal,
  GREY_NORMALISATION,
  IMAGENET_NORMALISATION,
  type Normalisation,
  normalisationFor,
  randomCropRectangle,
  type RandomResizedCrop,
  type Transform,
} from "./images/transforms.ts";
export * from "./images/normalise.ts";
export * from "./images/resize_rules.ts";
export {
  type Box,
  placeBox,
  placeImage,
  type Placement,
  placePoints,
  wholePlacement,
} from "./images/scenes/placement.ts";
export * from "./images/scenes/scene_transforms.ts";
export { turnSprite } from "./images/sprite.ts";
export type { Dataset, DatasetSource } from "./sets/dataset.ts";
export { imageFiles, type ImageFilesOptions, readImage } from "./sets/image_files.ts";
export * from "./formats/tar.ts";
export { CIFAR10_CLASSES, cifarImages, type CifarOptions, isCifarBatch } from "./sets/cifar10.ts";
export { CIFAR_RECORD, imageSlices, type ImageSlicesOptions, type Slice } from "./sets/image_slices.ts";
export * from "./sets/open_images.ts";
export { expandBraces } from "./sets/expand_braces.ts";
export {
  type ClassCount,
  counted,
  describeSource,
  groupText,
  type KindCount,
  type LeftOut,
  type SourceAccount,
  withBroken,
  withClasses,
} from "./sets/account.ts";
export { type NamedPart, namedPart, type Split } from "./sets/splits.ts";
export { paintBackground } from "./images/background.ts";
export { sprites, type SpritesOptions } from "./sets/sprites.ts";
export { fluentEmoji, type FluentEmojiOptions } from "./sets/fluent_emoji.ts";
export * from "./batches/batches.ts";
export { type BatchPart, placesOfPart } from "./batches/batch_part.ts";
export { type FieldBatch, fieldBatches } from "./batches/field_batches.ts";
export { type SceneBuckets, sceneBuckets, type SceneBucketsOptions } from "./batches/scene_buckets.ts";
export { sceneFields, type SceneFieldsOptions, type SceneTargets } from "./batches/scene_fields.ts";
export * from "./batches/scene_paste/scene_paste.ts";
export { type ImageFieldsOptions, imageValues } from "./batches/image_fields.ts";
export type { Fields, FieldSpec, FieldValues, Sample, SampleRequest } from "./batches/fields.ts";
export { groupedStepsPerEpoch, stepsPerEpoch } from "./batches/epoch_plan.ts";
export type { BatchesOptions, BatchRunOptions, FieldBatchesOptions, SkippedSample } from "./batches/batches_options.ts";
export { NoneReadableError, requireReadable } from "./batches/readable.ts";
export { FILE_DTYPES, fileTensors, load, save } from "./batches/tree_file.ts";
export { subset } from "./sets/subset.ts";
export { drawOfEachClass } from "./batches/draw_of_each_class.ts";
export * from "./images/mix.ts";
export { appendFile } from "./formats/append_file.ts";
export { removeUnfinished, writeFileAtomic } from "./formats/atomic_file.ts";
export {
  SAFETENSORS_BYTES,
  type SafetensorsArray,
  type SafetensorsDType,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from "./formats/safetensors_header.ts";
export { kindByEnding, pathAdvice } from "./formats/file_endings.ts";
export { type FileKind, fileKindOf, KIND_BYTES, kindText } from "./formats/file_kind.ts";
export * from "./formats/safetensors.ts";
export { FileTensor, numbersOf } from "./formats/file_tensor.ts";
export * from "./formats/pickle/pickle_value.ts";
export * from "./formats/pickle/pickle_reader.ts";
export { encodePickle } from "./formats/pickle/pickle_writer.ts";
export type { BytePlace } from "./formats/byte_source.ts";
export type { ZipEntry } from "./formats/zip_directory.ts";
export * from "./formats/zip_reader.ts";
export { encodeZip } from "./formats/zip_writer.ts";
export { decodePth, encodePth, readPth, writePth } from "./formats/pickle/pth.ts";
export { decodeNpy, decodeNpz, encodeNpy, encodeNpz, readNpz, writeNpz } from "./formats/npy.ts";
export { decodeNumpyPickle, encodeNumpyPickle, writeNumpyPickle } from "./formats/pickle/numpy_pickle.ts";
export * from "./formats/onnx.ts";
export * from "./formats/state_dict_file.ts";
export { chosenSet, isAverageName } from "./formats/tensor_sets.ts";
export * from "./images/grid.ts";
export * from "./formats/crc32c.ts";
export * from "./formats/json.ts";
export { parseXml, type XmlElement } from "./formats/xml.ts";
export * from "./formats/event_file.ts";
export * from "./sets/coco/run_lengths.ts";
export { boxMask, polygonMask, polygonsMask } from "./sets/coco/polygon.ts";
export * from "./sets/coco/polygon_target.ts";
export * from "./sets/coco/coco_set.ts";
export * from "./sets/coco/annotations.ts";
export { maskOf } from "./sets/coco/segmentation.ts";
export { cocoResultRecords, type CocoResults, type Detection, readCocoResults } from "./sets/coco/results.ts";
export { drawDetections, type DrawDetectionsOptions } from "./sets/coco/draw_detections.ts";
export * from "./sets/coco/evaluation.ts";
export * from "./sets/voc/voc_annotation.ts";
export * from "./sets/voc/voc_set.ts";
export type { Scene, SceneObject } from "./sets/scenes/scene.ts";
export {
  classNumbers,
  type CocoScenes,
  cocoScenes,
  type CocoScenesOptions,
  namePlaces,
} from "./sets/scenes/coco_scenes.ts";
export { findAnnotations, type ScenePart } from "./sets/scenes/find_annotations.ts";
export { type NamedImages, namedImages, type NameForm } from "./sets/scenes/find_images.ts";
export { sceneAnnotations } from "./sets/scenes/scene_annotations.ts";
export { placeMask } from "./sets/scenes/place_mask.ts";
export { openAnnotations } from "./sets/open_annotations.ts";
export { asReasons, groupedProblems } from "./sets/coco/grouped_problems.ts";
export * from "./boxes/overlap.ts";
export * from "./boxes/anchors.ts";
export * from "./boxes/box_coder.ts";
export * from "./boxes/matcher.ts";
export * from "./boxes/rpn_targets.ts";
export * from "./boxes/usable_anchors.ts";
export * from "./boxes/paste_mask.ts";
export * from "./boxes/pack_masks.ts";

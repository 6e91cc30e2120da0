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
export * from "./pixels.ts";
export * from "./image_header.ts";
export * from "./decode.ts";
export * from "./png.ts";
export * from "./resample.ts";
export * from "./rng.ts";
export * from "./colour.ts";
export * from "./affine.ts";
export * from "./augment.ts";
export * from "./erase.ts";
export * from "./transforms.ts";
export * from "./normalise.ts";
export type { Dataset, DatasetSource } from "./dataset.ts";
export * from "./image_files.ts";
export * from "./folder.ts";
export * from "./tar.ts";
export { CIFAR10_CLASSES, cifarImages, type CifarOptions, isCifarBatch } from "./cifar10.ts";
export * from "./image_slices.ts";
export * from "./tar_images.ts";
export * from "./open_images.ts";
export { paintBackground } from "./background.ts";
export * from "./sprites.ts";
export * from "./fluent_emoji.ts";
export * from "./batches.ts";
export { drawOfEachClass, subset } from "./subset.ts";
export * from "./mix.ts";
export { appendFile } from "./append_file.ts";
export { removeUnfinished, writeFileAtomic } from "./atomic_file.ts";
export {
  SAFETENSORS_BYTES,
  type SafetensorsDType,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from "./safetensors_header.ts";
export * from "./safetensors.ts";
export { FileTensor, numbersOf } from "./file_tensor.ts";
export * from "./pickle_value.ts";
export * from "./pickle_reader.ts";
export { encodePickle } from "./pickle_writer.ts";
export * from "./zip_reader.ts";
export { encodeZip } from "./zip_writer.ts";
export { decodePth, encodePth, readPth, writePth } from "./pth.ts";
export { decodeNpy, decodeNpz, encodeNpy, encodeNpz, readNpz, writeNpz } from "./npy.ts";
export { decodeNumpyPickle, encodeNumpyPickle, writeNumpyPickle } from "./numpy_pickle.ts";
export * from "./state_dict_file.ts";
export * from "./grid.ts";
export * from "./line_chart.ts";
export * from "./crc32c.ts";
export * from "./event_file.ts";

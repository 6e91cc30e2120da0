import type { ImageFormat } from "./image_format.ts";
import { AVIF } from "./formats/avif.ts";
import { BMP } from "./formats/bmp.ts";
import { DICOM } from "./formats/dicom.ts";
import { GIF } from "./formats/gif.ts";
import { JPEG } from "./formats/jpeg.ts";
import { NETPBM } from "./formats/netpbm.ts";
import { NIFTI } from "./formats/nifti.ts";
import { NPY } from "./formats/npy_format.ts";
import { PNG } from "./formats/png_format.ts";
import { TIFF } from "./formats/tiff.ts";
import { WEBP } from "./formats/webp.ts";
import { endingOf } from "../formats/file_endings.ts";

/** The formats that are read without being asked for. Of two whose `sniff` fits the first is taken. */
export const IMAGE_FORMATS: readonly ImageFormat[] = [
  ...[JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, NETPBM],
  ...[NPY, NIFTI, DICOM], // arrays
];

/**
 * The format that a file has by its name.
 *
 * @param path Any path.
 * @param formats Those that are looked at.
 * @returns The format; undefined if the ending is of none.
 */
export function formatByEnding(path: string, formats: readonly ImageFormat[]): ImageFormat | undefined {
  const ending = endingOf(path);
  return formats.find(({ endings }) => endings.includes(ending));
}

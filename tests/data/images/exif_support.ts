/** @file Files of images with an orientation, as cameras write them. */
import { crc32 } from "node:zlib";

/** Tags of one entry, the orientation, in the form of a TIFF file. */
export function exif(orientation: number, isLittle: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(26));
  view.setUint16(0, isLittle ? 0x4949 : 0x4d4d);
  view.setUint16(2, 42, isLittle);
  view.setUint32(4, 8, isLittle);
  view.setUint16(8, 1, isLittle);
  view.setUint16(10, 274, isLittle);
  view.setUint16(12, 3, isLittle);
  view.setUint32(14, 1, isLittle);
  view.setUint16(18, orientation, isLittle);
  return new Uint8Array(view.buffer);
}

/** A PNG with the tag behind its head. */
export function withExif(png: Uint8Array, orientation: number, isLittle = true): Uint8Array {
  const tags = exif(orientation, isLittle);
  const chunk = new Uint8Array(tags.length + 12);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, tags.length);
  chunk.set(new TextEncoder().encode("eXIf"), 4);
  chunk.set(tags, 8);
  view.setUint32(tags.length + 8, crc32(chunk.subarray(4, tags.length + 8)));
  const head = 8 + 25; // signature, IHDR
  return Uint8Array.of(...png.subarray(0, head), ...chunk, ...png.subarray(head));
}

import { hostModule } from "../formats/host_module.ts";
import type { Pixels } from "./pixels.ts";

/**
 * Encodes an image as PNG, 8 bits a channel.
 *
 * @param image RGB or RGBA, at least one pixel.
 * @returns The bytes of the file.
 * @throws {RangeError} If the data does not have `height * width * channels` values, or there is no pixel.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { encodePng } from "@tessera/tessera/data";
 *
 * equal(encodePng({ width: 1, height: 1, channels: 3, data: Uint8Array.of(255, 0, 0) })[1], 0x50); // "P"
 * ```
 */
export function encodePng(image: Pixels): Uint8Array<ArrayBuffer> {
  const { width, height, channels, data } = image;
  if (width < 1 || height < 1 || data.length !== width * height * channels) {
    throw new RangeError(
      `Cannot encode a PNG as there must be height * width * channels values: ` +
        `current image is ${height} * ${width} * ${channels} with ${data.length} values`,
    );
  }
  const head = new Uint8Array(13);
  new DataView(head.buffer).setUint32(0, width);
  new DataView(head.buffer).setUint32(4, height);
  head.set([8, channels === 3 ? 2 : 6], 8); // bits a channel, colour type; the rest is 0
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const body = hostModule("zlib").deflateSync(filteredRows(image));
  const parts = [signature, chunk("IHDR", head), chunk("IDAT", body), chunk("IEND", new Uint8Array(0))];
  const file = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (file.set(part, at), at + part.length), 0);
  return file;
}

/** Length, name, data and checksum. */
function chunk(name: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, hostModule("zlib").crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** Each row with filter 4 (Paeth) before it: photographs compress best so. */
function filteredRows({ width, height, channels, data }: Pixels): Uint8Array {
  const stride = width * channels;
  const rows = new Uint8Array(height * (stride + 1));
  for (let y = 0; y < height; y++) {
    rows[y * (stride + 1)] = 4;
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x < channels ? 0 : data[at - channels]!;
      const above = y === 0 ? 0 : data[at - stride]!;
      const corner = x < channels || y === 0 ? 0 : data[at - stride - channels]!;
      rows[y * (stride + 1) + 1 + x] = data[at]! - paeth(left, above, corner);
    }
  }
  return rows;
}

function paeth(left: number, above: number, corner: number): number {
  const [byLeft, byAbove] = [Math.abs(above - corner), Math.abs(left - corner)];
  const byCorner = Math.abs(left + above - 2 * corner);
  if (byLeft <= byAbove && byLeft <= byCorner) return left;
  return byAbove <= byCorner ? above : corner;
}

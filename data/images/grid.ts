import { requireOptions } from "../../tensor/errors.ts";
import type { Pixels } from "./pixels.ts";
import { encodePng } from "./png.ts";

/** Settings of `imageGrid`. */
export interface ImageGridOptions {
  /** Pixels between images and around them; 4 if not given. */
  readonly gutter?: number;
  /** How many times each pixel is repeated in both directions; 1 if not given. */
  readonly enlarge?: number;
  /** Red, green and blue between the images; white if not given. */
  readonly background?: readonly [number, number, number];
}

/**
 * Lays out images in a grid, such as input | masked | reconstruction, a row for each sample.
 *
 * @param rows Images of each row, left to right; all RGB and of one size. Rows may differ in length.
 * @param options Gutters, enlargement and colour.
 * @returns The bytes of a PNG file.
 * @throws {RangeError} If there is no image, or the images are not RGB of one size.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodeImage, imageGrid } from "@tessera/tessera/data";
 *
 * const image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(255, 0, 0) } as const;
 * const { width, height } = await decodeImage(imageGrid([[image, image]], { gutter: 2, enlarge: 3 }));
 * deepStrictEqual([width, height], [12, 7]);
 * ```
 */
export function imageGrid(
  rows: readonly (readonly Pixels[])[],
  options: ImageGridOptions = {},
): Uint8Array<ArrayBuffer> {
  requireOptions("imageGrid", options, { gutter: true, enlarge: true, background: true });
  const { gutter = 4, enlarge = 1, background = [255, 255, 255] } = options;
  const { width, height } = commonSize(rows.flat());
  const columns = Math.max(...rows.map((row) => row.length));
  const [cellWidth, cellHeight] = [width * enlarge + gutter, height * enlarge + gutter];
  const grid = { width: columns * cellWidth + gutter, height: rows.length * cellHeight + gutter, channels: 3 } as const;
  const data = new Uint8Array(grid.width * grid.height * 3);
  for (let i = 0; i < data.length; i++) data[i] = background[i % 3]!;
  rows.forEach((row, r) =>
    row.forEach((image, c) => {
      for (let y = 0; y < height * enlarge; y++) {
        const start = (gutter + r * cellHeight + y) * grid.width + gutter + c * cellWidth;
        data.set(enlargedRow(image, Math.floor(y / enlarge), enlarge), start * 3);
      }
    })
  );
  return encodePng({ ...grid, data });
}

function commonSize(images: readonly Pixels[]): Pixels {
  const first = images[0];
  if (!first) throw new RangeError("Cannot lay out a grid as there must be an image: current number is 0");
  const odd = images.find(({ width, height, channels }) =>
    width !== first.width || height !== first.height || channels !== 3
  );
  if (!odd) return first;
  throw new RangeError(
    `Cannot lay out a grid as all images must be RGB and ${first.width}x${first.height} as the first: ` +
      `current one is ${odd.width}x${odd.height} with ${odd.channels} channels`,
  );
}

function enlargedRow({ width, data }: Pixels, row: number, enlarge: number): Uint8Array {
  const line = data.subarray(row * width * 3, (row + 1) * width * 3);
  if (enlarge === 1) return line;
  return Uint8Array.from({ length: line.length * enlarge }, (_, i) => line[Math.floor(i / 3 / enlarge) * 3 + i % 3]!);
}

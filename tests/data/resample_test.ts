import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { crc32 } from "node:zlib";
import type { Pixels } from "../../data/pixels.ts";
import { type Filter, resample } from "../../data/resample.ts";
import golden from "../golden/resample_pil.json" with { type: "json" };

/** The image of make_resample_pil.py. */
function synthetic(width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    data[i] = x * x * (3 + c) + y * (7 * c + 5) + ((x * y * (c + 1)) >> 3) * 31;
  }
  return { width, height, channels: 3, data };
}

const withAlpha = (image: Pixels): Pixels => ({
  ...image,
  channels: 4,
  data: Uint8Array.from(
    { length: image.width * image.height * 4 },
    (_, i) => i % 4 === 3 ? 255 : image.data[(i >> 2) * 3 + i % 4]!,
  ),
});

for (const { source, size, box, filter, crc32: expected, head } of golden.cases) {
  Deno.test(`resample() equals Pillow: ${source} to ${size} ${box ? `of [${box}] ` : ""}${filter}`, () => {
    const image = synthetic(source[0]!, source[1]!);
    const options = {
      width: size[0]!,
      height: size[1]!,
      filter: filter as Filter,
      ...(box ? { box: box as unknown as [number, number, number, number] } : {}),
    };
    const { data } = resample(image, options);
    deepStrictEqual([...data.subarray(0, 12)], head);
    equal(crc32(data), expected);
    const rgba = resample(withAlpha(image), options).data;
    deepStrictEqual(rgba.filter((_, i) => i % 4 !== 3), data);
    equal(rgba.every((value, i) => i % 4 !== 3 || value === 255), true);
  });
}

Deno.test("resample() refuses empty sizes, boxes outside and unknown filters", () => {
  const image = synthetic(4, 3);
  throws(() => resample(image, { width: 0, height: 2 }), /Cannot resample .* current size is 0x2/);
  throws(() => resample(image, { width: 2, height: 2, box: [0, 0, 5, 3] }), /4x3 image: current box is \[0,0,5,3\]/);
  throws(() => resample(image, { width: 2, height: 2, box: [2, 0, 2, 3] }), RangeError);
  throws(() => resample(image, { width: 2, height: 2, filter: "nearest" as Filter }), /bilinear, bicubic, lanczos/);
});

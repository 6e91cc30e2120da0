import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { crc32 } from "node:zlib";
import type { Pixels } from "../../../data/images/pixels.ts";
import { type Filter, resample } from "../../../data/images/resample.ts";
import { patterned } from "../support.ts";
import golden from "../../golden/resample_pil.json" with { type: "json" };

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
    const image = patterned(source[0]!, source[1]!);
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
  const image = patterned(4, 3);
  throws(() => resample(image, { width: 0, height: 2 }), /Cannot resample .* current size is 0x2/);
  throws(() => resample(image, { width: 2, height: 2, box: [0, 0, 5, 3] }), /4x3 image: current box is \[0,0,5,3\]/);
  throws(() => resample(image, { width: 2, height: 2, box: [2, 0, 2, 3] }), RangeError);
  throws(() => resample(image, { width: 2, height: 2, filter: "nearest" as Filter }), /bilinear, bicubic, lanczos/);
});

import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { crc32 } from "node:zlib";
import { dataKey, drawsOf } from "../../../data/batches/draws.ts";
import { crop, type Pixels } from "../../../data/images/pixels.ts";
import { type Filter, resample } from "../../../data/images/resample.ts";
import { applyTransform } from "../../../data/images/transforms.ts";
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

Deno.test("resample() of a part equals resizing and then cropping", () => {
  const sizes = [[40, 30, 17, 23], [9, 50, 60, 50], [33, 7, 33, 90], [20, 20, 20, 20]] as const;
  for (const [fromWidth, fromHeight, width, height] of sizes) {
    const image = patterned(fromWidth, fromHeight);
    for (const filter of ["bilinear", "bicubic", "lanczos"] as const) {
      const part = { left: 3, top: 5, width: width - 7, height: height - 6 };
      deepStrictEqual(
        resample(image, { width, height, filter, part }),
        crop(resample(image, { width, height, filter }), part),
      );
    }
  }
  const outside = { left: 3, top: 0, width: 8, height: 4 };
  throws(() => resample(patterned(8, 8), { width: 10, height: 4, part: outside }), /part is 8x4 at 3, 0/);
});

Deno.test("an image of 20000x1 becomes a sample in little time and memory", () => {
  const image = { width: 20000, height: 1, channels: 3, data: new Uint8Array(60000).fill(9) } as const;
  const times = [1, 2, 3].map((seed) => {
    const begin = performance.now();
    for (const kind of ["centerCrop", "randomResizedCrop"] as const) {
      const { width, height, data } = applyTransform(image, [224, 224], { kind }, drawsOf(dataKey(seed)));
      deepStrictEqual([width, height, data.every((value) => value === 9)], [224, 224, true]);
    }
    return performance.now() - begin;
  });
  ok(Math.min(...times) < 5000, `${times} ms`); // a machine that stands still does so once
});

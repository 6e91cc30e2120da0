import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { encodePng, orientationOf, turned } from "../../../data/mod.ts";
import { exif, withExif } from "./exif_support.ts";

/** What Pillow's `ImageOps.exif_transpose` makes of the rows 1 2 3 and 4 5 6, by orientation. */
const PILLOW = [
  [[1, 2, 3], [4, 5, 6]],
  [[3, 2, 1], [6, 5, 4]],
  [[6, 5, 4], [3, 2, 1]],
  [[4, 5, 6], [1, 2, 3]],
  [[1, 4], [2, 5], [3, 6]],
  [[4, 1], [5, 2], [6, 3]],
  [[6, 3], [5, 2], [4, 1]],
  [[3, 6], [2, 5], [1, 4]],
] as const;

const IMAGE = {
  width: 3,
  height: 2,
  channels: 3,
  data: Uint8Array.from({ length: 18 }, (_, i) => 1 + Math.floor(i / 3)),
} as const;

PILLOW.forEach((rows, i) => {
  Deno.test(`an image of orientation ${i + 1} is turned as Pillow turns it`, () => {
    const { width, height, data } = turned(IMAGE, i + 1);
    deepStrictEqual([height, width], [rows.length, rows[0]!.length]);
    deepStrictEqual([...data], rows.flatMap((row) => row.flatMap((x) => [x, x, x])));
  });
});

const text = (value: string) => [...value].map((letter) => letter.charCodeAt(0));
const joined = (...parts: readonly (number | readonly number[])[]) => Uint8Array.from(parts.flat());

/** Files of a tag, as far as is read of them. */
const FILES: Readonly<Record<string, (orientation: number, isLittle: boolean) => Uint8Array>> = {
  tiff: exif,
  png: (orientation, isLittle) => withExif(encodePng(IMAGE), orientation, isLittle),
  webp: (...tag) => joined(text("RIFF\0\0\0\0WEBPXXXX\x01\0\0\0\x09\0EXIF\x1a\0\0\0"), [...exif(...tag)]),
  jpeg: (...tag) => joined(text("\xff\xd8\xff\xe0\0\x04\0\0\xff\xe1\0\x22Exif\0\0"), [...exif(...tag)], 0xff, 0xd9),
};

for (const [name, make] of Object.entries(FILES)) {
  Deno.test(`the orientation of a file is read in both orders of bytes: ${name}`, () => {
    for (const isLittle of [true, false]) {
      for (let orientation = 1; orientation <= 8; orientation++) {
        equal(orientationOf(make(orientation, isLittle)), orientation);
      }
    }
  });
}

Deno.test("files without a tag, with a broken one or cut anywhere stand as they are; other numbers are refused", () => {
  equal(orientationOf(encodePng(IMAGE)), 1);
  equal(orientationOf(new Uint8Array(0)), 1);
  equal(orientationOf(withExif(encodePng(IMAGE), 9, true)), 1);
  const whole = withExif(encodePng(IMAGE), 6, true);
  for (let length = 0; length < whole.length; length++) orientationOf(whole.subarray(0, length));
  for (const wrong of [0, 9, 1.5, NaN]) {
    throws(() => turned(IMAGE, wrong), /orientation must be a whole number from 1 to 8/);
  }
});

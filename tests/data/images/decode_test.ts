import { deepStrictEqual, equal, ok, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { decodeImage, dropAlpha, ImageError } from "../../../data/images/decode.ts";
import { IMAGE_FORMATS } from "../../../data/images/image_formats.ts";
import { encodePng } from "../../../data/images/png.ts";
import { dataKey, drawsOf } from "../../../data/batches/draws.ts";
import golden from "../../golden/images_pil.json" with { type: "json" };
import { testImage } from "../support.ts";

const fileOf = (name: string) =>
  new Uint8Array(Buffer.from(golden.images.find((image) => image.name === name)!.file, "base64"));

for (const { name, crc32: expected } of golden.images) {
  Deno.test(`decodeImage() equals Pillow: ${name}`, async () => {
    const { width, height, channels, data } = await decodeImage(fileOf(name), name);
    deepStrictEqual([width, height, channels], [...golden.size, 4]);
    equal(crc32(dropAlpha({ width, height, channels, data }).data), expected);
    const format = IMAGE_FORMATS.find(({ sniff }) => sniff(fileOf(name)))!;
    const { width: columns, height: rows } = format.measure!(fileOf(name))!;
    deepStrictEqual([columns, rows], golden.size);
  });
}

Deno.test("decodeImage() takes a view into a larger buffer", async () => {
  const file = fileOf("rgb.png");
  const larger = new Uint8Array(file.length + 20).fill(7);
  larger.set(file, 10);
  const view = larger.subarray(10, 10 + file.length);
  deepStrictEqual(await decodeImage(view), await decodeImage(file));
});

Deno.test("decodeImage() names the file and the reason", async () => {
  const whole = fileOf("rgb.jpg");
  await rejects(
    decodeImage(new Uint8Array(0), "a.jpg"),
    /^ImageError: Cannot decode a.jpg as .* current file is empty/,
  );
  await rejects(
    decodeImage(whole.subarray(0, whole.length / 2), "b.jpg"),
    /Cannot decode b.jpg .* truncated or corrupt/,
  );
  await rejects(decodeImage(whole.subarray(0, 20), "c.jpg"), /Cannot decode c.jpg .* header must be whole/);
  await rejects(decodeImage(new TextEncoder().encode("<html></html>"), "e.jpg"), /current file is an HTML page/);
  await rejects(decodeImage(Uint8Array.of(1, 2, 3, 4), "d.jpg"), /current file starts with the bytes 01 02 03 04/);
  const huge = fileOf("rgb.png");
  new DataView(huge.buffer).setUint32(16, 0x7fffffff);
  const large = fileOf("rgb.png");
  new DataView(large.buffer).setUint32(16, 1e6);
  await rejects(decodeImage(large, "g.png"), /Cannot decode g.png as its \d+ bytes .* 1000000x21 is too large/);
  await rejects(decodeImage(huge, "f.png"), /67108864 pixels: current size is 2147483647x21/);
});

for (const name of ["rgb.jpg", "rgb.png", "lossy.webp"]) {
  Deno.test(`decodeImage() survives damaged files: ${name}`, async () => {
    const whole = fileOf(name);
    const before = await decodeImage(whole);
    const draw = drawsOf(dataKey(5));
    for (let i = 0; i < 1000; i++) {
      const bytes = i % 2 ? whole.slice() : whole.slice(0, Math.floor(draw() * whole.length));
      for (let k = 0; k < 3 && i % 2; k++) bytes[Math.floor(draw() * bytes.length)] = Math.floor(draw() * 256);
      try {
        const { width, height, data } = await decodeImage(bytes, name);
        equal(data.length, width * height * 4);
      } catch (error) {
        ok(error instanceof ImageError && error.message.includes(name), String(error));
      }
    }
    deepStrictEqual(await decodeImage(whole), before);
  });
}

Deno.test("encodePng() keeps every value", async () => {
  const image = testImage(33, 17, 1);
  deepStrictEqual(dropAlpha(await decodeImage(encodePng(image))), image);
  const rgba = await decodeImage(fileOf("rgba.png"));
  deepStrictEqual(await decodeImage(encodePng(rgba)), rgba);
});

import { deepStrictEqual, equal, ok, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { decodeImage, decodeRaster, dropAlpha, ImageError } from "../../../data/images/decode.ts";
import type { ImageFormat } from "../../../data/images/image_format.ts";
import { IMAGE_FORMATS } from "../../../data/images/image_formats.ts";
import { fitChannels } from "../../../data/images/raster.ts";
import { encodeNpy } from "../../../data/formats/npy.ts";
import golden from "../../golden/formats_pil.json" with { type: "json" };

/** A row of the golden file. */
interface Row {
  readonly name: string;
  readonly file: string;
  readonly rgb?: number;
  readonly pixels?: string;
  readonly values?: number;
  readonly channels?: number;
}

const ROWS: readonly Row[] = golden.images;
const [WIDTH, HEIGHT] = golden.size as [number, number];
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const fileOf = (name: string) => bytesOf(ROWS.find((row) => row.name === name)!.file);
const text = (value: string) => new TextEncoder().encode(value);

for (const { name, file, rgb, pixels } of ROWS.filter(({ rgb }) => rgb !== undefined)) {
  Deno.test(`decodeImage() equals Pillow: ${name}`, async () => {
    const image = dropAlpha(await decodeImage(bytesOf(file), name));
    deepStrictEqual([image.width, image.height], [WIDTH, HEIGHT]);
    if (pixels === undefined) return equal(crc32(image.data), rgb);
    // Another decoder: its colours may differ by rounding.
    const wanted = bytesOf(pixels);
    ok(image.data.every((value, i) => Math.abs(value - wanted[i]!) <= 2));
  });
}

for (const { name, file, values, channels } of ROWS.filter(({ values }) => values !== undefined)) {
  Deno.test(`decodeRaster() has the values of the file: ${name}`, async () => {
    const raster = await decodeRaster(bytesOf(file), name);
    deepStrictEqual([raster.width, raster.height, raster.channels], [WIDTH, HEIGHT, channels]);
    const { buffer, byteOffset, byteLength } = raster.data;
    equal(crc32(new Uint8Array(buffer, byteOffset, byteLength)), values);
    if (channels! <= 4) equal((await decodeImage(bytesOf(file), name)).channels, 4);
  });
}

Deno.test("files of 16 bits lose their lower byte, floats are stretched, arrays have any channels", async () => {
  const deep = await decodeRaster(fileOf("deep_3.png"));
  const shown = dropAlpha(await decodeImage(fileOf("deep_3.png")));
  ok(shown.data.every((value, i) => value === deep.data[i]! >> 8));
  const ct = await decodeImage(fileOf("explicit.dcm"));
  deepStrictEqual([Math.min(...ct.data), Math.max(...dropAlpha(ct).data)], [0, 255]);
  const seven = encodeNpy({ dtype: "F32", shape: [8, 3, 7], data: Float32Array.from({ length: 168 }, (_, i) => i) });
  equal((await decodeRaster(seven)).channels, 7);
  await rejects(decodeImage(seven, "a.npy"), /Cannot decode a\.npy as it must have 1 to 4 channels .* it has 7/);
  const planes = encodeNpy({ dtype: "U8", shape: [3, 1, 5], data: Uint8Array.from({ length: 15 }, (_, i) => i) });
  deepStrictEqual((await decodeRaster(planes)).data.slice(0, 6), Uint8Array.of(0, 5, 10, 1, 6, 11));
});

Deno.test("NIfTI applies slope and intercept", async () => {
  const file = fileOf("volume.nii");
  const view = new DataView(file.buffer);
  const before = (await decodeRaster(file)).data;
  view.setFloat32(112, 0.5, true);
  view.setFloat32(116, -3, true);
  deepStrictEqual((await decodeRaster(file)).data, Float32Array.from(before, (value) => value * 0.5 - 3));
});

Deno.test("DICOM: MONOCHROME1 is turned, the window is what is shown, compression is named", async () => {
  const file = fileOf("twelve_bits.dcm");
  const at = Buffer.from(file).indexOf("MONOCHROME2");
  const turned = file.slice();
  turned[at + 10] = 0x31;
  const [plain, inverse] = [await decodeImage(file), await decodeImage(turned)];
  ok(dropAlpha(plain).data.every((value, i) => Math.abs(value + dropAlpha(inverse).data[i]! - 255) <= 1));
  const packed = file.slice();
  const syntax = Buffer.from(file).indexOf("1.2.840.10008.1.2.1\0");
  packed.set(text("1.2.840.10008.1.2.5\0"), syntax);
  await rejects(decodeImage(packed, "a.dcm"), /Cannot decode a\.dcm .* current one is 1\.2\.840\.10008\.1\.2\.5/);
});

Deno.test("fitChannels() makes grey, colours and what a model of other inputs takes", () => {
  const colour = { width: 1, height: 1, channels: 4, data: Uint8Array.of(255, 0, 51, 9), opaque: true };
  const grey = { width: 1, height: 1, channels: 1, data: Uint8Array.of(51) };
  ok(Math.abs(fitChannels(colour, 1).data[0]! - (255 * 0.299 + 51 * 0.114) / 255) < 1e-4);
  deepStrictEqual([...fitChannels(colour, 3).data], [1, 0, Math.fround(0.2)]);
  deepStrictEqual([...fitChannels(grey, 3).data], [0.2, 0.2, 0.2].map(Math.fround));
  deepStrictEqual([...fitChannels({ ...colour, opaque: false }, 4).data].length, 4);
  const seven = { width: 1, height: 1, channels: 7, data: Float32Array.of(0, 1, 2, 3, 4, 5, 6) };
  equal(fitChannels(seven, 7).data[3], 0.5);
  for (const [image, channels] of [[colour, 4], [seven, 3], [seven, 1], [grey, 7]] as const) {
    let message = "";
    try {
      fitChannels(image, channels);
    } catch (error) {
      message = (error as Error).message;
    }
    ok(message.includes(`must have ${channels}`), message);
  }
});

Deno.test("what is not read is named by its true kind", async () => {
  const kinds: readonly (readonly [Uint8Array, RegExp])[] = [
    [text("\0\0\0\x18ftypheic\0\0\0\0"), /current file is a HEIC image/],
    [text('<svg xmlns="http://www.w3.org/2000/svg"/>'), /current file is an SVG drawing/],
    [text("8BPS\0\x01"), /current file is a Photoshop image/],
    [text("version https://git-lfs.github.com/spec/v1\n"), /current file is a Git LFS pointer/],
    [text("<!DOCTYPE html>"), /current file is an HTML page/],
    [text("PAR1"), /current file is a Parquet table/],
  ];
  for (const [bytes, message] of kinds) {
    await rejects(decodeImage(bytes, "x.jpg"), (error: Error) => {
      ok(
        error instanceof ImageError &&
          error.message.startsWith("Cannot decode x.jpg as it must be an image (JPEG, PNG"),
      );
      ok(message.test(error.message), error.message);
      return true;
    });
  }
});

Deno.test("a format of one's own is given as an argument and reads what the built-in ones do not", async () => {
  const heic: ImageFormat = {
    name: "mine",
    endings: [".mine"],
    sniff: (bytes) => bytes[0] === 0x6d,
    decode: (bytes) => ({ width: bytes.length - 1, height: 1, channels: 1, data: bytes.subarray(1) }),
  };
  const file = Uint8Array.of(0x6d, 1, 2);
  const formats = [...IMAGE_FORMATS, heic];
  deepStrictEqual([...(await decodeRaster(file, "a.mine", { formats })).data], [1, 2]);
  await rejects(decodeImage(file, "a.mine"), /must be an image/);
  const wrong = { ...heic, decode: () => ({ width: 2, height: 2, channels: 1, data: new Uint8Array(3) }) };
  await rejects(decodeImage(file, "a.mine", { formats: [wrong] }), /current file has 3 values for 2x2x1/);
});

import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import { decodeImage, decodeRaster } from "../../../data/images/decode.ts";
import { encodeTiff, type TiffParts } from "./tiff_support.ts";

const [WIDTH, HEIGHT] = [21, 13];
const pixel = (x: number, y: number, c: number) => (x * 11 + y * 7 + c * 83) & 255;
const wanted = Array.from(
  { length: WIDTH * HEIGHT * 3 },
  (_, i) => pixel(Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH), i % 3),
);
const tags = { 256: [WIDTH], 257: [HEIGHT], 258: [8, 8, 8], 262: [2], 277: [3] };

/** The bytes of a part of the picture, of all channels or one; what lies beyond its edges is 0. */
function part(x0: number, y0: number, [width, height]: readonly [number, number], channels: readonly number[]) {
  return Uint8Array.from({ length: width * height * channels.length }, (_, i) => {
    const [x, y] = [x0 + Math.floor(i / channels.length) % width, y0 + Math.floor(i / channels.length / width)];
    return x < WIDTH && y < HEIGHT ? pixel(x, y, channels[i % channels.length]!) : 0;
  });
}

const strips = (rows: number, channels: readonly number[]) =>
  Array.from({ length: Math.ceil(HEIGHT / rows) }, (_, i) => {
    return part(0, i * rows, [WIDTH, Math.min(rows, HEIGHT - i * rows)], channels);
  });
const tiles = (channels: readonly number[]) =>
  [0, 1].flatMap((row) => [0, 1].map((column) => part(column * 16, row * 8, [16, 8], channels)));
const ALL = [0, 1, 2];
const TILED = { 322: [16], 323: [8] };

const LAYOUTS: Readonly<Record<string, TiffParts>> = {
  "one strip": { tags, parts: strips(HEIGHT, ALL) },
  "strips of 5 rows, the last of 3": { tags: { ...tags, 278: [5] }, parts: strips(5, ALL) },
  "a plane for each colour": { tags: { ...tags, 284: [2] }, parts: ALL.flatMap((c) => strips(HEIGHT, [c])) },
  "planes in strips": { tags: { ...tags, 278: [5], 284: [2] }, parts: ALL.flatMap((c) => strips(5, [c])) },
  "tiles": { tags: { ...tags, ...TILED }, parts: tiles(ALL) },
  "planes in tiles": { tags: { ...tags, ...TILED, 284: [2] }, parts: ALL.flatMap((c) => tiles([c])) },
  "tiles, the highest byte first": { tags: { ...tags, ...TILED }, parts: tiles(ALL), isBig: true },
};

for (const [name, layout] of Object.entries(LAYOUTS)) {
  Deno.test(`a TIFF file in ${name} has its pixels`, async () => {
    const { width, height, channels, data } = await decodeRaster(encodeTiff(layout), "a.tif");
    deepStrictEqual([width, height, channels, [...data]], [WIDTH, HEIGHT, 3, wanted]);
  });
}

/** A picture of one channel, two rows of three. */
const small = (more: Readonly<Record<number, readonly number[]>>, bytes: Uint8Array, isBig = false) =>
  decodeRaster(
    encodeTiff({ tags: { 256: [3], 257: [2], 277: [1], 262: [1], ...more }, parts: [bytes], isBig }),
    "a.tif",
  );
const bytesOf = ({ buffer }: ArrayBufferView) => new Uint8Array(buffer as ArrayBuffer);

Deno.test("TIFF files of few bits, of signs, and of 32 bits have their values", async () => {
  const nibbles = await small({ 258: [4] }, Uint8Array.of(0x1f, 0x80, 0x23, 0x40));
  deepStrictEqual([[...nibbles.data], nibbles.range], [[1, 15, 8, 2, 3, 4], [0, 15]]);
  deepStrictEqual([...(await small({ 258: [2] }, Uint8Array.of(0b00_01_10_00, 0b11_10_01_00))).data], [
    0,
    1,
    2,
    3,
    2,
    1,
  ]);
  const heights = [-32768, -1, 0, 1, 500, 32767];
  deepStrictEqual([...(await small({ 258: [16], 339: [2] }, bytesOf(Int16Array.from(heights)))).data], heights);
  const long = [0, 1, 65536, 70000, 3, 2 ** 24];
  deepStrictEqual([...(await small({ 258: [32] }, bytesOf(Uint32Array.from(long)))).data], long);
  const swapped = bytesOf(Int16Array.from(heights)).map((_, i, all) => all[i ^ 1]!);
  deepStrictEqual([...(await small({ 258: [16], 339: [2] }, swapped, true)).data], heights);
  // White is 0 here: values are turned.
  deepStrictEqual([...(await small({ 258: [8], 262: [0] }, Uint8Array.of(0, 1, 2, 253, 254, 255))).data], [
    ...[255, 254, 253, 2, 1, 0],
  ]);
});

Deno.test("a TIFF file that is packed by runs may end its runs early; one that lacks bytes is refused", async () => {
  const packed = Uint8Array.of(0xfe, 7, 0x80, 1, 8, 9, 0, 5); // three times 7, nothing, 8 and 9, 5
  deepStrictEqual([...(await small({ 258: [8], 259: [32773] }, packed)).data], [7, 7, 7, 8, 9, 5]);
  await rejects(
    small({ 258: [8], 259: [32773] }, packed.subarray(0, 6)),
    /a\.tif .*part 0 must have 6 bytes: current number is 5/,
  );
  await rejects(small({ 258: [8] }, new Uint8Array(5)), /part 0 must have 6 bytes: current number is 5/);
});

Deno.test("what of TIFF is not read is named", async () => {
  const cases: readonly (readonly [Readonly<Record<number, readonly number[]>>, string])[] = [
    [{ 258: [8], 259: [7] }, "current compression is JPEG"],
    [{ 258: [1], 259: [4] }, "current compression is CCITT group 4"],
    [{ 258: [8], 259: [50000] }, "current compression is Zstandard"],
    [{ 258: [8], 259: [12345] }, "current compression is 12345"],
    [{ 258: [8], 262: [6] }, "current kind of colours is YCbCr"],
    [{ 258: [12] }, "current depth is 12 bits of format 1"],
    [{ 258: [16], 339: [3] }, "current depth is 16 bits of format 3"],
    [{ 258: [32], 339: [3], 317: [3] }, "current predictor is that of floats"],
    [{ 258: [1], 266: [2] }, "current order of bits is the lowest first"],
  ];
  for (const [more, reason] of cases) {
    await rejects(small(more, new Uint8Array(24)), {
      message: `Cannot decode a.tif as its TIFF data must be of a form that is read: ${reason}`,
    });
  }
});

Deno.test("a TIFF head that asks for more than its picture is refused before memory is taken", async () => {
  const wrong: readonly Readonly<Record<number, readonly number[]>>[] = [
    { 258: [8], 322: [4_000_000_000], 323: [4_000_000_000], 324: [8], 325: [4] },
    { 258: [8], 322: [0], 323: [0], 324: [8], 325: [4] },
    { 258: [8], 278: [0] },
    { 258: [8], 277: [0] },
  ];
  for (const more of wrong) await rejects(small(more, new Uint8Array(6)), /a\.tif .*truncated or corrupt/);
  equal((await decodeImage(encodeTiff(LAYOUTS["one strip"]!), "a.tif")).width, WIDTH);
});

/** @file Image formats and sources of images that are fuzzed. */
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import { decodeImage } from "../../data/images/decode.ts";
import { encodeNpy } from "../../data/formats/npy.ts";
import { openParquet } from "../../data/formats/parquet.ts";
import { encodeZip } from "../../data/formats/zip_writer.ts";
import { openImages } from "../../data/sets/open_images.ts";
import further from "../golden/formats_pil.json" with { type: "json" };
import images from "../golden/images_pil.json" with { type: "json" };
import tables from "../golden/parquet_pyarrow.json" with { type: "json" };
import { tarOf } from "../data/formats/tar_support.ts";
import { mutate } from "./mutate.ts";
import type { Target } from "./target.ts";

const FILES = new Map([...images.images, ...further.images].map(({ name, file }) => [name, file]));
const fileOf = (name: string) => new Uint8Array(Buffer.from(FILES.get(name)!, "base64"));
const text = (value: string) => new TextEncoder().encode(value);

/** Decodes; what was read is let go at once. */
async function decode(bytes: Uint8Array, path: string): Promise<void> {
  await decodeImage(bytes, path);
}

const imageTarget = (name: string, ...files: readonly string[]): Target => ({
  name,
  seeds: () => Promise.resolve(files.map(fileOf)),
  read: decode,
});

/** Opens a source and reads every image of it, as a run does: an error of either must name it. */
async function open(bytes: Uint8Array, path: string): Promise<void> {
  await Deno.writeFile(path, bytes);
  const dataset = await openImages(path);
  for (let i = 0; i < Math.min(dataset.length, 20); i++) await dataset.load(i, () => 0);
}

async function readTable(bytes: Uint8Array, path: string): Promise<void> {
  await Deno.writeFile(path, bytes);
  const table = await openParquet(path);
  for (const { path: column } of table.columns) await table.read(column, 0, Math.min(table.rows, 100));
}

const shard = () => ({
  "0.png": fileOf("rgb.png"),
  "0.cls": text("1"),
  "1.png": fileOf("grey.png"),
  "1.json": text('{"label": 0}'),
});
const parts = (tree: Readonly<Record<string, Uint8Array>>) =>
  Object.entries(tree).map(([path, bytes]) => ({ path, bytes }));
const zipped = (tree: Readonly<Record<string, Uint8Array>>) =>
  encodeZip(new Map(Object.entries(tree).map(([path, bytes]) => [path, [bytes]])));
const nested = () =>
  tarOf(
    parts({
      "n01.tar": tarOf(parts(shard())),
      "n02.tar.gz": gzipSync(tarOf(parts(shard()))),
      "n03.zip": zipped(shard()),
    }),
  );

/** All of them. */
export const IMAGE_TARGETS: readonly Target[] = [
  imageTarget("cmyk", "cmyk.jpg", "ycck.jpg", "cmyk_420.jpg"),
  imageTarget("webp", "animated_lossy.webp", "animated_lossless.webp", "lossy.webp", "lossless_alpha.webp"),
  imageTarget("gif", "palette.gif", "interlaced.gif", "animated.gif"),
  imageTarget("bmp", "rgb.bmp", "grey.bmp", "palette.bmp", "one_bit.bmp"),
  imageTarget(
    "tiff",
    "rgb.tif",
    "lzw.tif",
    "deflate.tif",
    "grey16.tif",
    "one_bit.tif",
    "palette.tif",
    "pages.tif",
    "float.tif",
  ),
  imageTarget("avif", "lossy.avif"),
  imageTarget("ppm", "rgb.ppm", "grey.pgm", "one_bit.pbm"),
  imageTarget("png16", "deep_1.png", "deep_2.png", "deep_3.png", "deep_4.png"),
  imageTarget("dicom", "explicit.dcm", "implicit.dcm", "big.dcm", "rgb.dcm", "planes.dcm"),
  {
    ...imageTarget("nifti", "volume.nii", "version2.nii", "big.nii", "float.nii", "volume.nii.gz"),
    inner: (bytes, draw) =>
      bytes[0] === 0x1f ? new Uint8Array(gzipSync(mutate(gunzipSync(bytes), draw))) : mutate(bytes, draw),
  },
  {
    name: "npy",
    seeds: () =>
      Promise.resolve([
        encodeNpy({ dtype: "U8", shape: [20, 20, 3], data: new Uint8Array(1200) }),
        encodeNpy({ dtype: "F32", shape: [3, 20, 20], data: new Float32Array(1200) }),
      ]),
    read: decode,
  },
  {
    name: "parquet",
    seeds: () => Promise.resolve(Object.values(tables).map((table) => new Uint8Array(Buffer.from(table, "base64")))),
    read: readTable,
  },
  {
    name: "parquet_set",
    seeds: () => Promise.resolve(Object.values(tables).map((table) => new Uint8Array(Buffer.from(table, "base64")))),
    read: open,
  },
  {
    name: "cifar",
    seeds: () => Promise.resolve([new Uint8Array(3 * 3073).fill(7)]),
    read: async (bytes, path) => {
      await Deno.mkdir(`${path}.files`, { recursive: true });
      await open(bytes, `${path}.files/data_batch_1.bin`);
    },
  },
  {
    name: "label_table",
    seeds: () =>
      Promise.resolve([text('id,"label",note\n1,a,"x, ""y""\n"\n2,b,\n'), text("name;MEL;NV\n1;1.0;0.0\n2;0;1\n")]),
    read: async (bytes, path) => {
      await Deno.mkdir(`${path}.files`, { recursive: true });
      for (const name of ["1.png", "2.png"]) await Deno.writeFile(`${path}.files/${name}`, fileOf("rgb.png"));
      await Deno.writeFile(`${path}.files/labels.csv`, bytes);
      await openImages(`${path}.files`);
    },
    refuses: false,
  },
  { name: "zip", seeds: () => Promise.resolve([zipped(shard()), zipped({ "a.zip": zipped(shard()) })]), read: open },
  { name: "tar_of_tars", seeds: () => Promise.resolve([nested(), tarOf(parts(shard()))]), read: open },
];

/** @file What is fuzzed: good files of each kind, how they are damaged below their checksums, and their reader. */
import { Buffer } from "node:buffer";
import { crc32, deflateSync, inflateSync } from "node:zlib";
import { decodeImage } from "../../data/images/decode.ts";
import { decodeNpz, encodeNpz } from "../../data/formats/npy.ts";
import { decodeNumpyPickle } from "../../data/formats/pickle/numpy_pickle.ts";
import { decodePth } from "../../data/formats/pickle/pth.ts";
import { decodeSafetensors, encodeSafetensors } from "../../data/formats/safetensors.ts";
import { decodeStateDict } from "../../data/formats/state_dict_file.ts";
import { tarEntries } from "../../data/formats/tar.ts";
import { readZip } from "../../data/formats/zip_reader.ts";
import { encodeZip } from "../../data/formats/zip_writer.ts";
import images from "../golden/images_pil.json" with { type: "json" };
import { gzipped, tarOf } from "../data/formats/tar_support.ts";
import { ANNOTATION_TARGETS } from "./annotation_targets.ts";
import { IMAGE_TARGETS } from "./image_targets.ts";
import { type Draw, joined, mutate } from "./mutate.ts";
import { RUN_TARGETS } from "./run_targets.ts";
import type { Target } from "./target.ts";

const golden = (name: string) => Deno.readFile(new URL(`../golden/files/${name}`, import.meta.url));
const image = (name: string) =>
  new Uint8Array(Buffer.from(images.images.find((one) => one.name === name)!.file, "base64"));

/** Damages one file of an archive and packs it again. */
function innerZip(bytes: Uint8Array, draw: Draw): Uint8Array {
  const files = [...readZip(bytes)];
  const chosen = Math.floor(draw() * Math.min(files.length, draw() < 0.7 ? 1 : files.length)); // the pickle comes first
  return encodeZip(
    new Map(files.map(([name, content], i) => [name, [i === chosen ? mutate(content, draw) : content]])),
  );
}

/** Damages one chunk of a PNG, or what its image data unpack to, and makes length and checksum right. */
function innerPng(bytes: Uint8Array, draw: Draw): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Uint8Array[] = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    chunks.push(bytes.subarray(at + 4, at + 8 + view.getUint32(at)));
  }
  const chosen = Math.floor(draw() * chunks.length);
  const damaged = chunks.map((chunk, i) => {
    if (i !== chosen || chunk.length <= 4) return chunk;
    const data = chunk.subarray(4);
    const isImage = new TextDecoder().decode(chunk.subarray(0, 4)) === "IDAT" && draw() < 0.5;
    const changed = isImage
      ? new Uint8Array(deflateSync(mutate(new Uint8Array(inflateSync(data)), draw)))
      : mutate(data, draw);
    return joined([chunk.subarray(0, 4), changed]);
  });
  const framed = damaged.flatMap((chunk) => [uint32(chunk.length - 4), chunk, uint32(crc32(chunk))]);
  return joined([bytes.subarray(0, 8), ...framed]);
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** Damages a tar archive, then makes the checksums of its headers right. */
function innerTar(bytes: Uint8Array, draw: Draw): Uint8Array {
  const out = mutate(bytes, draw).slice();
  for (let at = 0; at + 512 <= out.length; at += 512) {
    if (new TextDecoder().decode(out.subarray(at + 257, at + 262)) !== "ustar") continue;
    out.fill(0x20, at + 148, at + 156);
    const sum = out.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    out.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), at + 148);
  }
  return out;
}

async function readTar(bytes: Uint8Array, path: string): Promise<void> {
  await Deno.writeFile(path, bytes);
  for await (const entry of tarEntries(path)) await entry.read();
}

const text = (value: string) => new TextEncoder().encode(value);
const tar = () =>
  tarOf([{ path: "a/b.txt", bytes: text("hello") }, { path: "c", bytes: new Uint8Array(3000) }, {
    path: "d/",
    type: "5",
  }]);
const weights = {
  "layer.weight": { dtype: "F32", shape: [4, 3], data: new Float32Array(12) },
  "layer.bias": { dtype: "F16", shape: [4], data: new Uint16Array(4) },
  count: { dtype: "I64", shape: [], data: BigInt64Array.of(5n) },
} as const;

const read = (decode: (bytes: Uint8Array, path: string) => unknown) => (bytes: Uint8Array, path: string) =>
  decode(bytes, path);

/** All kinds. */
export const TARGETS: readonly Target[] = [
  {
    name: "pth",
    seeds: async () => [await golden("values.pth"), await golden("os_system.pth")],
    inner: innerZip,
    read: read(decodePth),
  },
  { name: "pth_legacy", seeds: async () => [await golden("values_legacy.pth")], read: read(decodeStateDict) },
  {
    name: "safetensors",
    seeds: () => Promise.resolve([encodeSafetensors(weights, { format: "x" })]),
    read: read(decodeSafetensors),
  },
  {
    name: "npz",
    seeds: async () => [await golden("arrays.npz"), await golden("arrays_compressed.npz"), encodeNpz(weights)],
    inner: innerZip,
    read: read(decodeNpz),
  },
  {
    name: "pkl",
    seeds: async () => await Promise.all([2, 3, 4, 5].map((protocol) => golden(`arrays_${protocol}.pkl`))),
    read: read(decodeNumpyPickle),
  },
  {
    name: "tar",
    seeds: async () => [tar(), await gzipped(tar())],
    inner: innerTar,
    read: readTar,
  },
  {
    name: "jpeg",
    seeds: () => Promise.resolve(["rgb.jpg", "progressive.jpg", "grey.jpg", "rotated_by_exif.jpg"].map(image)),
    read: read(decodeImage),
  },
  {
    name: "png",
    seeds: () => Promise.resolve(["rgb.png", "rgba.png", "grey.png", "palette.png"].map(image)),
    inner: innerPng,
    read: read(decodeImage),
  },
  ...IMAGE_TARGETS,
  ...ANNOTATION_TARGETS,
  ...RUN_TARGETS,
];

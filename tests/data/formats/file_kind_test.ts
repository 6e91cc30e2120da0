import { deepStrictEqual, equal, match } from "node:assert/strict";
import { encodePth } from "../../../data/formats/pickle/pth.ts";
import { encodeNpy, encodeNpz } from "../../../data/formats/npy.ts";
import { encodeSafetensors } from "../../../data/formats/safetensors.ts";
import { encodePickle } from "../../../data/formats/pickle/pickle_writer.ts";
import { fileKindOf, kindText } from "../../../data/formats/file_kind.ts";
import { encodeZip } from "../../../data/formats/zip_writer.ts";
import { tarOf } from "./tar_support.ts";

const latin = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const golden = (name: string) => Deno.readFileSync(new URL(`../../golden/files/${name}`, import.meta.url));
const array = { dtype: "F32", shape: [1], data: Float32Array.of(1) } as const;

const FILES: readonly (readonly [kind: string | undefined, bytes: Uint8Array])[] = [
  ["git-lfs", latin("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 102470465\n")],
  ["html", latin("<!DOCTYPE html>\n<html><head><title>Not found</title>")],
  ["html", latin("\n  <html lang=en>")],
  ["html", latin("<!-- saved -->\n<!doctype HTML>")],
  [
    "weight-index",
    latin('{\n "metadata": {"total_size": 8},\n "weight_map": {"a": "model-00001-of-00002.safetensors"}}'),
  ],
  ["json", latin('{"model_type": "resnet"}')],
  ["json", latin("[1, 2]")],
  ["xml", latin('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>')],
  ["svg", latin('<svg xmlns="http://www.w3.org/2000/svg">')],
  ["text", latin("epoch 1\nloss 0.5\n")],
  ["text", new TextEncoder().encode("потеря 0.5\n損失")],
  ["text", latin("caf\xe9 na\xefve, in Latin-1")],
  [undefined, new Uint8Array(16).fill(255)],
  [undefined, new Uint8Array(64).map((_, i) => 128 + (37 * i) % 128)],
  ["png", latin("\x89PNG\r\n\x1a\n\0\0\0\rIHDR")],
  ["jpeg", latin("\xff\xd8\xff\xe0\0\x10JFIF")],
  ["webp", latin("RIFF\x24\0\0\0WEBPVP8 ")],
  ["heic", latin("\0\0\0\x18ftypheic\0\0\0\0")],
  ["avif", latin("\0\0\0\x1cftypavif\0\0\0\0")],
  ["tiff", latin("II*\0\x08\0\0\0")],
  ["bmp", latin("BM\x46\0\0\0\0\0\0\0\x36")],
  ["netpbm", latin("P6\n2 2\n255\n")],
  ["gzip", latin("\x1f\x8b\x08\0\0\0\0\0\0\x03")],
  ["xz", latin("\xfd7zXZ\0\0\x04")],
  ["zstd", latin("\x28\xb5\x2f\xfd\x24")],
  ["parquet", latin("PAR1\x15\x04")],
  ["hdf5", latin("\x89HDF\r\n\x1a\n\0\0")],
  ["pdf", latin("%PDF-1.7")],
  ["npy", encodeNpy(array)],
  ["npz", encodeNpz({ a: array })],
  ["pth", encodePth(1)],
  ["pth", golden("values.pth")],
  ["pth", golden("values_legacy.pth")],
  ["pickle", encodePickle(1)],
  ["pickle", golden("arrays_5.pkl")],
  ["zip", encodeZip(new Map([["photos/a.jpg", [latin("x")]]]))],
  ["safetensors", encodeSafetensors({ a: array })],
  ["tflite", latin("\x1c\0\0\0TFL3\x14\0\x20\0")],
  ["video", latin("\0\0\0\x18ftypmp42\0\0\0\0")],
  ["matroska", latin("\x1aE\xdf\xa3\x93B\x82\x88")],
  ["msgpack", latin("\x81\xa6params\x82\xa5conv1")],
  ["zeros", new Uint8Array(4096)],
  ["empty", new Uint8Array(0)],
  [undefined, Uint8Array.of(1, 2, 3)],
];

Deno.test("fileKindOf() names the true kind by content", () => {
  deepStrictEqual(FILES.map(([, bytes]) => fileKindOf(bytes)?.id), FILES.map(([kind]) => kind));
  equal(fileKindOf(tarOf([{ path: "a.jpg", bytes: latin("x") }]))?.id, "tar");
});

Deno.test("kindText() says the kind and the remedy", () => {
  match(
    kindText(FILES[0]![1]),
    /^current file is a Git LFS pointer, not the file itself; fetch the file with git lfs pull$/,
  );
  match(
    kindText(FILES[1]![1]),
    /an HTML page; it is the page about the file, or an error of the server: download the file/,
  );
  equal(kindText(Uint8Array.of(1, 2, 3)), "current file is of a kind that is not known");
});

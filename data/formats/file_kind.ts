/** @file What a file is by its first bytes: the one table that errors about files of the wrong kind read. */

/** A kind of file. */
export interface FileKind {
  /** Short name, such as `git-lfs` or `png`. */
  readonly id: string;
  /** As a sentence has it: `a PNG image`. */
  readonly name: string;
  /** What can be done where another kind was expected; absent where there is nothing to say. */
  readonly remedy?: string;
  /** Images are data, weights are files of `--init`; archives may hold either. */
  readonly holds: "image" | "weights" | "archive" | "other";
}

/** A row: bytes at a place (as Latin-1 text), or a check of the beginning. */
interface Row extends FileKind {
  readonly at?: number;
  readonly bytes?: string | readonly string[];
  readonly test?: (text: string) => boolean;
}

const image = (id: string, name: string, bytes: string | readonly string[], at = 0): Row => ({
  ...{ id, name, bytes, at },
  holds: "image",
});

/** Whether a byte lies between two others. */
const within = (text: string, at: number, least: number, most: number) =>
  text.charCodeAt(at) >= least && text.charCodeAt(at) <= most;

/** Brands of ISO media files that are images. */
const brand = (id: string, name: string, ...brands: readonly string[]): Row =>
  image(id, name, brands.map((four) => `ftyp${four}`), 4);

const packed = (id: string, name: string, bytes: string): Row => ({
  ...{ id, name, bytes, holds: "archive" },
  remedy: "unpack it first",
});

const UNPACKED_HTML = "it is the page about the file, or an error of the server: download the file itself";

/** The first row that fits names the kind. */
const KINDS: readonly Row[] = [
  {
    ...{ id: "git-lfs", name: "a Git LFS pointer, not the file itself", holds: "other" },
    remedy: "fetch the file with git lfs pull",
    bytes: "version https://git-lfs.github.com/spec",
  },
  image("png", "a PNG image", "\x89PNG\r\n\x1a\n"),
  image("jpeg", "a JPEG image", "\xff\xd8\xff"),
  image("gif", "a GIF image", ["GIF87a", "GIF89a"]),
  { id: "webp", name: "a WebP image", holds: "image", test: (text) => /^RIFF[^]{4}WEBP/.test(text) },
  brand("avif", "an AVIF image", "avif", "avis"),
  brand("heic", "a HEIC image", "heic", "heix", "hevc", "heim", "heis", "mif1", "msf1"),
  image("tiff", "a TIFF image", ["II*\0", "MM\0*", "II+\0", "MM\0+"]),
  image("jpeg2000", "a JPEG 2000 image", ["\0\0\0\x0cjP  ", "\xff\x4f\xff\x51"]),
  image("jpegxl", "a JPEG XL image", ["\xff\x0a", "\0\0\0\x0cJXL "]),
  image("psd", "a Photoshop image", "8BPS"),
  image("icon", "an icon", "\0\0\x01\0"),
  { id: "bmp", name: "a BMP image", holds: "image", test: (text) => /^BM[^]{4}\0\0\0\0/.test(text) },
  { id: "netpbm", name: "a PPM, PGM or PBM image", holds: "image", test: (text) => /^P[1-7][\s#]/.test(text) },
  image("dicom", "a DICOM image", "DICM", 128),
  image("nifti", "a NIfTI volume", ["n+1\0", "ni1\0"], 344),
  {
    ...{ id: "idx", name: "an IDX file, as of MNIST", holds: "other" },
    bytes: ["\0\0\x08\x01", "\0\0\x08\x03", "\0\0\x08\x04"],
    remedy: "write its images into a folder, a tar or a zip archive",
  },
  { id: "npy", name: "a NumPy array (.npy)", bytes: "\x93NUMPY", holds: "other" },
  { id: "parquet", name: "a Parquet table", bytes: "PAR1", holds: "archive" },
  { id: "arrow", name: "an Arrow table", bytes: "ARROW1", holds: "archive" },
  {
    ...{ id: "hdf5", name: "an HDF5 file, such as Keras writes", bytes: "\x89HDF\r\n\x1a\n", holds: "weights" },
    remedy: "save the weights as .safetensors or .npz in Python",
  },
  {
    ...{ id: "gguf", name: "a GGUF file of a language model", bytes: "GGUF", holds: "weights" },
  },
  { id: "tflite", name: "a TensorFlow Lite model", at: 4, bytes: "TFL3", holds: "weights" },
  { id: "video", name: "a video", at: 4, bytes: "ftyp", holds: "other" },
  { id: "matroska", name: "a video", bytes: "\x1aE\xdf\xa3", holds: "other" },
  {
    ...{ id: "msgpack", name: "a file of MessagePack, such as Flax writes", holds: "weights" },
    test: (text) => /^[\x81-\x8f][\xa1-\xbf][a-z_]+[\x80-\x8f\xde]/.test(text),
    remedy: "save the weights as .safetensors or .npz in Python",
  },
  {
    ...{ id: "zeros", name: "nothing but zeros, as of a download that was cut off", holds: "other" },
    test: (text) => /^\0{64,}$/.test(text),
    remedy: "fetch it again",
  },
  {
    ...{
      id: "onnx",
      name: "an ONNX model",
      holds: "weights",
      test: (text) => text[0] === "\b" && within(text, 1, 3, 15) && within(text, 2, 16, 18),
    },
    remedy: "give the checkpoint that it was exported from",
  },
  {
    ...{ id: "torch-tar", name: "a file of PyTorch 0.1, a tar archive", holds: "weights" },
    test: (text) => text.startsWith("ustar", 257) && /^(\.\/)?(storages|sys_info|pickle)\0/.test(text),
    remedy: "load and save it again in a newer PyTorch",
  },
  { id: "tar", name: "a tar archive", at: 257, bytes: "ustar", holds: "archive", remedy: "unpack it first" },
  {
    ...{ id: "npz", name: "an archive of NumPy arrays (.npz)", holds: "weights" },
    test: (text) => text.startsWith("PK\x03\x04") && nameInZip(text).endsWith(".npy"),
  },
  {
    ...{ id: "pth", name: "a PyTorch file", holds: "weights" },
    test: (text) =>
      text.startsWith("PK\x03\x04") &&
      /^[^/]*\/?(data\.pkl|version|byteorder|\.format_version|\.data\/|data\/|code\/|constants\.pkl)/.test(
        nameInZip(text),
      ),
  },
  {
    id: "zip",
    name: "a zip archive",
    bytes: ["PK\x03\x04", "PK\x05\x06"],
    holds: "archive",
    remedy: "unpack it first",
  },
  packed("gzip", "packed with gzip", "\x1f\x8b"),
  packed("bzip2", "packed with bzip2", "BZh"),
  packed("xz", "packed with xz", "\xfd7zXZ\0"),
  packed("zstd", "packed with Zstandard", "\x28\xb5\x2f\xfd"),
  packed("lz4", "packed with LZ4", "\x04\x22\x4d\x18"),
  packed("7z", "a 7-Zip archive", "7z\xbc\xaf\x27\x1c"),
  packed("rar", "a RAR archive", "Rar!\x1a\x07"),
  {
    id: "pth",
    name: "a PyTorch file",
    bytes: "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
    holds: "weights",
  },
  {
    ...{ id: "safetensors", name: "a safetensors file", holds: "weights" },
    test: (text) => /^[^]{6}\0\0\{["\s}]/.test(text),
  },
  {
    id: "pickle",
    name: "a Python pickle",
    holds: "weights",
    test: (text) => text[0] === "\x80" && within(text, 1, 2, 5),
  },
  {
    ...{ id: "pickle-0", name: "a Python pickle of protocol 0 or 1", holds: "weights" },
    test: (text) => /^(?:\(?[dl]p\d+\n|\(?[\]}]q[^ -~]|c(?:collections|copy_reg|torch|numpy)[\w.]*\n\w+\n)/.test(text),
    remedy: "load it in Python and dump it again with protocol=2 or higher",
  },
  { id: "pdf", name: "a PDF document", bytes: "%PDF-", holds: "other" },
  { id: "sqlite", name: "an SQLite database", bytes: "SQLite format 3\0", holds: "other" },
  { id: "elf", name: "a program", bytes: ["\x7fELF", "MZ\x90\0"], holds: "other" },
  {
    ...{ id: "html", name: "an HTML page", holds: "other", remedy: UNPACKED_HTML },
    test: (text) => /^(?:\xef\xbb\xbf)?\s*(?:<!--[^]*?-->\s*)?<(?:!doctype html|html|head|body)\b/i.test(text),
  },
  {
    id: "svg",
    name: "an SVG drawing",
    holds: "image",
    test: (text) => /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^]*?-->\s*)?<svg\b/.test(text),
  },
  { id: "xml", name: "an XML file", holds: "other", test: (text) => /^(?:\xef\xbb\xbf)?\s*<\?xml\b/.test(text) },
  {
    ...{ id: "weight-index", name: "a JSON index of shards", holds: "weights" },
    test: (text) => /^\s*\{/.test(text) && /"weight_map"\s*:/.test(text),
  },
  {
    id: "json",
    name: "a JSON file",
    holds: "other",
    test: (text) => /^(?:\xef\xbb\xbf)?\s*[[{]\s*(?:["\d[{\]}-]|$)/.test(text),
  },
  {
    id: "text",
    name: "a text file",
    holds: "other",
    test: isText,
  },
];

/** UTF-8, whose last character may be cut off. */
const UTF8 =
  /^(?:[\0-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})*(?:[\xc2-\xf4][\x80-\xbf]{0,2})?$/;

/** No control characters, and UTF-8; or mostly ASCII, as of an older encoding. */
function isText(text: string): boolean {
  if (text.length === 0 || !/^[\t\n\r -~\x80-\xff]*$/.test(text)) return false;
  return UTF8.test(text) || 4 * text.replace(/[\x80-\xff]+/g, "").length >= 3 * text.length;
}

/** Name of the first file of a zip archive. */
function nameInZip(text: string): string {
  const bytes = text.length > 30 ? text.charCodeAt(26) + 256 * text.charCodeAt(27) : 0;
  return text.slice(30, 30 + bytes);
}

/** Bytes from the beginning of a file that are enough to tell its kind; `weight-index` may need all of it. */
export const KIND_BYTES = 4096;

/**
 * Tells what a file is by its content, never by its name.
 *
 * @param bytes The file, or its first `KIND_BYTES`.
 * @returns The kind; `null` if it is none that is known. An empty file is the kind `empty`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { fileKindOf } from "@tessera/tessera/data";
 *
 * const pointer = new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n");
 * equal(fileKindOf(pointer)?.remedy, "fetch the file with git lfs pull");
 * ```
 */
export function fileKindOf(bytes: Uint8Array): FileKind | null {
  if (bytes.length === 0) return { id: "empty", name: "an empty file", holds: "other" };
  const text = Array.from(bytes.subarray(0, KIND_BYTES), (byte) => String.fromCharCode(byte)).join("");
  const row = KINDS.find(({ at = 0, bytes: wanted, test }) =>
    test ? test(text) : [wanted ?? []].flat().some((start) => text.startsWith(start, at))
  );
  if (!row) return null;
  const { id, name, remedy, holds } = row;
  return remedy === undefined ? { id, name, holds } : { id, name, remedy, holds };
}

/**
 * Says what a file is instead of what was expected: the end of an error message.
 *
 * @param bytes The file, or its first `KIND_BYTES`.
 * @returns `current file is a PNG image`, with the remedy if there is one.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { kindText } from "@tessera/tessera/data";
 *
 * equal(kindText(new Uint8Array(0)), "current file is an empty file");
 * ```
 */
export function kindText(bytes: Uint8Array): string {
  const kind = fileKindOf(bytes);
  if (kind === null) return "current file is of a kind that is not known";
  return `current file is ${kind.name}${kind.remedy === undefined ? "" : `; ${kind.remedy}`}`;
}

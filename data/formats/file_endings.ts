/** @file What files are by their names, for listings, where looking into each would take too long; and paths of none. */

/** Endings by what a count of such files is called: `3 HEIC images`. The kinds by content stand in file_kind.ts. */
const ENDINGS: Readonly<Record<string, string>> = {
  "JPEG image": ".jpg .jpeg .jpe .jfif",
  "PNG image": ".png",
  "WebP image": ".webp",
  "GIF image": ".gif",
  "BMP image": ".bmp .dib",
  "TIFF image": ".tif .tiff",
  "AVIF image": ".avif",
  "HEIC image": ".heic .heif",
  "PBM, PGM or PPM image": ".ppm .pgm .pbm .pnm",
  "SVG drawing": ".svg",
  "Photoshop image": ".psd .psb",
  "JPEG 2000 image": ".jp2 .j2k .jpf",
  "JPEG XL image": ".jxl",
  "icon": ".ico",
  "OpenEXR image": ".exr",
  "Targa image": ".tga",
  "raw image of a camera": ".cr2 .cr3 .nef .arw .dng .orf .rw2 .raf",
  "DICOM image": ".dcm .dicom",
  "NIfTI volume": ".nii .nii.gz",
  "NumPy array": ".npy",
  "archive of NumPy arrays": ".npz",
  "MATLAB file": ".mat",
  "tar archive": ".tar .tar.gz .tgz",
  "zip archive": ".zip",
  "archive that must be unpacked first": ".tar.xz .txz .tar.bz2 .tbz2 .tar.zst .xz .bz2 .zst .lz4 .7z .rar .gz",
  "Parquet table": ".parquet",
  "Arrow table": ".arrow .feather",
  "database": ".mdb .lmdb .sqlite .db",
  "file of TFRecords": ".tfrecord .tfrecords",
  "file of weights": ".safetensors .pth .pt .ckpt .pkl .h5 .hdf5 .onnx .gguf",
  "video": ".mp4 .mov .m4v .avi .mkv .webm",
  "sound": ".wav .mp3 .flac .ogg",
  "PDF document": ".pdf",
  "HTML page": ".html .htm",
  "XML file": ".xml",
  "JSON file": ".json .jsonl",
  "text": ".txt .csv .tsv .md .yaml .yml .log .cls .license",
};

const NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(ENDINGS).flatMap(([name, endings]) => endings.split(" ").map((ending) => [ending, name] as const)),
);

/**
 * Takes the ending off a path: what follows the last dot of the file's name, or the last two where they belong together.
 *
 * @param path Any path.
 * @returns The ending, lower case, with its dot; empty if the name has none.
 */
export function endingOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const parts = name.split(".");
  const double = parts.length > 2 ? `.${parts.slice(-2).join(".")}` : "";
  if (NAMES.has(double)) return double;
  return parts.length > 1 ? `.${parts.at(-1)}` : "";
}

/**
 * Names the kind of a file by its ending.
 *
 * @param path Any path.
 * @returns Such as `"HEIC image"`; the ending itself, or `"file without an ending"`, if it is not known.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { kindByEnding } from "@tessera/tessera/data";
 *
 * deepStrictEqual(["a/IMG_1.HEIC", "b.xyz"].map(kindByEnding), ["HEIC image", ".xyz file"]);
 * ```
 */
export function kindByEnding(path: string): string {
  const ending = endingOf(path);
  return NAMES.get(ending) ?? (ending === "" ? "file without an ending" : `${ending} file`);
}

/** What paths may be that are none. */
const REASONS: readonly (readonly [test: RegExp, advice: string])[] = [
  [/^[a-z][a-z0-9+.-]+:\/\//i, "it is an address, from which nothing is fetched: download it first"],
  [/^~/, "a shell puts the home folder in place of ~ where it is not quoted: write the whole path"],
  [/[*?]/, "nothing is put in place of * and ? here: name the folder, or the shards as {000..127}"],
];

/**
 * Says what may be meant by a path at which there is nothing.
 *
 * @param path The path.
 * @returns What to do, after a semicolon; empty if nothing tells.
 *
 * @example Usage
 * ```ts
 * import { match } from "node:assert/strict";
 * import { pathAdvice } from "@tessera/tessera/data";
 *
 * match(pathAdvice("https://example.com/a.tar"), /^; it is an address, .* download it first$/);
 * ```
 */
export function pathAdvice(path: string): string {
  const advice = REASONS.find(([test]) => test.test(path))?.[1] ??
    (isLink(path) ? "it is a link that leads nowhere" : "");
  return advice === "" ? "" : `; ${advice}`;
}

function isLink(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSymlink;
  } catch {
    return false;
  }
}

/** @file The end of an error about a file that holds no images: what it truly is, and what to do. */
import { fileKindOf } from "../formats/file_kind.ts";

const UNPACK = "unpack it and give the folder, or pack it as tar, tar.gz or zip";
const CONVERT = "convert it to PNG or JPEG";

const TABLE = "a table tells the classes of the images beside it: give their folder";

/** What to do with a kind that is known and not read as images. */
const REMEDIES: Readonly<Record<string, string>> = {
  ...{ bzip2: UNPACK, xz: UNPACK, zstd: UNPACK, lz4: UNPACK, "7z": UNPACK, rar: UNPACK },
  ...{ heic: CONVERT, jpeg2000: CONVERT, jpegxl: CONVERT, psd: CONVERT, icon: CONVERT, svg: CONVERT, pdf: CONVERT },
  ...{ json: TABLE, text: TABLE },
  arrow: "save it as Parquet: datasets' to_parquet",
  hdf5: "write its images into a folder, tar or zip",
};

/**
 * Says what a file is that should hold images.
 *
 * @param head Its first 4,096 bytes.
 * @param name What to call it.
 * @returns Such as `"current a.bin is packed with xz; unpack it …"`.
 */
export function describeWrongKind(head: Uint8Array, name: string): string {
  const kind = fileKindOf(head);
  if (kind === null) return `current ${name} is of a kind that is not known`;
  const remedy = REMEDIES[kind.id] ?? (kind.holds === "archive" ? undefined : kind.remedy);
  return `current ${name} is ${kind.name}${remedy === undefined ? "" : `; ${remedy}`}`;
}

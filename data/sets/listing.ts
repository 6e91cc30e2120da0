/** @file What a source holds, as a list of paths: folders and archives alike. Nothing here says what the paths mean. */
import type { Slice } from "./image_slices.ts";
import { endingOf } from "../formats/file_endings.ts";
import type { leftOutKeeper } from "./account.ts";

/** A file that a source holds. */
export interface ListedFile extends Slice {
  /** Path in the source, with `/` between names. That of an archive in it is a folder where it tells something. */
  readonly path: string;
  /** Number of the archive that the file lies in: names of samples differ within one only. -1 in a folder. */
  readonly archive: number;
  /** What the text of the file says of the class of its sample; absent for other files. */
  readonly label?: string | number;
  /** Content of a table in text, which may tell classes; absent for other files. */
  readonly text?: () => string;
}

/** All that a source holds. */
export interface Listing {
  /** What messages call it. */
  readonly name: string;
  /** What it is: `"folder"`, `"2 tar archives"`. */
  readonly kind: string;
  /** Files in order, but for those that were left out. */
  readonly files: readonly ListedFile[];
  /** Files and memory in which they lie. */
  readonly stores: readonly (string | SharedArrayBuffer)[];
  /** Folders that were seen; of those on disk only the ones in which no file lies. */
  readonly folders: readonly string[];
  /** Archives that are parts of one set by their names, which differ by a number alone. */
  readonly shards: readonly string[];
  /** What was left out. */
  readonly leftOut: ReturnType<typeof leftOutKeeper>;
}

/** A listing in the making. */
export interface ListingBuilder {
  readonly files: ListedFile[];
  readonly stores: (string | SharedArrayBuffer)[];
  readonly folders: string[];
  readonly shards: string[];
  readonly leftOut: ReturnType<typeof leftOutKeeper>;
  /** Archives so far. */
  archives: number;
  /** Bytes that were unpacked into memory so far. */
  unpacked: number;
  /** Whether a file is an image by its ending: only such are unpacked. */
  readonly isImage: (path: string) => boolean;
  /** The memory that is being filled. */
  filling: { readonly store: number; readonly bytes: Uint8Array; used: number } | null;
}

/** Files and folders of operating systems: `.DS_Store`, `._1.jpg`, `__MACOSX`, `Thumbs.db`. */
export function isHidden(path: string): boolean {
  return /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$|@eaDir\/)/.test(path);
}

/** Whether a file is an archive that is read, by its ending. */
export function isArchivePath(path: string): boolean {
  return [".tar", ".tar.gz", ".tgz", ".zip"].includes(endingOf(path));
}

/** Whether a file is a table of images, by its ending. */
export function isTablePath(path: string): boolean {
  return endingOf(path) === ".parquet";
}

/** @file Lists archives: tar (plain or gzip) and zip, and archives within them. Plain tars and zips are read in place. */
import type { BytePlace } from "../formats/byte_source.ts";
import { openByteSource } from "../formats/byte_source.ts";
import { memoryRange, openRange } from "../formats/byte_range.ts";
import { fileKindOf, KIND_BYTES } from "../formats/file_kind.ts";
import { tarEntries, type TarOptions } from "../formats/tar.ts";
import { readZipDirectory, readZipEntry } from "../formats/zip_directory.ts";
import { archiveFolders } from "./archive_folders.ts";
import { archiveKind } from "./archive_kind.ts";
import { isLabelPath, labelOf, MAX_LABEL_BYTES } from "./sample_labels.ts";
import { isArchivePath, isHidden, type ListedFile, type ListingBuilder } from "./listing.ts";
import { splitOfFile } from "./splits.ts";
import { isTextTablePath, MAX_TABLE_BYTES, textOfTable } from "./tables/table_rows.ts";

/** What is packed is unpacked into memory, which threads share. */
const MAX_UNPACKED = 2 ** 29;

/** Images are kept in stretches of memory of this size. */
const CHUNK = 2 ** 24;

/** Archives in archives in archives … */
const MAX_NESTED = 3;

/** A zip archive of data may be of any size: images are unpacked one by one. */
const MAX_ZIP_BYTES = 2 ** 50;

/** An archive: its bytes, and where its files are listed. */
interface Archive {
  readonly place: BytePlace;
  /** What the names of its files begin with in messages. */
  readonly name: string;
  /** Folder in the listing, empty or ending with `/`. */
  readonly folder: string;
  readonly depth: number;
}

/** An archive within another. */
interface Inner {
  readonly path: string;
  readonly place: BytePlace;
}

/**
 * Lists the files of an archive and of the archives in it.
 *
 * @param builder Where they are put.
 * @param path The archive.
 * @param folder Folder in the listing, empty or ending with `/`.
 * @returns What it is: `"tar archive"` or `"zip archive"`.
 * @throws {Error} If it cannot be read, is damaged or hostile, or is none that is read, naming it and its true kind.
 */
export async function listArchive(builder: ListingBuilder, path: string, folder: string): Promise<string> {
  return await listOne(builder, { place: { path }, name: path, folder, depth: 0 });
}

async function listOne(builder: ListingBuilder, archive: Archive): Promise<string> {
  const kind = kindOf(archive);
  const number = builder.archives++;
  const inner = kind === "zip" ? listZip(builder, archive, number) : await listTar(builder, archive, number);
  const { folders, shards } = archiveFolders(inner.map(({ path }) => path));
  builder.shards.push(...shards);
  for (const { path, place } of inner) {
    const name = `${archive.name}/${path}`;
    await listOne(builder, { place, name, folder: archive.folder + folders.get(path)!, depth: archive.depth + 1 });
  }
  return kind === "zip" ? "zip archive" : "tar archive";
}

/** Its kind, by its content. */
function kindOf({ place: { path, bytes, stretch }, name }: Archive): "zip" | "tar" {
  const range = bytes ? memoryRange(bytes, name) : openRange(path);
  try {
    return archiveKind(range.read(stretch?.start ?? 0, KIND_BYTES), name);
  } finally {
    range.close();
  }
}

/** Keeps bytes for threads to share. */
function keep(builder: ListingBuilder, bytes: Uint8Array): Pick<ListedFile, "store" | "offset" | "size"> {
  if (!builder.filling || builder.filling.used + bytes.length > builder.filling.bytes.length) {
    const shared = new SharedArrayBuffer(Math.max(bytes.length, CHUNK));
    builder.filling = { store: builder.stores.push(shared) - 1, bytes: new Uint8Array(shared), used: 0 };
  }
  const { filling } = builder;
  const offset = filling.used;
  filling.bytes.set(bytes, offset);
  filling.used += bytes.length;
  return { store: filling.store, offset, size: bytes.length };
}

function sharedCopy(bytes: Uint8Array): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

function unpacking(builder: ListingBuilder, size: number, name: string): void {
  builder.unpacked += size;
  if (builder.unpacked <= MAX_UNPACKED) return;
  throw new Error(
    `Cannot read ${name} as what is unpacked into memory must have at most ${MAX_UNPACKED} bytes: current number is ` +
      `more; unpack the archive into a folder or a plain tar`,
  );
}

async function listTar(builder: ListingBuilder, archive: Archive, number: number): Promise<readonly Inner[]> {
  const { place, name, folder, depth } = archive;
  const packed = await isPacked(place);
  const inMemory = packed || place.bytes !== undefined;
  const base = place.stretch?.start ?? 0;
  const store = inMemory ? -1 : builder.stores.push(place.path) - 1;
  const inner: Inner[] = [];
  const links: Link[] = [];
  const first = builder.files.length;
  const options = walkOptions(builder, folder, { packed, links });
  for await (const entry of tarEntries({ ...place, path: place.bytes ? name : place.path }, options)) {
    const { path, size } = entry;
    const file = { path: folder + path, name: `${name}/${path}`, archive: number };
    if (isHidden(path)) builder.leftOut.add(file.path, "hidden file");
    else if (isArchivePath(path) && depth < MAX_NESTED) {
      const start = base + entry.offset;
      const inPlace = !inMemory && await isPlainTar(place.path, start);
      if (!inPlace) unpacking(builder, size, file.name);
      inner.push({
        path,
        place: inPlace
          ? { path: place.path, stretch: { start, size } }
          : { path: file.name, bytes: await entry.read() },
      });
    } else if (isLabelPath(path) && size <= MAX_LABEL_BYTES) {
      builder.files.push({ ...file, store, offset: 0, size, ...toldBy(path, await entry.read()) });
    } else if (isTable(path) && size <= MAX_TABLE_BYTES) {
      unpacking(builder, size, file.name);
      builder.files.push({ ...file, store, offset: 0, size, ...textOf(await entry.read()) });
    } else if (inMemory && !builder.isImage(path)) builder.files.push({ ...file, store, offset: 0, size });
    else if (inMemory) {
      unpacking(builder, size, file.name);
      builder.files.push({ ...file, ...keep(builder, await entry.read()) });
    } else builder.files.push({ ...file, store, offset: base + entry.offset, size });
  }
  addLinks(builder, archive, { links, first });
  return inner;
}

function seeFolder({ folders }: ListingBuilder, folder: string, path: string): void {
  if (!isHidden(`${path}/`)) folders.push(folder + path);
}

/** A link, and the path that it leads to. */
type Link = readonly [path: string, target: string | null];

function walkOptions(
  builder: ListingBuilder,
  folder: string,
  { packed, links }: { readonly packed: boolean; readonly links: Link[] },
): TarOptions {
  return {
    ...packed && { maxBytes: MAX_UNPACKED },
    onLink: (...link) => void links.push(link),
    onFolder: (path) => seeFolder(builder, folder, path),
  };
}

async function isPacked(place: BytePlace): Promise<boolean> {
  const { source, packed } = await openByteSource(place);
  await source.close();
  return packed;
}

/** Links are the files that they lead to, under names of their own. */
function addLinks(
  { files, leftOut }: ListingBuilder,
  { name, folder }: Archive,
  { links, first }: {
    readonly links: readonly Link[];
    readonly first: number;
  },
): void {
  const byPath = new Map(files.slice(first).map((file) => [file.path, file]));
  for (const [path, target] of links) {
    const file = target === null ? undefined : byPath.get(folder + target);
    if (isHidden(path)) leftOut.add(folder + path, "hidden file");
    else if (!file) leftOut.add(folder + path, "link", "to what is no file of the archive");
    else {
      const own = { ...file, path: folder + path, name: `${name}/${path}` };
      files.push(own);
      byPath.set(own.path, own);
    }
  }
}

/** Whether a tar archive begins there, which needs no unpacking. */
function isPlainTar(path: string, start: number): boolean {
  const range = openRange(path);
  try {
    return fileKindOf(range.read(start, KIND_BYTES))?.id === "tar";
  } finally {
    range.close();
  }
}

function listZip(builder: ListingBuilder, { place, name, folder, depth }: Archive, number: number): readonly Inner[] {
  const whole = place.stretch || place.bytes ? memoryOf(place) : undefined;
  const range = whole ? memoryRange(whole, name) : openRange(place.path);
  const store = builder.stores.push(whole ? sharedCopy(whole) : place.path) - 1;
  const inner: Inner[] = [];
  try {
    for (const zip of readZipDirectory(range, { maxBytes: MAX_ZIP_BYTES })) {
      const path = safePath(zip.name, name);
      if (zip.name.endsWith("/")) {
        seeFolder(builder, folder, path);
        continue;
      }
      const file = { path: folder + path, name: `${name}/${path}`, archive: number };
      const slice = { ...file, store, offset: zip.at, size: zip.size, zip };
      if (isHidden(path)) builder.leftOut.add(file.path, "hidden file");
      else if (isArchivePath(path) && depth < MAX_NESTED) {
        unpacking(builder, zip.size, file.name);
        inner.push({ path, place: { path: file.name, bytes: readZipEntry(range, zip) as Uint8Array<ArrayBuffer> } });
      } else if (isLabelPath(path) && zip.size <= MAX_LABEL_BYTES) {
        builder.files.push({ ...slice, ...toldBy(path, readZipEntry(range, zip)) });
      } else if (isTable(path) && zip.size <= MAX_TABLE_BYTES) {
        unpacking(builder, zip.size, file.name);
        builder.files.push({ ...slice, ...textOf(readZipEntry(range, zip)) });
      } else builder.files.push(slice);
    }
  } finally {
    range.close();
  }
  return inner;
}

/** Whether a file may tell classes or parts of many images. */
const isTable = (path: string): boolean =>
  isTextTablePath(path) || path.endsWith(".txt") && splitOfFile(path) !== undefined;

/** What a small file tells of the class of its sample, or of many images. */
function toldBy(path: string, bytes: Uint8Array): Pick<ListedFile, "label" | "text"> {
  const label = labelOf(path, bytes);
  return { ...label === undefined ? {} : { label }, ...isTable(path) ? textOf(bytes) : {} };
}

function textOf(bytes: Uint8Array): Pick<ListedFile, "text"> {
  const text = textOfTable(bytes);
  return { text: () => text };
}

function memoryOf({ path, bytes, stretch }: BytePlace): Uint8Array {
  if (bytes) return bytes;
  const range = openRange(path);
  try {
    return range.read(stretch!.start, stretch!.size);
  } finally {
    range.close();
  }
}

/** Nothing is written, but names stand in messages and tell classes. */
function safePath(path: string, archive: string): string {
  const parts = path.replaceAll("\\", "/").split("/").filter((part) => part !== "." && part !== "");
  // deno-lint-ignore no-control-regex -- they are what is looked for
  if (!path.startsWith("/") && !parts.includes("..") && parts.length > 0 && !/[\x00-\x1f\x7f]/.test(path)) {
    return parts.join("/");
  }
  throw new RangeError(
    `Cannot read ${archive} as a zip archive as paths must be relative, without .. and control characters: current ` +
      `path is ${JSON.stringify(path.slice(0, 200))}`,
  );
}

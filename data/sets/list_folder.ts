/** @file Lists folders: image files, or the archives and tables that they hold. */
import { archiveFolders } from "./archive_folders.ts";
import { listArchive } from "./list_archive.ts";
import { isArchivePath, isHidden, isTablePath, type ListingBuilder } from "./listing.ts";
import { isTextTablePath, MAX_TABLE_BYTES, mayBeTextTable, textOfTable } from "./tables/table_rows.ts";

/** Deeper folders are not searched: links may form a circle. */
const MAX_DEPTH = 16;

/** What every run of this library leaves in its folder, beside pictures that are nothing to learn from. */
const RUN_FILES = ["log.jsonl", "report.html"];

/** Fewer images than so many for each archive do not count: a preview beside shards. */
const FEW_IMAGES = 10;

/** What a folder was taken for. */
export interface ListedFolder {
  /** What it is: `"folder"`, `"folder of 2 tar archives"`. */
  readonly kind: string;
  /** Tables of images, if it is a folder of these: paths relative to it, which are not in the listing. */
  readonly tables: readonly string[];
}

/**
 * Lists the files of a folder. Where it holds archives or tables, these are the source, unless there are images in two
 * folders or more, or many images: then they are left out.
 *
 * @param builder Where the files are put.
 * @param root The folder, without a slash at the end.
 * @returns What it was taken for.
 * @throws {Error} If it cannot be read, or an archive of it cannot.
 */
export async function listFolder(builder: ListingBuilder, root: string): Promise<ListedFolder> {
  const paths = [...filesBelow(builder, root, "", 0)].sort();
  const images = paths.filter(builder.isImage);
  const packs = paths.filter((path) => isArchivePath(path) || isTablePath(path));
  const inFolders = new Set(
    images.filter((path) => path.includes("/")).map((path) => path.slice(0, path.indexOf("/"))),
  );
  const isPacked = packs.length > 0 && inFolders.size < 2 && images.length <= FEW_IMAGES * packs.length;
  if (!isPacked) {
    for (const path of paths) {
      if (packs.includes(path)) leaveOut(builder, path, "beside images");
      else addFile(builder, root, path);
    }
    return { kind: "folder", tables: [] };
  }
  const archives = packs.filter(isArchivePath);
  const tables = archives.length > 0 ? [] : packs;
  const { folders: places, shards } = archiveFolders(archives);
  builder.shards.push(...shards);
  const kinds = new Map<string, number>();
  for (const path of paths) {
    if (places.has(path)) {
      const kind = await listArchive(builder, `${root}/${path}`, places.get(path)!);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    } else if (builder.isImage(path) || isTablePath(path) && archives.length > 0) {
      leaveOut(builder, path, `beside ${archives.length > 0 ? "archives" : "tables"}`);
    } else if (!tables.includes(path)) addFile(builder, root, path);
  }
  const parts = [...kinds].map(([kind, count]) => `${count} ${kind}${count === 1 ? "" : "s"}`);
  if (tables.length > 0) parts.push(`${tables.length} Parquet ${tables.length === 1 ? "table" : "tables"}`);
  return { kind: `folder of ${parts.join(" and ")}`, tables };
}

function addFile(builder: ListingBuilder, root: string, path: string): void {
  const name = `${root}/${path}`;
  const isTable = (isTextTablePath(path) || mayBeTextTable(path)) && Deno.statSync(name).size <= MAX_TABLE_BYTES;
  const text = isTable ? { text: () => tableText(name) } : {};
  builder.files.push({ path, name, archive: -1, store: -1, offset: 0, size: 0, ...text });
}

/** Text of a table; none where it cannot be read. */
function tableText(path: string): string {
  try {
    return textOfTable(Deno.readFileSync(path));
  } catch {
    return "";
  }
}

function leaveOut(builder: ListingBuilder, path: string, reason: string): void {
  const kind = isArchivePath(path) ? "archive" : isTablePath(path) ? "table" : "image";
  builder.leftOut.add(path, kind, reason);
}

/** Files of a folder and those within, in no order; gives whether there is anything that is not hidden. */
function* filesBelow(
  builder: ListingBuilder,
  root: string,
  prefix: string,
  depth: number,
): Generator<string, boolean, void> {
  const entries = entriesOf(builder, root, prefix);
  let holds = entries === null;
  for (const entry of entries ?? []) {
    const file = prefix + entry.name;
    const { isDirectory, isFile } = entry.isSymlink ? followed(`${root}/${file}`) : entry;
    if (isHidden(isDirectory ? `${file}/` : file)) {
      builder.leftOut.add(file, isDirectory ? "hidden folder" : "hidden file");
      continue;
    }
    let isEmpty = false;
    if (isDirectory && entry.isSymlink && leadsBack(`${root}/${prefix}`, `${root}/${file}`)) {
      builder.leftOut.add(file, "link", "that leads back to a folder around it");
    } else if (isDirectory && depth < MAX_DEPTH) isEmpty = !(yield* filesBelow(builder, root, `${file}/`, depth + 1));
    else if (isDirectory) builder.leftOut.add(file, "folder", `deeper than ${MAX_DEPTH} folders`);
    else if (isFile) yield file;
    else builder.leftOut.add(file, entry.isSymlink ? "broken link" : "device");
    if (isEmpty) builder.folders.push(file);
    else holds = true;
  }
  return holds;
}

/** What a folder holds; null for one that is left out. */
function entriesOf({ leftOut }: ListingBuilder, root: string, prefix: string): readonly Deno.DirEntry[] | null {
  const folder = prefix.slice(0, -1);
  try {
    const entries = [...Deno.readDirSync(`${root}/${prefix}`)];
    const isRun = prefix !== "" && RUN_FILES.every((file) => entries.some(({ name }) => name === file));
    if (isRun) leftOut.add(folder, "folder of a run");
    return isRun ? null : entries;
  } catch (cause) {
    if (prefix === "") {
      throw new Error(
        `Cannot make a data set as images must lie in a folder that can be read: current folder is ${root} ` +
          `(${(cause as Error).message})`,
        { cause },
      );
    }
    leftOut.add(folder, "folder", "that cannot be read");
    return null;
  }
}

/** What a link points to; nothing if it is broken. */
function followed(path: string): { readonly isDirectory: boolean; readonly isFile: boolean } {
  try {
    return Deno.statSync(path);
  } catch {
    return { isDirectory: false, isFile: false };
  }
}

/** Whether a link in a folder leads to that folder or one around it. */
function leadsBack(folder: string, link: string): boolean {
  return `${Deno.realPathSync(folder)}/`.startsWith(`${Deno.realPathSync(link)}/`);
}

/** @file From a listing to the images of one part, their classes, and the account. */
import { kindByEnding } from "../formats/file_endings.ts";
import { companionsOf } from "./companions.ts";
import { countClasses, type SourceAccount } from "./account.ts";
import {
  classesByFolder,
  foldersAboveClasses,
  foldersWithoutImages,
  type Part,
  type Parts,
  partsOf,
  wholeOf,
} from "./layout.ts";
import type { ListedFile, Listing } from "./listing.ts";
import { imagePerSample, isLabelPath, sampleLabels } from "./sample_labels.ts";
import { chooseSplit, type Split, splitOfFolder } from "./splits.ts";
import { listedParts } from "./tables/split_lists.ts";
import { imageTable, tableLabels, tableSplits, untoldBy } from "./tables/table_labels.ts";

/** What is wanted of a source. */
export interface Wanted {
  readonly split?: Split | "all";
  readonly classes?: readonly string[];
}

/** The images of one part. */
export interface ReadLayout {
  readonly chosen: readonly ListedFile[];
  readonly labels?: Int32Array;
  readonly labelNames?: readonly string[];
  readonly account: SourceAccount;
}

/**
 * Reads what a listing means.
 *
 * @param listing All files.
 * @param images Those that are images.
 * @param wanted Which part, and the classes where they are known.
 * @returns The images that are used, in the order of the listing, with their classes and the account.
 * @throws {Error} If the part that is wanted is not there, naming those that are.
 */
export function readLayout(listing: Listing, images: readonly ListedFile[], wanted: Wanted): ReadLayout {
  const { leftOut } = listing;
  const maps = companionsOf(images.map(({ path }) => path));
  maps.forEach((i) => leftOut.add(images[i]!.path, "image", "of masks or other maps"));
  const { taken, beside } = imagePerSample(images.filter((_, i) => !maps.has(i)));
  beside.forEach(({ path }) => leftOut.add(path, "image", "beside another of its sample"));
  const others = othersOf(listing, images);
  const isAll = wanted.split === "all";
  const found = partsIn(taken, others, isAll);
  const part = wanted.split === "all" ? found.parts[0]! : choosePart(found.parts, listing.name, wanted.split);
  leaveOutImages(listing, taken, { ...found, part });
  const inPart = part.indices.map((i) => taken[i]!);
  const { known, chosen } = isAll
    ? { known: {} as Known, chosen: inPart }
    : labelled(listing, { part, inPart, others, classes: wanted.classes });
  const tells = (file: ListedFile) =>
    file === known.table || found.lists.has(file) || file.label !== undefined && known.from?.endsWith(" files");
  const used = new Set(others.filter(tells));
  for (const { path, archive } of others.filter((file) => !used.has(file))) {
    leftOut.add(path, kindByEnding(path), isLabelPath(path) && archive >= 0 ? "that tell no class" : "");
  }
  leaveOutFolders(listing, images, known.above);
  const list = leftOut.list();
  const account: SourceAccount = {
    source: listing.name,
    kind: listing.kind,
    found: chosen.length + used.size + list.reduce((sum, { count }) => sum + count, 0),
    used: chosen.length,
    labelFiles: used.size,
    leftOut: list,
    split: part.split === null ? null : part.folder,
    evaluable: part.split === "train" && found.parts.length > 1,
    classes: known.labels ? countClasses(known.labels, known.names!) : null,
    classesFrom: known.from ?? null,
    unlabelled: known.unlabelled ?? (known.labels || isAll ? null : shardsText(listing.shards)),
  };
  return { chosen, ...(known.labels ? { labels: known.labels, labelNames: known.names! } : {}), account };
}

/** Images of other parts, and of none. */
function leaveOutImages(
  { leftOut }: Listing,
  taken: readonly ListedFile[],
  { parts, part, beside, why }: FoundParts & { readonly part: Part },
): void {
  for (const { folder, indices } of parts.filter((each) => each !== part)) {
    indices.forEach((i) => leftOut.add(taken[i]!.path, "image", `of the split ${folder}`));
  }
  beside.forEach((i) => leftOut.add(taken[i]!.path, "image", why));
}

/** Folders in which classes or images are missed. */
function leaveOutFolders(
  { files, folders, leftOut }: Listing,
  images: readonly ListedFile[],
  aboveClasses: ReadonlySet<string> = new Set(),
): void {
  const pathsOf = (some: readonly ListedFile[]) => some.map(({ path }) => path);
  const { empty, imageless } = foldersWithoutImages({
    ...{ folders, files: pathsOf(files), images: pathsOf(images), aboveClasses },
  });
  empty.forEach((folder) => leftOut.add(folder, "empty folder"));
  imageless.forEach((folder) => leftOut.add(folder, "folder", "without an image"));
}

/** Why archives with numbers in their names tell no classes. */
function shardsText(shards: readonly string[]): string | null {
  if (shards.length === 0) return null;
  const names = shards.slice(0, 2).join(", ");
  return `${names}${
    shards.length > 2 ? ", …" : ""
  } are taken for parts of one set, as their names differ by a number alone`;
}

function othersOf({ files }: Listing, images: readonly ListedFile[]): readonly ListedFile[] {
  const known = new Set(images);
  return files.filter((file) => !known.has(file));
}

/** Parts, and what tells them. */
interface FoundParts extends Parts {
  /** Why images lie in none. */
  readonly why: string;
  /** Files that name the images of parts. */
  readonly lists: ReadonlySet<ListedFile>;
}

/** Parts by folders; else by a column of a table that names the images; else by lists of the images of each. */
function partsIn(taken: readonly ListedFile[], others: readonly ListedFile[], isAll: boolean): FoundParts {
  const paths = taken.map(({ path }) => path);
  const found = isAll ? wholeOf(paths) : partsOf(paths);
  const byFolder = { ...found, why: "beside the folders of splits", lists: new Set<ListedFile>() };
  if (isAll || found.parts[0]?.split !== null) return byFolder;
  const table = imageTable(taken, others, null);
  const names = table && tableSplits(table);
  if (!names) {
    const listed = listedParts(taken, others);
    return listed ? { ...listed, why: "in no list of a split", lists: new Set(listed.lists) } : byFolder;
  }
  const groups = Map.groupBy(names.map((_, i) => i), (i) => splitOfFolder(names[i]!)!);
  const parts = [...groups].map(([split, indices]) => ({
    ...{ split, folder: names[indices[0]!]!, indices, paths: indices.map((i) => paths[i]!) },
  }));
  return { ...byFolder, parts, beside: [] };
}

function choosePart(parts: readonly Part[], name: string, wanted?: Split): Part {
  const only = parts[0]!;
  if (only.split === null || parts.length === 1 && wanted === undefined) return only;
  const there = new Map(parts.map((part) => [part.split!, part]));
  const split = chooseSplit(wanted ?? "train", new Set(there.keys()));
  if (split !== undefined) return there.get(split)!;
  throw new Error(
    `Cannot make a data set as ${name} must have images ${
      wanted === undefined || wanted === "train" ? "to train on" : `of the split ${wanted}`
    }: ` +
      `current splits are ${parts.map(({ folder }) => folder).join(", ")}; give the folder of one of them`,
  );
}

interface Known {
  readonly labels?: Int32Array;
  readonly names?: readonly string[];
  readonly from?: string;
  readonly unlabelled?: string;
  /** The table that tells them. */
  readonly table?: ListedFile;
  /** Folders in which those of the classes lie. */
  readonly above?: ReadonlySet<string>;
}

/** Classes by files beside the images, else by folders, else by a table; images beside class folders are passed over. */
function labelled(
  { leftOut }: Listing,
  { part, inPart, others, classes }: {
    readonly part: Part;
    readonly inPart: readonly ListedFile[];
    readonly others: readonly ListedFile[];
    readonly classes: readonly string[] | undefined;
  },
): { readonly known: Known; readonly chosen: readonly ListedFile[] } {
  const told = sampleLabels(inPart, others, classes);
  const isTold = told !== undefined && "labels" in told;
  const folders = isTold ? undefined : classesByFolder(part.paths, classes);
  const isAsked = !isTold && (!folders || folders.names.length === 1);
  const table = isAsked ? imageTable(inPart, others, part.split) : undefined;
  const tabled = table && tableLabels(table, inPart, classes);
  if (tabled && ("labels" in tabled || !folders)) {
    return { known: { ...tabled, ..."labels" in tabled && { table: table.file } }, chosen: inPart };
  }
  const unlabelled = isAsked ? tabled?.unlabelled ?? untoldBy(table, others) : undefined;
  const untold = unlabelled === undefined ? {} : { unlabelled };
  if (!folders) return { known: told ?? untold, chosen: inPart };
  const keeps = folders.labels.map((label) => label < 0 ? 0 : 1);
  inPart.forEach(({ path }, i) => keeps[i] || leftOut.add(path, "image", "beside the folders of classes"));
  const known = {
    labels: folders.labels.filter((label) => label >= 0),
    names: folders.names,
    from: "folders",
    above: foldersAboveClasses(inPart.map(({ path }) => path), folders.inside),
    ...untold,
  };
  return { known, chosen: inPart.filter((_, i) => keeps[i]) };
}

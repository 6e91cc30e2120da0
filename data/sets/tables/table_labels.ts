/** @file Classes, and parts, that a table beside the images tells: `labels.csv`, `metadata.jsonl`, `train.csv` … */
import type { ListedFile } from "../listing.ts";
import { classOf, LABEL_KEYS, numberedLabels, type SampleLabels, type Unlabelled } from "../sample_labels.ts";
import { type Split, splitOfFile, splitOfFolder } from "../splits.ts";
import { isTextTablePath, mayBeTextTable, tableOf, type TextTable } from "./table_rows.ts";

/** Further names of columns, of sets that have but one of them. */
const LABEL_COLUMNS = [...LABEL_KEYS, "labels", "breed", "species", "diagnosis", "dx", "variety", "tag", "y"];

/** Texts of which there are more are notes, one of each image. */
const FEW_TEXTS = 16;

/** A table that names the images. */
export interface ImageTable {
  /** Its file. */
  readonly file: ListedFile;
  /** Its content. */
  readonly table: TextTable;
  /** Column that names the images. */
  readonly column: number;
  /** For each image its rows. */
  readonly rowsOf: readonly (readonly number[])[];
}

/** What a table may call an image: its path or only its name, with the ending or without. */
function namesOf(path: string): readonly string[] {
  const names = path.split("/");
  const tails = names.map((_, i) => names.slice(i).join("/"));
  return tails.flatMap((tail) => [tail, tail.replace(/\.[^./]*$/, "")]);
}

/** A path as tables write it, of Windows too, without what leads to its folder. */
const plainPath = (field: string): string => field.replaceAll("\\", "/").replace(/^(?:\.{1,2}\/)+/, "");

/** Folders that tables may write before the names of images, such as those of another machine. */
const MAX_BEFORE = 12;

/** The column in which most rows name an image, and the rows of each image. */
export function imageColumn(
  table: TextTable,
  images: readonly ListedFile[],
): Pick<ImageTable, "column" | "rowsOf"> & { readonly named: number } {
  const places = new Map<string, number>(); // of names that several images have, that of none
  images.forEach(({ path }, i) =>
    new Set(namesOf(path)).forEach((name) => places.set(name, places.has(name) && places.get(name) !== i ? -1 : i))
  );
  const found = table.columns.map((_, column) => {
    const fields = table.rows.map((row) => plainPath(row[column]!));
    for (let before = 0;; before++) {
      const rowsOf: number[][] = images.map(() => []);
      fields.forEach((field, r) => {
        const place = places.get(before === 0 ? field : field.split("/").slice(before).join("/")) ?? -1;
        if (place >= 0) rowsOf[place]!.push(r);
      });
      const named = rowsOf.filter((rows) => rows.length > 0).length;
      const isLast = named > 0 || before >= MAX_BEFORE || !fields.some((field) => field.split("/").length > before + 1);
      if (isLast) return { column, rowsOf, named };
    }
  });
  const none = { column: 0, rowsOf: images.map(() => []), named: 0 };
  return found.reduce((best, each) => each.named > best.named ? each : best, found[0] ?? none);
}

/** Tables without names of columns: the first row names an image too. */
export function withHead(table: TextTable, images: readonly ListedFile[]): TextTable {
  const names = table.columns.filter((name) => /[./\d]/.test(name)); // `image` is a name of a column
  const first = imageColumn({ columns: names, rows: [names] }, images);
  return names.length > 0 && first.named > 0
    ? { columns: table.columns.map(() => ""), rows: [table.columns, ...table.rows] }
    : table;
}

/** A table that lies in a folder of the images is likelier theirs, the likelier the nearer: less than 0.5. */
function nearness({ path }: ListedFile, images: readonly ListedFile[]): number {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return images[0]?.path.startsWith(folder) ? 0.4 - 0.4 / folder.split("/").length : 0;
}

/**
 * Finds the table that names the images.
 *
 * @param images Images of a part.
 * @param others Files beside them.
 * @param split Which part: a table of its name goes before others.
 * @returns The table that names most of the images, at least half of them; undefined if there is none.
 */
export function imageTable(
  images: readonly ListedFile[],
  others: readonly ListedFile[],
  split: Split | null,
): ImageTable | undefined {
  const seldom = others.filter(({ path }) => mayBeTextTable(path)).length;
  const known = others.filter(({ path }) => seldom <= FEW_TEXTS || !mayBeTextTable(path));
  const tables = known.flatMap((file) => {
    const read = file.text && !/submission/i.test(file.path) && tableOf(file.path, file.text());
    const table = read && withHead(read, images);
    return table ? [{ file, table, ...imageColumn(table, images) }] : [];
  });
  const rank = ({ file, rowsOf }: ImageTable) =>
    rowsOf.filter((rows) => rows.length > 0).length + (split !== null && splitOfFile(file.path) === split ? 0.5 : 0) +
    nearness(file, images);
  const [best] = tables.toSorted((a, b) => rank(b) - rank(a));
  return best && rank(best) * 2 >= images.length ? best : undefined;
}

/**
 * Finds the classes of images in a table: a column of a usual name, the only one beside the images, or a column of zeros and
 * ones for each class.
 *
 * @param found Of `imageTable`.
 * @param images The images.
 * @param known Names of the classes, where they are known from the training images.
 * @returns The classes; or why there are none, though the table has such a column; undefined if it has none.
 */
export function tableLabels(
  { file, table, column, rowsOf }: ImageTable,
  images: readonly ListedFile[],
  known?: readonly string[],
): SampleLabels | Unlabelled | undefined {
  const reader = labelReader(table, column) ?? firstWordReader(table, column, known);
  if (!reader) return undefined;
  const name = file.path;
  const labels: (string | number)[] = [];
  const missing = rowsOf.filter((rows) => rows.length === 0).length;
  if (missing > 0) {
    const first = images[rowsOf.findIndex((rows) => rows.length === 0)]!;
    return { unlabelled: `${missing} of ${images.length} images have no row in ${name}, such as ${first.path}` };
  }
  for (const [i, rows] of rowsOf.entries()) {
    const all = new Set(rows.map((row) => reader(table.rows[row]!)));
    const [label] = all;
    if (all.size > 1) return { unlabelled: `${name} gives ${images[i]!.path} several classes` };
    if (label === undefined) return { unlabelled: `${name} gives ${images[i]!.path} no class` };
    labels.push(label);
  }
  return { ...numberedLabels(labels, known), from: name };
}

/** From a row to its class. */
function labelReader(
  { columns, rows }: TextTable,
  column: number,
): ((row: readonly string[]) => string | number | undefined) | undefined {
  const lower = columns.map((name) => name.toLowerCase());
  const rest = columns.map((_, i) => i).filter((i) => i !== column);
  const usual = LABEL_COLUMNS.map((name) => lower.indexOf(name)).find((i) => i >= 0 && i !== column);
  const chosen = usual ?? (rest.length === 1 ? rest[0] : undefined);
  if (chosen !== undefined) {
    return usual !== undefined || rows.every((row) => classOf(row[chosen]!) !== undefined)
      ? (row) => classOf(row[chosen]!)
      : undefined; // captions, measures
  }
  const isMark = (text: string) => /^[01](?:\.0*)?$/.test(text);
  const isOneHot = rows.every((row) =>
    rest.every((i) => isMark(row[i]!)) && rest.filter((i) => Number(row[i]) === 1).length === 1
  );
  return isOneHot ? (row) => columns[rest.find((i) => Number(row[i]) === 1)!] : undefined;
}

/** Classes that are known, before other things in one column: `n01440764 240 170 260 240` of ImageNet's solutions. */
function firstWordReader(
  { columns, rows }: TextTable,
  column: number,
  known: readonly string[] = [],
): ((row: readonly string[]) => string) | undefined {
  const names = new Set(known);
  const wordOf = (field: string) => field.split(/\s/, 1)[0]!;
  const found = columns.findIndex((_, i) => i !== column && rows.every((row) => names.has(wordOf(row[i]!))));
  return found < 0 ? undefined : (row) => wordOf(row[found]!);
}

/**
 * Says why tables tell no classes.
 *
 * @param found Of `imageTable`.
 * @param others Files beside the images.
 * @returns The reason; undefined where there is no table.
 */
export function untoldBy(found: ImageTable | undefined, others: readonly ListedFile[]): string | undefined {
  if (found) return `${found.file.path} has no column that tells a class`;
  const table = others.find(({ path }) => isTextTablePath(path));
  return table && `${table.path} names less than half of the images`;
}

/**
 * Finds the part of each image in a table.
 *
 * @param found Of `imageTable`.
 * @returns The part of each image by its usual name, as the table calls it; undefined where no column tells it of every
 * image, or all are of one.
 */
export function tableSplits({ table, rowsOf }: ImageTable): readonly string[] | undefined {
  const column = table.columns.findIndex((_, i) =>
    table.rows.every((row) => splitOfFolder(row[i]!) !== undefined) && new Set(table.rows.map((row) => row[i])).size > 1
  );
  if (column < 0 || rowsOf.some((rows) => rows.length === 0)) return undefined;
  return rowsOf.map(([row]) => table.rows[row!]![column]!);
}

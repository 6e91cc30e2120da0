import { openParquet, type ParquetTable } from "../formats/parquet.ts";
import { decodeImage, type DecodeImageOptions, decodeRaster, ImageError } from "../images/decode.ts";
import type { ImageFormat } from "../images/image_format.ts";
import { decodeUpright } from "../images/orientation.ts";
import { kindByEnding } from "../formats/file_endings.ts";
import { countClasses, type LeftOut } from "./account.ts";
import type { Dataset } from "./dataset.ts";
import { type FormatSource, formatSources, openFormats } from "./format_sources.ts";
import type { ListingBuilder } from "./listing.ts";
import { MAX_CLASS } from "./sample_labels.ts";
import { chooseSplit, type Split, splitOfFile } from "./splits.ts";

/** Names of columns of images and of classes, the likeliest first. */
const IMAGE_NAMES = ["image", "img", "jpg", "jpeg", "png", "webp", "picture", "photo"];
const LABEL_NAMES = ["label", "labels", "fine_label", "cls", "class", "class_id", "target", "category", "y"];

/** Bytes of images that a thread keeps: rows are read by groups, in any order. */
const MAX_KEPT = 2 ** 27;

/** What is known of the source, and what is wanted of it. */
interface Source {
  readonly path: string;
  readonly kind: string;
  readonly builder: ListingBuilder;
  readonly split?: Split | "all";
  readonly classes?: readonly string[];
  readonly formats?: readonly ImageFormat[];
}

/**
 * Makes a data set of Parquet files with a column of image bytes, as Hugging Face's are: parts by the names of the files,
 * classes by a label column, their names from the metadata if these tell them.
 *
 * @param paths The files.
 * @param source What is known of the source, and which part is wanted.
 * @returns The data set. Images are read by groups of rows when they are asked for.
 * @throws {RangeError} If a file is damaged, or has no column of image bytes, naming its columns.
 */
export async function parquetImages(paths: readonly string[], source: Source): Promise<Dataset> {
  const { path, kind, builder, formats } = source;
  const { chosen, split, beside } = chooseTables(paths, path, source.split);
  const tables = await Promise.all(chosen.map(openParquet));
  const column = await imageColumn(tables, formats);
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  if (rows === 0) throw new RangeError(`Cannot make a data set as ${path} must have rows: current number is 0`);
  const { labels, labelNames, from, unlabelled } = source.split === "all"
    ? {} as Labels
    : await labelsOf(tables, source.classes);
  builder.files.forEach((file) => builder.leftOut.add(file.path, kindByEnding(file.path)));
  const others = await besideRows(beside);
  const files = builder.leftOut.list();
  const leftOut = [...files, ...others];
  const plain = { name: path, tables: tables.map(({ path, rows }) => ({ path, rows })), column };
  const account = {
    ...{ source: path, kind: `${kind}, column ${column}`, used: rows, labelFiles: 0, leftOut, split },
    evaluable: split === "train" && beside.length > 0,
    found: rows + countOf(leftOut),
    records: [
      { kind: "row", count: rows + countOf(others) },
      { kind: "file", count: countOf(files) },
    ],
    classes: labels ? countClasses(labels, labelNames!) : null,
    ...{ classesFrom: from ?? null, unlabelled: unlabelled ?? null },
  };
  return {
    ...parquetRows(plain, formats),
    ...(labels ? { labels, labelNames: labelNames! } : {}),
    account,
  };
}

const countOf = (entries: readonly LeftOut[]): number => entries.reduce((sum, { count }) => sum + count, 0);

function chooseTables(paths: readonly string[], name: string, wanted?: Split | "all") {
  const splits = paths.map(splitOfFile);
  const there = new Set(splits.filter((split) => split !== undefined));
  if (wanted === "all" || there.size === 0 || splits.includes(undefined)) {
    return { chosen: paths, split: null, beside: [] };
  }
  const split = there.size === 1 && wanted === undefined ? [...there][0]! : chooseSplit(wanted ?? "train", there);
  if (split === undefined) {
    throw new Error(
      `Cannot make a data set as ${name} must have tables of the split ${wanted ?? "train"}: current splits are ` +
        [...there].join(", "),
    );
  }
  const isChosen = (_: string, i: number) => splits[i] === split;
  return {
    chosen: paths.filter(isChosen),
    split,
    beside: paths.flatMap((path, i) => splits[i] === split ? [] : [{ path, split: splits[i]! }]),
  };
}

async function besideRows(
  beside: readonly { readonly path: string; readonly split: Split }[],
): Promise<readonly LeftOut[]> {
  const groups = Map.groupBy(beside, ({ split }) => split);
  return await Promise.all([...groups].map(async ([split, files]) => {
    const rows = await Promise.all(files.map(async ({ path }) => (await openParquet(path)).rows));
    const count = rows.reduce((sum, each) => sum + each, 0);
    return { kind: "row", reason: `of the split ${split}`, count, names: files.slice(0, 5).map(({ path }) => path) };
  }));
}

/** The column of bytes whose first value is an image, the likeliest name first. */
async function imageColumn(
  tables: readonly ParquetTable[],
  formats: readonly ImageFormat[] | undefined,
): Promise<string> {
  const [{ path, columns, rows }] = tables as [ParquetTable];
  const rank = (column: string) => {
    const place = IMAGE_NAMES.indexOf(column.split(".")[0]!.toLowerCase());
    return place < 0 ? IMAGE_NAMES.length : place;
  };
  const candidates = columns.filter(({ type }) => type === "bytes").map((column) => column.path)
    .sort((a, b) => rank(a) - rank(b));
  for (const column of rows > 0 ? candidates : []) {
    const [first] = await tables[0]!.read(column, 0, 1);
    if (!(first instanceof Uint8Array)) continue;
    const { IMAGE_FORMATS } = await import("../images/image_formats.ts");
    if ((formats ?? IMAGE_FORMATS).some(({ sniff }) => sniff(first))) return column;
  }
  const names = columns.map(({ path, type }) => `${path} (${type})`).join(", ");
  throw new RangeError(
    `Cannot read ${path} as images as a column must hold the bytes of image files: current columns are ` +
      `${names || "none"}${rows === 0 ? ", without rows" : ""}`,
  );
}

interface Labels {
  readonly labels?: Int32Array;
  readonly labelNames?: readonly string[];
  readonly from?: string;
  readonly unlabelled?: string;
}

async function labelsOf(tables: readonly ParquetTable[], known?: readonly string[]): Promise<Labels> {
  const { columns } = tables[0]!;
  const named = LABEL_NAMES.flatMap((name) => columns.filter(({ path, type }) => path === name && type !== "bytes"));
  const column = named.find(({ type }) => type !== "other") ?? named[0];
  if (!column) return {};
  if (column.type === "other") return { unlabelled: `column ${column.path} holds neither whole numbers nor texts` };
  const values: unknown[] = [];
  for (const table of tables) for (const value of await table.read(column.path, 0, table.rows)) values.push(value);
  const from = `column ${column.path}`;
  const missing = values.filter((value) => value === null || value === undefined || Number(value) < 0).length;
  if (missing > 0) return { unlabelled: `${missing} of ${values.length} rows have no class in ${from}` };
  if (column.type === "text") {
    const texts = values.map((value) => value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value));
    const labelNames = [...new Set(texts)].sort();
    const numbers = new Map(labelNames.map((name, i) => [name, i]));
    return { labels: Int32Array.from(texts, (text) => numbers.get(text)!), labelNames, from };
  }
  const large = values.map(Number).find((value) => value > MAX_CLASS);
  if (large !== undefined) {
    return { unlabelled: `${from} holds numbers such as ${large}, which are ids of something else` };
  }
  const labels = Int32Array.from(values, Number);
  const told = namesIn(tables[0]!, column.path);
  const most = labels.reduce((most, label) => Math.max(most, label), (known?.length ?? 0) - 1);
  const labelNames = told && told.length > most ? told : Array.from({ length: most + 1 }, (_, i) => String(i));
  return { labels, labelNames, from };
}

/** Names of classes, where Hugging Face's `datasets` left them. */
function namesIn({ notes }: ParquetTable, column: string): readonly string[] | undefined {
  try {
    const names = JSON.parse(notes.get("huggingface") ?? "null")?.info?.features?.[column]?.names;
    return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : undefined;
  } catch {
    return undefined;
  }
}

/** What `parquetRows` is made of. Plain data. */
export interface ParquetRowsOptions {
  readonly name: string;
  readonly tables: readonly { readonly path: string; readonly rows: number }[];
  readonly column: string;
}

/** Images of a group of rows. */
type Group = readonly (Uint8Array | null)[];

/** Makes a data set of the rows of tables. */
function parquetRows(options: ParquetRowsOptions, formats?: readonly ImageFormat[]): Dataset {
  const { name, tables, column } = options;
  const sources = formatSources(formats);
  const decode: DecodeImageOptions = formats ? { formats } : {};
  const starts = tables.reduce<number[]>((all, { rows }) => [...all, all.at(-1)! + rows], [0]);
  const placeOf = (index: number) => {
    const table = starts.findLastIndex((start) => start <= index);
    return { table, row: index - starts[table]! };
  };
  const nameOf = (index: number) => {
    const { table, row } = placeOf(index);
    return `${tables[table]!.path}#${row}`;
  };
  const reader = groupReader(tables, column);
  const bytesOf = async (index: number): Promise<Uint8Array> => {
    const { table, row } = placeOf(index);
    const bytes = await reader(table, row).catch((cause) => {
      throw new ImageError(nameOf(index), `its row must be readable: current error is ${cause.message}`, { cause });
    });
    if (bytes) return bytes;
    throw new ImageError(nameOf(index), "its row must hold the bytes of an image: current value is null");
  };
  return {
    ...{ name, length: starts.at(-1)!, nameOf },
    ...(sources ? { source: { module: import.meta.url, factory: "openParquetRows", args: [options, sources] } } : {}),
    load: async (index) => await decodeImage(await bytesOf(index), nameOf(index), decode),
    loadRaster: async (index) => await decodeRaster(await bytesOf(index), nameOf(index), decode),
    loadUpright: async (index, size) => await decodeUpright(await bytesOf(index), nameOf(index), size, decode),
  };
}

/**
 * What a thread makes a data set of rows with.
 *
 * @param options Tables and column.
 * @param sources Where the formats are.
 * @returns The data set.
 */
export async function openParquetRows(options: ParquetRowsOptions, sources: readonly FormatSource[]): Promise<Dataset> {
  return parquetRows(options, await openFormats(sources));
}

/** Reads groups of rows, and keeps those that were used last. */
function groupReader(tables: readonly { readonly path: string }[], column: string) {
  const opened = new Map<number, Promise<ParquetTable>>();
  const kept = new Map<string, { readonly group: Promise<Group>; bytes: number }>();
  const makeRoom = () => {
    let total = [...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [key, { bytes }] of [...kept].slice(0, -1)) {
      if (total <= MAX_KEPT) return;
      kept.delete(key);
      total -= bytes;
    }
  };
  return async (number: number, row: number): Promise<Uint8Array | null> => {
    if (!opened.has(number)) opened.set(number, openParquet(tables[number]!.path));
    const table = await opened.get(number)!;
    const place = table.groups.find(({ start, rows }) => row >= start && row < start + rows)!;
    const key = `${number}/${place.start}`;
    const entry = kept.get(key) ?? {
      group: table.read(column, place.start, place.start + place.rows) as Promise<Group>,
      bytes: 0,
    };
    kept.delete(key);
    kept.set(key, entry); // the last used comes last
    const group = await entry.group;
    entry.bytes = group.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0);
    makeRoom();
    return group[row - place.start] ?? null;
  };
}

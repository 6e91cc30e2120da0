/** @file Parquet files by hyparquet: the schema, and values of columns in any rows. Knows no image. */
import { hostModule } from "./host_module.ts";
import type { FileMetaData } from "hyparquet";
import { openRange } from "./byte_range.ts";

/** A Parquet file. */
export interface ParquetTable {
  /** The file. */
  readonly path: string;
  /** Rows of each group, in order. */
  readonly groups: readonly { readonly start: number; readonly rows: number }[];
  /** Number of rows. */
  readonly rows: number;
  /** Columns with values of their own, by their path such as `image.bytes`, and what these are. */
  readonly columns: readonly { readonly path: string; readonly type: "bytes" | "text" | "integer" | "other" }[];
  /** Texts that the writer left, by key. */
  readonly notes: ReadonlyMap<string, string>;
  /**
   * Reads a column.
   *
   * @param column Its path.
   * @param from First row.
   * @param to Row behind the last.
   * @returns A value for each row: bytes, text, number, bigint, or null.
   * @throws {RangeError} If the data are damaged, or a group of rows is too large to be read at once.
   */
  read(column: string, from: number, to: number): Promise<readonly unknown[]>;
}

/** A column of a group of rows is read at once. */
const MAX_CHUNK_BYTES = 2 ** 30;

const COMPRESSORS = {
  GZIP: (bytes: Uint8Array) => new Uint8Array(hostModule("zlib").gunzipSync(bytes)),
  BROTLI: (bytes: Uint8Array) => new Uint8Array(hostModule("zlib").brotliDecompressSync(bytes)),
  ZSTD: (bytes: Uint8Array) => new Uint8Array(hostModule("zlib").zstdDecompressSync(bytes)),
};

type SchemaElement = FileMetaData["schema"][number];

function typeOf(element: SchemaElement): ParquetTable["columns"][number]["type"] {
  if (element.type === "INT32" || element.type === "INT64" || element.type === "BOOLEAN") return "integer"; // 0 and 1
  if (element.type !== "BYTE_ARRAY") return "other";
  return element.converted_type === "UTF8" || element.logical_type?.type === "STRING" ? "text" : "bytes";
}

/** Columns with values, found by walking the tree of the schema, which is written in order. */
function columnsOf(schema: readonly SchemaElement[]): ParquetTable["columns"] {
  const found: { path: string; type: ParquetTable["columns"][number]["type"] }[] = [];
  let at = 1;
  const walk = (prefix: string, children: number, depth: number): void => {
    for (let i = 0; i < children && at < schema.length; i++) {
      const element = schema[at++]!;
      const path = prefix + element.name;
      if (element.num_children && depth < 100) walk(`${path}.`, element.num_children, depth + 1);
      else found.push({ path, type: typeOf(element) });
    }
  };
  walk("", schema[0]?.num_children ?? 0, 0);
  return found;
}

/**
 * Opens a Parquet file: reads what it tells at its end.
 *
 * @param path The file.
 * @returns The table.
 * @throws {RangeError} If it is none, or damaged, naming it.
 * @throws {Error} If it cannot be read.
 */
export async function openParquet(path: string): Promise<ParquetTable> {
  const { parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  const { size } = Deno.statSync(path);
  const file = { byteLength: size, slice: (from: number, to = size) => sliceOf(path, from, to) };
  const metadata = await guarded(path, "metadata", () => parquetMetadataAsync(file));
  const groups = groupsOf(path, metadata);
  return {
    ...{ path, groups, rows: groups.reduce((sum, { rows }) => sum + rows, 0), columns: columnsOf(metadata.schema) },
    notes: new Map((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ""])),
    read: (column, from, to) =>
      guarded(path, "data", async () => {
        checkChunks(path, metadata, { column, from, to, groups });
        const [name, ...rest] = column.split(".");
        const rows = await parquetReadObjects({
          ...{ file, metadata, columns: [name!], rowStart: from, rowEnd: to, utf8: false, compressors: COMPRESSORS },
        });
        return rows.map((row) => rest.reduce<unknown>((value, key) => fieldOf(value, key), row[name!]));
      }),
  };
}

function refuse(path: string, requirement: string, current: string): never {
  throw new RangeError(`Cannot read ${path} as a Parquet table as ${requirement}: current ${current}`);
}

async function guarded<T>(path: string, what: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RangeError && error.message.startsWith("Cannot ")) throw error;
    // What the library stumbles over says nothing of the file.
    const told = error instanceof TypeError
      ? "bytes are damaged"
      : `error is ${(error as Error).message.slice(0, 200)}`;
    return refuse(path, `its ${what} must be whole and valid`, told);
  }
}

function groupsOf(path: string, metadata: FileMetaData): ParquetTable["groups"] {
  let start = 0;
  return metadata.row_groups.map((group) => {
    const rows = Number(group.num_rows);
    if (!(rows >= 0 && rows < 2 ** 31)) refuse(path, "groups must have rows", `number is ${rows}`);
    start += rows;
    return { start: start - rows, rows };
  });
}

/** What is read at once must be of a size that memory has. */
function checkChunks(
  path: string,
  metadata: FileMetaData,
  { column, from, to, groups }: {
    readonly column: string;
    readonly from: number;
    readonly to: number;
    readonly groups: ParquetTable["groups"];
  },
): void {
  groups.forEach(({ start, rows }, i) => {
    if (start >= to || start + rows <= from) return;
    const chunk = metadata.row_groups[i]!.columns.find((one) => one.meta_data?.path_in_schema.join(".") === column);
    const bytes = Number(chunk?.meta_data?.total_uncompressed_size ?? 0);
    if (bytes <= MAX_CHUNK_BYTES) return;
    refuse(path, `groups of rows must have at most ${MAX_CHUNK_BYTES} bytes`, `group ${i} of ${column} has ${bytes}`);
  });
}

const fieldOf = (value: unknown, key: string): unknown => (value as Record<string, unknown> | null)?.[key];

function sliceOf(path: string, from: number, to: number): ArrayBuffer {
  const range = openRange(path);
  try {
    return range.read(from, to - from).slice().buffer as ArrayBuffer;
  } finally {
    range.close();
  }
}

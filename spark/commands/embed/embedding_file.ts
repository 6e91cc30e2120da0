/** @file Features and the names of their files, in the formats in which others read them. */
import { encodeNpy, encodeZip, writeFileAtomic } from "../../../data/mod.ts";
import { parquetWriteBuffer } from "hyparquet-writer";

/** Features of images. */
export interface Embeddings {
  /** Names of the files. */
  readonly files: readonly string[];
  /** Features of each, all as long. */
  readonly rows: readonly Float32Array[];
}

const FORMATS = ["npz", "npy", "parquet"] as const;

/** A format of features. */
export type EmbeddingFormat = typeof FORMATS[number];

/**
 * Tells the format from the name of a file.
 *
 * @param out Value of `--out`.
 * @returns The format.
 * @throws {RangeError} If the name ends otherwise, or there is none.
 */
export function embeddingFormat(out: string | undefined): EmbeddingFormat {
  const ending = /\.([a-z0-9]+)$/i.exec(out ?? "")?.[1]?.toLowerCase();
  const format = FORMATS.find((name) => name === ending);
  if (format) return format;
  throw new RangeError(
    `Cannot embed as --out must name a file that ends with .${FORMATS.join(", .")}: current value is ${
      out ?? "absent"
    }`,
  );
}

/** All features as one array `[N, C]`. */
function matrixOf({ rows }: Embeddings) {
  const channels = rows[0]?.length ?? 0;
  const data = new Float32Array(rows.length * channels);
  rows.forEach((row, i) => data.set(row, i * channels));
  return { dtype: "F32" as const, shape: [rows.length, channels], data };
}

/**
 * NumPy's array of texts, which `numpy.load` reads without pickles: code points of 32 bits, filled up with zeros.
 *
 * @param texts Any texts.
 * @returns A `.npy` file of type `<U`.
 */
function npyTexts(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const points = texts.map((text) => Array.from(text, (letter) => letter.codePointAt(0)!));
  const width = Math.max(1, ...points.map((each) => each.length));
  const head = `{'descr': '<U${width}', 'fortran_order': False, 'shape': (${texts.length},), }`;
  const start = 10 + Math.ceil((head.length + 1 + 10) / 64) * 64 - 10;
  const bytes = new Uint8Array(start + 4 * width * texts.length);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, (start - 10) & 255, (start - 10) >> 8]);
  bytes.set(new TextEncoder().encode(`${head.padEnd(start - 11)}\n`), 10);
  const view = new DataView(bytes.buffer);
  points.forEach((each, i) => each.forEach((point, k) => view.setUint32(start + 4 * (i * width + k), point, true)));
  return bytes;
}

/**
 * Writes features.
 *
 * @param out The file.
 * @param format Its format.
 * @param found Features and files.
 */
export async function writeEmbeddings(out: string, format: EmbeddingFormat, found: Embeddings): Promise<void> {
  if (format === "npy") {
    await writeFileAtomic(out, encodeNpy(matrixOf(found)));
    return await writeFileAtomic(`${out}.txt`, `${found.files.join("\n")}\n`);
  }
  if (format === "npz") {
    const entries = { "features.npy": encodeNpy(matrixOf(found)), "files.npy": npyTexts(found.files) };
    return await writeFileAtomic(
      out,
      encodeZip(new Map(Object.entries(entries).map(([name, bytes]) => [name, [bytes]]))),
    );
  }
  const columns = [
    { name: "file", data: [...found.files] },
    { name: "features", data: found.rows.map((row) => [...row]) },
  ];
  await writeFileAtomic(out, new Uint8Array(parquetWriteBuffer({ columnData: columns, schema: PARQUET })));
}

/** A text, and a list of float32. */
const PARQUET: NonNullable<Parameters<typeof parquetWriteBuffer>[0]["schema"]> = [
  { name: "root", num_children: 2 },
  { name: "file", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
  { name: "features", repetition_type: "REQUIRED", num_children: 1, converted_type: "LIST" },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", type: "FLOAT", repetition_type: "REQUIRED" },
];

import { requireOptions } from "../../tensor/errors.ts";
import { countClasses, counted, type SourceAccount } from "./account.ts";
import { pickledRecords } from "./cifar_pickle.ts";
import type { Dataset } from "./dataset.ts";
import { CIFAR_RECORD, imageSlices, type Slice } from "./image_slices.ts";
import { tarEntries } from "../formats/tar.ts";

/** The classes of CIFAR-10, by number. */
export const CIFAR10_CLASSES: readonly string[] = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
];

/** Settings of `cifarImages`. */
export interface CifarOptions {
  /** What messages call the data set; its path if not given. */
  readonly name?: string;
  /** `"train"`: `data_batch_1.bin` to `data_batch_5.bin`. `"test"`: `test_batch.bin`. `"train"` if not given. */
  readonly split?: "train" | "test";
}

/** A batch has 10,000 records; ten times as many are taken. */
const MAX_BATCH_BYTES = 100_000 * CIFAR_RECORD;

/**
 * Whether a file is one of the original files of CIFAR-10.
 *
 * @param path Any path.
 * @returns True for `data_batch_N.bin` and `test_batch.bin`, and for the same without ending, as Python's are called.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { isCifarBatch } from "@tessera/tessera/data";
 *
 * ok(isCifarBatch("cifar-10-batches-bin/test_batch.bin"));
 * ```
 */
export function isCifarBatch(path: string): boolean {
  return /(^|\/)(data_batch_\d+|test_batch)(\.bin)?$/.test(path);
}

/** A file of records in memory. */
interface BatchFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Makes a data set of the original files of CIFAR-10, binary or Python's: 32×32 images with a label byte each. They are read into
 * memory that the threads share, 154 MB for the training images.
 *
 * @param path A file, the folder `cifar-10-batches-bin` or `cifar-10-batches-py` or one that holds it, or the archive of either.
 * @param options Name; training or test images. A single file is taken whatever the split.
 * @returns The data set, with labels and their names.
 * @throws {Error} If there is no such file, or a file is no whole number of records, or a label is above 9.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { cifarImages } from "@tessera/tessera/data";
 *
 * const path = await Deno.makeTempFile({ suffix: ".bin" });
 * await Deno.writeFile(path, new Uint8Array(2 * 3073).fill(7));
 * deepStrictEqual((await cifarImages(path)).labels, Int32Array.of(7, 7));
 * await Deno.remove(path);
 * ```
 */
export async function cifarImages(path: string, options: CifarOptions = {}): Promise<Dataset> {
  requireOptions("cifarImages", options, { name: true, split: true });
  const { name = path, split = "train" } = options;
  const { files, others } = await batchFiles(path, split);
  if (files.length === 0) {
    const wanted = split === "train" ? "data_batch_1.bin and further" : "test_batch.bin";
    throw new Error(`Cannot make a data set as CIFAR-10 must have ${wanted}: current place is ${path}`);
  }
  const counts = files.map(recordsOf);
  const buffer = new SharedArrayBuffer(files.reduce((sum, { bytes }) => sum + bytes.length, 0));
  files.reduce((at, { bytes }) => (new Uint8Array(buffer).set(bytes, at), at + bytes.length), 0);
  const names = files.flatMap((file, i) => Array.from({ length: counts[i]! }, (_, k) => `${file.name}#${k}`));
  const slices = names.map((each, i): Slice => ({
    name: each,
    store: 0,
    offset: i * CIFAR_RECORD,
    size: CIFAR_RECORD,
  }));
  const labels = Int32Array.from(slices, ({ offset }) => new Uint8Array(buffer, offset, 1)[0]!);
  const set = imageSlices({ name, stores: [buffer], slices, format: "cifar", labels, labelNames: CIFAR10_CLASSES });
  const beside = others.reduce((sum, { records }) => sum + records, 0);
  const left = {
    ...{ kind: "image", reason: `of the split ${split === "train" ? "test" : "train"}`, count: beside },
    names: others.map(({ name }) => name.slice(name.lastIndexOf("/") + 1)),
  };
  const account: SourceAccount = {
    ...{
      source: path,
      kind: counted(files.length, "file of CIFAR-10"),
      found: slices.length + beside,
      records: [{ kind: "image", count: slices.length + beside }],
      used: slices.length,
    },
    ...{ labelFiles: 0, leftOut: beside > 0 ? [left] : [], split: isSingle(path) ? null : split, unlabelled: null },
    evaluable: split === "train" && beside > 0,
    ...{ classes: countClasses(labels, CIFAR10_CLASSES), classesFrom: "records" },
  };
  return { ...set, account };
}

/** A file of the other part. */
interface OtherFile {
  readonly name: string;
  /** How many images it holds. */
  readonly records: number;
}

/** Files of a part, and those of the other one. */
async function batchFiles(
  path: string,
  split: "train" | "test",
): Promise<{ readonly files: readonly BatchFile[]; readonly others: readonly OtherFile[] }> {
  const isTest = (file: string) => /test_batch(\.bin)?$/.test(file);
  const belongs = (file: string) => isTest(file) === (split === "test");
  const { isDirectory } = await Deno.stat(path);
  if (!isDirectory && isSingle(path)) return { files: [readBatch(path)], others: [] };
  if (isDirectory) {
    const paths = await batchPaths(path);
    return {
      files: paths.filter(belongs).map(readBatch),
      others: paths.filter((file) => !belongs(file)).map((name) => ({
        name,
        records: name.endsWith(".bin") ? recordsIn(Deno.statSync(name).size) : recordsOf(readBatch(name)),
      })),
    };
  }
  const [files, others]: [BatchFile[], OtherFile[]] = [[], []];
  const bounds = { maxBytes: 2 ** 29, maxEntryBytes: MAX_BATCH_BYTES };
  for await (const entry of tarEntries(path, bounds)) {
    const name = `${path}/${entry.path}`;
    if (!isCifarBatch(entry.path)) continue;
    if (belongs(entry.path)) files.push(batchOf(name, await entry.read()));
    else if (name.endsWith(".bin")) others.push({ name, records: recordsIn(entry.size) });
    else others.push({ name, records: recordsOf(batchOf(name, await entry.read())) });
  }
  return { files: files.sort(byName), others: others.sort(byName) };
}

const isSingle = (path: string): boolean => path.endsWith(".bin") || isCifarBatch(path);

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => a.name < b.name ? -1 : 1;

/** Files in a folder, or in the folder of the official archive below it. */
async function batchPaths(path: string): Promise<readonly string[]> {
  const root = path.replace(/(?<=.)\/+$/, "");
  for (const place of [root, `${root}/cifar-10-batches-bin`, `${root}/cifar-10-batches-py`]) {
    const found: string[] = [];
    try {
      for await (const { name } of Deno.readDir(place)) if (isCifarBatch(name)) found.push(`${place}/${name}`);
    } catch {
      continue; // there is no such folder
    }
    if (found.length > 0) return found.sort();
  }
  return [];
}

function readBatch(path: string): BatchFile {
  const { size } = Deno.statSync(path);
  if (size > MAX_BATCH_BYTES) refuse(path, `have at most ${MAX_BATCH_BYTES} bytes`, `size is ${size}`);
  return batchOf(path, Deno.readFileSync(path));
}

const batchOf = (name: string, bytes: Uint8Array): BatchFile => ({
  name,
  bytes: name.endsWith(".bin") ? bytes : pickledRecords(bytes, name),
});

const recordsIn = (size: number): number => Math.floor(size / CIFAR_RECORD);

/** Counts the records, after looking at each label. */
function recordsOf({ name, bytes }: BatchFile): number {
  const count = bytes.length / CIFAR_RECORD;
  if (count === 0 || !Number.isInteger(count)) {
    refuse(name, `be one or more records of ${CIFAR_RECORD} bytes`, `size is ${bytes.length} bytes`);
  }
  for (let i = 0; i < count; i++) {
    const label = bytes[i * CIFAR_RECORD]!;
    if (label > 9) refuse(name, "have labels from 0 to 9", `label of record ${i} is ${label}`);
  }
  return count;
}

function refuse(name: string, requirement: string, current: string): never {
  throw new RangeError(`Cannot read ${name} as a batch of CIFAR-10 as it must ${requirement}: current ${current}`);
}

/** @file CIFAR-10 as Python has it (`cifar-10-batches-py`), as records of its binary form. */
import { FileTensor } from "../formats/file_tensor.ts";
import { decodeNumpyPickle } from "../formats/pickle/numpy_pickle.ts";

/** Bytes of an image: 32×32 each of red, green and blue. */
const IMAGE = 3 * 32 * 32;

/** The value of a name, which Python 3 may have kept as bytes. */
function valueOf(record: unknown, name: string): unknown {
  if (!(record instanceof Map)) return undefined;
  const isName = (key: unknown) =>
    key === name || key instanceof Uint8Array && new TextDecoder("latin1").decode(key) === name;
  return [...record].find(([key]) => isName(key))?.[1];
}

/**
 * Reads a batch of Python's form. No code in it is run.
 *
 * @param bytes The whole file: a pickle of `data`, uint8 `[N, 3072]`, and `labels`.
 * @param file What errors call it.
 * @returns For each image a byte of label, then its planes.
 * @throws {RangeError} If it is damaged or something else, naming it.
 */
export function pickledRecords(bytes: Uint8Array, file: string): Uint8Array<ArrayBuffer> {
  const value = decodeNumpyPickle(bytes, file);
  const [data, labels] = [valueOf(value, "data"), valueOf(value, "labels")];
  const isBatch = data instanceof FileTensor && data.dtype === "U8" && data.shape.length === 2 &&
    data.shape[1] === IMAGE && Array.isArray(labels) && labels.length === data.shape[0];
  if (!isBatch) {
    throw new RangeError(
      `Cannot read ${file} as a batch of CIFAR-10 as it must hold data, uint8 [N, ${IMAGE}], and a label for each image: ` +
        "current file holds something else",
    );
  }
  const records = new Uint8Array(labels.length * (1 + IMAGE));
  labels.forEach((label, i) => {
    records[i * (1 + IMAGE)] = Number.isInteger(label) && label >= 0 && label < 255 ? label : 255; // which is no class
    records.set((data.data as Uint8Array).subarray(i * IMAGE, (i + 1) * IMAGE), i * (1 + IMAGE) + 1);
  });
  return records;
}

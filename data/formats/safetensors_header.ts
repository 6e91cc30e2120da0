import { fileKindOf, kindText } from "./file_kind.ts";

/** Data types of safetensors files, with the bytes that an element takes. */
export const SAFETENSORS_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

/** Name of a data type in safetensors files. */
export type SafetensorsDType = keyof typeof SAFETENSORS_BYTES;

/** Values of a safetensors tensor. `F16` and `BF16` are their bits in a `Uint16Array`; `BOOL` is 0 and 1. */
export type SafetensorsArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | BigUint64Array
  | BigInt64Array
  | Float64Array;

/** Typed arrays by data type. `F16` and `BF16` are their bits. */
export const SAFETENSORS_ARRAYS: Readonly<
  Record<SafetensorsDType, new (buffer: ArrayBufferLike, at?: number, length?: number) => SafetensorsArray>
> = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  U16: Uint16Array,
  I16: Int16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  U32: Uint32Array,
  I32: Int32Array,
  F32: Float32Array,
  U64: BigUint64Array,
  I64: BigInt64Array,
  F64: Float64Array,
};

/** Where a tensor lies in the data part of a file. */
export interface SafetensorsEntry {
  /** Data type. */
  readonly dtype: SafetensorsDType;
  /** Sizes of the axes, outermost first. */
  readonly shape: readonly number[];
  /** First byte, counted from the end of the header. */
  readonly begin: number;
  /** Byte after the last. */
  readonly end: number;
}

/** What the head of a safetensors file tells. */
export interface SafetensorsHeader {
  /** Free text under names. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors by name, in the order of the data. */
  readonly tensors: Readonly<Record<string, SafetensorsEntry>>;
  /** Where the data part starts in the file. */
  readonly dataStart: number;
}

/** A quarter of the bound of the official implementation: values made of a longer text could take more than 1 GiB. */
export const MAX_HEADER_BYTES = 25_000_000;

/**
 * Refuses a file.
 *
 * @param file What errors call it.
 * @param requirement What must hold.
 * @param current What is the case.
 */
export function refuseSafetensors(file: string, requirement: string, current: string): never {
  throw new RangeError(`Cannot read ${file} as safetensors as ${requirement}: current ${current}`);
}

/**
 * Reads the first eight bytes of a file: how long its header is.
 *
 * @param bytes At least eight bytes from the start of the file, or all of a shorter one.
 * @param fileSize Bytes of the whole file.
 * @param file What errors call it.
 * @returns Bytes of the header's text.
 * @throws {RangeError} If the file is too short for its header, or the length is absurd.
 */
export function headerLength(bytes: Uint8Array, fileSize: number, file: string): number {
  if (bytes.length < 8) refuseSafetensors(file, "there must be at least 8 bytes", `size is ${bytes.length}`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length < 2 || length > MAX_HEADER_BYTES) {
    const kind = fileKindOf(bytes);
    if (kind) throw new RangeError(`Cannot read ${file} as safetensors as it must be such a file: ${kindText(bytes)}`);
    refuseSafetensors(file, `the header must have 2 to ${MAX_HEADER_BYTES} bytes`, `header has ${length}`);
  }
  if (8 + length > fileSize) {
    refuseSafetensors(file, `a header of ${length} bytes must be whole`, `file of ${fileSize} bytes is truncated`);
  }
  return length;
}

/**
 * Reads and checks the text of a header: every tensor's bytes must follow those of the one before and fill the file.
 *
 * @param text JSON in UTF-8.
 * @param fileSize Bytes of the whole file.
 * @param file What errors call it.
 * @returns The header.
 * @throws {RangeError} If it is no valid header, or does not fit the size of the file.
 */
export function parseHeader(text: Uint8Array, fileSize: number, file: string): SafetensorsHeader {
  const refuse = (requirement: string, current: string) => refuseSafetensors(file, requirement, current);
  const { __metadata__: metadata = {}, ...rest } = parseObject(text, file);
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== "string")) {
    refuse("metadata must be texts under names", `metadata is ${shown(metadata)}`);
  }
  const entries = Object.entries(rest)
    .map(([name, value]) => [name, parseEntry(name, value, file)] as const)
    .sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const [name, { begin, end }] of entries) {
    if (begin !== at) {
      const problem = begin < at ? "overlaps the tensor before" : "leaves a gap";
      refuse("data must be without gap and overlap", `tensor ${name} at ${begin} ${problem}, which ends at ${at}`);
    }
    at = end;
  }
  const dataStart = 8 + text.length;
  if (dataStart + at !== fileSize) {
    const problem = fileSize < dataStart + at ? "is truncated" : "has bytes too many";
    refuse(`the file must have the ${dataStart + at} bytes of its header and data`, `size ${fileSize} ${problem}`);
  }
  return { metadata: metadata as Record<string, string>, tensors: Object.fromEntries(entries), dataStart };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value of a file in an error: its beginning. Values may nest so deeply that they have no text. */
function shown(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? "absent";
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
  } catch {
    return "nested too deeply";
  }
}

function parseObject(text: Uint8Array, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text));
    if (isRecord(value)) return value;
  } catch (error) {
    refuseSafetensors(file, "the header must be JSON in UTF-8", `error is ${(error as Error).message}`);
  }
  return refuseSafetensors(file, "the header must be a JSON object", "header is another value");
}

function parseEntry(name: string, value: unknown, file: string): SafetensorsEntry {
  const refuse = (requirement: string, current: unknown) =>
    refuseSafetensors(file, `tensor ${name} must have ${requirement}`, `value is ${shown(current)}`);
  const isSize = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  if (typeof dtype !== "string" || !Object.hasOwn(SAFETENSORS_BYTES, dtype)) {
    return refuse(`a dtype of ${Object.keys(SAFETENSORS_BYTES).join(", ")}`, dtype);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) return refuse("a shape of integers of 0 or more", shape);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[1]! < offsets[0]!) {
    return refuse("two offsets in rising order", offsets);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((size, axis) => size * axis, 1) * SAFETENSORS_BYTES[dtype as SafetensorsDType];
  if (bytes !== end - begin) {
    return refuse(`as many bytes as its shape [${shape}] of ${dtype} needs, ${bytes}`, offsets);
  }
  return { dtype: dtype as SafetensorsDType, shape, begin, end };
}

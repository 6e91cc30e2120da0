import { hostModule } from "../../formats/host_module.ts";
import type { ImageFormat, ImageSize } from "../image_format.ts";
import type { Raster } from "../raster.ts";
import { hasText, viewOf } from "./head.ts";

/** A volume that is packed may have so many bytes. */
const MAX_UNPACKED = 2 ** 28;

/** Reads a number of a type at a place. */
type Read = (view: DataView, at: number, little: boolean) => number;

/** Types of voxels by their code: bytes, and how a value is read. */
const TYPES: ReadonlyMap<number, readonly [bytes: number, read: Read]> = new Map<number, readonly [number, Read]>([
  [2, [1, (view, at) => view.getUint8(at)]],
  [4, [2, (view, at, little) => view.getInt16(at, little)]],
  [8, [4, (view, at, little) => view.getInt32(at, little)]],
  [16, [4, (view, at, little) => view.getFloat32(at, little)]],
  [64, [8, (view, at, little) => view.getFloat64(at, little)]],
  [128, [3, (view, at) => view.getUint8(at)]],
  [256, [1, (view, at) => view.getInt8(at)]],
  [512, [2, (view, at, little) => view.getUint16(at, little)]],
  [768, [4, (view, at, little) => view.getUint32(at, little)]],
  [1024, [8, (view, at, little) => Number(view.getBigInt64(at, little))]],
  [1280, [8, (view, at, little) => Number(view.getBigUint64(at, little))]],
]);

/** What the header says. */
interface Header {
  readonly little: boolean;
  /** Columns, rows, slices. */
  readonly size: readonly [number, number, number];
  readonly type: number;
  /** First byte of the voxels. */
  readonly start: number;
  readonly slope: number;
  readonly intercept: number;
  /** Values to be shown as black and white; equal where none are told. */
  readonly shown: readonly [number, number];
}

const isPacked = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** The whole file, or what its head unpacks to. */
function unpacked(bytes: Uint8Array, whole: boolean): Uint8Array {
  if (!isPacked(bytes)) return bytes;
  const { constants, gunzipSync } = hostModule("zlib");
  const finish = whole ? {} : { finishFlush: constants.Z_SYNC_FLUSH };
  return gunzipSync(whole ? bytes : bytes.subarray(0, 4096), { maxOutputLength: MAX_UNPACKED, ...finish });
}

const isVersion1 = (bytes: Uint8Array): boolean => hasText(bytes, 344, "n+1\0");
const isVersion2 = (bytes: Uint8Array): boolean => hasText(bytes, 4, "n+2\0\r\n\x1a\n");

function headerOf(bytes: Uint8Array): Header | null {
  const view = viewOf(bytes);
  if (isVersion1(bytes) && bytes.length >= 348) {
    const little = view.getInt32(0, true) === 348;
    const [short, float] = [(at: number) => view.getInt16(at, little), (at: number) => view.getFloat32(at, little)];
    return {
      ...{ little, size: [short(42), short(44), short(40) > 2 ? short(46) : 1], type: short(70) },
      ...{ start: float(108), slope: float(112), intercept: float(116), shown: [float(128), float(124)] },
    };
  }
  if (!isVersion2(bytes) || bytes.length < 540) return null;
  const little = view.getInt32(0, true) === 540;
  const long = (at: number) => Number(view.getBigInt64(at, little));
  const double = (at: number) => view.getFloat64(at, little);
  return {
    ...{ little, size: [long(24), long(32), long(16) > 2 ? long(40) : 1], type: view.getInt16(12, little) },
    ...{ start: long(168), slope: double(176), intercept: double(184), shown: [double(200), double(192)] },
  };
}

function measure(bytes: Uint8Array): ImageSize | null {
  const header = headerOf(unpacked(bytes, false));
  if (!header) return null;
  const { size: [width, height, depth], type, start } = header;
  if (!(width > 0 && height > 0 && depth > 0)) return { width: 0, height: 0 };
  const voxels = width * height * depth * (TYPES.get(type)?.[0] ?? 1);
  return { width, height, pixelBytes: 12, leastBytes: isPacked(bytes) ? Math.ceil(voxels / 1032) : start + voxels };
}

function decode(packed: Uint8Array): Raster {
  const bytes = unpacked(packed, true);
  const { little, size: [width, height, depth], type, start, slope, intercept, shown } = headerOf(bytes)!;
  const known = TYPES.get(type);
  if (!known) throw new Error(`Cannot decode as voxels must be real numbers or RGB24: current type is ${type}`);
  const [each, read] = known;
  const channels = type === 128 ? 3 : 1;
  const first = start + Math.floor(depth / 2) * width * height * each;
  if (!(start >= 348) || first + width * height * each > bytes.length) {
    throw new Error(`Cannot decode as its voxels must be whole: current file has ${bytes.length} bytes`);
  }
  const view = viewOf(bytes);
  if (channels === 3) return { width, height, channels, data: bytes.slice(first, first + width * height * 3) };
  const scale = slope !== 0 && Number.isFinite(slope) ? slope : 1;
  const shift = slope !== 0 && Number.isFinite(intercept) ? intercept : 0;
  const data = Float32Array.from(
    { length: width * height },
    (_, i) => read(view, first + i * each, little) * scale + shift,
  );
  return { width, height, channels, data, ...(shown[1] > shown[0] ? { range: shown } : {}) };
}

/**
 * NIfTI volumes of versions 1 and 2, also in gzip: the middle slice along the third axis of the first volume, the first
 * axis from left to right and the second from top to bottom, with slope and intercept applied.
 */
export const NIFTI: ImageFormat = {
  name: "NIfTI",
  endings: [".nii", ".nii.gz"],
  isArray: true,
  sniff: (bytes) => {
    if (!isPacked(bytes)) return isVersion1(bytes) || isVersion2(bytes);
    try {
      const head = unpacked(bytes, false);
      return isVersion1(head) || isVersion2(head);
    } catch {
      return false; // gzip data of something else, or damaged ones
    }
  },
  measure,
  decode,
};

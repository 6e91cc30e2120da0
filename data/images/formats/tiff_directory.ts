/** @file The first directory of a TIFF file: what its picture is like and where its parts lie. */
import { viewOf } from "./head.ts";

/** Tags of a directory. */
export const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  planes: 284,
  predictor: 317,
  palette: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  extra: 338,
  format: 339,
} as const;

/** Bytes of a number by its type: BYTE, SHORT, LONG. */
const WIDTHS: Readonly<Record<number, 1 | 2 | 4>> = { 1: 1, 3: 2, 4: 4 };

/** A directory. */
export interface TiffDirectory {
  /** Whether its numbers begin with their lowest byte. */
  readonly isLittle: boolean;
  /** Whole numbers of a tag; empty where it is absent, or they do not lie within the file. */
  readonly numbers: (tag: number) => readonly number[];
  /** The first number of a tag, or what holds where it is absent. */
  readonly number: (tag: number, otherwise: number) => number;
}

/**
 * Reads the first directory.
 *
 * @param bytes The file, or its head.
 * @returns The directory; null where it is not whole.
 */
export function tiffDirectory(bytes: Uint8Array): TiffDirectory | null {
  const view = viewOf(bytes);
  const isLittle = bytes[0] === 0x49;
  if (bytes.length < 14) return null;
  const start = view.getUint32(4, isLittle);
  if (start + 2 > bytes.length) return null;
  const entries = new Map<number, number>();
  const count = view.getUint16(start, isLittle);
  if (start + 2 + 12 * count > bytes.length) return null;
  for (let i = 0; i < count; i++) entries.set(view.getUint16(start + 2 + 12 * i, isLittle), start + 2 + 12 * i);
  const numbers = (tag: number) => {
    const entry = entries.get(tag);
    if (entry === undefined) return [];
    const [width, many] = [WIDTHS[view.getUint16(entry + 2, isLittle)], view.getUint32(entry + 4, isLittle)];
    if (width === undefined) return [];
    const place = width * many > 4 ? view.getUint32(entry + 8, isLittle) : entry + 8;
    if (place + width * many > bytes.length) return [];
    const read = { 1: view.getUint8, 2: view.getUint16, 4: view.getUint32 }[width].bind(view);
    return Array.from({ length: many }, (_, k) => read(place + width * k, isLittle));
  };
  return { isLittle, numbers, number: (tag, otherwise) => numbers(tag)[0] ?? otherwise };
}

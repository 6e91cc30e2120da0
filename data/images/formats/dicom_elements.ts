/** @file The data elements of a DICOM file (PS3.5, PS3.10) up to the pixels, of transfer syntaxes without compression. */
import { hasText, viewOf } from "./head.ts";

/** Values of the elements of a file, by tag: group and element in 32 bits. */
export interface DicomElements {
  /** Where each value lies. */
  readonly places: ReadonlyMap<number, { readonly at: number; readonly size: number; readonly vr: string }>;
  readonly bytes: Uint8Array;
  readonly little: boolean;
}

const SYNTAXES: Readonly<Record<string, { readonly little: boolean; readonly explicit: boolean }>> = {
  "1.2.840.10008.1.2": { little: true, explicit: false },
  "1.2.840.10008.1.2.1": { little: true, explicit: true },
  "1.2.840.10008.1.2.2": { little: false, explicit: true },
};

const [TRANSFER_SYNTAX, PIXELS] = [0x00020010, 0x7fe00010];
const [ITEM, ITEM_END, SEQUENCE_END] = [0xfffee000, 0xfffee00d, 0xfffee0dd];
const UNDEFINED = 0xffffffff;

/** Representations whose length has 32 bits. */
const LONG = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);

const MAX_DEPTH = 32;

interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  little: boolean;
  explicit: boolean;
}

/** Tag, representation and length of the element at the cursor, which moves to its value. */
function next(cursor: Cursor) {
  const { bytes, view, little, explicit } = cursor;
  if (cursor.at + 8 > bytes.length) {
    throw new Error("Cannot decode as its elements must be whole: current file ends early");
  }
  const tag = view.getUint16(cursor.at, little) * 0x10000 + view.getUint16(cursor.at + 2, little);
  const vr = String.fromCharCode(bytes[cursor.at + 4]!, bytes[cursor.at + 5]!);
  if (tag >= ITEM || !explicit) {
    const size = view.getUint32(cursor.at + 4, little);
    cursor.at += 8;
    return { tag, vr: "", size };
  }
  if (!LONG.has(vr)) {
    const size = view.getUint16(cursor.at + 6, little);
    cursor.at += 8;
    return { tag, vr, size };
  }
  if (cursor.at + 12 > bytes.length) {
    throw new Error("Cannot decode as its elements must be whole: current file ends early");
  }
  const size = view.getUint32(cursor.at + 8, little);
  cursor.at += 12;
  return { tag, vr, size };
}

/** Moves behind a sequence of undefined length. */
function passSequence(cursor: Cursor, depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new Error(`Cannot decode as sequences must be at most ${MAX_DEPTH} deep: current is deeper`);
  }
  for (;;) {
    const { tag, size } = next(cursor);
    if (tag === SEQUENCE_END || tag === ITEM_END) return;
    if (size === UNDEFINED) passSequence(cursor, depth + 1);
    else cursor.at += size;
  }
}

/**
 * Reads the elements of a file up to its pixels.
 *
 * @param bytes The file, or its beginning where `partial`.
 * @param options `partial`: elements that are not whole end the reading without an error.
 * @returns The elements.
 * @throws {Error} If they are damaged, or the transfer syntax is one with compression, naming it.
 */
export function readDicom(bytes: Uint8Array, { partial = false }: { readonly partial?: boolean } = {}): DicomElements {
  const cursor: Cursor = {
    bytes,
    view: viewOf(bytes),
    at: hasText(bytes, 128, "DICM") ? 132 : 0,
    little: true,
    explicit: true,
  };
  const places = new Map<number, { at: number; size: number; vr: string }>();
  const state = { syntax: "" };
  while (cursor.at + 8 <= bytes.length) {
    const group = cursor.view.getUint16(cursor.at, cursor.little || state.syntax === "");
    if (state.syntax === "" && group !== 2) state.syntax = enter(cursor, places, partial);
    const { tag, vr, size } = next(cursor);
    if (size === UNDEFINED) {
      if (tag === PIXELS) break;
      passSequence(cursor, 0);
      continue;
    }
    places.set(tag, { at: cursor.at, size, vr });
    cursor.at += size;
    if (tag === PIXELS) break;
  }
  return { places, bytes, little: cursor.little };
}

/** Behind the file's own elements the transfer syntax holds. */
function enter(cursor: Cursor, places: ReadonlyMap<number, { at: number; size: number }>, partial: boolean): string {
  const place = places.get(TRANSFER_SYNTAX);
  const name = place
    ? new TextDecoder().decode(cursor.bytes.subarray(place.at, place.at + place.size)).replace(/[\0 ]+$/, "")
    : "1.2.840.10008.1.2";
  const syntax = SYNTAXES[name];
  if (!syntax && !partial) {
    throw new Error(`Cannot decode as its transfer syntax must be one without compression: current one is ${name}`);
  }
  Object.assign(cursor, syntax ?? SYNTAXES["1.2.840.10008.1.2.1"]!);
  return name;
}

/** A 16-bit number of an element. */
export function shortOf({ places, bytes, little }: DicomElements, tag: number): number | undefined {
  const place = places.get(tag);
  return place && place.at + 2 <= bytes.length ? viewOf(bytes).getUint16(place.at, little) : undefined;
}

/** Text of an element; the first of several values. */
export function textOf({ places, bytes }: DicomElements, tag: number): string | undefined {
  const place = places.get(tag);
  if (!place) return undefined;
  return new TextDecoder().decode(bytes.subarray(place.at, place.at + place.size)).split("\\")[0]!.trim();
}

/** Number that stands as text. */
export function decimalOf(elements: DicomElements, tag: number): number | undefined {
  const text = textOf(elements, tag);
  return text === undefined || text === "" || !Number.isFinite(Number(text)) ? undefined : Number(text);
}

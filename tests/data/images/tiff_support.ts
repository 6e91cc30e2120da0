/** @file Writes TIFF files for tests. */

/** What a file is made of. */
export interface TiffParts {
  /** Whole numbers by tag; places and lengths of parts are added. */
  readonly tags: Readonly<Record<number, readonly number[]>>;
  /** Strips, or tiles if there is tag 322. */
  readonly parts: readonly Uint8Array[];
  /** Whether numbers begin with their highest byte. */
  readonly isBig?: boolean;
}

/**
 * Writes a file of one page: head, parts, numbers that are too many for the directory, directory.
 *
 * @param parts What it is made of.
 * @returns The file.
 */
export function encodeTiff({ tags, parts, isBig = false }: TiffParts): Uint8Array<ArrayBuffer> {
  const starts = parts.map((_, i) => 8 + parts.slice(0, i).reduce((sum, part) => sum + part.length, 0));
  const [places, lengths] = 322 in tags ? [324, 325] : [273, 279];
  const all = { [places]: starts, [lengths]: parts.map((part) => part.length), ...tags };
  const entries = Object.entries(all).map(([tag, values]) => [Number(tag), values] as const).sort(([a], [b]) => a - b);
  const data = 8 + parts.reduce((sum, part) => sum + part.length, 0);
  const many = entries.reduce((sum, [, values]) => sum + (values.length > 1 ? 4 * values.length : 0), 0);
  const start = data + many;
  const out = new Uint8Array(start + 2 + 12 * entries.length + 4);
  const view = new DataView(out.buffer);
  out.set(new TextEncoder().encode(isBig ? "MM" : "II"));
  view.setUint16(2, 42, !isBig);
  view.setUint32(4, start, !isBig);
  parts.forEach((part, i) => out.set(part, starts[i]!));
  view.setUint16(start, entries.length, !isBig);
  let free = data;
  entries.forEach(([tag, values], i) => {
    const at = start + 2 + 12 * i;
    view.setUint16(at, tag, !isBig);
    view.setUint16(at + 2, 4, !isBig);
    view.setUint32(at + 4, values.length, !isBig);
    if (values.length > 1) view.setUint32(at + 8, free, !isBig);
    values.forEach((value, k) => view.setUint32(values.length > 1 ? free + 4 * k : at + 8, value, !isBig));
    if (values.length > 1) free += 4 * values.length;
  });
  return out;
}

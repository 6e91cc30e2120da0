/** @file How notebooks show tensors: numbers as tables, images as images. Jupyter asks a value by `Symbol.for("Jupyter.display")`. */
import { Tensor } from "./tensor.ts";
import { DTYPES, type Shape, sizeOf, type TypedArray } from "./spec.ts";

/** What a notebook may choose from, by media type. */
type Display = Readonly<Record<string, string>>;

/** Rows and columns of a table, and matrices of a larger tensor, that are shown. */
const [MOST_LINES, MOST_TABLES] = [12, 4];
/** Smaller ones are read better as numbers. */
const LEAST_PIXELS = 8;
/** Height on the screen that small images are enlarged to. */
const SCREEN = 160;

/** `[H, W, C]` with 1, 3 or 4 channels last is an image. */
function isImage({ shape }: Tensor): boolean {
  const [height = 0, width = 0, channels = 0] = shape;
  return shape.length === 3 && Math.min(height, width) >= LEAST_PIXELS && [1, 3, 4].includes(channels);
}

function numberText(value: number, dtype: string): string {
  if (dtype === "bool") return value ? "true" : "false";
  return Number.isInteger(value) || !Number.isFinite(value) ? String(value) : String(Number(value.toPrecision(5)));
}

/** The first of some lines, then `null` where there are more. */
function shownLines(count: number): readonly (number | null)[] {
  const shown = Array.from({ length: Math.min(count, MOST_LINES) }, (_, i) => i);
  return count > MOST_LINES ? [...shown, null] : shown;
}

function tableHtml(rows: number, columns: number, text: (row: number, column: number) => string): string {
  const cell = (row: number | null, column: number | null) =>
    `<td style="text-align:right">${row === null || column === null ? "…" : text(row, column)}</td>`;
  const line = (row: number | null) => `<tr>${shownLines(columns).map((column) => cell(row, column)).join("")}</tr>`;
  return `<table>${shownLines(rows).map(line).join("")}</table>`;
}

/** Tables of the last two axes. */
function tablesHtml({ shape, dtype }: Tensor, values: TypedArray): string {
  const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  const leading = shape.slice(0, -2);
  const tables = sizeOf(leading);
  const one = (table: number) => {
    const text = (row: number, column: number) =>
      numberText(Number(values[(table * rows + row) * columns + column]), dtype);
    const caption = leading.length > 0 ? `<div>[${[...placeOf(table, leading), ":", ":"].join(", ")}]</div>` : "";
    return caption + tableHtml(rows, columns, text);
  };
  const more = tables > MOST_TABLES ? `<div>… ${tables - MOST_TABLES} more</div>` : "";
  return Array.from({ length: Math.min(tables, MOST_TABLES) }, (_, i) => one(i)).join("") + more;
}

/** Coordinates of a number in row-major order. */
function placeOf(index: number, shape: Shape): readonly number[] {
  return shape.map((size, axis) => Math.floor(index / sizeOf(shape.slice(axis + 1))) % size);
}

/** What values become light: whole numbers are 0 to 255; others 0 to 1, or what they reach where they leave it. */
function lightOf({ dtype }: Tensor, values: TypedArray): { readonly least: number; readonly most: number } {
  if (!DTYPES[dtype].floating) return { least: 0, most: dtype === "bool" ? 1 : 255 };
  const finite = Array.from(values, Number).filter(Number.isFinite);
  const [least, most] = [finite.reduce((a, b) => Math.min(a, b), 0), finite.reduce((a, b) => Math.max(a, b), 0)];
  return least < -1e-3 || most > 1.001 ? { least, most } : { least: 0, most: 1 };
}

/** A Windows bitmap, which every browser shows and nothing has to pack: 32 bits a pixel, blue first, from above. */
function bitmap(x: Tensor, values: TypedArray, light: ReturnType<typeof lightOf>): Uint8Array {
  const [height, width, channels] = x.shape as readonly [number, number, number];
  const [HEAD, INFO] = [14, 108];
  const bytes = new Uint8Array(HEAD + INFO + 4 * width * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, HEAD + INFO, true);
  view.setUint32(HEAD, INFO, true);
  view.setInt32(HEAD + 4, width, true);
  view.setInt32(HEAD + 8, -height, true);
  view.setUint16(HEAD + 12, 1, true);
  view.setUint16(HEAD + 14, 32, true);
  view.setUint32(HEAD + 16, 3, true); // by the masks that follow at byte 40
  [0xff0000, 0xff00, 0xff, 0xff000000].forEach((mask, i) => view.setUint32(HEAD + 40 + 4 * i, mask, true));
  const level = (value: number) => 255 * Math.min(1, Math.max(0, (value - light.least) / (light.most - light.least)));
  for (let i = 0; i < width * height; i++) {
    const own = (c: number) => Number(values[i * channels + c]);
    const colours = channels === 1 ? [own(0), own(0), own(0)] : [own(0), own(1), own(2)];
    const [red, green, blue] = colours.every(Number.isFinite) ? colours.map(level) : [255, 0, 255]; // what is no number
    const alpha = channels === 4 ? level(own(3)) : 255;
    bytes.set([blue!, green!, red!, alpha].map(Math.round), HEAD + INFO + 4 * i);
  }
  return bytes;
}

function imageHtml(x: Tensor, values: TypedArray): string {
  const light = lightOf(x, values);
  const text = bitmap(x, values, light).reduce((all, byte) => all + String.fromCharCode(byte), "");
  const [height, width] = x.shape as readonly [number, number];
  const zoom = Math.max(1, Math.floor(SCREEN / height));
  const range = light.least === 0 && [1, 255].includes(light.most)
    ? ""
    : ` from ${numberText(light.least, x.dtype)} to ${numberText(light.most, x.dtype)}`;
  return `<img src="data:image/bmp;base64,${btoa(text)}" width="${width * zoom}" height="${height * zoom}" ` +
    `style="image-rendering:pixelated" alt="image">${range && `<div>${range.trim()}</div>`}`;
}

/**
 * What a notebook shows of a tensor: an image of `[H, W, C]` with 1, 3 or 4 channels, else tables of the last two axes. A tensor
 * without values, inside `jit`, is its text.
 *
 * @param x The tensor; it is computed.
 * @returns Text and HTML.
 */
export async function displayOf(x: Tensor): Promise<Display> {
  const values = await x.data().catch(() => null);
  const text = String(x);
  if (!values) return { "text/plain": text };
  const html = isImage(x) ? imageHtml(x, values) : tablesHtml(x, values);
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return { "text/plain": text, "text/html": `<div><code>${escaped}</code></div>${html}` };
}

Object.defineProperty(Tensor.prototype, Symbol.for("Jupyter.display"), {
  value(this: Tensor): Promise<Display> {
    return displayOf(this);
  },
});

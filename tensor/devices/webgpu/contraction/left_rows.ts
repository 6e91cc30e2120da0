/** @file Left factors as text: where the rows of a matrix, of windows over images, or of a table begin, through each tap. */
import type { WgslBuffer, WgslMemory } from "../../../compiler/kernel_text.ts";
import {
  type MatrixRows,
  rowCount,
  type Rows,
  rowSizes,
  type TableRows,
  tapCount,
  type WindowRows,
} from "../../../contraction/contraction.ts";
import { leaves, type WindowAxis } from "../../../contraction/window_axis.ts";
import { affine, decode } from "../emit/values.ts";
import type { OuterProduct } from "./outer_product_parts.ts";
import type { LeftRows, RowProduct } from "./row_product_parts.ts";

/** Name of the buffer of an input. */
export function inputName(input: number): string {
  return `in${input}`;
}

/** True if elements that many strides apart lie at multiples of four. */
export function wholeFours(...strides: readonly number[]): boolean {
  return strides.every((stride) => stride % 4 === 0);
}

/** Names of the axes of windows: x is the innermost. */
function axisNames({ axes }: Pick<WindowRows, "axes">): readonly string[] {
  return axes.map((_, i) => ["x", "y", "z"][axes.length - 1 - i] ?? `axis${i}`);
}

/** Names of what counts rows: the image and the place of a window in its grid, or just the row. */
export function rowNames(rows: Rows): readonly string[] {
  return rows.kind === "window" ? ["image", ...axisNames(rows)] : ["row"];
}

/** u32 expressions of the digits of a tap, inside the loops of `tapLoops`. */
export function tapNames(rows: Rows): readonly string[] {
  if (rows.kind === "matrix") return [];
  return rows.kind === "window" ? axisNames(rows).map((name) => `u32(j${name})`) : ["t"];
}

/** Buffers beside the two factors. */
export function tableBuffers(rows: Rows): readonly WgslBuffer[] {
  return rows.kind === "table" ? [{ name: inputName(rows.index), type: "i32", buffer: rows.index }] : [];
}

/** The element of a position `image`, `at…` of an image at channel zero. */
function positionAt({ axes, pixel, batchStride }: WindowRows, image: string, at: (axis: number) => string): string {
  const position = axes.reduce((before, { extent }, i) => `(${before} * ${extent}u + ${at(i)})`, image);
  return affine([position, "batch"], [pixel, batchStride], 0, "u");
}

/** Row m of a tile: `row_m` (u32) is its number. Windows also name `image_m` and the place on each axis, as `x_m`. */
export function leftRows(rows: Rows): LeftRows {
  const { input, channels, batchStride } = rows;
  const pixel = rows.kind === "matrix" ? 0 : rows.pixel;
  return {
    name: inputName(input),
    buffer: input,
    aligned: wholeFours(channels, pixel, batchStride),
    ...rows.kind === "matrix" ? matrixRow(rows) : rows.kind === "window" ? windowRow(rows) : tableRow(rows),
  };
}

type RowTexts = Pick<LeftRows, "guarded" | "sparse" | "row" | "tap">;

function matrixRow({ channels, batchStride }: MatrixRows): RowTexts {
  const from = (m: number) => affine(["batch", `row_${m}`], [batchStride, channels], 0, "u");
  return { guarded: false, row: (m) => `let from_${m} = ${from(m)};`, tap: () => "" };
}

function windowRow(rows: WindowRows): RowTexts {
  const { axes } = rows;
  const names = axisNames(rows);
  const open = axes.flatMap((axis, i) => leaves(axis) ? [i] : []);
  return {
    guarded: open.length > 0,
    row: (m) => decode(`row_${m}`, rowSizes(rows), rowNames(rows).map((name) => `${name}_${m}`)),
    tap(m) {
      const at = positionAt(rows, `image_${m}`, (i) => `u32(p${names[i]}_${m})`);
      // A negative position is a large one unsigned.
      const inside = open.map((i) => `u32(p${names[i]}_${m}) < ${axes[i]!.extent}u`).join(" && ");
      return [
        ...axes.map((axis, i) => `let p${names[i]}_${m} = ${windowPosition(names[i]!, axis, m)};`),
        ...(inside ? [`let in_${m} = ${inside};`] : []),
        `let from_${m} = ${inside ? `select(0u, ${at}, in_${m})` : at};`,
      ].join(" ");
    },
  };
}

/** The position that row m sees through the tap, as an i32 expression. */
function windowPosition(name: string, { stride, step, origin }: WindowAxis, m: number): string {
  return affine([`i32(${name}_${m})`, `j${name}`], [stride, step], origin);
}

function tableRow({ index, taps, sources, pixel, batchStride }: TableRows): RowTexts {
  return {
    guarded: true,
    sparse: true,
    row: () => "",
    tap: (m, { load }) =>
      [
        `let source_${m} = u32(${load(inputName(index), `row_${m} * ${taps}u + t`)});`,
        `let in_${m} = source_${m} < ${sources}u;`,
        `let from_${m} = select(0u, ${affine([`source_${m}`, "batch"], [pixel, batchStride], 0, "u")}, in_${m});`,
      ].join(" "),
  };
}

/** Loops over the taps; `null` if there is nothing to add up. */
export function tapLoops(rows: Rows): RowProduct["taps"] {
  const count = tapCount(rows);
  if (count * rows.channels === 0) return null;
  if (rows.kind === "matrix") return { open: "", close: "", count };
  if (rows.kind === "table") return { open: `for (var t = 0u; t < ${count}u; t++) {`, close: "}", count };
  const names = axisNames(rows);
  const loops = rows.axes.map(({ taps }, i) =>
    taps === 1 ? `{ let j${names[i]} = 0;` : `for (var j${names[i]} = 0; j${names[i]} < ${taps}; j${names[i]}++) {`
  );
  return { open: loops.join("\n"), close: loops.map(() => "}").join(" "), count };
}

/** Rows that are walked one after the other, for one tap each time: `row`, `tap` and `batch` (u32) are known. */
export function walkedRows(rows: Rows): Pick<OuterProduct, "open" | "row" | "next"> {
  if (rows.kind === "window") return walkedWindows(rows);
  if (rows.kind === "table") return { open: "", row: (memory) => walkedSource(rows, memory), next: "" };
  const from = affine(["batch", "row"], [rows.batchStride, rows.channels], 0, "u");
  return { open: "", row: () => `let in_row = true;\nlet left_from = ${from};`, next: "" };
}

function walkedSource({ index, taps, sources, pixel, batchStride }: TableRows, { load }: WgslMemory): string {
  return `let source = u32(${load(inputName(index), `row * ${taps}u + tap`)});
let in_row = source < ${sources}u;
let left_from = select(0u, ${affine(["source", "batch"], [pixel, batchStride], 0, "u")}, in_row);`;
}

/** The place of a row is counted, not divided, on the way; positions before the image wrap to large u32 values. */
function walkedWindows(rows: WindowRows): ReturnType<typeof walkedRows> {
  const { axes } = rows;
  const names = axisNames(rows);
  const places = ["image", ...names.map((name) => `o${name}`)];
  const taps = decode("tap", axes.map(({ taps }) => taps), names.map((name) => `j${name}`));
  const at = positionAt(rows, "image", (i) => `i${names[i]}`);
  return {
    open: [
      decode("first_row", rowSizes(rows), places, "var"),
      taps,
      ...axes.map(({ step, origin }, i) => `let d${names[i]} = j${names[i]} * ${step}u ${signed(origin)};`),
    ].join("\n"),
    row: () =>
      [
        ...axes.map(({ stride }, i) => `let i${names[i]} = o${names[i]} * ${stride}u + d${names[i]};`),
        `let in_row = ${axes.map(({ extent }, i) => `i${names[i]} < ${extent}u`).join(" && ")};`,
        `let left_from = select(0u, ${at}, in_row);`,
      ].join("\n"),
    next: places.slice(1).reduce(
      (carry, place, i) => `${place}++; if (${place} == ${axes[i]!.outputs}u) { ${place} = 0u; ${carry} }`,
      "image++;",
    ),
  };
}

/** A constant that is added to a u32. */
function signed(origin: number): string {
  return origin < 0 ? `- ${-origin}u` : `+ ${origin}u`;
}

/** True if results of a row follow one another as rows do: the place of a row is its number. */
export function isDense(rows: Rows, strides: readonly number[]): boolean {
  const sizes = rowSizes(rows);
  return rowCount(rows) > 0 &&
    strides.every((stride, i) => i === strides.length - 1 || stride === sizes[i + 1]! * strides[i + 1]!);
}

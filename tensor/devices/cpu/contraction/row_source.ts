/** @file Where the rows of a left factor come from. A row is taps × channels; packing reads them where they lie: no im2col array. */
import {
  type Contraction,
  type MatrixRows,
  rowCount,
  type Rows,
  rowSizes,
  type RowsProduct,
  type TableRows,
  tapCount,
  tapSizes,
  type WindowRows,
} from "../../../contraction/contraction.ts";
import { readsOf } from "../../../contraction/traits.ts";
import { leaves, type WindowAxis } from "../../../contraction/window_axis.ts";
import { type Shape, sizeOf, stridesOf } from "../../../spec.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** A matrix whose row `m` is, for each tap, a run of neighbouring floats or zeros. */
export interface RowSource {
  /** How many rows. */
  readonly rows: number;
  /** Runs per row. */
  readonly taps: number;
  /** Floats per run. */
  readonly channels: number;
  /** Statements that ready `$m` of group `$g` for its taps. */
  readonly row: Wat;
  /** Statements that set `$from` to the address of tap `$t`. */
  readonly tap: Wat;
  /** Expression that tells, after `tap`, whether the run is there, or `null` if it always is. */
  readonly valid: Wat | null;
}

const INPUTS: readonly string[] = ["left", "right", "table"];

/** Names of the buffers of a contraction: the inputs that it reads, then `result`. */
export function buffersOf(contraction: Contraction): readonly string[] {
  return [...INPUTS.slice(0, readsOf(contraction)), "result"];
}

/** Name of the buffer of an input. */
export function bufferOf(input: number): string {
  return INPUTS[input]!;
}

/** The rows of a left factor as text. */
export function rowSource(rows: Rows): RowSource {
  const text = rows.kind === "matrix" ? matrixRows(rows) : rows.kind === "table" ? tableRows(rows) : windowRows(rows);
  return { rows: rowCount(rows), taps: tapCount(rows), channels: rows.channels, ...text };
}

type RowText = Pick<RowSource, "row" | "tap" | "valid">;

function matrixRows({ input, channels, batchStride }: MatrixRows): RowText {
  const matrix = wat.add(wat.argument(bufferOf(input)), wat.mul(wat.get("g"), batchStride * 4));
  return {
    row: wat.set("from_row", wat.add(matrix, wat.mul(wat.get("m"), channels * 4))),
    tap: wat.set("from", wat.get("from_row")),
    valid: null,
  };
}

/** Names of the axes of images, outermost first. */
function axisNames(rank: number): readonly string[] {
  return Array.from({ length: rank }, (_, axis) => ["x", "y", "z"][rank - 1 - axis] ?? `u${axis}`);
}

/** The rows of an implicit im2col matrix. */
function windowRows({ input, images, axes, pixel, batchStride }: WindowRows): RowText {
  const names = axisNames(axes.length);
  const each = <T>(of: (name: string, axis: WindowAxis) => T) => axes.map((axis, i) => of(names[i]!, axis));
  const floats = pixel * sizeOf(axes.map(({ extent }) => extent));
  const image = wat.add(wat.mul(wat.get("b"), floats * 4), wat.mul(wat.get("g"), batchStride * 4));
  const position = names.reduce((at, name, i) => wat.add(wat.mul(at, axes[i]!.extent), wat.get(name)), wat.int(0));
  const inside = each((name, { extent }) => `(i32.lt_u ${wat.get(name)} ${wat.int(extent)})`);
  return {
    row: wat.block(
      wat.split(wat.get("m"), [["b", images], ...each((name, { outputs }) => [`o${name}`, outputs] as const)]),
      ...each((name, { stride, origin }) => wat.set(`${name}0`, wat.add(wat.mul(wat.get(`o${name}`), stride), origin))),
      wat.set("image", wat.add(wat.argument(bufferOf(input)), image)),
    ),
    tap: wat.block(
      wat.split(wat.get("t"), each((name, { taps }) => [`t${name}`, taps] as const)),
      ...each((name, { step }) => wat.set(name, wat.add(wat.get(`${name}0`), wat.mul(wat.get(`t${name}`), step)))),
      wat.set("from", wat.add(wat.get("image"), wat.mul(position, pixel * 4))),
    ),
    valid: axes.some(leaves) ? inside.reduce((all, one) => `(i32.and ${all} ${one})`) : null,
  };
}

function tableRows({ input, index, taps, sources, pixel, batchStride }: TableRows): RowText {
  return {
    row: wat.block(
      wat.set("entries", wat.add(wat.argument(bufferOf(index)), wat.mul(wat.get("m"), taps * 4))),
      wat.set("origin", wat.add(wat.argument(bufferOf(input)), wat.mul(wat.get("g"), batchStride * 4))),
    ),
    tap: wat.block(
      wat.set("source", `(i32.load ${wat.add(wat.get("entries"), wat.mul(wat.get("t"), 4))})`),
      wat.set("from", wat.add(wat.get("origin"), wat.mul(wat.get("source"), pixel * 4))),
    ),
    valid: `(i32.lt_u ${wat.get("source")} ${wat.int(sources)})`,
  };
}

/** Elements from one number to the next, if numbers over the sizes are that regularly spaced. */
function evenStride(sizes: Shape, strides: readonly number[]): number | null {
  const last = strides.at(-1) ?? 0;
  const dense = stridesOf(sizes);
  return strides.every((stride, axis) => sizes[axis] === 1 || stride === dense[axis]! * last) ? last : null;
}

/** Where the result of row `$m` of group `$g` begins: statements before, if there must be any, and the address. */
export interface ResultText {
  readonly index: Wat | null;
  readonly address: Wat;
}

/** The place of a row's result. */
export function resultText({ rows, result: { offset, rowStrides, batchStride } }: RowsProduct): ResultText {
  const sizes = rowSizes(rows);
  const base = [wat.argument("result"), offset * 4] as const;
  const group = wat.mul(wat.get("g"), batchStride * 4);
  const even = evenStride(sizes, rowStrides);
  if (even !== null) return { index: null, address: wat.add(...base, wat.mul(wat.get("m"), even * 4), group) };
  const names = sizes.map((_, axis) => `place${axis}`);
  return {
    index: wat.split(wat.get("m"), names.map((name, axis) => [name, sizes[axis]!])),
    address: wat.add(...base, ...names.map((name, axis) => wat.mul(wat.get(name), rowStrides[axis]! * 4)), group),
  };
}

/** Address of the matrix of tap `$t`, once the statements of the tap have run. */
export function tapAddress({ rows, right: { input, offset, tapStrides } }: RowsProduct): Wat {
  const base = [wat.argument(bufferOf(input)), offset * 4] as const;
  const even = evenStride(tapSizes(rows), tapStrides);
  if (even !== null) return wat.add(...base, wat.mul(wat.get("t"), even * 4));
  const names = axisNames(tapStrides.length);
  return wat.add(...base, ...names.map((name, axis) => wat.mul(wat.get(`t${name}`), tapStrides[axis]! * 4)));
}

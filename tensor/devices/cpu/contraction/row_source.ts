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
import { add, argument, block, get, int, mul, set, split, type Wat } from "../emit/text.ts";

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
  const matrix = add(argument(bufferOf(input)), mul(get("g"), batchStride * 4));
  return {
    row: set("from_row", add(matrix, mul(get("m"), channels * 4))),
    tap: set("from", get("from_row")),
    valid: null,
  };
}

/** Names of the axes of images, outermost first. */
export function axisNames(rank: number): readonly string[] {
  return Array.from({ length: rank }, (_, axis) => ["x", "y", "z"][rank - 1 - axis] ?? `u${axis}`);
}

/** The rows of an implicit im2col matrix. */
function windowRows({ input, images, axes, pixel, batchStride }: WindowRows): RowText {
  const names = axisNames(axes.length);
  const each = <T>(of: (name: string, axis: WindowAxis) => T) => axes.map((axis, i) => of(names[i]!, axis));
  const floats = pixel * sizeOf(axes.map(({ extent }) => extent));
  const image = add(mul(get("b"), floats * 4), mul(get("g"), batchStride * 4));
  const position = names.reduce((at, name, i) => add(mul(at, axes[i]!.extent), get(name)), int(0));
  const inside = each((name, { extent }) => `(i32.lt_u ${get(name)} ${int(extent)})`);
  return {
    row: block(
      split(get("m"), [["b", images], ...each((name, { outputs }) => [`o${name}`, outputs] as const)]),
      ...each((name, { stride, origin }) => set(`${name}0`, add(mul(get(`o${name}`), stride), origin))),
      set("image", add(argument(bufferOf(input)), image)),
    ),
    tap: block(
      split(get("t"), each((name, { taps }) => [`t${name}`, taps] as const)),
      ...each((name, { step }) => set(name, add(get(`${name}0`), mul(get(`t${name}`), step)))),
      set("from", add(get("image"), mul(position, pixel * 4))),
    ),
    valid: axes.some(leaves) ? inside.reduce((all, one) => `(i32.and ${all} ${one})`) : null,
  };
}

function tableRows({ input, index, taps, sources, pixel, batchStride }: TableRows): RowText {
  return {
    row: block(
      set("entries", add(argument(bufferOf(index)), mul(get("m"), taps * 4))),
      set("origin", add(argument(bufferOf(input)), mul(get("g"), batchStride * 4))),
    ),
    tap: block(
      set("source", `(i32.load ${add(get("entries"), mul(get("t"), 4))})`),
      set("from", add(get("origin"), mul(get("source"), pixel * 4))),
    ),
    valid: `(i32.lt_u ${get("source")} ${int(sources)})`,
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
  const base = [argument("result"), offset * 4] as const;
  const group = mul(get("g"), batchStride * 4);
  const even = evenStride(sizes, rowStrides);
  if (even !== null) return { index: null, address: add(...base, mul(get("m"), even * 4), group) };
  const names = sizes.map((_, axis) => `place${axis}`);
  return {
    index: split(get("m"), names.map((name, axis) => [name, sizes[axis]!])),
    address: add(...base, ...names.map((name, axis) => mul(get(name), rowStrides[axis]! * 4)), group),
  };
}

/** Address of the matrix of tap `$t`, once the statements of the tap have run. */
export function tapAddress({ rows, right: { input, offset, tapStrides } }: RowsProduct): Wat {
  const base = [argument(bufferOf(input)), offset * 4] as const;
  const even = evenStride(tapSizes(rows), tapStrides);
  if (even !== null) return add(...base, mul(get("t"), even * 4));
  const names = axisNames(tapStrides.length);
  return add(...base, ...names.map((name, axis) => mul(get(`t${name}`), tapStrides[axis]! * 4)));
}

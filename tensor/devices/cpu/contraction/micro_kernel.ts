/**
 * @file The register tile all products are made of. Engines that check every address spend more on loads than on
 * multiplications where the processor does both in turn: the left factor is read four values at a time and spread over lanes in
 * registers. Other tiles read it value by value.
 */
import type { Tile } from "../../../contraction/tile.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import { columnsOf, panelBytes, type Tiles } from "./tiles.ts";

/** Steps of the contraction that are written out: a vector of them. */
const UNROLL = 4;

/** Where the elements of the packed left factor lie. */
export interface MicroKernelOptions {
  /** Rows and columns at once. */
  readonly tile: Tile;
  /** What lies apart. */
  readonly apart: keyof Tiles;
  /** By how many bytes. What does not lies 4 bytes apart, and may be read up to 16 bytes past its end. */
  readonly stride: number;
  /** Columns of the whole result; the last panel stores only what is left of them. */
  readonly columns: number;
}

/**
 * Writes the function `tile`: multiplies a tile's rows of the left factor with a panel of the right one.
 * Parameters: `a`, `b` addresses; `steps` of the contraction; `table` address of the addresses of the tile's result rows;
 * `column` bytes to add to them; `more` not 0 to add to the result that is there; `last` not 0 for the last panel.
 *
 * @param options Layout of the left factor and the number of columns.
 * @returns The text of the function.
 */
export function microKernel(options: MicroKernelOptions): Wat {
  const { tile, apart, columns, stride } = options;
  const left = columns % columnsOf(tile);
  const full = wat.unroll(tile.rows, (row) => storeRow(tile, row, columnsOf(tile)));
  const edge = wat.unroll(tile.rows, (row) => storeRow(tile, row, left));
  const accumulators = numbered(tile.rows, (row) => numbered(tile.vectors, (vector) => sumOf(row, vector))).flat();
  const factors = numbered(tile.vectors, (vector) => `b${vector}`);
  const vectors = [...accumulators, ...factors, "splat", ...numbered(tile.rows, (row) => `a${row}`)];
  const bytes = panelBytes(tile);
  const steps = apart === "rows" && tile.spread
    ? rowsApart(tile, stride)
    : wat.unroll(UNROLL, (step) => oneStep(options, step));
  return wat.func(
    "tile",
    ["a", "b", "steps", "table", "column", "more", "last"],
    wat.block(
      ...accumulators.map((name) => wat.set(name, "(v128.const i32x4 0 0 0 0)")),
      wat.set("end", wat.add(wat.get("b"), wat.mul(`(i32.and ${wat.get("steps")} ${wat.int(-UNROLL)})`, bytes))),
      contraction(options, UNROLL, steps),
      wat.set("end", wat.add(wat.get("b"), wat.mul(`(i32.and ${wat.get("steps")} ${wat.int(UNROLL - 1)})`, bytes))),
      contraction(options, 1, oneStep(options, 0)),
      left === 0 ? full : wat.when(wat.get("last"), edge, full),
    ),
    Object.fromEntries(vectors.map((name) => [name, "v128" as const])),
  );
}

function numbered<T>(count: number, of: (i: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, i) => of(i));
}

/** The accumulator of four columns of a row. */
function sumOf(row: number, vector: number): string {
  return `sum${row}_${vector}`;
}

/** Runs `count` steps of the contraction at a time until `b` reaches `end`. */
function contraction({ tile, apart, stride }: MicroKernelOptions, count: number, steps: Wat): Wat {
  const stepBytes = apart === "rows" ? 4 : stride;
  return wat.loop(
    "b",
    wat.get("b"),
    wat.get("end"),
    wat.block(steps, wat.set("a", wat.add(wat.get("a"), count * stepBytes))),
    count * panelBytes(tile),
  );
}

/** Reads the panel's row of a step. */
function loadPanel(tile: Tile, step: number): Wat {
  const offset = (vector: number) => step * panelBytes(tile) + 16 * vector;
  return wat.unroll(
    tile.vectors,
    (vector) => wat.set(`b${vector}`, `(v128.load offset=${offset(vector)} ${wat.get("b")})`),
  );
}

/** Multiplies the panel's row with one value, and adds to a row of the tile. */
function multiply({ vectors }: Tile, row: number, value: Wat): Wat {
  const madd = (sum: string, factor: string) =>
    `(f32x4.relaxed_madd ${wat.get("splat")} ${wat.get(factor)} ${wat.get(sum)})`;
  return wat.block(
    wat.set("splat", value),
    wat.unroll(vectors, (vector) => wat.set(sumOf(row, vector), madd(sumOf(row, vector), `b${vector}`))),
  );
}

/** All lanes of a vector from one of them. */
function spread(vector: Wat, lane: number): Wat {
  const bytes = Array.from({ length: 16 }, (_, i) => lane * 4 + i % 4);
  return `(i8x16.shuffle ${bytes.join(" ")} ${vector} ${vector})`;
}

/** Four steps: a vector holds those of a row. */
function rowsApart(tile: Tile, stride: number): Wat {
  return wat.block(
    wat.unroll(tile.rows, (row) => wat.set(`a${row}`, `(v128.load offset=${row * stride} ${wat.get("a")})`)),
    wat.unroll(UNROLL, (step) =>
      wat.block(
        loadPanel(tile, step),
        wat.unroll(tile.rows, (row) => multiply(tile, row, spread(wat.get(`a${row}`), step))),
      )),
  );
}

/** One step; where steps lie apart, a vector holds that of four rows, and what is left of the rows is read one by one. */
function oneStep({ tile, apart, stride }: MicroKernelOptions, step: number): Wat {
  const single = (row: number) => {
    const offset = apart === "rows" ? row * stride + step * 4 : row * 4 + step * stride;
    return multiply(tile, row, `(v128.load32_splat offset=${offset} ${wat.get("a")})`);
  };
  if (apart === "rows" || !tile.spread) return wat.block(loadPanel(tile, step), wat.unroll(tile.rows, single));
  const whole = Math.floor(tile.rows / 4);
  return wat.block(
    loadPanel(tile, step),
    wat.unroll(tile.rows % 4, (i) => single(4 * whole + i)),
    wat.unroll(whole, (four) =>
      wat.block(
        wat.set("a0", `(v128.load offset=${step * stride + 16 * four} ${wat.get("a")})`),
        wat.unroll(4, (row) => multiply(tile, 4 * four + row, spread(wat.get("a0"), row))),
      )),
  );
}

/** Stores the first `columns` columns of a row of the tile, or adds them to what is there. */
function storeRow(tile: Tile, row: number, columns: number): Wat {
  return wat.block(
    wat.set("to", wat.add(`(i32.load offset=${row * 4} ${wat.get("table")})`, wat.get("column"))),
    wat.when(
      wat.get("more"),
      wat.unroll(tile.vectors, (vector) => addVector(row, vector, Math.min(columns - 4 * vector, 4))),
    ),
    wat.unroll(
      tile.vectors,
      (vector) =>
        storeLanes(wat.get("to"), wat.get(sumOf(row, vector)), Math.min(columns - 4 * vector, 4), 16 * vector),
    ),
  );
}

function addVector(row: number, vector: number, lanes: number): Wat {
  if (lanes <= 0) return "";
  const sum = sumOf(row, vector);
  return wat.set(sum, `(f32x4.add ${loadLanes(wat.get("to"), lanes, 16 * vector)} ${wat.get(sum)})`);
}

/**
 * Writes the first lanes of a vector and not one more.
 *
 * @param address An expression without side effects.
 * @param vector Another.
 * @param lanes How many; none or fewer writes nothing.
 * @param offset Bytes to add to the address.
 * @returns Statements.
 */
export function storeLanes(address: Wat, vector: Wat, lanes: number, offset = 0): Wat {
  if (lanes >= 4) return `(v128.store offset=${offset} ${address} ${vector})`;
  return wat.unroll(
    Math.max(lanes, 0),
    (lane) => `(v128.store32_lane offset=${offset + lane * 4} ${lane} ${address} ${vector})`,
  );
}

/**
 * Reads 1 to 4 neighbouring floats and not one more; the other lanes are 0.
 *
 * @param address An expression without side effects.
 * @param lanes How many.
 * @param offset Bytes to add to the address.
 * @returns A v128 expression.
 */
export function loadLanes(address: Wat, lanes: number, offset = 0): Wat {
  if (lanes >= 4) return `(v128.load offset=${offset} ${address})`;
  return Array.from({ length: lanes - 1 }, (_, i) => i + 1).reduce(
    (vector, lane) => `(v128.load32_lane offset=${offset + lane * 4} ${lane} ${address} ${vector})`,
    `(v128.load32_zero offset=${offset} ${address})`,
  );
}

/**
 * @file The register tile all products are made of. Engines that check every address spend more on loads than on
 * multiplications: the left factor is read four values at a time and spread over lanes in registers. Of the 15 vector registers
 * that engines leave on x86, that takes 15 where its rows lie apart and 14 where its steps do.
 */
import { add, block, func, get, int, loop, mul, set, unroll, type Wat, when } from "../emit/text.ts";

/** Rows of a tile, by what of the left factor lies apart: its rows, of neighbouring steps; or its steps, of neighbouring rows. */
export const TILE_ROWS = { rows: 4, steps: 5 } as const;
/** Columns of a tile. */
export const TILE_COLUMNS = 8;
/** Bytes of one row of a packed panel of the right factor. */
export const PANEL_BYTES = 32;
/** Steps of the contraction that are written out: a vector of them. */
const UNROLL = 4;

/** Where the elements of the packed left factor lie. */
export interface MicroKernelOptions {
  /** What lies apart. */
  readonly apart: keyof typeof TILE_ROWS;
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
  const left = options.columns % TILE_COLUMNS;
  const count = TILE_ROWS[options.apart];
  const rows = (store: (row: number) => Wat) => unroll(count, store);
  const full = rows((row) => storeRow(row, TILE_COLUMNS));
  const edge = rows((row) => storeRow(row, left));
  const accumulators = Array.from({ length: count }, (_, row) => [`low${row}`, `high${row}`]).flat();
  const vectors = [...accumulators, "b0", "b1", "splat", ...Array.from({ length: count }, (_, row) => `a${row}`)];
  const steps = options.apart === "rows" ? rowsApart(options.stride) : unroll(UNROLL, (step) => oneStep(options, step));
  return func(
    "tile",
    ["a", "b", "steps", "table", "column", "more", "last"],
    block(
      ...accumulators.map((name) => set(name, "(v128.const i32x4 0 0 0 0)")),
      set("end", add(get("b"), mul(`(i32.and ${get("steps")} ${int(-UNROLL)})`, PANEL_BYTES))),
      contraction(options, UNROLL, steps),
      set("end", add(get("b"), mul(`(i32.and ${get("steps")} ${int(UNROLL - 1)})`, PANEL_BYTES))),
      contraction(options, 1, oneStep(options, 0)),
      left === 0 ? full : when(get("last"), edge, full),
    ),
    Object.fromEntries(vectors.map((name) => [name, "v128" as const])),
  );
}

/** Runs `count` steps of the contraction at a time until `b` reaches `end`. */
function contraction({ apart, stride }: MicroKernelOptions, count: number, steps: Wat): Wat {
  const stepBytes = apart === "rows" ? 4 : stride;
  return loop(
    "b",
    get("b"),
    get("end"),
    block(steps, set("a", add(get("a"), count * stepBytes))),
    count * PANEL_BYTES,
  );
}

/** Reads the panel's row of a step. */
function loadPanel(step: number): Wat {
  return block(
    set("b0", `(v128.load offset=${step * PANEL_BYTES} ${get("b")})`),
    set("b1", `(v128.load offset=${step * PANEL_BYTES + 16} ${get("b")})`),
  );
}

/** Multiplies the panel's row with one value, and adds to a row of the tile. */
function multiply(row: number, value: Wat): Wat {
  return block(
    set("splat", value),
    set(`low${row}`, `(f32x4.relaxed_madd ${get("splat")} ${get("b0")} ${get(`low${row}`)})`),
    set(`high${row}`, `(f32x4.relaxed_madd ${get("splat")} ${get("b1")} ${get(`high${row}`)})`),
  );
}

/** All lanes of a vector from one of them. */
function spread(vector: Wat, lane: number): Wat {
  const bytes = Array.from({ length: 16 }, (_, i) => lane * 4 + i % 4);
  return `(i8x16.shuffle ${bytes.join(" ")} ${vector} ${vector})`;
}

/** Four steps: a vector holds those of a row. */
function rowsApart(stride: number): Wat {
  return block(
    unroll(TILE_ROWS.rows, (row) => set(`a${row}`, `(v128.load offset=${row * stride} ${get("a")})`)),
    unroll(UNROLL, (step) =>
      block(
        loadPanel(step),
        unroll(TILE_ROWS.rows, (row) => multiply(row, spread(get(`a${row}`), step))),
      )),
  );
}

/** One step; where steps lie apart, a vector holds that of four rows. */
function oneStep({ apart, stride }: MicroKernelOptions, step: number): Wat {
  const single = (row: number) => {
    const offset = apart === "rows" ? row * stride : row * 4 + step * stride;
    return multiply(row, `(v128.load32_splat offset=${offset} ${get("a")})`);
  };
  if (apart === "rows") return block(loadPanel(step), unroll(TILE_ROWS.rows, single));
  return block(
    loadPanel(step),
    ...Array.from({ length: TILE_ROWS.steps - 4 }, (_, i) => single(4 + i)),
    set("a0", `(v128.load offset=${step * stride} ${get("a")})`),
    unroll(4, (row) => multiply(row, spread(get("a0"), row))),
  );
}

/** Stores the first `columns` columns of a row of the tile, or adds them to what is there. */
function storeRow(row: number, columns: number): Wat {
  return block(
    set("to", add(`(i32.load offset=${row * 4} ${get("table")})`, get("column"))),
    when(get("more"), addRow(row, columns)),
    storeLanes(get("to"), get(`low${row}`), Math.min(columns, 4)),
    storeLanes(get("to"), get(`high${row}`), columns - 4, 16),
  );
}

function addRow(row: number, columns: number): Wat {
  const plus = (name: string, lanes: number, offset: number) =>
    lanes <= 0 ? "" : set(name, `(f32x4.add ${loadLanes(get("to"), lanes, offset)} ${get(name)})`);
  return block(plus(`low${row}`, Math.min(columns, 4), 0), plus(`high${row}`, columns - 4, 16));
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
  return unroll(
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

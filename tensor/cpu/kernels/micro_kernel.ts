/** @file The register tile all products are made of: 6 rows by 8 columns, 12 of the 15 vector registers engines leave on x86. */
import { add, block, func, get, int, loop, mul, set, unroll, type Wat, when } from "./text.ts";

/** Rows of a tile. */
export const TILE_ROWS = 6;
/** Columns of a tile. */
export const TILE_COLUMNS = 8;
/** Bytes of one row of a packed panel of the right factor. */
export const PANEL_BYTES = 32;
const UNROLL = 4;

/** Where the elements of the packed left factor lie. */
export interface MicroKernelOptions {
  /** Bytes between rows of the tile. */
  readonly rowBytes: number;
  /** Bytes between steps of the contraction. */
  readonly stepBytes: number;
  /** Columns of the whole result; the last panel stores only what is left of them. */
  readonly columns: number;
}

/**
 * Writes the function `tile`: multiplies a tile's rows of the left factor with a panel of the right one.
 * Parameters: `a`, `b` addresses; `steps` of the contraction; `table` address of six result row addresses; `column` bytes to
 * add to them; `more` not 0 to add to the result that is there; `last` not 0 for the last panel.
 *
 * @param options Layout of the left factor and the number of columns.
 * @returns The text of the function.
 */
export function microKernel(options: MicroKernelOptions): Wat {
  const left = options.columns % TILE_COLUMNS;
  const rows = (store: (row: number) => Wat) => unroll(TILE_ROWS, store);
  const full = rows((row) => storeRow(row, TILE_COLUMNS));
  const edge = rows((row) => storeRow(row, left));
  const accumulators = Array.from({ length: TILE_ROWS }, (_, row) => [`low${row}`, `high${row}`]).flat();
  const types = Object.fromEntries([...accumulators, "b0", "b1", "splat"].map((name) => [name, "v128" as const]));
  return func(
    "tile",
    ["a", "b", "steps", "table", "column", "more", "last"],
    block(
      ...accumulators.map((name) => set(name, "(v128.const i32x4 0 0 0 0)")),
      set("end", add(get("b"), mul(`(i32.and ${get("steps")} ${int(-UNROLL)})`, PANEL_BYTES))),
      contraction(options, UNROLL),
      set("end", add(get("b"), mul(`(i32.and ${get("steps")} ${int(UNROLL - 1)})`, PANEL_BYTES))),
      contraction(options, 1),
      left === 0 ? full : when(get("last"), edge, full),
    ),
    types,
  );
}

/** Steps of the contraction until `b` reaches `end`. */
function contraction(options: MicroKernelOptions, steps: number): Wat {
  return block(
    loop(
      "b",
      get("b"),
      get("end"),
      block(unroll(steps, (step) => oneStep(options, step)), set("a", add(get("a"), steps * options.stepBytes))),
      steps * PANEL_BYTES,
    ),
  );
}

function oneStep({ rowBytes, stepBytes }: MicroKernelOptions, step: number): Wat {
  return block(
    set("b0", `(v128.load offset=${step * PANEL_BYTES} ${get("b")})`),
    set("b1", `(v128.load offset=${step * PANEL_BYTES + 16} ${get("b")})`),
    unroll(TILE_ROWS, (row) =>
      block(
        set("splat", `(v128.load32_splat offset=${row * rowBytes + step * stepBytes} ${get("a")})`),
        set(`low${row}`, `(f32x4.relaxed_madd ${get("splat")} ${get("b0")} ${get(`low${row}`)})`),
        set(`high${row}`, `(f32x4.relaxed_madd ${get("splat")} ${get("b1")} ${get(`high${row}`)})`),
      )),
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

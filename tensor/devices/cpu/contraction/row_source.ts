/** @file Where the rows of a left factor come from. A row is taps × channels; packing reads them where they lie: no im2col array. */
import { TILE_ROWS } from "./micro_kernel.ts";
import { add, argument, block, func, get, int, loop, mul, set, split, sub, type Wat, when } from "../emit/text.ts";

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

/** How the positions of windows along one axis follow from the output position and the tap: `output·stride + origin + tap·step`. */
export interface WindowAxis {
  readonly outputs: number;
  readonly taps: number;
  readonly stride: number;
  readonly origin: number;
  readonly step: number;
  /** Positions outside `[0, extent)` read zero. */
  readonly extent: number;
}

/** The windows of images `[batch, y.extent, x.extent, pixel]`, of which each group sees `channels`. */
export interface WindowOptions {
  readonly buffer: string;
  readonly batch: number;
  readonly y: WindowAxis;
  readonly x: WindowAxis;
  readonly channels: number;
  readonly pixel: number;
}

/** Rows of matrices `[groups, rows, channels]`. */
export function matrixRows(buffer: string, rows: number, channels: number): RowSource {
  const matrix = add(argument(buffer), mul(get("g"), rows * channels * 4));
  return {
    rows,
    taps: 1,
    channels,
    row: set("from_row", add(matrix, mul(get("m"), channels * 4))),
    tap: set("from", get("from_row")),
    valid: null,
  };
}

/** Windows of images: the rows of an implicit im2col matrix. */
export function windowRows({ buffer, batch, y, x, channels, pixel }: WindowOptions): RowSource {
  const inside = (name: string, axis: WindowAxis) => `(i32.lt_u ${get(name)} ${int(axis.extent)})`;
  const image = add(mul(get("b"), y.extent * x.extent * pixel * 4), mul(get("g"), channels * 4));
  return {
    rows: batch * y.outputs * x.outputs,
    taps: y.taps * x.taps,
    channels,
    row: block(
      split(get("m"), [["b", batch], ["oy", y.outputs], ["ox", x.outputs]]),
      set("y0", add(mul(get("oy"), y.stride), y.origin)),
      set("x0", add(mul(get("ox"), x.stride), x.origin)),
      set("image", add(argument(buffer), image)),
    ),
    tap: block(
      split(get("t"), [["ty", y.taps], ["tx", x.taps]]),
      set("y", add(get("y0"), mul(get("ty"), y.step))),
      set("x", add(get("x0"), mul(get("tx"), x.step))),
      set("from", add(get("image"), mul(add(mul(get("y"), x.extent), get("x")), pixel * 4))),
    ),
    valid: leaves(y) || leaves(x) ? `(i32.and ${inside("y", y)} ${inside("x", x)})` : null,
  };
}

/** Rows of `x [N, pixel]` that a table `[rows, taps]` names; -1 is a row of zeros. */
export function mapRows(
  { buffer, table, rows, taps, channels, pixel }: {
    readonly buffer: string;
    readonly table: string;
    readonly rows: number;
    readonly taps: number;
    readonly channels: number;
    readonly pixel: number;
  },
): RowSource {
  return {
    rows,
    taps,
    channels,
    row: block(
      set("entries", add(argument(table), mul(get("m"), taps * 4))),
      set("origin", add(argument(buffer), mul(get("g"), channels * 4))),
    ),
    tap: block(
      set("source", `(i32.load ${add(get("entries"), mul(get("t"), 4))})`),
      set("from", add(get("origin"), mul(get("source"), pixel * 4))),
    ),
    valid: `(i32.ge_s ${get("source")} ${int(0)})`,
  };
}

/** Whether some window reaches outside the image. */
function leaves({ outputs, taps, stride, origin, step, extent }: WindowAxis): boolean {
  const ends = [origin, origin + (taps - 1) * step];
  return Math.min(...ends) < 0 || Math.max(...ends) + (outputs - 1) * stride >= extent;
}

/**
 * Writes a function that copies a block of a left factor into local memory: rows `m0` to `m0 + mn`, of each the taps `t0` to
 * `t0 + tn`, of each the channels `c0` to `c0 + cn`; parameters `to g m0 mn t0 tn c0 cn`.
 *
 * @param name Name of the function.
 * @param source Where the rows lie.
 * @param rowBytes Bytes from one packed row to the next.
 * @returns The text of the function.
 */
export function packRows(name: string, source: RowSource, rowBytes: number): Wat {
  const copy = runOf(source.channels, (bytes) => moves[bytes]!);
  const clear = runOf(source.channels, (bytes) => clears[bytes]!);
  const advance = add(get("from"), mul(get("c0"), 4));
  const filled = block(set("from", advance), copy);
  return func(
    name,
    ["to", "g", "m0", "mn", "t0", "tn", "c0", "cn"],
    block(
      set("next_row", get("to")),
      set("m_end", add(get("m0"), get("mn"))),
      set("t_end", add(get("t0"), get("tn"))),
      loop(
        "m",
        get("m0"),
        get("m_end"),
        block(
          set("to", get("next_row")),
          set("next_row", add(get("next_row"), rowBytes)),
          source.row,
          loop(
            "t",
            get("t0"),
            get("t_end"),
            block(
              source.tap,
              set("stop", add(get("to"), mul(get("cn"), 4))),
              source.valid ? when(source.valid, filled, clear) : filled,
            ),
          ),
        ),
      ),
    ),
  );
}

/** Least floats of a run for which rows that lack it are left out, rather than multiplied as zeros. */
const SKIPPED = 64;

/** Tells whether it is worth it to pack, tap by tap, only the rows that have the tap. */
export function skipsRows({ valid, taps, channels }: RowSource): boolean {
  return valid !== null && taps > 1 && channels >= SKIPPED;
}

/** Where `packRowsThere` finds and leaves things: bytes between packed rows, and positions in local memory. */
export interface PackedRows {
  readonly rowBytes: number;
  /** An address for each row: of its result, or of what it is multiplied with. */
  readonly table: number;
  /** How many rows are packed, then the addresses of those, the last tile's filled up with `dump`. */
  readonly there: number;
  readonly dump: number;
}

/**
 * Writes a function that copies one tap of those rows that have it: rows `m0` to `m0 + mn`, the channels `c0` to `c0 + cn`;
 * parameters `to g m0 mn t c0 cn all`. If `all` is not 0, rows without the tap are packed as zeros.
 *
 * @param name Name of the function.
 * @param source Where the rows lie; runs may be absent.
 * @param layout Where things lie in local memory.
 * @returns The text of the function.
 */
export function packRowsThere(name: string, source: RowSource, { rowBytes, table, there, dump }: PackedRows): Wat {
  const [copy, clear] = [moves, clears].map((by) => runOf(source.channels, (bytes) => by[bytes]!)) as [Wat, Wat];
  const note = (address: Wat) => `(i32.store offset=${there + 4} ${get("entry")} ${address})`;
  const pack = block(
    set("to", get("next_row")),
    set("next_row", add(get("next_row"), rowBytes)),
    set("stop", add(get("to"), mul(get("cn"), 4))),
    when(get("valid"), block(set("from", add(get("from"), mul(get("c0"), 4))), copy), clear),
    note(`(i32.load offset=${table} ${add(argument("local"), mul(sub(get("m"), get("m0")), 4))})`),
    set("entry", add(get("entry"), 4)),
  );
  return func(
    name,
    ["to", "g", "m0", "mn", "t", "c0", "cn", "all"],
    block(
      set("next_row", get("to")),
      set("m_end", add(get("m0"), get("mn"))),
      set("entry", argument("local")),
      loop(
        "m",
        get("m0"),
        get("m_end"),
        block(
          source.row,
          source.tap,
          set("valid", source.valid ?? int(1)),
          when(`(i32.or ${get("valid")} ${get("all")})`, pack),
        ),
      ),
      `(i32.store offset=${there} ${argument("local")} (i32.shr_u ${
        sub(get("entry"), argument("local"))
      } (i32.const 2)))`,
      set("stop", add(get("entry"), 4 * (TILE_ROWS.rows - 1))),
      loop("entry", get("entry"), get("stop"), note(add(argument("local"), dump)), 4),
    ),
  );
}

const move = (load: string, store: string) => (offset: number) =>
  `(${store} offset=${offset} ${get("to")} (${load} offset=${offset} ${get("from")}))`;
const moves: Readonly<Record<number, (offset: number) => Wat>> = {
  4: move("i32.load", "i32.store"),
  8: move("i64.load", "i64.store"),
  16: move("v128.load", "v128.store"),
};
const clears: Readonly<Record<number, (offset: number) => Wat>> = {
  4: (offset) => `(i32.store offset=${offset} ${get("to")} (i32.const 0))`,
  8: (offset) => `(i64.store offset=${offset} ${get("to")} (i64.const 0))`,
  16: (offset) => `(v128.store offset=${offset} ${get("to")} (v128.const i32x4 0 0 0 0))`,
};

/** Channel counts up to this are never cut into chunks and are copied without loops. */
const SHORT = 8;

/** Moves a run of floats to `$to`, until `$stop`, and leaves `$to` there. */
function runOf(channels: number, at: (bytes: number) => (offset: number) => Wat): Wat {
  if (channels <= SHORT) {
    const pieces = piecesOf(channels * 4);
    return block(...pieces.map(([bytes, offset]) => at(bytes)(offset)), set("to", get("stop")));
  }
  const stage = (bytes: number, count: number) =>
    block(
      set("whole", add(get("to"), `(i32.and (i32.sub ${get("stop")} ${get("to")}) ${int(-bytes * count)})`)),
      `(block $none (br_if $none (i32.eq ${get("to")} ${get("whole")})) (loop $more`,
      ...Array.from({ length: count }, (_, i) => at(bytes)(i * bytes)),
      set("from", add(get("from"), bytes * count)),
      set("to", add(get("to"), bytes * count)),
      `(br_if $more (i32.ne ${get("to")} ${get("whole")}))))`,
    );
  return block(channels >= 16 ? stage(16, 4) : null, stage(16, 1), channels % 4 ? stage(4, 1) : null);
}

/** Cuts bytes into pieces of 16, 8 and 4 with their offsets. */
function piecesOf(bytes: number): readonly (readonly [bytes: number, offset: number])[] {
  const pieces: [number, number][] = [];
  for (let offset = 0; offset < bytes;) {
    const piece = bytes - offset >= 16 ? 16 : bytes - offset >= 8 ? 8 : 4;
    pieces.push([piece, offset]);
    offset += piece;
  }
  return pieces;
}

/** @file Copying blocks of a left factor into local memory, where the register tile reads them. */
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import type { RowSource } from "./row_source.ts";

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
  const advance = wat.add(wat.get("from"), wat.mul(wat.get("c0"), 4));
  const filled = wat.block(wat.set("from", advance), copy);
  return wat.func(
    name,
    ["to", "g", "m0", "mn", "t0", "tn", "c0", "cn"],
    wat.block(
      wat.set("next_row", wat.get("to")),
      wat.set("m_end", wat.add(wat.get("m0"), wat.get("mn"))),
      wat.set("t_end", wat.add(wat.get("t0"), wat.get("tn"))),
      wat.loop(
        "m",
        wat.get("m0"),
        wat.get("m_end"),
        wat.block(
          wat.set("to", wat.get("next_row")),
          wat.set("next_row", wat.add(wat.get("next_row"), rowBytes)),
          source.row,
          wat.loop(
            "t",
            wat.get("t0"),
            wat.get("t_end"),
            wat.block(
              source.tap,
              wat.set("stop", wat.add(wat.get("to"), wat.mul(wat.get("cn"), 4))),
              source.valid ? wat.when(source.valid, filled, clear) : filled,
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
  /** Rows of a tile. */
  readonly tileRows: number;
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
export function packRowsThere(name: string, source: RowSource, layout: PackedRows): Wat {
  const { rowBytes, table, there, dump, tileRows } = layout;
  const [copy, clear] = [moves, clears].map((by) => runOf(source.channels, (bytes) => by[bytes]!)) as [Wat, Wat];
  const note = (address: Wat) => `(i32.store offset=${there + 4} ${wat.get("entry")} ${address})`;
  const position = wat.mul(wat.sub(wat.get("m"), wat.get("m0")), 4);
  const noted = wat.sub(wat.get("entry"), wat.argument("local"));
  const fromColumn = wat.set("from", wat.add(wat.get("from"), wat.mul(wat.get("c0"), 4)));
  const pack = wat.block(
    wat.set("to", wat.get("next_row")),
    wat.set("next_row", wat.add(wat.get("next_row"), rowBytes)),
    wat.set("stop", wat.add(wat.get("to"), wat.mul(wat.get("cn"), 4))),
    wat.when(wat.get("valid"), wat.block(fromColumn, copy), clear),
    note(`(i32.load offset=${table} ${wat.add(wat.argument("local"), position)})`),
    wat.set("entry", wat.add(wat.get("entry"), 4)),
  );
  return wat.func(
    name,
    ["to", "g", "m0", "mn", "t", "c0", "cn", "all"],
    wat.block(
      wat.set("next_row", wat.get("to")),
      wat.set("m_end", wat.add(wat.get("m0"), wat.get("mn"))),
      wat.set("entry", wat.argument("local")),
      wat.loop(
        "m",
        wat.get("m0"),
        wat.get("m_end"),
        wat.block(
          source.row,
          source.tap,
          wat.set("valid", source.valid ?? wat.int(1)),
          wat.when(`(i32.or ${wat.get("valid")} ${wat.get("all")})`, pack),
        ),
      ),
      `(i32.store offset=${there} ${wat.argument("local")} (i32.shr_u ${noted} (i32.const 2)))`,
      wat.set("stop", wat.add(wat.get("entry"), 4 * (tileRows - 1))),
      wat.loop("entry", wat.get("entry"), wat.get("stop"), note(wat.add(wat.argument("local"), dump)), 4),
    ),
  );
}

const move = (load: string, store: string) => (offset: number) =>
  `(${store} offset=${offset} ${wat.get("to")} (${load} offset=${offset} ${wat.get("from")}))`;
const moves: Readonly<Record<number, (offset: number) => Wat>> = {
  4: move("i32.load", "i32.store"),
  8: move("i64.load", "i64.store"),
  16: move("v128.load", "v128.store"),
};
const clears: Readonly<Record<number, (offset: number) => Wat>> = {
  4: (offset) => `(i32.store offset=${offset} ${wat.get("to")} (i32.const 0))`,
  8: (offset) => `(i64.store offset=${offset} ${wat.get("to")} (i64.const 0))`,
  16: (offset) => `(v128.store offset=${offset} ${wat.get("to")} (v128.const i32x4 0 0 0 0))`,
};

/** Channel counts up to this are never cut into chunks and are copied without loops. */
const SHORT = 8;

/** Moves a run of floats to `$to`, until `$stop`, and leaves `$to` there. */
function runOf(channels: number, at: (bytes: number) => (offset: number) => Wat): Wat {
  if (channels <= SHORT) {
    const pieces = piecesOf(channels * 4);
    return wat.block(...pieces.map(([bytes, offset]) => at(bytes)(offset)), wat.set("to", wat.get("stop")));
  }
  const stage = (bytes: number, count: number) =>
    wat.block(
      wat.set(
        "whole",
        wat.add(wat.get("to"), `(i32.and (i32.sub ${wat.get("stop")} ${wat.get("to")}) ${wat.int(-bytes * count)})`),
      ),
      `(block $none (br_if $none (i32.eq ${wat.get("to")} ${wat.get("whole")})) (loop $more`,
      ...Array.from({ length: count }, (_, i) => at(bytes)(i * bytes)),
      wat.set("from", wat.add(wat.get("from"), bytes * count)),
      wat.set("to", wat.add(wat.get("to"), bytes * count)),
      `(br_if $more (i32.ne ${wat.get("to")} ${wat.get("whole")}))))`,
    );
  return wat.block(channels >= 16 ? stage(16, 4) : null, stage(16, 1), channels % 4 ? stage(4, 1) : null);
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

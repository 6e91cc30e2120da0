/** @file Where the samples of a region lie: functions and statements that the kernels of region means share. */
import { MAX_ROI_SAMPLES, type RoiSampling } from "../../../compiler/kernel_forms.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** Types of the variables of `sides` and `eachBin`. */
export const ROI_VARIABLES: Record<string, "f32"> = Object.fromEntries(
  ["scale", "top", "left", "down", "across"].map((name) => [name, "f32"]),
);

/** Module globals that `sampleAt` writes: two cells and their shares, for each axis. */
export const ROI_GLOBALS: readonly Wat[] = ["y", "x"].flatMap((axis) => [
  ...["0", "1"].map((i) => `(global $${axis}${i} (mut i32) (i32.const 0))`),
  ...["0", "1"].map((i) => `(global $${axis}w${i} (mut f32) (f32.const 0))`),
]);

/** A function that finds the cells of sample `i` of `count` in bin `bin`; its result is 0 where the sample lies outside. */
export function sampleAt(axis: "y" | "x"): Wat {
  return `(func $sample_${axis} (param $low f32) (param $side f32) (param $bin i32) (param $i i32) (param $count i32)
(param $cells i32) (result i32) (local $at f32) (local $cell i32)
(local.set $at (f32.add (f32.add (local.get $low) (f32.mul (f32.convert_i32_s (local.get $bin)) (local.get $side)))
(f32.div (f32.mul (f32.add (f32.convert_i32_s (local.get $i)) (f32.const 0.5)) (local.get $side))
(f32.convert_i32_s (local.get $count)))))
(if (i32.eqz (i32.and (f32.ge (local.get $at) (f32.const -1))
(f32.le (local.get $at) (f32.convert_i32_s (local.get $cells))))) (then (return (i32.const 0))))
(local.set $at (f32.max (local.get $at) (f32.const 0)))
(local.set $cell (i32.trunc_sat_f32_s (local.get $at)))
(if (i32.ge_s (local.get $cell) (i32.sub (local.get $cells) (i32.const 1))) (then
(global.set $${axis}0 (i32.sub (local.get $cells) (i32.const 1)))
(global.set $${axis}1 (global.get $${axis}0))
(global.set $${axis}w0 (f32.const 1)) (global.set $${axis}w1 (f32.const 0)))
(else
(global.set $${axis}0 (local.get $cell))
(global.set $${axis}1 (i32.add (local.get $cell) (i32.const 1)))
(global.set $${axis}w1 (f32.sub (local.get $at) (f32.convert_i32_s (local.get $cell))))
(global.set $${axis}w0 (f32.sub (f32.const 1) (global.get $${axis}w1)))))
(i32.const 1))`;
}

/** Statements that set `$top $left` to the corner of box `$r` in cells, `$down $across` to the sides of a bin, `$gy $gx` to samples. */
export function sides({ size, sampling, aligned }: RoiSampling): Wat {
  const axis = (low: string, side: string, count: string, corner: number, bins: number) => {
    const coordinate = (i: number) => {
      const at = wat.add(wat.argument("boxes"), wat.mul(wat.get("r"), 16), 4 * i);
      return `(f32.sub (f32.mul (f32.load ${at}) ${wat.get("scale")}) (f32.const ${aligned ? 0.5 : 0}))`;
    };
    const whole = `(f32.sub ${coordinate(corner + 2)} ${coordinate(corner)})`;
    const least = aligned ? whole : `(f32.max ${whole} (f32.const 1))`;
    const wanted = sampling > 0 ? wat.int(sampling) : wat.min(
      `(select (i32.trunc_sat_f32_s (f32.ceil ${wat.get(side)})) (i32.const 0) (f32.gt ${
        wat.get(side)
      } (f32.const 0)))`,
      wat.int(MAX_ROI_SAMPLES),
    );
    const finite = `(f32.eq (f32.sub ${wat.get(side)} ${wat.get(side)}) (f32.const 0))`;
    return wat.block(
      wat.set(low, coordinate(corner)),
      wat.set(side, `(f32.div ${least} (f32.const ${bins}))`),
      wat.set(count, `(select ${wanted} (i32.const 0) ${finite})`),
    );
  };
  return wat.block(axis("top", "down", "gy", 1, size[0]), axis("left", "across", "gx", 0, size[1]));
}

/**
 * Loops over the bins `$p $q` of a region; `begin` runs before and `end` after each, `body` for each of its samples within the
 * map of `$height $width`.
 */
export function eachBin([rows, columns]: RoiSampling["size"], begin: Wat, body: Wat, end: Wat = ""): Wat {
  const inside = (axis: "y" | "x", low: string, side: string, bin: string, count: string, cells: string) =>
    wat.call(`sample_${axis}`, ...[low, side, bin, `i${axis}`, count, cells].map(wat.get));
  const across = wat.loop(
    "ix",
    wat.int(0),
    wat.get("gx"),
    wat.when(inside("x", "left", "across", "q", "gx", "width"), body),
  );
  const down = wat.loop(
    "iy",
    wat.int(0),
    wat.get("gy"),
    wat.when(inside("y", "top", "down", "p", "gy", "height"), across),
  );
  return wat.loop(
    "p",
    wat.int(0),
    wat.int(rows),
    wat.loop("q", wat.int(0), wat.int(columns), wat.block(begin, down, end)),
  );
}

/** Samples of each bin, at least 1. */
export const SAMPLES: Wat = `(f32.max (f32.const 1) (f32.convert_i32_s (i32.mul ${wat.get("gy")} ${wat.get("gx")})))`;

/** Share of one of the four cells of a sample: the product of those of both axes. */
export function shareOf(row: 0 | 1, column: 0 | 1): Wat {
  return `(f32.mul (global.get $yw${row}) (global.get $xw${column}))`;
}

/** Number of one of the four cells of a sample in a map of `$width` columns. */
export function cellOf(row: 0 | 1, column: 0 | 1): Wat {
  return `(i32.add (i32.mul (global.get $y${row}) ${wat.get("width")}) (global.get $x${column}))`;
}

/** The corners of a sample. */
export const CORNERS: readonly (readonly [0 | 1, 0 | 1])[] = [[0, 0], [0, 1], [1, 0], [1, 1]];

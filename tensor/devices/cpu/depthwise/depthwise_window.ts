/**
 * @file Depthwise convolutions of images at stride 1. Along a row a few outputs, or taps, stay in registers with what they are
 * multiplied with, and each value of the image that is loaded meets all of them.
 */
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import type { Contraction, Rows } from "../../../contraction/contraction.ts";
import type { WindowAxis } from "../../../contraction/window_axis.ts";
import { tupleOf } from "../../../spec.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import { COSTS } from "../machine.ts";

/** Windows that slide over images `[batch, height, width, channels]` by one pixel: pairs are `[y, x]`. */
export interface SlidingWindow {
  readonly batch: number;
  readonly size: readonly [number, number];
  readonly outputs: readonly [number, number];
  readonly kernel: readonly [number, number];
  /** Zeros before the first row and column. */
  readonly padding: readonly [number, number];
  readonly channels: number;
}

/** Vector registers: sums, what they are multiplied with, and the value at hand. */
const REGISTERS = 15;
/** Fewest outputs of a group for which sliding is worth it. */
const LEAST_OUTPUTS = 3;

/** Lines are images of one row. */
const ROW: WindowAxis = { outputs: 1, taps: 1, stride: 1, origin: 0, step: 1, extent: 1 };

/**
 * Finds windows that slide as the kernels here expect.
 *
 * @param rows Rows of a depthwise contraction.
 * @param contraction Its channels are its batch.
 * @returns The windows, and whether taps walk backwards; `null` but for images or lines at stride 1 without dilation, whole
 * vectors of channels, kernels that leave room in the registers, and windows that all reach the image.
 */
export function slidingWindow(
  rows: Rows,
  { batch: channels }: Contraction,
): { readonly window: SlidingWindow; readonly reversed: boolean } | null {
  if (rows.kind !== "window" || rows.axes.length > 2) return null;
  const step = rows.axes[0]!.step;
  const [y, x] = rows.axes.length === 2 ? tupleOf(rows.axes, 2) : [{ ...ROW, step }, rows.axes[0]!];
  const reversed = step < 0;
  const pair = (of: (axis: WindowAxis) => number) => [of(y), of(x)] as const;
  const window: SlidingWindow = {
    batch: rows.images,
    size: pair(({ extent }) => extent),
    outputs: pair(({ outputs }) => outputs),
    kernel: pair(({ taps }) => taps),
    padding: pair(({ origin, taps }) => reversed ? taps - 1 - origin : 0 - origin),
    channels,
  };
  const even = [y, x].every((axis) => axis.stride === 1 && axis.step === (reversed ? -1 : 1));
  return even && fits(window) ? { window, reversed } : null;
}

/** Whether registers hold what slides, and every window reaches the image. */
function fits({ size, outputs, kernel, padding, channels }: SlidingWindow): boolean {
  const reach = padding.every((zeros, axis) =>
    zeros >= 0 && zeros < kernel[axis]! && outputs[axis]! - zeros <= size[axis]!
  );
  return channels % 4 === 0 && kernel[1] + LEAST_OUTPUTS < REGISTERS && reach;
}

/** Some neighbouring outputs of a row, `count` times one after the other. */
export interface Group {
  /** The first output. */
  readonly first: number;
  readonly outputs: number;
  /** Positions of the group's window that lie in the image: from `low` to before `high`, of `outputs + kernel - 1`. */
  readonly low: number;
  readonly high: number;
  count: number;
}

function groupsOf({ outputs: [, outputs], size: [, width], kernel: [, taps], padding: [, zeros] }: SlidingWindow) {
  const each = Math.ceil(outputs / Math.ceil(outputs / (REGISTERS - 1 - taps)));
  const groups: Group[] = [];
  for (let first = 0; first < outputs; first += each) {
    const count = Math.min(each, outputs - first);
    const low = Math.max(0, zeros - first);
    const high = Math.min(count + taps - 1, width + zeros - first);
    const last = groups.at(-1);
    if (last && last.outputs === count && last.low === low && last.high === high) last.count++;
    else groups.push({ first, outputs: count, low, high, count: 1 });
  }
  return groups;
}

/** Runs the statements for each group, with `$x_at` at the first of its pixels and `$y_at` at the first of its outputs. */
export function eachGroup(window: SlidingWindow, body: (group: Group) => Wat): Wat {
  const bytes = window.channels * 4;
  return wat.block(
    ...groupsOf(window).map((group) =>
      wat.block(
        wat.set("x_at", wat.add(wat.get("x"), (group.first - window.padding[1] + group.low) * bytes)),
        wat.set("y_at", wat.add(wat.get("y"), group.first * bytes)),
        wat.loop(
          "i",
          wat.int(0),
          wat.int(group.count),
          wat.block(
            body(group),
            wat.set("x_at", wat.add(wat.get("x_at"), group.outputs * bytes)),
            wat.set("y_at", wat.add(wat.get("y_at"), group.outputs * bytes)),
          ),
        ),
      )
    ),
  );
}

/** Multiplies each value of the window from `$<from>` on with all that it meets: of output `o` and tap `k`, where it is at `o + k`. */
export function slide({ low, high, outputs }: Group, taps: number, bytes: number, from: string, meet: Meet): Wat {
  return wat.block(...Array.from({ length: Math.max(0, high - low) }, (_, i) => {
    const position = low + i;
    const met = Array.from({ length: outputs }, (_, output) => ({ output, tap: position - output }));
    return wat.block(
      wat.set("value", `(v128.load offset=${i * bytes} ${wat.get(from)})`),
      ...met.filter(({ tap }) => tap >= 0 && tap < taps).map(({ output, tap }) => meet(output, tap)),
    );
  }));
}

/** Statement for an output and a tap that meet in `$value`. */
type Meet = (output: number, tap: number) => Wat;

/** Adds `$value` times a factor to a sum. */
export function madd(sum: string, factor: string): Wat {
  return wat.set(sum, `(f32x4.relaxed_madd ${wat.get("value")} ${wat.get(factor)} ${wat.get(sum)})`);
}

/** Types of the vectors of a function. */
export function vectorTypes({ kernel }: SlidingWindow): Record<string, "v128"> {
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
  const all = ["value", ...names("output", REGISTERS), ...names("tap", kernel[1])];
  return Object.fromEntries(all.map((name) => [name, "v128"]));
}

/**
 * The kernel of a depthwise convolution, or of its input gradient, with weights `[kh, kw, channels]`.
 *
 * @param window Sizes of the images that are read and of the result.
 * @param reversed True to take the weights from the last to the first.
 * @returns One pass; a work item is a row of the result.
 */
export function slidingConv(window: SlidingWindow, reversed: boolean): WatKernel {
  const { batch, size: [height, width], outputs: [outHeight, outWidth], kernel: [kh, kw], channels } = window;
  const bytes = channels * 4;
  const tap = (row: Wat) => reversed ? wat.sub(wat.int(kh - 1), row) : row;
  const item = wat.func(
    "item",
    ["index"],
    wat.block(
      wat.split(wat.get("index"), [["image", batch], ["oy", outHeight]]),
      kernelRows(window),
      wat.set(
        "x",
        wat.add(
          wat.argument("left"),
          wat.mul(wat.add(wat.mul(wat.get("image"), height), wat.get("iy")), width * bytes),
        ),
      ),
      wat.set("w", wat.add(wat.argument("right"), wat.mul(tap(wat.get("first")), kw * bytes))),
      wat.set("y", wat.add(wat.argument("result"), wat.mul(wat.get("index"), outWidth * bytes))),
      wat.set("rows", wat.sub(wat.get("last"), wat.get("first"))),
      wat.loop(
        "c",
        wat.int(0),
        wat.int(bytes),
        wat.call("row", ...["x", "w", "y"].map((at) => wat.add(wat.get(at), wat.get("c"))), wat.get("rows")),
        16,
      ),
    ),
  );
  const items = channels === 0 ? 0 : batch * outHeight;
  const functions = [convRow(window, reversed), item];
  return {
    passes: [wat.pass(["left", "right", "result"], functions, items, outWidth * kh * kw * channels * COSTS.sliding)],
    scratchBytes: 0,
    localBytes: 0,
  };
}

/** Statements that set `$first` and `$last`, the kernel's rows that lie in the image for output row `$oy`, and `$iy`, where the first does. */
export function kernelRows({ size: [height], kernel: [kh], padding: [zeros] }: SlidingWindow): Wat {
  const start = wat.sub(wat.get("oy"), wat.int(zeros));
  return wat.block(
    wat.set(
      "first",
      `(select (i32.const 0) ${wat.sub(wat.int(zeros), wat.get("oy"))} (i32.ge_s ${start} (i32.const 0)))`,
    ),
    wat.set("last", wat.min(wat.int(kh), wat.sub(wat.int(height), start))),
    wat.set("iy", wat.add(start, wat.get("first"))),
  );
}

/** Writes the function `row`: four channels of a row of the result. */
function convRow(window: SlidingWindow, reversed: boolean): Wat {
  const { size: [, width], kernel: [, kw], channels } = window;
  const bytes = channels * 4;
  const place = (tap: number) => (reversed ? kw - 1 - tap : tap) * bytes;
  const group = (group: Group) =>
    wat.block(
      wat.unroll(group.outputs, (output) => wat.set(`output${output}`, "(v128.const i32x4 0 0 0 0)")),
      wat.set("x_row", wat.get("x_at")),
      wat.set("w_row", wat.get("w")),
      wat.loop(
        "r",
        wat.int(0),
        wat.get("rows"),
        wat.block(
          wat.unroll(kw, (tap) => wat.set(`tap${tap}`, `(v128.load offset=${place(tap)} ${wat.get("w_row")})`)),
          slide(group, kw, bytes, "x_row", (output, tap) => madd(`output${output}`, `tap${tap}`)),
          wat.set("x_row", wat.add(wat.get("x_row"), width * bytes)),
          wat.set("w_row", wat.add(wat.get("w_row"), (reversed ? -kw : kw) * bytes)),
        ),
      ),
      wat.unroll(
        group.outputs,
        (output) => `(v128.store offset=${output * bytes} ${wat.get("y_at")} ${wat.get(`output${output}`)})`,
      ),
    );
  return wat.func("row", ["x", "w", "y", "rows"], eachGroup(window, group), vectorTypes(window));
}

/**
 * @file Depthwise convolutions of images at stride 1. Along a row a few outputs, or taps, stay in registers with what they are
 * multiplied with, and each value of the image that is loaded meets all of them.
 */
import type { WatKernel } from "../../../compiler/kernel.ts";
import type { Contraction, Rows } from "../../../contraction/contraction.ts";
import type { WindowAxis } from "../../../contraction/window_axis.ts";
import {
  add,
  argument,
  block,
  call,
  func,
  get,
  int,
  loop,
  min,
  mul,
  pass,
  set,
  split,
  sub,
  unroll,
  type Wat,
} from "../emit/text.ts";
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
  const [y, x] = rows.axes.length === 2 ? rows.axes as [WindowAxis, WindowAxis] : [{ ...ROW, step }, rows.axes[0]!];
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
  return block(
    ...groupsOf(window).map((group) =>
      block(
        set("x_at", add(get("x"), (group.first - window.padding[1] + group.low) * bytes)),
        set("y_at", add(get("y"), group.first * bytes)),
        loop(
          "i",
          int(0),
          int(group.count),
          block(
            body(group),
            set("x_at", add(get("x_at"), group.outputs * bytes)),
            set("y_at", add(get("y_at"), group.outputs * bytes)),
          ),
        ),
      )
    ),
  );
}

/** Multiplies each value of the window from `$<from>` on with all that it meets: of output `o` and tap `k`, where it is at `o + k`. */
export function slide({ low, high, outputs }: Group, taps: number, bytes: number, from: string, meet: Meet): Wat {
  return block(...Array.from({ length: Math.max(0, high - low) }, (_, i) => {
    const position = low + i;
    const met = Array.from({ length: outputs }, (_, output) => ({ output, tap: position - output }));
    return block(
      set("value", `(v128.load offset=${i * bytes} ${get(from)})`),
      ...met.filter(({ tap }) => tap >= 0 && tap < taps).map(({ output, tap }) => meet(output, tap)),
    );
  }));
}

/** Statement for an output and a tap that meet in `$value`. */
type Meet = (output: number, tap: number) => Wat;

/** Adds `$value` times a factor to a sum. */
export function madd(sum: string, factor: string): Wat {
  return set(sum, `(f32x4.relaxed_madd ${get("value")} ${get(factor)} ${get(sum)})`);
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
  const tap = (row: Wat) => reversed ? sub(int(kh - 1), row) : row;
  const item = func(
    "item",
    ["index"],
    block(
      split(get("index"), [["image", batch], ["oy", outHeight]]),
      kernelRows(window),
      set("x", add(argument("left"), mul(add(mul(get("image"), height), get("iy")), width * bytes))),
      set("w", add(argument("right"), mul(tap(get("first")), kw * bytes))),
      set("y", add(argument("result"), mul(get("index"), outWidth * bytes))),
      set("rows", sub(get("last"), get("first"))),
      loop(
        "c",
        int(0),
        int(bytes),
        call("row", ...["x", "w", "y"].map((at) => add(get(at), get("c"))), get("rows")),
        16,
      ),
    ),
  );
  const items = channels === 0 ? 0 : batch * outHeight;
  const functions = [convRow(window, reversed), item];
  return {
    passes: [pass(["left", "right", "result"], functions, items, outWidth * kh * kw * channels * COSTS.sliding)],
    scratchBytes: 0,
    localBytes: 0,
  };
}

/** Statements that set `$first` and `$last`, the kernel's rows that lie in the image for output row `$oy`, and `$iy`, where the first does. */
export function kernelRows({ size: [height], kernel: [kh], padding: [zeros] }: SlidingWindow): Wat {
  const start = sub(get("oy"), int(zeros));
  return block(
    set("first", `(select (i32.const 0) ${sub(int(zeros), get("oy"))} (i32.ge_s ${start} (i32.const 0)))`),
    set("last", min(int(kh), sub(int(height), start))),
    set("iy", add(start, get("first"))),
  );
}

/** Writes the function `row`: four channels of a row of the result. */
function convRow(window: SlidingWindow, reversed: boolean): Wat {
  const { size: [, width], kernel: [, kw], channels } = window;
  const bytes = channels * 4;
  const place = (tap: number) => (reversed ? kw - 1 - tap : tap) * bytes;
  const group = (group: Group) =>
    block(
      unroll(group.outputs, (output) => set(`output${output}`, "(v128.const i32x4 0 0 0 0)")),
      set("x_row", get("x_at")),
      set("w_row", get("w")),
      loop(
        "r",
        int(0),
        get("rows"),
        block(
          unroll(kw, (tap) => set(`tap${tap}`, `(v128.load offset=${place(tap)} ${get("w_row")})`)),
          slide(group, kw, bytes, "x_row", (output, tap) => madd(`output${output}`, `tap${tap}`)),
          set("x_row", add(get("x_row"), width * bytes)),
          set("w_row", add(get("w_row"), (reversed ? -kw : kw) * bytes)),
        ),
      ),
      unroll(
        group.outputs,
        (output) => `(v128.store offset=${output * bytes} ${get("y_at")} ${get(`output${output}`)})`,
      ),
    );
  return func("row", ["x", "w", "y", "rows"], eachGroup(window, group), vectorTypes(window));
}

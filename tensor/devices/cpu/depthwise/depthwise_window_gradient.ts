/** @file Weight gradients of depthwise convolutions of images at stride 1: taps stay in registers while the windows slide. */
import type { WatKernel } from "../../../compiler/kernel.ts";
import { eachGroup, type Group, kernelRows, madd, slide, type SlidingWindow, vectorTypes } from "./depthwise_window.ts";
import { cutSlabs } from "../../../contraction/slabs.ts";
import { summedKernel, sumsOf } from "../contraction/slab_sum.ts";
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
  roundUp,
  set,
  split,
  unroll,
  type Wat,
} from "../emit/text.ts";
import { COSTS, ITEMS, PARTIALS } from "../machine.ts";

/**
 * The kernel of the weight gradient of a depthwise convolution.
 *
 * @param window Sizes of the images `x` and of the output's gradient `dy`; the result is `dw [kh, kw, channels]`.
 * @returns One pass over slabs of rows and, if there is more than one, one that adds the slabs.
 */
export function slidingWeightGradient(window: SlidingWindow): WatKernel {
  const { batch, outputs: [outHeight, outWidth], kernel: [kh, kw], channels } = window;
  const buffers = ["left", "right", "result"];
  const rows = batch * outHeight;
  const floats = kh * kw * channels;
  const slabFloats = roundUp(floats, 16);
  const { slabs, length } = cutSlabs({
    ...{ rows, whole: 1, wanted: ITEMS },
    ...{ elements: slabFloats * 4, most: PARTIALS },
  });
  const sums = { floats, slabs, slabFloats };
  const item = func(
    "item",
    ["index"],
    block(
      set("sums", sumsOf(sums, get("index"))),
      set("sums_end", add(get("sums"), floats * 4)),
      loop("at", get("sums"), get("sums_end"), `(v128.store ${get("at")} (v128.const i32x4 0 0 0 0))`, 16),
      set("m", mul(get("index"), length)),
      set("m_end", min(int(rows), add(get("m"), length))),
      loop("m", get("m"), get("m_end"), gradientRow(window)),
    ),
  );
  const cost = length * outWidth * floats * COSTS.sliding;
  const contract = pass(buffers, [gradientRowSums(window), item], channels === 0 ? 0 : slabs, cost);
  return summedKernel(buffers, sums, contract, 0);
}

/** Adds what a row of `dy` gives to the sums at `$sums`. */
function gradientRow(window: SlidingWindow): Wat {
  const { batch, size: [height, width], outputs: [outHeight, outWidth], kernel: [, kw], channels } = window;
  const bytes = channels * 4;
  const sums = loop(
    "k",
    get("first"),
    get("last"),
    block(
      call("row", get("x_row"), add(get("y"), get("c")), get("w_row")),
      set("x_row", add(get("x_row"), width * bytes)),
      set("w_row", add(get("w_row"), kw * bytes)),
    ),
  );
  return block(
    split(get("m"), [["image", batch], ["oy", outHeight]]),
    kernelRows(window),
    set("x", add(argument("left"), mul(add(mul(get("image"), height), get("iy")), width * bytes))),
    set("w", add(get("sums"), mul(get("first"), kw * bytes))),
    set("y", add(argument("right"), mul(get("m"), outWidth * bytes))),
    loop(
      "c",
      int(0),
      int(bytes),
      block(set("x_row", add(get("x"), get("c"))), set("w_row", add(get("w"), get("c"))), sums),
      16,
    ),
  );
}

/** Writes the function `row`: adds what four channels of a row of `dy` and one of `x` give to a row of taps. */
function gradientRowSums(window: SlidingWindow): Wat {
  const { kernel: [, kw], channels } = window;
  const bytes = channels * 4;
  const group = (group: Group) =>
    block(
      unroll(group.outputs, (output) => set(`output${output}`, `(v128.load offset=${output * bytes} ${get("y_at")})`)),
      slide(group, kw, bytes, "x_at", (output, tap) => madd(`tap${tap}`, `output${output}`)),
    );
  return func(
    "row",
    ["x", "y", "w"],
    block(
      unroll(kw, (tap) => set(`tap${tap}`, `(v128.load offset=${tap * bytes} ${get("w")})`)),
      eachGroup(window, group),
      unroll(kw, (tap) => `(v128.store offset=${tap * bytes} ${get("w")} ${get(`tap${tap}`)})`),
    ),
    vectorTypes(window),
  );
}

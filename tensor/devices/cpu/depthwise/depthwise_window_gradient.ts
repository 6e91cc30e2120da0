/** @file Weight gradients of depthwise convolutions of images at stride 1: taps stay in registers while the windows slide. */
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import { eachGroup, type Group, kernelRows, madd, slide, type SlidingWindow, vectorTypes } from "./depthwise_window.ts";
import { cutSlabs } from "../../../contraction/slabs.ts";
import { summedKernel, sumsOf } from "../contraction/slab_sum.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
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
  const slabFloats = wat.roundUp(floats, 16);
  const { slabs, length } = cutSlabs({
    ...{ rows, whole: 1, wanted: ITEMS },
    ...{ elements: slabFloats * 4, most: PARTIALS },
  });
  const sums = { floats, slabs, slabFloats };
  const item = wat.func(
    "item",
    ["index"],
    wat.block(
      wat.set("sums", sumsOf(sums, wat.get("index"))),
      wat.set("sums_end", wat.add(wat.get("sums"), floats * 4)),
      wat.loop(
        "at",
        wat.get("sums"),
        wat.get("sums_end"),
        `(v128.store ${wat.get("at")} (v128.const i32x4 0 0 0 0))`,
        16,
      ),
      wat.set("m", wat.mul(wat.get("index"), length)),
      wat.set("m_end", wat.min(wat.int(rows), wat.add(wat.get("m"), length))),
      wat.loop("m", wat.get("m"), wat.get("m_end"), gradientRow(window)),
    ),
  );
  const cost = length * outWidth * floats * COSTS.sliding;
  const contract = wat.pass(buffers, [gradientRowSums(window), item], channels === 0 ? 0 : slabs, cost);
  return summedKernel(buffers, sums, contract, 0);
}

/** Adds what a row of `dy` gives to the sums at `$sums`. */
function gradientRow(window: SlidingWindow): Wat {
  const { batch, size: [height, width], outputs: [outHeight, outWidth], kernel: [, kw], channels } = window;
  const bytes = channels * 4;
  const sums = wat.loop(
    "k",
    wat.get("first"),
    wat.get("last"),
    wat.block(
      wat.call("row", wat.get("x_row"), wat.add(wat.get("y"), wat.get("c")), wat.get("w_row")),
      wat.set("x_row", wat.add(wat.get("x_row"), width * bytes)),
      wat.set("w_row", wat.add(wat.get("w_row"), kw * bytes)),
    ),
  );
  return wat.block(
    wat.split(wat.get("m"), [["image", batch], ["oy", outHeight]]),
    kernelRows(window),
    wat.set(
      "x",
      wat.add(wat.argument("left"), wat.mul(wat.add(wat.mul(wat.get("image"), height), wat.get("iy")), width * bytes)),
    ),
    wat.set("w", wat.add(wat.get("sums"), wat.mul(wat.get("first"), kw * bytes))),
    wat.set("y", wat.add(wat.argument("right"), wat.mul(wat.get("m"), outWidth * bytes))),
    wat.loop(
      "c",
      wat.int(0),
      wat.int(bytes),
      wat.block(
        wat.set("x_row", wat.add(wat.get("x"), wat.get("c"))),
        wat.set("w_row", wat.add(wat.get("w"), wat.get("c"))),
        sums,
      ),
      16,
    ),
  );
}

/** Writes the function `row`: adds what four channels of a row of `dy` and one of `x` give to a row of taps. */
function gradientRowSums(window: SlidingWindow): Wat {
  const { kernel: [, kw], channels } = window;
  const bytes = channels * 4;
  const group = (group: Group) =>
    wat.block(
      wat.unroll(group.outputs, (output) =>
        wat.set(`output${output}`, `(v128.load offset=${output * bytes} ${wat.get("y_at")})`)),
      slide(group, kw, bytes, "x_at", (output, tap) =>
        madd(`tap${tap}`, `output${output}`)),
    );
  return wat.func(
    "row",
    ["x", "y", "w"],
    wat.block(
      wat.unroll(kw, (tap) => wat.set(`tap${tap}`, `(v128.load offset=${tap * bytes} ${wat.get("w")})`)),
      eachGroup(window, group),
      wat.unroll(kw, (tap) => `(v128.store offset=${tap * bytes} ${wat.get("w")} ${wat.get(`tap${tap}`)})`),
    ),
    vectorTypes(window),
  );
}

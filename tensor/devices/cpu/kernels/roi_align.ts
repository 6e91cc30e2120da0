import type { MaskAlignParams, RoiAlignParams, RoiSpreadParams } from "../../../compiler/kernel_forms.ts";
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import {
  cellOf,
  CORNERS,
  eachBin,
  ROI_GLOBALS,
  ROI_VARIABLES,
  sampleAt,
  SAMPLES,
  shareOf,
  sides,
} from "./roi_geometry.ts";

/** Channels of one work item of the adjoint. */
const CHANNELS = 32;

/** Types of the shares of the corners, as numbers and as vectors. */
const SHARES: Record<string, "f32" | "v128"> = Object.fromEntries(
  CORNERS.flatMap((_, i) => [[`w${i}`, "f32"], [`v${i}`, "v128"]] as const),
);

function kernel(buffers: readonly string[], item: Wat, items: number, cost: number): WatKernel {
  const functions = [...ROI_GLOBALS, sampleAt("y"), sampleAt("x"), item];
  return { passes: [wat.pass(buffers, functions, items, cost)], scratchBytes: 0, localBytes: 0 };
}

function rowOf(name: string): Wat {
  return `(i32.load ${wat.add(wat.argument(name), wat.mul(wat.get("r"), 4))})`;
}

/** Sets the share in the mean of a bin and the address of each corner of a sample: cells of `channels` numbers from `$base` on. */
function corners(channels: number): Wat {
  return wat.block(...CORNERS.map(([row, column], i) =>
    wat.block(
      wat.set(`w${i}`, `(f32.div ${shareOf(row, column)} ${SAMPLES})`),
      wat.set(`v${i}`, `(f32x4.splat ${wat.get(`w${i}`)})`),
      wat.set(`a${i}`, wat.add(wat.get("base"), wat.mul(cellOf(row, column), 4 * channels))),
    )
  ));
}

/** Runs over `$bytes`, in `$c`: vectors, then single numbers. */
function alongChannels(vector: Wat, single: Wat): Wat {
  return wat.block(
    wat.set("whole", `(i32.and ${wat.get("bytes")} ${wat.int(-16)})`),
    wat.loop("c", wat.int(0), wat.get("whole"), vector, 16),
    wat.loop("c", wat.get("whole"), wat.get("bytes"), single, 4),
  );
}

const at = (address: string): Wat => `(i32.add ${wat.get(address)} ${wat.get("c")})`;
const clearOut: Wat = alongChannels(
  `(v128.store ${at("out")} (v128.const i32x4 0 0 0 0))`,
  `(f32.store ${at("out")} (f32.const 0))`,
);

/**
 * The cpu kernel of region means.
 *
 * @param inputs `boxes [R, 4]`, `image [R]`, `level [R]`, maps `[B, H, W, C]`.
 * @param output `[R, rows, columns, C]`.
 * @param params Sampling, levels, scales.
 * @returns The kernel; a work item is a region.
 */
export function roiAlignWat(inputs: readonly TensorSpec[], output: TensorSpec, params: RoiAlignParams): WatKernel {
  const [rois, rows, columns, channels] = output.shape as [number, number, number, number];
  const maps = inputs.slice(3);
  const sum = (multiply: string, plus: string, load: string, share: string) =>
    CORNERS.map((_, i) => `(${multiply} (${load} ${at(`a${i}`)}) ${wat.get(`${share}${i}`)})`)
      .reduce((all, term) => `(${plus} ${all} ${term})`, `(${load} ${at("out")})`);
  const add = alongChannels(
    `(v128.store ${at("out")} ${sum("f32x4.mul", "f32x4.add", "v128.load", "v")})`,
    `(f32.store ${at("out")} ${sum("f32.mul", "f32.add", "f32.load", "w")})`,
  );
  const begin = wat.block(wat.set("out", binAddress("y", params.size, channels)), clearOut);
  const item = wat.func(
    "item",
    ["r"],
    wat.block(
      wat.set("bytes", wat.int(4 * channels)),
      chooseMap(maps, params),
      sides(params),
      wat.when(`(i32.eqz ${wat.get("height")})`, wat.set("gy", wat.int(0))),
      eachBin(params.size, begin, wat.block(corners(channels), add)),
    ),
    { ...ROI_VARIABLES, ...SHARES },
  );
  const buffers = ["boxes", "image", "level", ...maps.map((_, i) => `map${i}`), "y"];
  const cost = rows * columns * Math.max(params.sampling, 1) ** 2 * (20 + channels);
  return kernel(buffers, item, channels === 0 ? 0 : rois, cost);
}

/** Sets base, size and scale of the map of region `$r`; its height is 0 where there is none. */
function chooseMap(maps: readonly TensorSpec[], { levels, scales }: RoiAlignParams): Wat {
  const choose = maps.map(({ shape: [batch, height, width, channels] }, i) =>
    wat.when(
      `(i32.and (i32.eq ${wat.get("on")} ${wat.int(levels[i]!)}) (i32.lt_u ${wat.get("b")} ${wat.int(batch!)}))`,
      wat.block(
        wat.set("height", wat.int(height!)),
        wat.set("width", wat.int(width!)),
        wat.set("scale", `(f32.const ${scales[i]!})`),
        wat.set("base", wat.add(wat.argument(`map${i}`), wat.mul(wat.get("b"), 4 * height! * width! * channels!))),
      ),
    )
  );
  return wat.block(
    wat.set("b", rowOf("image")),
    wat.set("on", rowOf("level")),
    wat.set("height", wat.int(0)),
    wat.set("width", wat.int(0)),
    wat.set("base", wat.int(0)),
    wat.set("scale", "(f32.const 1)"),
    ...choose,
  );
}

/** Address of bin `$p $q` of region `$r` in a buffer. */
function binAddress(buffer: string, [rows, columns]: readonly [number, number], channels: number): Wat {
  const place = wat.add(wat.mul(wat.get("r"), rows * columns), wat.mul(wat.get("p"), columns), wat.get("q"));
  return wat.add(wat.argument(buffer), wat.mul(place, 4 * channels));
}

/**
 * The cpu kernel of the adjoint of region means. A work item is an image by some channels; it goes through all regions in
 * order, so that sums do not depend on threads.
 *
 * @param inputs `values [R, rows, columns, C]`, `boxes [R, 4]`, `image [R]`, `level [R]`.
 * @param output `[B, H, W, C]`.
 * @param params Sampling, level, scale.
 * @returns The kernel.
 */
export function roiSpreadWat(inputs: readonly TensorSpec[], output: TensorSpec, params: RoiSpreadParams): WatKernel {
  const [rois, rows, columns] = inputs[0]!.shape as [number, number, number, number];
  const [batch, height, width, channels] = output.shape as [number, number, number, number];
  const blocks = Math.ceil(channels / CHANNELS);
  const from = wat.add(binAddress("values", params.size, channels), wat.mul(wat.get("c0"), 4));
  const spread = eachBin(params.size, wat.set("from", from), wat.block(corners(channels), spreadSample()));
  const own = `(i32.and (i32.eq ${rowOf("image")} ${wat.get("b")}) (i32.eq ${rowOf("level")} ${
    wat.int(params.level)
  }))`;
  const base = wat.add(wat.argument("y"), wat.mul(wat.get("b"), 4 * height * width * channels));
  const clear = wat.block(clearOut, wat.set("out", wat.add(wat.get("out"), 4 * channels)));
  const item = wat.func(
    "item",
    ["index"],
    wat.block(
      wat.split(wat.get("index"), [["b", batch], ["block", blocks]]),
      wat.set("c0", wat.mul(wat.get("block"), CHANNELS)),
      wat.set("bytes", wat.mul(wat.part(CHANNELS, channels, "c0"), 4)),
      wat.set("height", wat.int(height)),
      wat.set("width", wat.int(width)),
      wat.set("scale", `(f32.const ${params.scale})`),
      wat.set("base", wat.add(base, wat.mul(wat.get("c0"), 4))),
      wat.set("out", wat.get("base")),
      wat.loop("cell", wat.int(0), wat.int(height * width), clear),
      wat.loop("r", wat.int(0), wat.int(rois), wat.when(own, wat.block(sides(params), spread))),
    ),
    { ...ROI_VARIABLES, ...SHARES },
  );
  const each = Math.max(params.sampling, 1) ** 2 * (20 + 2 * CHANNELS);
  const cost = (height * width * CHANNELS) / 4 + rois * rows * columns * each / Math.max(batch, 1);
  return kernel(["values", "boxes", "image", "level", "y"], item, batch * blocks, cost);
}

/** Adds the numbers at `$from` to the four cells of a sample. */
function spreadSample(): Wat {
  const plus = (i: number, type: "v128" | "f32", share: string) => {
    const [add, multiply] = ["add", "mul"].map((name) => `${type === "v128" ? "f32x4" : "f32"}.${name}`);
    const term = `(${multiply} (${type}.load ${at("from")}) ${wat.get(`${share}${i}`)})`;
    return `(${type}.store ${at(`a${i}`)} (${add} (${type}.load ${at(`a${i}`)}) ${term}))`;
  };
  return alongChannels(
    wat.block(...CORNERS.map((_, i) => plus(i, "v128", "v"))),
    wat.block(...CORNERS.map((_, i) => plus(i, "f32", "w"))),
  );
}

/**
 * The cpu kernel of the means of bit-packed masks.
 *
 * @param inputs `bits [M, H, words]`, `boxes [R, 4]`, `mask [R]`.
 * @param output `[R, rows, columns]`.
 * @param params Sampling, columns of the masks.
 * @returns The kernel; a work item is a region.
 */
export function maskAlignWat(inputs: readonly TensorSpec[], output: TensorSpec, params: MaskAlignParams): WatKernel {
  const [masks, height, words] = inputs[0]!.shape as [number, number, number];
  const [rois] = output.shape as [number, number, number];
  const bit = ([row, column]: readonly [0 | 1, 0 | 1]) => {
    const word = `(i32.add (i32.mul (global.get $y${row}) ${
      wat.int(words)
    }) (i32.shr_u (global.get $x${column}) (i32.const 5)))`;
    const loaded = `(i32.load ${wat.add(wat.get("base"), wat.mul(word, 4))})`;
    return `(i32.and (i32.shr_u ${loaded} (i32.and (global.get $x${column}) (i32.const 31))) (i32.const 1))`;
  };
  // In torchvision's order, and divided at the end: a mean of just 0.5 is what masks are told from.
  const sample = CORNERS.map((corner) => `(f32.mul (f32.convert_i32_s ${bit(corner)}) ${shareOf(...corner)})`)
    .reduce((all, term) => `(f32.add ${all} ${term})`);
  const store = (operation: string, value: Wat) =>
    `(f32.store ${wat.get("out")} (${operation} (f32.load ${wat.get("out")}) ${value}))`;
  const begin = wat.block(
    wat.set("out", binAddress("y", params.size, 1)),
    `(f32.store ${wat.get("out")} (f32.const 0))`,
  );
  const item = wat.func(
    "item",
    ["r"],
    wat.block(
      wat.set("m", rowOf("mask")),
      wat.set("base", wat.add(wat.argument("bits"), wat.mul(wat.get("m"), 4 * height * words))),
      wat.set("height", wat.int(height)),
      wat.set("width", wat.int(params.width)),
      wat.set("scale", "(f32.const 1)"),
      sides(params),
      wat.when(`(i32.ge_u ${wat.get("m")} ${wat.int(masks)})`, wat.set("gy", wat.int(0))),
      eachBin(params.size, begin, store("f32.add", sample), store("f32.div", SAMPLES)),
    ),
    ROI_VARIABLES,
  );
  const cost = sizeOf(output.shape.slice(1)) * 40;
  return kernel(["bits", "boxes", "mask", "y"], item, rois, cost);
}

/**
 * @file Products of transformed tiles and weights. Where the weights are too many for a cache an item transforms those of some
 * channels and one panel of columns, multiplies them at once, and forgets them: to transform them again for each block of tiles
 * costs less than memory would.
 */
import type { WinogradConv } from "../../../contraction/geometry.ts";
import { panelBytes } from "../contraction/tiles.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import type { Cut } from "./winograd_cut.ts";
import { packFunctions, packPanelAt, type WeightLayout } from "./winograd_weights.ts";

/** The rows of register tiles from `$a` on, times the panel at `$b`, into `$column` of the products. */
function tileRows({ tile, leftRow, rows }: Cut): Wat {
  const run = wat.block(
    wat.call("tile", ...["a", "b", "kn", "row", "column", "add"].map(wat.get), wat.int(0)),
    wat.set("a", wat.add(wat.get("a"), tile.rows * leftRow)),
    wat.set("row", wat.add(wat.get("row"), tile.rows * 4)),
  );
  return wat.block(
    wat.set("row", wat.add(wat.argument("local"), rows)),
    wat.loop("r", wat.int(0), wat.get("tiles"), run, tile.rows),
  );
}

/** Writes the functions of `multiplyOwn`. */
function ownProducts({ scheme, weights }: WinogradConv, { tile }: WeightLayout, cut: Cut): readonly Wat[] {
  const { productBytes } = cut.own!;
  const product = wat.block(
    wat.set("a", wat.get("left")),
    tileRows(cut),
    wat.set("left", wat.add(wat.get("left"), cut.leftProduct)),
    wat.set("b", wat.add(wat.get("b"), productBytes)),
  );
  return [
    ...packFunctions(weights, scheme, { tile, productBytes }),
    wat.func(
      "products",
      ["tiles", "kn", "first", "add"],
      wat.block(
        wat.set("left", wat.argument("local")),
        wat.set("b", wat.add(wat.argument("local"), cut.own!.weights)),
        wat.set("end", wat.add(wat.get("first"), scheme.size ** 2 * cut.productBytes)),
        wat.loop("column", wat.get("first"), wat.get("end"), product, cut.productBytes),
      ),
    ),
  ];
}

/** An item's own weights: some channels after the others, all but the first add. */
function multiplyOwn({ scheme, weights, inner }: WinogradConv, layout: WeightLayout, cut: Cut): Wat {
  const { channels } = weights;
  const later = inner[0] * inner[1] > 1 ? ["phase_y", "phase_x", "c0"] : ["c0"];
  const panel = wat.block(
    packPanelAt(weights, scheme, layout, wat.add(wat.argument("local"), cut.own!.weights)),
    wat.call("products", ...["tiles", "count", "first", "add"].map(wat.get)),
    wat.set("first", wat.add(wat.get("first"), panelBytes(cut.tile))),
  );
  const steps = wat.block(
    wat.set("count", wat.part(cut.stepsEach, channels, "c0")),
    wat.call("input", ...["tile0", "tiles", "c0", "count", "phase_y", "phase_x"].map(wat.get)),
    wat.set("add", `(i32.ne ${later.map(wat.get).reduce((a, b) => `(i32.or ${a} ${b})`)} ${wat.int(0)})`),
    wat.set("first", wat.int(0)),
    wat.set("p0", wat.mul(wat.get("part"), cut.panelsEach)),
    wat.set("p_end", wat.add(wat.get("p0"), wat.get("panels"))),
    wat.loop("p", wat.get("p0"), wat.get("p_end"), panel),
  );
  return wat.loop("c0", wat.int(0), wat.int(channels), steps, cut.stepsEach);
}

/** Writes the function that multiplies all tiles of the block with the weights at `weights`, and adds to the products if `more`. */
function allProducts({ scheme, weights: { channels } }: WinogradConv, layout: WeightLayout, cut: Cut): Wat {
  const steps = wat.block(
    wat.set("kn", wat.part(cut.stepsEach, channels, "k")),
    wat.set("add", `(i32.or ${wat.get("more")} (i32.ne ${wat.get("k")} ${wat.int(0)}))`),
    wat.set("b", wat.add(wat.get("weights"), wat.mul(wat.get("k"), panelBytes(cut.tile)))),
    wat.set("column", wat.get("product")),
    wat.loop("p", wat.int(0), wat.get("panels"), panelTiles(layout, cut)),
  );
  const product = wat.block(
    wat.loop("k", wat.int(0), wat.int(channels), steps, cut.stepsEach),
    wat.set("left", wat.add(wat.get("left"), cut.leftProduct)),
    wat.set("weights", wat.add(wat.get("weights"), layout.productBytes)),
  );
  return wat.func(
    "products",
    ["tiles", "weights", "panels", "more"],
    wat.block(
      wat.set("left", wat.argument("local")),
      wat.loop("product", wat.int(0), wat.int(scheme.size ** 2 * cut.productBytes), product, cut.productBytes),
    ),
  );
}

/** All register tiles of the panel at `$b`, which stays in the L1 cache meanwhile. */
function panelTiles(layout: WeightLayout, cut: Cut): Wat {
  return wat.block(
    wat.set("a", wat.add(wat.get("left"), wat.mul(wat.get("k"), 4))),
    tileRows(cut),
    wat.set("b", wat.add(wat.get("b"), layout.panelBytes)),
    wat.set("column", wat.add(wat.get("column"), panelBytes(cut.tile))),
  );
}

/** Weights that a pass before has transformed: those of all channels at once. */
function multiplyAll({ weights: { channels }, inner }: WinogradConv, layout: WeightLayout, cut: Cut): Wat {
  const several = inner[0] * inner[1] > 1;
  const phaseNumber = wat.add(wat.mul(wat.get("phase_y"), layout.phases[1]), wat.get("phase_x"));
  const packed = wat.add(
    wat.argument("scratch"),
    wat.mul(phaseNumber, layout.phaseBytes),
    wat.mul(wat.get("part"), cut.panelsEach * layout.panelBytes),
  );
  return wat.block(
    wat.call(
      "input",
      ...["tile0", "tiles"].map(wat.get),
      wat.int(0),
      wat.int(channels),
      ...["phase_y", "phase_x"].map(wat.get),
    ),
    wat.call(
      "products",
      wat.get("tiles"),
      packed,
      wat.get("panels"),
      several ? `(i32.ne ${phaseNumber} ${wat.int(0)})` : wat.int(0),
    ),
  );
}

/**
 * Writes the functions that `multiplyPhase` calls.
 *
 * @param conv What to compute.
 * @param layout How its weights are cut into panels.
 * @param cut How it is cut into items.
 * @returns Their texts.
 */
export function productsFunctions(conv: WinogradConv, layout: WeightLayout, cut: Cut): readonly Wat[] {
  return cut.own ? ownProducts(conv, layout, cut) : [allProducts(conv, layout, cut)];
}

/**
 * Transforms the tiles of one phase of the input and multiplies them by its weights; of several, all but the first add. Reads
 * `$tile0 $tiles $part $panels $phase_y $phase_x`.
 *
 * @param conv What to compute.
 * @param layout How its weights are cut into panels.
 * @param cut How it is cut into items.
 * @returns The statements.
 */
export function multiplyPhase(conv: WinogradConv, layout: WeightLayout, cut: Cut): Wat {
  return cut.own ? multiplyOwn(conv, layout, cut) : multiplyAll(conv, layout, cut);
}

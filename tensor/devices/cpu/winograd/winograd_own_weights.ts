/**
 * @file Products with weights that are too many for a cache: an item transforms those of some channels and one panel of columns,
 * multiplies them at once, and forgets them. To transform them again for each block of tiles costs less than memory would.
 */
import type { WinogradConv } from "../../../contraction/geometry.ts";
import { panelBytes } from "../contraction/tiles.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";
import type { Cut } from "./winograd_cut.ts";
import { packFunctions, packPanelAt, type WeightLayout } from "./winograd_weights.ts";

/** Writes the functions of `multiplyOwn`. */
export function ownProducts({ scheme, weights }: WinogradConv, { tile }: WeightLayout, cut: Cut): readonly Wat[] {
  const { productBytes } = cut.own!;
  const run = wat.block(
    wat.call("tile", ...["a", "b", "kn", "row", "column", "add"].map(wat.get), wat.int(0)),
    wat.set("a", wat.add(wat.get("a"), tile.rows * cut.leftRow)),
    wat.set("row", wat.add(wat.get("row"), tile.rows * 4)),
  );
  const product = wat.block(
    wat.set("a", wat.get("left")),
    wat.set("row", wat.add(wat.argument("local"), cut.rows)),
    wat.loop("r", wat.int(0), wat.get("tiles"), run, tile.rows),
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

/**
 * Transforms the tiles of one phase of the input and multiplies them by its weights, some channels after the others; all but
 * the first add. Reads `$tile0 $tiles $part $panels $phase_y $phase_x`.
 *
 * @param conv What to compute.
 * @param layout How its weights are cut into panels.
 * @param cut How it is cut into items, of which each has weights of its own.
 * @returns The statements.
 */
export function multiplyOwn({ scheme, weights, inner }: WinogradConv, layout: WeightLayout, cut: Cut): Wat {
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

/** @file Sums of outer products with nothing shared: each invocation walks the rows of a slab for its tile. */
import type { TileVariant, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { LANES } from "../emit/values.ts";
import {
  four,
  openOuter,
  outerBindings,
  type OuterProduct,
  type SlabTarget,
  storeOuter,
} from "./outer_product_parts.ts";
import { count } from "./row_product_parts.ts";
import { itemPass, unravel } from "../emit/shader.ts";

/**
 * Writes the sums of slabs.
 *
 * @param product The factors.
 * @param variant The tile.
 * @param slabs How the rows are cut.
 * @returns The pass.
 */
export function registerOuter(
  product: OuterProduct,
  variant: TileVariant,
  { slabs, length, target }: SlabTarget,
): WgslPass {
  const { batches, taps, sizes: [height, width], diagonal, rows } = product;
  const tile = { rows: count(variant.rows), vectors: count(variant.columns / 4) };
  const across = diagonal ? Math.ceil(batches / 4) : Math.ceil(width / variant.columns);
  const down = diagonal ? 1 : Math.ceil(height / variant.rows);
  const even = diagonal ? batches % 4 === 0 : height % variant.rows === 0 && width % variant.columns === 0;
  const where = { row: (m: number) => `i + ${m}u`, column: (v: number) => `j + ${4 * v}u`, even };
  const stored = diagonal ? { ...product, sizes: [1, batches] as const } : product;
  const digits = [["tap", taps], ["batch", diagonal ? 1 : batches], ["tile_i", down], ["tile_j", across]] as const;
  const body = (memory: WgslMemory) =>
    [
      unravel("item", [["slab", 0], ...digits]),
      `let i = tile_i * ${variant.rows}u; let j = tile_j * ${variant.columns}u;`,
      `let first_row = slab * ${length}u;`,
      ...openOuter(tile.rows, tile.vectors),
      product.open,
      `for (var row = first_row; row < min(first_row + ${length}u, ${rows}u); row++) {`,
      product.row(memory),
      // What is absent adds nothing, and loads nothing: windows beyond an edge, rows that no table names.
      "if (in_row) {",
      `let right_from = ${product.rightFrom("row")};`,
      ...addRow(memory, product, variant),
      "}",
      product.next,
      "}",
      ...storeOuter(memory, stored, tile, where),
    ].join("\n");
  const items = slabs * taps * (diagonal ? 1 : batches) * down * across;
  return itemPass(outerBindings(stored, target), { items, body });
}

function addRow(
  memory: WgslMemory,
  { left, right, diagonal }: OuterProduct,
  { rows: height, columns }: TileVariant,
): readonly string[] {
  const vectors = count(columns / 4);
  const rightLoads = vectors.map((v) => `let right_${v} = ${four(memory, right, `right_from + j + ${4 * v}u`)};`);
  if (diagonal) return [...rightLoads, `sum_0_0 = fma(${four(memory, left, "left_from + j")}, right_0, sum_0_0);`];
  const scalar = (m: number) => left.aligned ? `left_${m >> 2}.${LANES[m & 3]}` : `left_${m}`;
  const leftLoads = left.aligned
    ? count(height / 4).map((v) => `let left_${v} = ${four(memory, left, `left_from + i + ${4 * v}u`)};`)
    : count(height).map((m) => `let left_${m} = ${memory.load(left.name, `left_from + i + ${m}u`)};`);
  const adds = count(height).flatMap((m) =>
    vectors.map((v) => `sum_${m}_${v} = fma(vec4f(${scalar(m)}), right_${v}, sum_${m}_${v});`)
  );
  return [...leftLoads, ...rightLoads, ...adds];
}

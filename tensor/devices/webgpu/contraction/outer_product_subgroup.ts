/** @file Sums of outer products by invocations that run together: each loads the left factor of some rows for all. */
import type { TileVariant, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { LANES } from "../emit/values.ts";
import {
  four,
  outerBindings,
  type OuterProduct,
  type SlabTarget,
  squaresOf,
  storeOuter,
  zeroWhereAbsent,
} from "./outer_product_parts.ts";
import { addProducts, count, lastRow, openSums, type Tile } from "./row_product_parts.ts";
import { groupPass } from "../emit/shader.ts";

/**
 * Writes the sums of slabs. `across` invocations side by side, a team, hold the same i and different j, and take `across`
 * rows at a time: each loads the left factor of one row, and the scalars that all need come by shuffles.
 *
 * @param product The factors.
 * @param variant The tile.
 * @param slabs How the rows are cut.
 * @param limits With the subgroup's size.
 * @returns The pass.
 */
export function shuffledOuter(
  product: OuterProduct,
  variant: TileVariant,
  slabs: SlabTarget,
  limits: WgslLimits,
): WgslPass {
  const { across, down, columns } = variant;
  const { enable, size: together } = limits.subgroup!;
  const alone = across === together;
  const size = Math.min(4, across);
  const tile: Tile = { rows: count(variant.rows), vectors: count(columns / 4), step: 4 * across };
  const { digits, workgroups, even } = squaresOf(product, slabs, { high: variant.rows * down, wide: columns * across });
  const place = alone ? "" : "team + ";
  const body = (memory: WgslMemory) =>
    [
      digits,
      `let lane = local % ${across}u;`,
      ...(alone ? [] : [`let team = local % ${together}u - lane;`]),
      `let i = (tile_i * ${down}u + local / ${across}u) * ${variant.rows}u;`,
      `let j = tile_j * ${columns * across}u + lane * 4u;`,
      ...openSums(tile),
      `let end = min(slab * ${slabs.length}u + ${slabs.length}u, ${product.rows}u);`,
      `for (var block = slab * ${slabs.length}u; block < end; block += ${across}u) {`,
      `let first_row = min(block + lane, ${lastRow(product)}); let row = first_row;`,
      product.open,
      product.row(memory),
      // Every lane stays in step for the shuffles, so that absent rows count as zero instead of being passed over.
      "let there = in_row && block + lane < end;",
      "let left_at = left_from + i;",
      ...zeroWhereAbsent(memory, product.left, variant.rows / 4, "there"),
      ...count(across / size).flatMap((n) => addRows(memory, product, tile, { first: n * size, size, place })),
      "}",
      ...storeOuter(memory, product, tile, { row: (m) => `i + ${m}u`, column: (v) => `j + ${tile.step * v}u`, even }),
    ].join("\n");
  const write = (memory: WgslMemory) => ({ body: body(memory) });
  return groupPass(outerBindings(product, slabs.target), { workgroups, workgroupSize: across * down, enable, write });
}

/**
 * Adds some rows of a block, from row k on; so many that a sum stays in a register for a while. Rows beyond the last have
 * a left factor of zero; the right one is then that of the last.
 */
function addRows(
  memory: WgslMemory,
  { right, rows, rightFrom }: OuterProduct,
  tile: Tile,
  { first, size, place }: { readonly first: number; readonly size: number; readonly place: string },
): readonly string[] {
  const rights = count(size).flatMap((i) => [
    `let at_${i} = ${rightFrom(`min(block + ${first + i}u, ${lastRow({ rows })})`)} + j;`,
    ...tile.vectors.map((v) => `let right_${i}_${v} = ${four(memory, right, `at_${i} + ${tile.step * v}u`)};`),
  ]);
  const factor = (m: number, i: number) => `subgroupShuffle(left_${m >> 2}.${LANES[m & 3]}, ${place}${first + i}u)`;
  return ["{", ...rights, ...addProducts(tile, size, factor), "}"];
}

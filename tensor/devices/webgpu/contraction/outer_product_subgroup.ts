/** @file Sums of outer products by invocations that run together: each loads the left factor of some rows for all. */
import type { TileVariant, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel.ts";
import { LANES } from "../emit/values.ts";
import type { OuterProduct, Slabs } from "./outer_product.ts";
import { four, outerBindings, storeOuter, zeroWhereAbsent } from "./outer_product_parts.ts";
import { addProducts, count, openSums, type Tile } from "./row_product_parts.ts";
import { groupPass, unravel } from "../emit/shader.ts";

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
export function shuffledOuter(product: OuterProduct, variant: TileVariant, slabs: Slabs, limits: WgslLimits): WgslPass {
  const { batches, taps, sizes: [height, width], rows } = product;
  const { across, down, columns } = variant;
  const { enable } = limits.subgroup!;
  const alone = across === limits.subgroup!.size;
  const size = Math.min(4, across);
  const tile: Tile = { rows: count(variant.rows), vectors: count(columns / 4), step: 4 * across };
  const [groupsDown, groupsAcross] = [
    Math.ceil(height / (variant.rows * down)),
    Math.ceil(width / (columns * across)),
  ];
  const even = height % (variant.rows * down) === 0 && width % (columns * across) === 0;
  const place = alone ? "" : "team + ";
  const body = (memory: WgslMemory) =>
    [
      unravel("square", [["slab", 0], ["tap", taps], ["batch", batches], ["tile_i", groupsDown], [
        "tile_j",
        groupsAcross,
      ]]),
      `let lane = local % ${across}u;`,
      ...(alone ? [] : [`let team = local % ${limits.subgroup!.size}u - lane;`]),
      `let i = (tile_i * ${down}u + local / ${across}u) * ${variant.rows}u;`,
      `let j = tile_j * ${columns * across}u + lane * 4u;`,
      ...openSums(tile),
      `let end = min(slab * ${slabs.length}u + ${slabs.length}u, ${rows}u);`,
      `for (var block = slab * ${slabs.length}u; block < end; block += ${across}u) {`,
      `let first_row = min(block + lane, ${rows - 1}u); let row = first_row;`,
      product.open,
      product.row(memory),
      "let there = in_row && block + lane < end;",
      "let left_at = left_from + i;",
      ...zeroWhereAbsent(memory, product.left, variant.rows / 4, "there"),
      ...count(across / size).flatMap((n) => addRows(memory, product, tile, { first: n * size, size, place })),
      "}",
      ...storeOuter(memory, product, tile, { row: (m) => `i + ${m}u`, column: (v) => `j + ${tile.step * v}u`, even }),
    ].join("\n");
  const workgroups = slabs.slabs * taps * batches * groupsDown * groupsAcross;
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
    `let at_${i} = ${rightFrom(`min(block + ${first + i}u, ${rows - 1}u)`)} + j;`,
    ...tile.vectors.map((v) => `let right_${i}_${v} = ${four(memory, right, `at_${i} + ${tile.step * v}u`)};`),
  ]);
  const factor = (m: number, i: number) => `subgroupShuffle(left_${m >> 2}.${LANES[m & 3]}, ${place}${first + i}u)`;
  return ["{", ...rights, ...addProducts(tile, size, factor), "}"];
}

/** @file Rows times a matrix by invocations that run together: each loads some of the rows and hands them to the others. */
import type { TileVariant, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { LANES } from "../emit/values.ts";
import {
  addTap,
  bindingsOf,
  count,
  lastRow,
  openSum,
  openSums,
  type RowProduct,
  stepOf,
  storeRows,
  sumsOf,
  type Tile,
} from "./row_product_parts.ts";
import { groupPass } from "../emit/shader.ts";

/**
 * Writes a product. `across` invocations side by side, a team, hold the same rows and different columns. Each loads every
 * `across`-th row of the team; the scalars that all need come by shuffles.
 *
 * @param product The factors.
 * @param variant The tile.
 * @param limits With the subgroup's size.
 * @returns The pass.
 */
export function shuffledRows(product: RowProduct, variant: TileVariant, limits: WgslLimits): WgslPass {
  const { rows, columns, left, taps } = product;
  const { rows: height, columns: width, across, down } = variant;
  const { size, enable } = limits.subgroup!;
  const tile: Tile = { rows: count(height), vectors: count(width / 4), step: 4 * across };
  const [groupsDown, groupsAcross] = [Math.ceil(rows / (height * down)), Math.ceil(columns / (width * across))];
  const even = rows % (height * down) === 0;
  const bound = (row: string) => even ? row : `min(${row}, ${lastRow(product)})`;
  const own = count(height / across);
  const body = (memory: WgslMemory) =>
    [
      openSum(product, `square / ${groupsDown * groupsAcross}u`),
      `let lane = local % ${across}u;`,
      `let row = (square / ${groupsAcross}u % ${groupsDown}u * ${down}u + local / ${across}u) * ${height}u;`,
      `let column = square % ${groupsAcross}u * ${width * across}u + lane * 4u;`,
      ...(across === size ? [] : [`let team = local % ${size}u - lane;`]),
      ...own.map((m) => `let row_${m} = ${bound(`row + ${m * across}u + lane`)};`),
      ...own.map((m) => left.row(m)),
      ...openSums(tile),
      ...(taps ? [taps.open, ...tapBody(memory, product, tile, across, across === size), taps.close] : []),
      ...storeRows(memory, product, tile, (m) => `row + ${m}u`, even),
    ].join("\n");
  const workgroups = sumsOf(product) * groupsDown * groupsAcross;
  const write = (memory: WgslMemory) => ({ body: body(memory) });
  return groupPass(bindingsOf(product), { workgroups, workgroupSize: across * down, enable, write });
}

/** Row m of the team is row `m / across` of the invocation at place `m % across`. */
function tapBody(
  memory: WgslMemory,
  product: RowProduct,
  tile: Tile,
  across: number,
  alone: boolean,
): readonly string[] {
  const { left } = product;
  const own = count(tile.rows.length / across);
  const part = (i: number) => stepOf(left) === 4 ? `.${LANES[i]}` : "";
  const place = (m: number) => alone ? `${m % across}u` : `team + ${m % across}u`;
  // Shuffles are for all invocations or none: only what none of a subgroup sees is passed over, which pays where much is absent.
  const worth = left.sparse && left.guarded ? `subgroupAny(${own.map((m) => `in_${m}`).join(" || ")})` : undefined;
  const factor = (m: number, i: number) => `subgroupShuffle(left_${Math.floor(m / across)}${part(i)}, ${place(m)})`;
  return addTap(memory, product, tile, { own, worth, factor });
}

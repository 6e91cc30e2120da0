/** @file Rows times a matrix with nothing shared: each invocation loads what its tile needs. */
import type { TileVariant, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
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
import { itemPass } from "../emit/shader.ts";

/**
 * Writes a product: each invocation keeps a tile of results in registers and walks the depth.
 *
 * @param product The factors.
 * @param variant The tile.
 * @returns The pass.
 */
export function registerRows(product: RowProduct, variant: TileVariant): WgslPass {
  const { rows, columns, left, taps } = product;
  const { rows: height, columns: width, across, down } = variant;
  const tile: Tile = { rows: count(height), vectors: count(width / 4), step: 4 };
  // A group covers a rectangle of tiles, so that its loads overlap in both factors.
  const [groupsDown, groupsAcross] = [Math.ceil(rows / (height * down)), Math.ceil(columns / (width * across))];
  const group = across * down;
  const even = rows % height === 0;
  const number = (m: number) => `row + ${m}u`;
  const body = (memory: WgslMemory) =>
    [
      `let within = item % ${group}u;`,
      `let square = item / ${group}u;`,
      openSum(product, `square / ${groupsDown * groupsAcross}u`),
      `let row = (square / ${groupsAcross}u % ${groupsDown}u * ${down}u + within / ${across}u) * ${height}u;`,
      `let column = (square % ${groupsAcross}u * ${across}u + within % ${across}u) * ${width}u;`,
      `if (row >= ${rows}u || column >= ${columns}u) { return; }`,
      ...tile.rows.map((m) => `let row_${m} = ${even ? number(m) : `min(${number(m)}, ${lastRow(product)})`};`),
      ...tile.rows.map((m) => left.row(m)),
      ...openSums(tile),
      ...(taps ? [taps.open, ...tapBody(memory, product, tile), taps.close] : []),
      ...storeRows(memory, product, tile, number, even),
    ].join("\n");
  return itemPass(bindingsOf(product), {
    items: sumsOf(product) * groupsDown * groupsAcross * group,
    workgroupSize: group,
    body,
  });
}

/** Each invocation loads the rows of its tile; taps that none of them sees are passed over. */
function tapBody(memory: WgslMemory, product: RowProduct, tile: Tile): readonly string[] {
  const { left } = product;
  const worth = left.guarded ? tile.rows.map((m) => `in_${m}`).join(" || ") : undefined;
  const part = (i: number) => stepOf(left) === 4 ? `.${LANES[i]}` : "";
  return addTap(memory, product, tile, { own: tile.rows, worth, factor: (m, i) => `left_${m}${part(i)}` });
}

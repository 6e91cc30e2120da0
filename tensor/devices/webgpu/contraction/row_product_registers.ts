/** @file Rows times a matrix with nothing shared: each invocation loads what its tile needs. */
import type { TileVariant, WgslMemory, WgslPass } from "../../../compiler/kernel.ts";
import { LANES } from "../emit/values.ts";
import type { RowProduct } from "./row_product.ts";
import {
  addProducts,
  bindingsOf,
  count,
  leftValue,
  loadRights,
  openSums,
  stepOf,
  storeRows,
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
  const { batches, rows, columns, left, taps } = product;
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
      `let batch = square / ${groupsDown * groupsAcross}u;`,
      `let row = (square / ${groupsAcross}u % ${groupsDown}u * ${down}u + within / ${across}u) * ${height}u;`,
      `let column = (square % ${groupsAcross}u * ${across}u + within % ${across}u) * ${width}u;`,
      `if (row >= ${rows}u || column >= ${columns}u) { return; }`,
      ...tile.rows.map((m) => `let row_${m} = ${even ? number(m) : `min(${number(m)}, ${rows - 1}u)`};`),
      ...tile.rows.map((m) => left.row(m)),
      ...openSums(tile),
      ...(taps ? [taps.open, ...tapBody(memory, product, tile), taps.close] : []),
      ...storeRows(memory, product, tile, number, even),
    ].join("\n");
  return itemPass(bindingsOf(product), {
    items: batches * groupsDown * groupsAcross * group,
    workgroupSize: group,
    body,
  });
}

/** One tap: addresses of the rows, then the depth in steps of four, or of one where rows are not aligned. */
function tapBody(memory: WgslMemory, { depth, left, right }: RowProduct, tile: Tile): readonly string[] {
  const step = stepOf(left);
  const walk = (k: string) => [
    ...tile.rows.map((m) => `let left_${m} = ${leftValue(memory, left, k, m)};`),
    ...loadRights(memory, right, tile, k, step),
    ...addProducts(tile, step, (m, i) => step === 4 ? `left_${m}.${LANES[i]}` : `left_${m}`),
  ];
  const skip = left.guarded ? [`if (${tile.rows.map((m) => `in_${m}`).join(" || ")}) {`] : [];
  return [
    ...tile.rows.map((m) => left.tap(m, memory)),
    ...skip,
    `let right_from = ${right.from};`,
    ...(depth <= step ? walk("0u") : [`for (var k = 0u; k < ${depth}u; k += ${step}u) {`, ...walk("k"), "}"]),
    ...skip.map(() => "}"),
  ];
}

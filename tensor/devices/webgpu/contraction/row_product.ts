/** @file Rows times a matrix: the inner part of products, convolutions and kernel map convolutions. */
import type { TileVariant, WgslLimits, WgslPass } from "../../../compiler/kernel_text.ts";
import type { RowProduct } from "./row_product_parts.ts";
import { registerRows } from "./row_product_registers.ts";
import { shuffledRows } from "./row_product_subgroup.ts";
import { sharedRows } from "./row_product_workgroup.ts";
import { chooseTile } from "./tiles.ts";

const WRITERS: Readonly<
  Record<TileVariant["kind"], (product: RowProduct, tile: TileVariant, limits: WgslLimits) => WgslPass>
> = { registers: registerRows, workgroup: sharedRows, subgroup: shuffledRows };

/**
 * Writes a product, in the variant that suits the device and the shape.
 *
 * @param given The factors.
 * @param limits Limits and traits of the device.
 * @returns The pass.
 */
export function rowProduct(given: RowProduct, limits: WgslLimits): WgslPass {
  const { batches, rows, columns, depth, left, right, taps } = given;
  // A matrix that is contiguous along the depth can be read in vec4 only where the depth advances by four.
  const product = { ...given, right: { ...right, aligned: right.aligned && (left.aligned || !right.transposed) } };
  const shape = { form: "rows", batches, rows, columns, depth: depth * (taps?.count ?? 0) } as const;
  const tile = taps ? chooseTile(limits, shape) : chooseTile({ ...limits, tiles: {} }, { ...shape, depth: 0 });
  return WRITERS[tile.kind](product, tile, limits);
}

/** @file How products are cut into tiles: chosen from the limits of the device and the shape, or pinned by the caller. */
import type { TileVariant, WgslLimits } from "../../../compiler/kernel_text.ts";
import type { ProductShape } from "../../../contraction/traits.ts";
import { isApple } from "../machine.ts";

/** Name of the class of a shape: sizes to the next power of two. Tables of tiles have these keys. */
function classOf({ form, batches, rows, columns, depth }: ProductShape): string {
  const size = (n: number) => Math.ceil(Math.log2(Math.max(n, 1)));
  return `${form} 2^${size(batches)} of 2^${size(rows)} by 2^${size(columns)} by 2^${size(depth)}`;
}

/** A shape of a class, for a tuner: the largest one. */
export function shapeOfClass(name: string): ProductShape {
  const [, form, ...sizes] = /^(rows|outer) 2\^(\d+) of 2\^(\d+) by 2\^(\d+) by 2\^(\d+)$/.exec(name)!;
  const [batches, rows, columns, depth] = sizes.map((size) => 2 ** Number(size)) as [number, number, number, number];
  return { form: form as ProductShape["form"], batches, rows, columns, depth };
}

/** Multiplications from which a large tile pays for the time that its shader takes to compile. */
const LARGE_WORK = 2 ** 24;
/** Results from which large tiles still give enough groups to fill a GPU; below, smaller ones. */
const MANY_RESULTS = 2 ** 17;
/** The smallest power of two that is not below `least`. */
export function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(least, 1)));
}

/**
 * The tiles of a product, from the table of the limits or by what is known of such devices.
 *
 * @param limits Limits and traits of the device.
 * @param shape Sizes of the product.
 * @returns Tiles that the device allows.
 */
export function chooseTile(limits: WgslLimits, shape: ProductShape): TileVariant {
  const pinned = limits.tiles?.[classOf(shape)];
  if (pinned && allows(limits, pinned)) return pinned;
  return defaultTile(limits, shape);
}

function defaultTile(limits: WgslLimits, shape: ProductShape): TileVariant {
  const { batches, rows, columns, depth } = shape;
  const results = batches * rows * columns;
  const small = results * depth < LARGE_WORK || rows < 8 || columns < 8;
  if (small) return registers(shape, results >= MANY_RESULTS ? 8 : 4);
  if (limits.software) return limits.subgroup ? shuffled(limits, shape) : registers(shape, 8, 16);
  if (isApple(limits)) return registers(shape, 8, 8);
  const blocks = batches * Math.ceil(rows / 64) * Math.ceil(columns / 64);
  const tile = shape.form === "rows" && blocks < 64 ? 4 : 8;
  const side = powerOfTwo(Math.min(8, columns / tile));
  const large = { kind: "workgroup", rows: tile, columns: tile, across: side, down: 64 / side, depth: 16 } as const;
  return allows(limits, large) ? large : registers(shape, 8);
}

function registers({ rows, columns }: ProductShape, height: number, width = height): TileVariant {
  const [most, wide] = [Math.min(height, Math.max(rows, 1)), columns > 4 ? width : 4];
  const across = Math.min(8, powerOfTwo(Math.ceil(columns / wide)));
  return { kind: "registers", rows: most, columns: wide, across, down: 64 / across, depth: 0 };
}

/** On a processor, loads cost far more than anything else and registers spill cheaply: tiles are as large as can be. */
function shuffled({ subgroup }: WgslLimits, { form, rows, columns }: ProductShape): TileVariant {
  const across = Math.min(subgroup!.size, powerOfTwo(Math.ceil(columns / 4)));
  const wide = columns > 4 * across ? 8 : 4;
  const height = rows >= 256 || form === "outer" && rows > 16 ? 32 : 16;
  return { kind: "subgroup", rows: height, columns: wide, across, down: 2 * subgroup!.size / across, depth: 0 };
}

/** Bytes of workgroup memory that tiles take. */
function workgroupBytes({ kind, rows, columns, across, down, depth }: TileVariant): number {
  return kind === "workgroup" ? 4 * depth * (rows * down + columns * across) : 0;
}

/** True if a device runs tiles. */
function allows(limits: WgslLimits, tile: TileVariant): boolean {
  const { kind, rows, columns, across, down, depth } = tile;
  const group = across * down;
  const whole = columns > 0 && columns % 4 === 0 && rows > 0 && Number.isInteger(Math.log2(group));
  if (!whole || group > limits.maxInvocations || workgroupBytes(tile) > limits.maxWorkgroupBytes) return false;
  if (kind === "workgroup") return rows % 4 === 0 && depth > 0 && depth % 4 === 0 && group % depth === 0;
  if (kind === "registers") return true;
  const size = limits.subgroup?.size ?? 0;
  return size > 0 && rows % 4 === 0 && rows % across === 0 && size % across === 0 && group % size === 0;
}

/**
 * Tiles worth timing for a shape, for a tuner.
 *
 * @param limits Limits and traits of the device.
 * @param shape Sizes of the product.
 * @returns All are allowed; the default comes first.
 */
export function tileCandidates(limits: WgslLimits, shape: ProductShape): readonly TileVariant[] {
  const size = limits.subgroup?.size ?? 0;
  const sizes = [[4, 4], [8, 4], [8, 8], [8, 16], [16, 8]] as const;
  const own = sizes.map((
    [rows, columns],
  ) => ({ kind: "registers", rows, columns, across: 8, down: 8, depth: 0 } as const));
  const shared = [8, 16].flatMap((depth) =>
    ([[4, 4, 8, 8], [4, 4, 16, 16], [8, 4, 16, 8], [8, 8, 8, 8], [8, 8, 16, 8], [8, 8, 16, 16]] as const)
      .map(([rows, columns, across, down]) => ({ kind: "workgroup", rows, columns, across, down, depth } as const))
  );
  const handed = ([[16, 4], [16, 8], [32, 4], [32, 8]] as const).flatMap(([rows, columns]) =>
    [8, 16, 32].map((across) => ({
      kind: "subgroup",
      rows,
      columns,
      across,
      down: Math.max(2 * size, 64) / across,
      depth: 0,
    } as const))
  );
  const first = defaultTile(limits, shape);
  const rest = [...own, ...shared, ...handed].filter((tile) => allows(limits, tile));
  return [first, ...rest.filter((tile) => JSON.stringify(tile) !== JSON.stringify(first))];
}

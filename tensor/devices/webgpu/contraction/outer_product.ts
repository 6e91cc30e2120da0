/** @file Sums of outer products over many rows: weight gradients. The rows are cut into slabs that depend on shapes alone. */
import type {
  TileVariant,
  WgslBuffer,
  WgslKernel,
  WgslLimits,
  WgslMemory,
  WgslPass,
} from "../../../compiler/kernel_text.ts";
import type { OuterProduct, SlabTarget } from "./outer_product_parts.ts";
import { cutSlabs, type Slabs } from "../../../contraction/slabs.ts";
import { registerOuter } from "./outer_product_registers.ts";
import { shuffledOuter } from "./outer_product_subgroup.ts";
import { sharedOuter } from "./outer_product_workgroup.ts";
import { fullInvocations, MAX_PARTIALS, MAX_TURNS } from "../machine.ts";
import { itemPass } from "../emit/shader.ts";
import { chooseTile } from "./tiles.ts";

/** Invocations that fill a processor: each walks many rows. */
const FULL_PROCESSOR = 1 << 9;
/** The same where only the diagonal counts: each does little. */
const FULL_DIAGONAL = 1 << 14;
/** Rows of a slab, at least. */
const MIN_SLAB = 32;
/** Slabs hold a multiple of so many rows. */
const WHOLE = 8;

/** Writes the sums of slabs in one variant. */
export type SlabWriter = (product: OuterProduct, tile: TileVariant, slabs: SlabTarget, limits: WgslLimits) => WgslPass;

const WRITERS: Readonly<Record<TileVariant["kind"], SlabWriter>> = {
  registers: registerOuter,
  workgroup: sharedOuter,
  subgroup: shuffledOuter,
};

/** How a sum of outer products is computed. */
export interface OuterPlan extends Slabs {
  readonly tile: TileVariant;
}

/**
 * Chooses tiles and slabs, so that there are enough invocations.
 *
 * @param product The factors.
 * @param limits Limits and traits of the device.
 * @returns The plan; of the device's limits and the shape alone.
 */
export function planOuter(
  { batches, taps, rows, sizes, diagonal, left, result }: OuterProduct,
  limits: WgslLimits,
): OuterPlan {
  const shape = { form: "outer", batches: batches * taps, rows: sizes[0], columns: sizes[1], depth: rows } as const;
  const chosen = diagonal ? { rows: 1, columns: 4, kind: "registers" as const } : chooseTile(limits, shape);
  // A register tile of unaligned rows loads scalars, so it need not be a multiple of four high.
  const height = chosen.kind === "registers" && !diagonal
    ? (left.aligned ? 4 * Math.ceil(chosen.rows / 4) : chosen.rows)
    : chosen.rows;
  const tile: TileVariant = { across: 8, down: 8, depth: 0, ...chosen, rows: height };
  const tiles = diagonal
    ? taps * Math.ceil(batches / tile.columns)
    : batches * taps * Math.ceil(sizes[0] / tile.rows) * Math.ceil(sizes[1] / tile.columns);
  const full = Math.ceil(fullInvocations(limits, diagonal ? FULL_DIAGONAL : FULL_PROCESSOR) / tiles);
  const wanted = Math.min(full, Math.ceil(rows / MIN_SLAB));
  const longest = MAX_TURNS;
  return { tile, ...cutSlabs({ rows, whole: WHOLE, wanted, elements: result.elements, most: MAX_PARTIALS, longest }) };
}

/**
 * Writes the partial sums of slabs `[slabs, elements]` of a sum of outer products.
 *
 * @param product The factors.
 * @param plan Of `planOuter`.
 * @param target Position of the buffer that takes them.
 * @param limits Limits and traits of the device.
 * @returns The pass.
 */
export function outerSlabs(product: OuterProduct, plan: OuterPlan, target: number, limits: WgslLimits): WgslPass {
  return WRITERS[plan.tile.kind](product, plan.tile, { ...plan, target }, limits);
}

/**
 * Writes a sum of outer products: partial sums of slabs of rows, then their sum in the order of the slabs.
 *
 * @param product The factors.
 * @param scratch Position of the scratch buffer.
 * @param limits Limits and traits of the device.
 * @returns One pass, or two if there is more than one slab.
 */
export function outerProduct(product: OuterProduct, scratch: number, limits: WgslLimits): WgslKernel {
  const { result: { elements, buffer } } = product;
  const plan = planOuter(product, limits);
  const { slabs } = plan;
  const main = outerSlabs(product, plan, slabs > 1 ? scratch : buffer, limits);
  if (slabs === 1) return { passes: [main], scratchBytes: 0 };
  const sum = slabSum({ elements, slabs, from: scratch, to: buffer });
  return { passes: [main, sum], scratchBytes: 4 * slabs * elements };
}

/** Adds partial sums `[slabs, elements]` in the order of the slabs. */
export function slabSum(
  { elements, slabs, from, to }: {
    readonly elements: number;
    readonly slabs: number;
    readonly from: number;
    readonly to: number;
  },
): WgslPass {
  const width = elements % 4 === 0 ? 4 : 1;
  const [type, zero] = width === 4 ? ["vec4f", "vec4f()"] as const : ["f32", "0f"] as const;
  const body = ({ load, store }: WgslMemory) =>
    `var sum = ${zero};
for (var slab = 0u; slab < ${slabs}u; slab++) { sum += ${load("sums", `slab * ${elements / width}u + item`)}; }
${store("result", "item", "sum")}`;
  const bindings: readonly WgslBuffer[] = [
    { name: "sums", type, buffer: from },
    { name: "result", type, buffer: to },
  ];
  return itemPass(bindings, { items: elements / width, body });
}

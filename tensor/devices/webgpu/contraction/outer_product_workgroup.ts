/** @file Sums of outer products through workgroup memory: a group loads blocks of rows once for all its invocations. */
import type { TileVariant, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { LANES } from "../emit/values.ts";
import {
  four,
  openOuter,
  outerBindings,
  type OuterProduct,
  type SlabTarget,
  squaresOf,
  storeOuter,
} from "./outer_product_parts.ts";
import { count, lastRow } from "./row_product_parts.ts";
import { groupPass } from "../emit/shader.ts";

/**
 * Writes the sums of slabs. Blocks of `depth` rows lie in workgroup memory; vec4 of i and of j are dealt to the
 * invocations in turn.
 *
 * @param product The factors.
 * @param variant The tile.
 * @param slabs How the rows are cut.
 * @returns The pass.
 */
export function sharedOuter(product: OuterProduct, variant: TileVariant, slabs: SlabTarget): WgslPass {
  const { across, down, depth } = variant;
  const tile = { rows: count(variant.rows), vectors: count(variant.columns / 4) };
  const [high, wide] = [variant.rows * down, variant.columns * across];
  const { digits, workgroups, even } = squaresOf(product, slabs, { high, wide });
  const body = (memory: WgslMemory) =>
    [
      digits,
      `let down = local / ${across}u; let across = local % ${across}u;`,
      `let i = tile_i * ${high}u; let j = tile_j * ${wide}u;`,
      ...openOuter(tile.rows, tile.vectors),
      `let end = min(slab * ${slabs.length}u + ${slabs.length}u, ${product.rows}u);`,
      `for (var block = slab * ${slabs.length}u; block < end; block += ${depth}u) {`,
      // Absent rows are zeros on the left, as padding is.
      ...loadLefts(memory, product, high / 4, depth, across * down),
      ...loadRights(memory, product, wide / 4, depth, across * down),
      "workgroupBarrier();",
      ...count(depth).flatMap((k) => addRow(tile, { high: high / 4, wide: wide / 4, across, down }, k)),
      "workgroupBarrier();",
      "}",
      ...storeOuter(memory, product, tile, {
        row: (m) => `i + (${(m >> 2) * down}u + down) * 4u + ${m & 3}u`,
        column: (v) => `j + (${v * across}u + across) * 4u`,
        even,
      }),
    ].join("\n");
  const functions = [
    `var<workgroup> left_block: array<vec4f, ${depth * high / 4}>;`,
    `var<workgroup> right_block: array<vec4f, ${depth * wide / 4}>;`,
  ];
  const write = (memory: WgslMemory) => ({ functions, body: body(memory) });
  return groupPass(outerBindings(product, slabs.target), { workgroups, workgroupSize: across * down, write });
}

/** Deals the vec4 of a block to the invocations; `row` and `e` are known inside. Rows beyond the last are that one. */
function deal(rows: number, wide: number, depth: number, group: number, text: string): readonly string[] {
  return count(Math.ceil(wide * depth / group)).map((n) => {
    const inside = (n + 1) * group > wide * depth ? `if (local + ${n * group}u < ${wide * depth}u) ` : "";
    const row = `let e = local + ${n * group}u; let first_row = min(block + e / ${wide}u, ${lastRow({ rows })});`;
    return `${inside}{ ${row} let row = first_row;\n${text} }`;
  });
}

function loadLefts(
  memory: WgslMemory,
  { rows, left, open, row }: OuterProduct,
  wide: number,
  depth: number,
  group: number,
): readonly string[] {
  const value = four(memory, left, `left_from + i + e % ${wide}u * 4u`);
  const there = `in_row && block + e / ${wide}u < end`;
  return deal(
    rows,
    wide,
    depth,
    group,
    `${open}\n${row(memory)}\nleft_block[e] = select(vec4f(), ${value}, ${there});`,
  );
}

function loadRights(
  memory: WgslMemory,
  { rows, right, rightFrom }: OuterProduct,
  wide: number,
  depth: number,
  group: number,
): readonly string[] {
  const value = four(memory, right, `right_at + e % ${wide}u * 4u`);
  return deal(rows, wide, depth, group, `let right_at = ${rightFrom("row")} + j; right_block[e] = ${value};`);
}

/** Adds row k of the block. */
function addRow(
  { rows, vectors }: { readonly rows: readonly number[]; readonly vectors: readonly number[] },
  { high, wide, across, down }: {
    readonly high: number;
    readonly wide: number;
    readonly across: number;
    readonly down: number;
  },
  k: number,
): readonly string[] {
  return [
    "{",
    ...count(rows.length / 4).map((v) => `let left_${v} = left_block[${k * high + v * down}u + down];`),
    ...vectors.map((v) => `let right_${v} = right_block[${k * wide + v * across}u + across];`),
    ...rows.flatMap((m) =>
      vectors.map((v) => `sum_${m}_${v} = fma(vec4f(left_${m >> 2}.${LANES[m & 3]}), right_${v}, sum_${m}_${v});`)
    ),
    "}",
  ];
}

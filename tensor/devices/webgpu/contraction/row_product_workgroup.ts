/** @file Rows times a matrix through workgroup memory: a group loads blocks of both factors once for all its invocations. */
import type { TileVariant, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { LANES } from "../emit/values.ts";
import {
  addProducts,
  bindingsOf,
  count,
  depthLoop,
  lastRow,
  leftValue,
  openSum,
  openSums,
  type RightMatrix,
  type RowProduct,
  stepOf,
  storeRows,
  sumsOf,
  type Tile,
} from "./row_product_parts.ts";
import { groupPass } from "../emit/shader.ts";

/** A block: rows by depth on the left, depth by columns on the right, loaded by `group` invocations. */
interface Block {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly group: number;
  /** Depths of a load on the left. */
  readonly step: number;
  readonly across: number;
  readonly down: number;
}

/**
 * Writes a product. Rows and vec4 of columns are dealt to the invocations in turn, so that neighbours read neighbours.
 *
 * @param product The factors.
 * @param variant The tile.
 * @returns The pass.
 */
export function sharedRows(product: RowProduct, variant: TileVariant): WgslPass {
  const { rows, columns, left, taps } = product;
  const { across, down, depth } = variant;
  const tile: Tile = { rows: count(variant.rows), vectors: count(variant.columns / 4), step: 4 * across };
  const step = stepOf(left);
  const size = { rows: variant.rows * down, columns: variant.columns * across };
  const block: Block = { ...size, depth, group: across * down, step, across, down };
  const [groupsDown, groupsAcross] = [Math.ceil(rows / block.rows), Math.ceil(columns / block.columns)];
  const even = rows % block.rows === 0;
  const loads = count(Math.ceil(block.rows * depth / step / block.group));
  const apart = block.group / (depth / step);
  const body = (memory: WgslMemory) =>
    [
      openSum(product, `square / ${groupsDown * groupsAcross}u`),
      `let first_row = square / ${groupsAcross}u % ${groupsDown}u * ${block.rows}u;`,
      `let first_column = square % ${groupsAcross}u * ${block.columns}u;`,
      `let down = local / ${across}u; let across = local % ${across}u;`,
      "let column = first_column + across * 4u;",
      `let own_depth = local % ${depth / step}u * ${step}u; let own_row = local / ${depth / step}u;`,
      ...loads.map((i) => `let row_${i} = min(first_row + own_row + ${i * apart}u, ${lastRow(product)});`),
      ...loads.map((i) => left.row(i)),
      ...openSums(tile),
      ...(taps ? [taps.open, ...tapBody(memory, product, tile, block, loads), taps.close] : []),
      ...storeRows(memory, product, tile, (m) => `first_row + ${m * down}u + down`, even),
    ].join("\n");
  const functions = taps
    ? [
      `var<workgroup> left_block: array<${step === 4 ? "vec4f" : "f32"}, ${block.rows * depth / step}>;`,
      `var<workgroup> right_block: array<vec4f, ${depth * block.columns / 4}>;`,
    ]
    : [];
  const write = (memory: WgslMemory) => ({ functions, body: body(memory) });
  const workgroups = sumsOf(product) * groupsDown * groupsAcross;
  return groupPass(bindingsOf(product), { workgroups, workgroupSize: block.group, write });
}

function tapBody(
  memory: WgslMemory,
  product: RowProduct,
  tile: Tile,
  block: Block,
  loads: readonly number[],
): readonly string[] {
  const { depth, left, right } = product;
  return [
    ...loads.map((i) => left.tap(i, memory)),
    `let right_from = ${right.from};`,
    depthLoop(product, block.depth),
    // Each element of a block is loaded by one invocation, and read by as many as there are tiles across or down.
    ...loads.map((i) => storeLeft(memory, product, block, i)),
    ...(right.transposed ? storeTransposed : storeStraight)(memory, right, depth, block),
    "workgroupBarrier();",
    // Between the barriers the blocks only are read; after the second they may be written for the next depths.
    ...count(block.depth / block.step).flatMap((d) => addBlock(tile, block, d)),
    "workgroupBarrier();",
    "}",
  ];
}

function storeLeft(memory: WgslMemory, { depth, left }: RowProduct, block: Block, i: number): string {
  const value = leftValue(memory, left, "k + own_depth", i);
  const zero = block.step === 4 ? "vec4f()" : "0f";
  const inside = depth % block.depth === 0 ? value : `select(${zero}, ${value}, k + own_depth < ${depth}u)`;
  const at = `local + ${i * block.group}u`;
  const last = (i + 1) * block.group * block.step > block.rows * block.depth;
  return `${last ? `if (${at} < ${block.rows * block.depth / block.step}u) ` : ""}{ left_block[${at}] = ${inside}; }`;
}

/** Repeats a load for the elements that fall to an invocation, where there are any. */
function deal(elements: number, group: number, text: (e: string) => string): readonly string[] {
  return count(Math.ceil(elements / group)).map((i) => {
    const inside = (i + 1) * group > elements ? `if (local + ${i * group}u < ${elements}u) ` : "";
    return `${inside}{ let e = local + ${i * group}u; ${text("e")} }`;
  });
}

/** Right block of a matrix that is contiguous along the columns. Beyond the depth it is zero, as anything may lie there. */
function storeStraight(
  { load }: WgslMemory,
  { name, stride, aligned }: RightMatrix,
  depth: number,
  block: Block,
): readonly string[] {
  const wide = block.columns / 4;
  return deal(block.depth * wide, block.group, (e) => {
    const at = `right_from + (k + ${e} / ${wide}u) * ${stride}u + first_column + ${e} % ${wide}u * 4u`;
    const scalars = LANES.map((_, j) => load(name, `at + ${j}u`)).join(", ");
    const value = aligned ? load(name, "at / 4u") : `vec4f(${scalars})`;
    const inside = depth % block.depth === 0 ? value : `select(vec4f(), ${value}, k + ${e} / ${wide}u < ${depth}u)`;
    return `let at = ${at}; right_block[${e}] = ${inside};`;
  });
}

/** The same of a matrix that is contiguous along the depth: four columns by one step are turned in registers. */
function storeTransposed(
  memory: WgslMemory,
  right: RightMatrix,
  depth: number,
  block: Block,
): readonly string[] {
  const { name, stride, aligned } = right;
  const [wide, steps, step] = [block.columns / 4, block.depth / block.step, block.step];
  return deal(wide * steps, block.group, (e) => {
    const at = (j: number) => `(right_from + (first_column + c * 4u + ${j}u) * ${stride}u + k + d)`;
    const load = (j: number) => memory.load(name, aligned ? `${at(j)} / 4u` : at(j));
    const zero = aligned ? "vec4f()" : "0f";
    const bounded = (j: number) =>
      depth % block.depth === 0 ? load(j) : `select(${zero}, ${load(j)}, k + d < ${depth}u)`;
    const part = (i: number) => aligned ? `.${LANES[i]}` : "";
    // Unaligned matrices are read one depth at a time, also where the rows on the left are aligned.
    if (step === 4 && !aligned) return storeScalars(memory, right, depth, block, e);
    return [
      `let c = ${e} / ${steps}u; let d = ${e} % ${steps}u * ${step}u;`,
      ...LANES.map((_, j) => `let along_${j} = ${bounded(j)};`),
      ...count(step).map((i) =>
        `right_block[(d + ${i}u) * ${wide}u + c] = vec4f(${LANES.map((_, j) => `along_${j}${part(i)}`).join(", ")});`
      ),
    ].join(" ");
  });
}

function storeScalars(
  memory: WgslMemory,
  { name, stride }: RightMatrix,
  depth: number,
  block: Block,
  e: string,
): string {
  const [wide, steps] = [block.columns / 4, block.depth / block.step];
  const element = (i: number, j: number) => {
    const value = memory.load(name, `right_from + (first_column + c * 4u + ${j}u) * ${stride}u + k + d + ${i}u`);
    return depth % block.depth === 0 ? value : `select(0f, ${value}, k + d + ${i}u < ${depth}u)`;
  };
  return [
    `let c = ${e} / ${steps}u; let d = ${e} % ${steps}u * ${block.step}u;`,
    ...count(block.step).map((i) =>
      `right_block[(d + ${i}u) * ${wide}u + c] = vec4f(${LANES.map((_, j) => element(i, j)).join(", ")});`
    ),
  ].join(" ");
}

/** Adds the products of step d of the blocks. */
function addBlock(tile: Tile, { columns, depth, step, across, down }: Block, d: number): readonly string[] {
  const wide = columns / 4;
  const rights = count(step).flatMap((i) =>
    tile.vectors.map((v) => `let right_${i}_${v} = right_block[${(d * step + i) * wide + v * across}u + across];`)
  );
  const lefts = tile.rows.map((m) => `let left_${m} = left_block[(${m * down}u + down) * ${depth / step}u + ${d}u];`);
  const products = addProducts(tile, step, (m, i) => step === 4 ? `left_${m}.${LANES[i]}` : `left_${m}`);
  return ["{", ...rights, ...lefts, ...products, "}"];
}

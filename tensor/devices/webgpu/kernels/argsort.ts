import type { ArgsortParams } from "../../../compiler/kernel_forms.ts";
import type { WgslBuffer, WgslKernel, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { type DType, sizeOf, type TensorSpec } from "../../../spec.ts";
import { groupPass, itemPass, unravel } from "../emit/shader.ts";

/** Elements that a group sorts in its memory: two for each of its invocations. */
const BLOCK = 512;

/**
 * Expression of a u32 that orders as the value with the bits `v` does. Comparing integers keeps shader compilers from
 * assuming that there is no NaN.
 */
function sortKey(dtype: DType, descending: boolean): string {
  const turned = descending ? "~" : "";
  if (dtype !== "float32") return `${turned}(v${dtype === "int32" ? " ^ 0x80000000u" : ""})`;
  const bits = "select(v, 0u, v == 0x80000000u)"; // -0 equals 0
  const ordered = `select(${bits} | 0x80000000u, ~v, v > 0x80000000u)`;
  return `select(${turned}(${ordered}), 0xffffffffu, (v & 0x7fffffffu) > 0x7f800000u)`;
}

/** Sizes of a sort, each line of which is filled up to a power of two. */
interface Layout {
  readonly lines: number;
  readonly length: number;
  readonly padded: number;
  /** Elements of a block, and blocks of a line. */
  readonly block: number;
  readonly blocks: number;
  /** Expression of the key of the bits `v`. */
  readonly key: string;
}

/**
 * Stable argsort of the last axis by bitonic merges of pairs of key and place: no two pairs are equal, so the order is
 * unique. Blocks are sorted in workgroup memory; longer distances are passes of their own.
 */
export function argsortWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { descending }: ArgsortParams,
  limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const length = output.shape.at(-1)!;
  const padded = 2 ** Math.max(1, Math.ceil(Math.log2(length)));
  const block = Math.min(padded, BLOCK, 2 * limits.maxInvocations);
  const key = sortKey(inputs[0]!.dtype, descending);
  const layout: Layout = { lines: items / length, length, padded, block, blocks: padded / block, key };
  const passes = [blockPass(layout, 2, block)];
  for (let run = 2 * block; run <= padded; run *= 2) {
    for (let apart = run / 2; apart >= block; apart /= 2) passes.push(distantPass(layout, run, apart));
    passes.push(blockPass(layout, run, run));
  }
  return { passes, scratchBytes: padded > block ? 8 * layout.lines * padded : 0 };
}

const SCRATCH: WgslBuffer = { name: "scratch", type: "u32", buffer: 2 };

/** Puts the pair at `low` and the one at `high` in order; rising where the bit `run` of the position is not set. */
function exchange(position: string, run: string): string {
  return `let rising = (${position} & ${run}) == 0u;
let after = key_low > key_high || (key_low == key_high && place_low > place_high);
if (after == rising) {`;
}

/** Merges runs of the lengths `first … last` as far as they lie in one block; the first pass reads x, the last writes y. */
function blockPass(layout: Layout, first: number, last: number): WgslPass {
  const { lines, padded, block, blocks } = layout;
  const [reads, writes] = [first === 2, last === padded];
  const buffers: readonly WgslBuffer[] = [
    ...(reads ? [{ name: "x", type: "u32", buffer: 0 } as const] : []),
    ...(writes ? [{ name: "y", type: "i32", buffer: 1 } as const] : []),
    ...(reads && writes ? [] : [SCRATCH]),
  ];
  const functions = [`var<workgroup> keys: array<u32, ${block}>;`, `var<workgroup> places: array<u32, ${block}>;`];
  const write = (memory: WgslMemory) => {
    const load = reads ? loadValues(memory, layout) : loadPairs(memory, layout);
    const store = writes ? storePlaces(memory, layout) : storePairs(memory, layout);
    return { functions, body: mergeBlock(layout, { first, last }, { load, store }) };
  };
  return groupPass(buffers, { workgroups: lines * blocks, workgroupSize: block / 2, write });
}

/** Element `e` of a block as the scratch has it: keys of all lines, then places. */
function pairAt({ padded }: Layout): string {
  return `line * ${padded}u + begin + e`;
}

function loadValues({ load }: WgslMemory, { length, key }: Layout): string {
  const value = load("x", `line * ${length}u + begin + e`);
  return `if (begin + e < ${length}u) { let v = ${value}; keys[e] = ${key}; } else { keys[e] = 0xffffffffu; }
places[e] = begin + e;`;
}

function loadPairs({ load }: WgslMemory, layout: Layout): string {
  const at = pairAt(layout);
  const place = load("scratch", `${layout.lines * layout.padded}u + ${at}`);
  return `keys[e] = ${load("scratch", at)}; places[e] = ${place};`;
}

function storePlaces({ store }: WgslMemory, { length }: Layout): string {
  return `if (begin + e < ${length}u) { ${store("y", `line * ${length}u + begin + e`, "i32(places[e])")} }`;
}

function storePairs({ store }: WgslMemory, layout: Layout): string {
  const at = pairAt(layout);
  const place = store("scratch", `${layout.lines * layout.padded}u + ${at}`, "places[e]");
  return `${store("scratch", at, "keys[e]")} ${place}`;
}

/** Statements of an invocation, which loads and stores two elements of the block and compares others. */
function mergeBlock(
  { block, blocks }: Layout,
  { first, last }: { readonly first: number; readonly last: number },
  { load, store }: { readonly load: string; readonly store: string },
): string {
  const both = (text: string) => `for (var e = local; e < ${block}u; e += ${block / 2}u) {\n${text}\n}`;
  return `let line = square / ${blocks}u; let begin = square % ${blocks}u * ${block}u;
${both(load)}
workgroupBarrier();
for (var run = ${first}u; run <= ${last}u; run *= 2u) {
for (var apart = min(run, ${block}u) / 2u; apart > 0u; apart /= 2u) {
let low = (local & ~(apart - 1u)) * 2u + (local & (apart - 1u)); let high = low + apart;
let key_low = keys[low]; let key_high = keys[high]; let place_low = places[low]; let place_high = places[high];
${
    exchange("(begin + low)", "run")
  } keys[low] = key_high; keys[high] = key_low; places[low] = place_high; places[high] = place_low; }
workgroupBarrier();
} }
${both(store)}`;
}

/** One step of merging runs of length `run`: pairs that lie `apart` elements from each other. */
function distantPass({ lines, padded }: Layout, run: number, apart: number): WgslPass {
  const all = lines * padded;
  const body = ({ load, store }: WgslMemory) =>
    `${unravel("item", [["line", 0], ["pair", padded / 2]])}
let position = pair / ${apart}u * ${2 * apart}u + pair % ${apart}u;
let low = line * ${padded}u + position; let high = low + ${apart}u;
let key_low = ${load("scratch", "low")}; let key_high = ${load("scratch", "high")};
let place_low = ${load("scratch", `${all}u + low`)}; let place_high = ${load("scratch", `${all}u + high`)};
${exchange("position", `${run}u`)}
${store("scratch", "low", "key_high")} ${store("scratch", "high", "key_low")}
${store("scratch", `${all}u + low`, "place_high")} ${store("scratch", `${all}u + high`, "place_low")}
}`;
  return itemPass([SCRATCH], { items: all / 2, body });
}

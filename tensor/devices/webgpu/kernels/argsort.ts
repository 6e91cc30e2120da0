import type { ArgsortParams } from "../../../contraction/conv_params.ts";
import type { WgslKernel, WgslLimits, WgslPass } from "../../../compiler/kernel.ts";
import { type DType, sizeOf, type TensorSpec } from "../../../spec.ts";
import { type Binding, groupPass, shaderPass, unravel } from "./shader.ts";

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

const SCRATCH: Binding = { name: "scratch", type: "u32", buffer: 2 };

/** Puts the pair at `low` and the one at `high` in order; rising where the bit `run` of the position is not set. */
function exchange(position: string, run: string): string {
  return `let rising = (${position} & ${run}) == 0u;
let after = key_low > key_high || (key_low == key_high && place_low > place_high);
if (after == rising) {`;
}

/** Merges runs of the lengths `first … last` as far as they lie in one block; the first pass reads x, the last writes y. */
function blockPass({ lines, length, padded, block, blocks, key }: Layout, first: number, last: number): WgslPass {
  const half = block / 2;
  const [reads, writes] = [first === 2, last === padded];
  const at = `line * ${padded}u + begin + e`;
  const load = reads
    ? `if (begin + e < ${length}u) { let v = x[line * ${length}u + begin + e]; keys[e] = ${key}; } else { keys[e] = 0xffffffffu; }
places[e] = begin + e;`
    : `keys[e] = scratch[${at}]; places[e] = scratch[${lines * padded}u + ${at}];`;
  const store = writes
    ? `if (begin + e < ${length}u) { y[line * ${length}u + begin + e] = i32(places[e]); }`
    : `scratch[${at}] = keys[e]; scratch[${lines * padded}u + ${at}] = places[e];`;
  const both = (text: string) => `for (var e = local; e < ${block}u; e += ${half}u) {\n${text}\n}`;
  const body = `let line = square / ${blocks}u; let begin = square % ${blocks}u * ${block}u;
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
  const bindings: readonly Binding[] = [
    ...(reads ? [{ name: "x", type: "u32", buffer: 0 } as const] : []),
    ...(writes ? [{ name: "y", type: "i32", buffer: 1 } as const] : []),
    ...(reads && writes ? [] : [SCRATCH]),
  ];
  const helpers = `var<workgroup> keys: array<u32, ${block}>; var<workgroup> places: array<u32, ${block}>;`;
  return groupPass(bindings, { workgroups: lines * blocks, workgroupSize: half, helpers, body });
}

/** One step of merging runs of length `run`: pairs that lie `apart` elements from each other. */
function distantPass({ lines, padded }: Layout, run: number, apart: number): WgslPass {
  const all = lines * padded;
  const body = `${unravel("item", [["line", 0], ["pair", padded / 2]])}
let position = pair / ${apart}u * ${2 * apart}u + pair % ${apart}u;
let low = line * ${padded}u + position; let high = low + ${apart}u;
let key_low = scratch[low]; let key_high = scratch[high];
let place_low = scratch[${all}u + low]; let place_high = scratch[${all}u + high];
${exchange("position", `${run}u`)}
scratch[low] = key_high; scratch[high] = key_low;
scratch[${all}u + low] = place_high; scratch[${all}u + high] = place_low;
}`;
  return shaderPass([SCRATCH], { items: all / 2, body });
}

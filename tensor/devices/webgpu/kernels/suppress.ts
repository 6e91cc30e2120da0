import type { SuppressParams } from "../../../compiler/kernel_forms.ts";
import type { WgslBuffer, WgslKernel, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { DeviceError } from "../../../errors.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { groupPass, itemPass, unravel } from "../emit/shader.ts";

/** Rows, and words of 32 of them, of each of some groups. */
interface Layout {
  readonly groups: number;
  readonly length: number;
  readonly words: number;
  /** True if rows of different kinds do not see each other. */
  readonly grouped: boolean;
}

/**
 * Greedy suppression in two passes: for each row the later ones that it overlaps too much, one bit each; then a walk over the
 * rows, 32 at a time, that collects the bits of those that are kept.
 */
export function suppressWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { threshold }: SuppressParams,
  limits: WgslLimits,
): WgslKernel {
  if (sizeOf(output.shape) === 0) return { passes: [], scratchBytes: 0 };
  const length = output.shape.at(-1)!;
  const layout = {
    groups: sizeOf(output.shape.slice(0, -1)),
    length,
    words: Math.ceil(length / 32),
    grouped: inputs.length > 2,
  };
  const most = 32 * Math.floor(limits.maxWorkgroupBytes / 4);
  if (length > most) {
    throw new DeviceError(
      "webgpu",
      `Cannot suppress as groups must have at most ${most} boxes on this adapter: current number is ${length}`,
    );
  }
  const passes = [overlapPass(layout, threshold), walkPass(layout, Math.min(256, limits.maxInvocations))];
  return { passes, scratchBytes: 4 * layout.groups * length * layout.words };
}

const scratch = ({ grouped }: Layout): WgslBuffer => ({ name: "scratch", type: "u32", buffer: grouped ? 4 : 3 });

/** Writes the word of a row: bit b stands for row `32 · word + b`, if that comes later. */
function overlapPass(layout: Layout, threshold: number): WgslPass {
  const { groups, length, words, grouped } = layout;
  const box = ({ load }: WgslMemory, row: string) =>
    `vec4f(${[0, 1, 2, 3].map((i) => load("boxes", `(group_row + ${row}) * 4u + ${i}u`)).join(", ")})`;
  const kind = ({ load }: WgslMemory, row: string) => load("kind", `group_row + ${row}`);
  const body = (memory: WgslMemory) =>
    `${unravel("item", [["lot", 0], ["i", length], ["word", words]])}
let group_row = lot * ${length}u;
var bits = 0u;
if (word * 32u + 31u > i) {
let a = ${box(memory, "i")};
let a_area = (a.z - a.x) * (a.w - a.y);
for (var b = 0u; b < 32u; b++) {
let j = word * 32u + b;
if (j <= i || j >= ${length}u${grouped ? ` || ${kind(memory, "i")} != ${kind(memory, "j")}` : ""}) { continue; }
let other = ${box(memory, "j")};
let shared_width = max(0.0, min(a.z, other.z) - max(a.x, other.x));
let shared_area = shared_width * max(0.0, min(a.w, other.w) - max(a.y, other.y));
let whole = a_area + (other.z - other.x) * (other.w - other.y) - shared_area;
let more = shared_area > 0.0 && shared_area > ${threshold} * whole;
bits |= select(0u, 1u << b, more && all_finite(a) && all_finite(other));
} }
${memory.store("scratch", "item", "bits")}`;
  const buffers: readonly WgslBuffer[] = [
    { name: "boxes", type: "f32", buffer: 0 },
    ...(grouped ? [{ name: "kind", type: "i32", buffer: 2 } as const] : []),
    scratch(layout),
  ];
  const pass = itemPass(buffers, { items: groups * length * words, body });
  const finite = `fn all_finite(v: vec4f) -> bool {
return all((bitcast<vec4u>(v) & vec4u(0x7f800000u)) != vec4u(0x7f800000u));
}`;
  return { ...pass, write: (memory) => ({ functions: [finite], ...pass.write(memory) }) };
}

/** Walks over the rows of a group: a workgroup holds a bit for each row that is gone. */
function walkPass(layout: Layout, workgroupSize: number): WgslPass {
  const functions = [`var<workgroup> gone: array<u32, ${layout.words}>;`];
  const buffers: readonly WgslBuffer[] = [
    { name: "valid", type: "i32", buffer: 1 },
    { name: "keep", type: "i32", buffer: layout.grouped ? 3 : 2 },
    scratch(layout),
  ];
  const write = (memory: WgslMemory) => ({ functions, body: walkText(layout, workgroupSize, memory) });
  return groupPass(buffers, { workgroups: layout.groups, workgroupSize, write });
}

/** Bits of rows that do not count are gone from the start. Every invocation goes through the 32 rows at hand; each takes some words of later ones. */
function walkText({ length, words }: Layout, workgroupSize: number, { load, store }: WgslMemory): string {
  const row = `(square * ${length}u + i)`;
  const gather = (bits: string, word: string) =>
    `for (var b = 0u; b < 32u; b++) {
let i = word * 32u + b;
if (i < ${length}u && ((own >> b) & 1u) == 0u) { ${bits} |= ${load("scratch", `${row} * ${words}u + ${word}`)}; }
}`;
  return `for (var w = local; w < ${words}u; w += ${workgroupSize}u) {
var bits = 0u;
for (var b = 0u; b < 32u; b++) {
let i = w * 32u + b;
if (i < ${length}u) { bits |= select(0u, 1u << b, ${load("valid", row)} == 0); }
}
gone[w] = bits;
}
workgroupBarrier();
for (var word = 0u; word < ${words}u; word++) {
var own = gone[word];
${gather("own", "word")}
workgroupBarrier();
for (var w = word + 1u + local; w < ${words}u; w += ${workgroupSize}u) {
var bits = gone[w];
${gather("bits", "w")}
gone[w] = bits;
}
if (local == 0u) { gone[word] = own; }
workgroupBarrier();
}
for (var i = local; i < ${length}u; i += ${workgroupSize}u) {
let kept = 1 - i32((gone[i / 32u] >> (i % 32u)) & 1u);
${store("keep", row, "kept")}
}`;
}

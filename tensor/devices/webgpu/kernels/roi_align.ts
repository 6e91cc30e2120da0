import {
  type MaskAlignParams,
  MAX_ROI_SAMPLES,
  type RoiAlignParams,
  type RoiSampling,
  type RoiSpreadParams,
} from "../../../compiler/kernel_forms.ts";
import type { WgslBuffer, WgslKernel, WgslLimits, WgslMemory } from "../../../compiler/kernel_text.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { itemPass, unravel } from "../emit/shader.ts";

/** One axis of a region: its low end, side of a bin and samples of a bin; then a sample: two cells with their shares. */
function geometry({ sampling, aligned }: RoiSampling): readonly string[] {
  const wanted = sampling > 0 ? `${sampling}` : `i32(clamp(ceil(side), 0.0, ${MAX_ROI_SAMPLES}.0))`;
  return [
    `fn is_finite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u; }`,
    `struct Axis { low: f32, side: f32, count: i32 }`,
    `fn axis_of(from_pixel: f32, to_pixel: f32, scale: f32, bins: i32) -> Axis {
let low = from_pixel * scale - ${aligned ? "0.5" : "0.0"}; let high = to_pixel * scale - ${aligned ? "0.5" : "0.0"};
let side = ${aligned ? "(high - low)" : "max(high - low, 1.0)"} / f32(bins);
return Axis(low, side, select(0, ${wanted}, is_finite(from_pixel) && is_finite(to_pixel) && is_finite(side)));
}`,
    `fn sample_of(axis: Axis, bin: i32, i: i32) -> f32 {
return axis.low + f32(bin) * axis.side + (f32(i) + 0.5) * axis.side / f32(axis.count);
}`,
    `struct Cells { first: i32, second: i32, first_share: f32, second_share: f32 }`,
    `fn cells_of(at: f32, cells: i32) -> Cells {
let place = max(at, 0.0); let cell = i32(place);
if (cell >= cells - 1) { return Cells(cells - 1, cells - 1, 1.0, 0.0); }
let share = place - f32(cell); return Cells(cell, cell + 1, 1.0 - share, share);
}`,
  ];
}

/** Samples of each bin. */
const SAMPLES = "f32(down.count * across.count)";

/**
 * Loops over the samples of bin `(p, q)` that lie on the map; `add` is the text for a cell of it, by its number and its share
 * of the sample, `end` what follows those of a sample.
 */
function eachSample(height: number, width: number, add: (cell: string, share: string) => string, end = ""): string {
  const corner = (y: string, x: string) => add(`v.${y} * ${width} + u.${x}`, `v.${y}_share * u.${x}_share`);
  return `for (var i = 0; i < down.count; i++) {
let row = sample_of(down, p, i);
if (row < -1.0 || row > ${height}.0) { continue; }
let v = cells_of(row, ${height});
for (var j = 0; j < across.count; j++) {
let column = sample_of(across, q, j);
if (column < -1.0 || column > ${width}.0) { continue; }
let u = cells_of(column, ${width});
${corner("first", "first")}
${corner("first", "second")}
${corner("second", "first")}
${corner("second", "second")}
${end}
} }`;
}

/** Statements that name the axes of region `r`. */
function axes({ load }: WgslMemory, { size: [rows, columns] }: RoiSampling, scale: number): string {
  const corner = (i: number) => load("boxes", `r * 4u + ${i}u`);
  return `let down = axis_of(${corner(1)}, ${corner(3)}, ${scale}, ${rows});
let across = axis_of(${corner(0)}, ${corner(2)}, ${scale}, ${columns});`;
}

const rowsOf = (name: string, buffer: number): WgslBuffer => ({ name, type: "i32", buffer });

/** Means of maps over the bins of regions; an invocation is a number of the result. */
export function roiAlignWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: RoiAlignParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [, rows, columns, channels] = output.shape as [number, number, number, number];
  const maps = inputs.slice(3);
  const level = (memory: WgslMemory, i: number) => {
    const [batch, height, width] = maps[i]!.shape as [number, number, number];
    const add = (cell: string, share: string) =>
      `sum += ${memory.load(`map${i}`, `(base + u32(${cell})) * ${channels}u + c`)} * (${share} / ${SAMPLES});`;
    return `if (level == ${params.levels[i]!} && image >= 0 && image < ${batch}) {
let base = u32(image) * ${height * width}u;
${axes(memory, params, params.scales[i]!)}
${eachSample(height, width, add)}
}`;
  };
  const body = (memory: WgslMemory) =>
    `${unravel("item", [["r", 0], ["row_bin", rows], ["column_bin", columns], ["c", channels]])}
let p = i32(row_bin); let q = i32(column_bin);
let image = ${memory.load("image", "r")}; let level = ${memory.load("level", "r")};
var sum = 0.0;
${maps.map((_, i) => level(memory, i)).join("\n")}
${memory.store("y", "item", "sum")}`;
  const buffers: readonly WgslBuffer[] = [
    { name: "boxes", type: "f32", buffer: 0 },
    ...[rowsOf("image", 1), rowsOf("level", 2)],
    ...maps.map((_, i) => ({ name: `map${i}`, type: "f32", buffer: 3 + i }) as const),
    { name: "y", type: "f32", buffer: 3 + maps.length },
  ];
  return { passes: [withFunctions(itemPass(buffers, { items, body }), geometry(params))], scratchBytes: 0 };
}

function withFunctions(pass: ReturnType<typeof itemPass>, functions: readonly string[]): ReturnType<typeof itemPass> {
  return { ...pass, write: (memory) => ({ functions, ...pass.write(memory) }) };
}

/** Share of a cell in a bin along an axis, and which bins can have one. */
const ADJOINT: readonly string[] = [
  `fn share_of(axis: Axis, bin: i32, cell: i32, cells: i32) -> f32 {
var share = 0.0;
for (var i = 0; i < axis.count; i++) {
let at = sample_of(axis, bin, i);
if (at < -1.0 || at > f32(cells)) { continue; }
share += max(0.0, 1.0 - abs(clamp(at, 0.0, f32(cells - 1)) - f32(cell)));
}
return share / f32(max(axis.count, 1));
}`,
  // The cell is read by samples less than one cell away; a bin more on each side allows for rounding.
  `fn bins_of(axis: Axis, cell: i32, bins: i32) -> vec2i {
if (axis.count == 0) { return vec2i(0, -1); }
if (axis.side <= 0.0) { return vec2i(0, bins - 1); }
let from_bin = floor((f32(cell) - 1.0 - axis.low) / axis.side) - 1.0;
let to_bin = floor((f32(cell) + 1.0 - axis.low) / axis.side) + 1.0;
return vec2i(i32(clamp(from_bin, 0.0, f32(bins))), i32(clamp(to_bin, -1.0, f32(bins - 1))));
}`,
];

/** The adjoint of region means: each cell sums over the regions in order, so that there is one order of sums. */
export function roiSpreadWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: RoiSpreadParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [rois, rows, columns] = inputs[0]!.shape as [number, number, number];
  const [, height, width, channels] = params.map;
  const body = (memory: WgslMemory) =>
    `${unravel("item", [["b", 0], ["cell_row", height], ["cell_column", width], ["c", channels]])}
let y = i32(cell_row); let x = i32(cell_column);
var sum = 0.0;
for (var r = 0u; r < ${rois}u; r++) {
if (${memory.load("image", "r")} != i32(b) || ${memory.load("level", "r")} != ${params.level}) { continue; }
${axes(memory, params, params.scale)}
let ps = bins_of(down, y, ${rows}); let qs = bins_of(across, x, ${columns});
for (var p = ps.x; p <= ps.y; p++) {
let row_share = share_of(down, p, y, ${height});
if (row_share == 0.0) { continue; }
for (var q = qs.x; q <= qs.y; q++) {
let share = row_share * share_of(across, q, x, ${width});
if (share != 0.0) { sum += share * ${
      memory.load("values", `((r * ${rows}u + u32(p)) * ${columns}u + u32(q)) * ${channels}u + c`)
    }; }
} } }
${memory.store("sums", "item", "sum")}`;
  const buffers: readonly WgslBuffer[] = [
    { name: "values", type: "f32", buffer: 0 },
    { name: "boxes", type: "f32", buffer: 1 },
    ...[rowsOf("image", 2), rowsOf("level", 3)],
    { name: "sums", type: "f32", buffer: 4 },
  ];
  const functions = [...geometry(params), ...ADJOINT];
  return { passes: [withFunctions(itemPass(buffers, { items, body }), functions)], scratchBytes: 0 };
}

/** Means of bit-packed masks; an invocation is a bin. Sums in torchvision's order, divided at the end, as the cpu's. */
export function maskAlignWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: MaskAlignParams,
  _limits: WgslLimits,
): WgslKernel {
  const items = sizeOf(output.shape);
  if (items === 0) return { passes: [], scratchBytes: 0 };
  const [masks, height, words] = inputs[0]!.shape as [number, number, number];
  const [, rows, columns] = output.shape as [number, number, number];
  const body = (memory: WgslMemory) => {
    const add = (cell: string, share: string) => {
      const word = memory.load("bits", `base + at / ${params.width}u * ${words}u + at % ${params.width}u / 32u`);
      return `{ let at = u32(${cell}); let bit = (u32(${word}) >> (at % ${params.width}u % 32u)) & 1u;
sample += f32(bit) * (${share}); }`;
    };
    return `${unravel("item", [["r", 0], ["row_bin", rows], ["column_bin", columns]])}
let p = i32(row_bin); let q = i32(column_bin);
let mask = ${memory.load("mask", "r")};
var sum = 0.0; var sample = 0.0;
if (mask >= 0 && mask < ${masks}) {
let base = u32(mask) * ${height * words}u;
${axes(memory, params, 1)}
${eachSample(height, params.width, add, "sum += sample; sample = 0.0;")}
sum /= max(${SAMPLES}, 1.0);
}
${memory.store("y", "item", "sum")}`;
  };
  const buffers: readonly WgslBuffer[] = [
    rowsOf("bits", 0),
    { name: "boxes", type: "f32", buffer: 1 },
    rowsOf("mask", 2),
    { name: "y", type: "f32", buffer: 3 },
  ];
  return { passes: [withFunctions(itemPass(buffers, { items, body }), geometry(params))], scratchBytes: 0 };
}

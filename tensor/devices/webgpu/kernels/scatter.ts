import type { ScatterParams } from "../../../compiler/kernel_forms.ts";
import type { WgslBuffer, WgslKernel, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { itemPass, unravel } from "../emit/shader.ts";

/** Up to so many pairs of place and row, each place looks at every row; beyond, rows are sorted by place first. */
const SCAN_LIMIT = 1 << 18;
/** Ranges of places whose counts are added up side by side. */
const RANGES = 256;

type Element = "f32" | "i32" | "u32";

/** Statements of a variable `all` that gathers values `v` of an element type. */
interface Combination {
  start(type: Element): string;
  join(type: Element): string;
}

const SUMS: Combination = {
  start: (type) => `var all = ${type}();`,
  join: () => "all += v;",
};

const IS_NAN = (x: string) => `(bitcast<u32>(${x}) & 0x7fffffffu) > 0x7f800000u`;

/** Bits of the least value lie in a variable, as constants may not be infinite. */
const MAXIMA: Combination = {
  start: (type) =>
    `var least = ${
      type === "f32" ? "0xff800000u" : type === "i32" ? "0x80000000u" : "0u"
    }; var all = bitcast<${type}>(least);`,
  join: (type) =>
    `if (${type === "f32" ? `!(${IS_NAN("all")}) && (${IS_NAN("v")} || v > all)` : "v > all"}) { all = v; }`,
};

/** The largest rows `[M, R]` at each place; see `scatterAddWgsl`. */
export function scatterMaxWgsl(inputs: readonly TensorSpec[], output: TensorSpec, _params: ScatterParams): WgslKernel {
  return scatterWgsl(inputs, output, MAXIMA);
}

/** Sizes, and where the scratch keeps what. It begins with a count of each place, later the end of its rows. */
interface Layout {
  readonly rows: number;
  readonly places: number;
  /** Rows sorted by place, in any order within one. */
  readonly loose: number;
  /** Rows sorted by place, then by number. */
  readonly sorted: number;
  /** How many rows each range of places has. */
  readonly sums: number;
}

/**
 * Adds rows `[M, R]` into the places that indices name, in the order of the rows. There are no atomic sums of floats and
 * their order would vary: many rows are sorted by place, with counts of whole numbers, then each sum has one invocation.
 */
export function scatterAddWgsl(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  _params: ScatterParams,
  _limits: WgslLimits,
): WgslKernel {
  return scatterWgsl(inputs, output, SUMS);
}

function scatterWgsl(inputs: readonly TensorSpec[], output: TensorSpec, combination: Combination): WgslKernel {
  if (sizeOf(output.shape) === 0) return { passes: [], scratchBytes: 0 };
  const [rows, columns] = inputs[0]!.shape as [number, number];
  const places = output.shape[0]!;
  const type = output.dtype === "float32" ? "f32" : output.dtype === "int32" ? "i32" : "u32";
  if (rows * places <= SCAN_LIMIT) {
    return { passes: [scanRows(rows, places, columns, type, combination)], scratchBytes: 0 };
  }
  const layout = { rows, places, loose: places, sorted: places + rows, sums: places + 2 * rows };
  const passes = [...sortRows(layout), addSortedRows(layout, columns, type, combination)];
  return { passes, scratchBytes: 4 * (layout.sums + RANGES) };
}

function scanRows(
  rows: number,
  places: number,
  columns: number,
  type: Element,
  { start, join }: Combination,
): WgslPass {
  const body = ({ load, store }: WgslMemory) =>
    `${unravel("item", [["place", 0], ["column", columns]])}
  ${start(type)}
  for (var m = 0u; m < ${rows}u; m++) {
    if (u32(${load("indices", "m")}) == place) { let v = ${load("updates", `m * ${columns}u + column`)}; ${join(type)} }
  }
  ${store("y", "item", "all")}`;
  const bindings: readonly WgslBuffer[] = [
    { name: "updates", type, buffer: 0 },
    { name: "indices", type: "i32", buffer: 1 },
    { name: "y", type, buffer: 2 },
  ];
  return itemPass(bindings, { items: places * columns, body });
}

/** Counting sort of the rows by place. Atomic counts are whole numbers: only the order within a place varies. */
function sortRows(layout: Layout): readonly WgslPass[] {
  const { rows, places, loose, sorted } = layout;
  const indices: WgslBuffer = { name: "indices", type: "i32", buffer: 1 };
  const plain: WgslBuffer = { name: "scratch", type: "u32", buffer: 3 };
  const atomic: WgslBuffer = { ...plain, type: "atomic<u32>" };
  const place = ({ load }: WgslMemory) =>
    `  let place = u32(${load("indices", "item")});\n  if (place >= ${places}u) { return; }`;
  const count = (memory: WgslMemory) => `${place(memory)}\n  atomicAdd(&${memory.place("scratch", "place")}, 1u);`;
  // Each row moves the start of its place on, so that afterwards it is the end: the start of the next.
  const spread = (memory: WgslMemory) =>
    `${place(memory)}
  let at = atomicAdd(&${memory.place("scratch", "place")}, 1u);
  atomicStore(&${memory.place("scratch", `${loose}u + at`)}, item);`;
  const order = (memory: WgslMemory) =>
    `${place(memory)}
${range(memory)}
  var at = begin;
  for (var i = begin; i < end; i++) { at += u32(${memory.load("scratch", `${loose}u + i`)} < item); }
  ${memory.store("scratch", `${sorted}u + at`, "item")}`;
  return [
    itemPass([plain], { items: places, body: ({ store }) => store("scratch", "item", "0u") }),
    itemPass([indices, atomic], { items: rows, body: count }),
    ...startsOfPlaces(plain, layout),
    itemPass([indices, atomic], { items: rows, body: spread }),
    itemPass([indices, plain], { items: rows, body: order }),
  ];
}

/** Names the rows of a place: from the end of the one before to its own. */
function range({ load }: WgslMemory): string {
  return `  var begin = 0u;
  if (place > 0u) { begin = ${load("scratch", "place - 1u")}; }
  let end = ${load("scratch", "place")};`;
}

/** Turns counts into starts: sums of ranges first, then each range goes on from the sum of those before. */
function startsOfPlaces(scratch: WgslBuffer, { places, sums }: Layout): readonly WgslPass[] {
  const width = Math.ceil(places / RANGES);
  const bounds = `  let begin = min(item * ${width}u, ${places}u);
  let end = min(begin + ${width}u, ${places}u);`;
  const add = ({ load, store }: WgslMemory) =>
    `${bounds}
  var sum = 0u;
  for (var i = begin; i < end; i++) { sum += ${load("scratch", "i")}; }
  ${store("scratch", `${sums}u + item`, "sum")}`;
  const place = ({ load, store }: WgslMemory) =>
    `${bounds}
  var start = 0u;
  for (var i = 0u; i < item; i++) { start += ${load("scratch", `${sums}u + i`)}; }
  for (var i = begin; i < end; i++) {
    let count = ${load("scratch", "i")};
    ${store("scratch", "i", "start")}
    start += count;
  }`;
  return [add, place].map((body) => itemPass([scratch], { items: RANGES, body }));
}

function addSortedRows(
  { places, sorted }: Layout,
  columns: number,
  type: Element,
  { start, join }: Combination,
): WgslPass {
  const body = (memory: WgslMemory) => {
    const row = memory.load("scratch", `${sorted}u + i`);
    return `${unravel("item", [["place", 0], ["column", columns]])}
${range(memory)}
  ${start(type)}
  for (var i = begin; i < end; i++) { let v = ${memory.load("updates", `${row} * ${columns}u + column`)}; ${
      join(type)
    } }
  ${memory.store("y", "item", "all")}`;
  };
  const bindings: readonly WgslBuffer[] = [
    { name: "updates", type, buffer: 0 },
    { name: "y", type, buffer: 2 },
    { name: "scratch", type: "u32", buffer: 3 },
  ];
  return itemPass(bindings, { items: places * columns, body });
}

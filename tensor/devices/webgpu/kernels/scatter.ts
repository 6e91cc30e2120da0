import type { ScatterParams } from "../../../compiler/kernel_forms.ts";
import type { WgslBuffer, WgslKernel, WgslLimits, WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { MAX_TURNS } from "../machine.ts";
import { itemPass, unravel } from "../emit/shader.ts";

/**
 * Up to so many pairs of place and row, each place looks at every row; beyond, rows are sorted by place first, which compares
 * those of a place with one another: with few places that is the more.
 */
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

/** Rows that are sorted at once: as many parts, unless they would be short. More parts are more passes, longer ones compare more. */
const [PARTS, LEAST_PART] = [32, 1 << 14];

/** Sizes, and where the scratch keeps what. It begins with a count of each place, later the end of its rows so far. */
interface Layout {
  readonly rows: number;
  readonly places: number;
  /** Where the rows of each place begin. */
  readonly starts: number;
  /** Rows sorted by place and part, in any order within those. */
  readonly loose: number;
  /** Rows sorted by place, then by number. */
  readonly sorted: number;
  /** How many rows each range of places has. */
  readonly sums: number;
}

/** What of many rows a pass takes. */
interface Stage {
  readonly from: number;
  readonly to: number;
}

/** Cuts rows into stages of so many: each pass goes on where the one before stopped. One if there are no rows. */
function cutRows(rows: number, length: number): readonly Stage[] {
  const count = Math.max(1, Math.ceil(rows / length));
  return Array.from({ length: count }, (_, i) => ({ from: i * length, to: Math.min(rows, (i + 1) * length) }));
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
  const sizes = { places, columns };
  const stages = cutRows(rows, MAX_TURNS);
  if (rows * places <= SCAN_LIMIT || places ** 2 <= rows) {
    return { passes: stages.map((stage) => scanRows(sizes, type, combination, stage)), scratchBytes: 0 };
  }
  const [loose, sorted, sums] = [2 * places, 2 * places + rows, 2 * places + 2 * rows];
  const layout = { rows, places, starts: places, loose, sorted, sums };
  const passes = [
    ...sortRows(layout),
    ...stages.map((stage) => addSortedRows(layout, columns, { type, combination, stage })),
  ];
  return { passes, scratchBytes: 4 * (sums + RANGES) };
}

/** Statements that begin a result, or take up what the pass before left of it. */
function takeUp({ load }: WgslMemory, type: Element, { start }: Combination, { from }: Stage): string {
  return from === 0 ? start(type) : `var all = ${load("y", "item")};`;
}

function scanRows(
  { places, columns }: { readonly places: number; readonly columns: number },
  type: Element,
  combination: Combination,
  stage: Stage,
): WgslPass {
  const body = (memory: WgslMemory) => {
    const { load, store } = memory;
    const own = `let v = ${load("updates", `m * ${columns}u + column`)}; ${combination.join(type)}`;
    return `${unravel("item", [["place", 0], ["column", columns]])}
  ${takeUp(memory, type, combination, stage)}
  for (var m = ${stage.from}u; m < ${stage.to}u; m++) {
    if (u32(${load("indices", "m")}) == place) { ${own} }
  }
  ${store("y", "item", "all")}`;
  };
  const bindings: readonly WgslBuffer[] = [
    { name: "updates", type, buffer: 0 },
    { name: "indices", type: "i32", buffer: 1 },
    { name: "y", type, buffer: 2 },
  ];
  return itemPass(bindings, { items: places * columns, body });
}

/**
 * Counting sort of the rows by place. Atomic counts are whole numbers: only the order within a place varies, and is mended
 * by comparing each row with the others of its place and part.
 */
function sortRows(layout: Layout): readonly WgslPass[] {
  const { rows, places, loose } = layout;
  const indices: WgslBuffer = { name: "indices", type: "i32", buffer: 1 };
  const plain: WgslBuffer = { name: "scratch", type: "u32", buffer: 3 };
  const atomic: WgslBuffer = { ...plain, type: "atomic<u32>" };
  const placeOf = ({ load }: WgslMemory, from: number) =>
    `  let row = ${from}u + item;
  let place = u32(${load("indices", "row")});
  if (place >= ${places}u) { return; }`;
  const count = (memory: WgslMemory) => `${placeOf(memory, 0)}\n  atomicAdd(&${memory.place("scratch", "place")}, 1u);`;
  // Each row moves the end of its place on.
  const spread = (from: number) => (memory: WgslMemory) =>
    `${placeOf(memory, from)}
  let at = atomicAdd(&${memory.place("scratch", "place")}, 1u);
  atomicStore(&${memory.place("scratch", `${loose}u + at`)}, row);`;
  const order = (from: number) => (memory: WgslMemory) => `${placeOf(memory, from)}\n${ranked(memory, layout, from)}`;
  return [
    itemPass([plain], { items: places, body: ({ store }) => store("scratch", "item", "0u") }),
    itemPass([indices, atomic], { items: rows, body: count }),
    ...startsOfPlaces(plain, layout),
    ...cutRows(rows, Math.min(MAX_TURNS, Math.max(LEAST_PART, Math.ceil(rows / PARTS)))).flatMap(({ from, to }) => [
      itemPass([indices, atomic], { items: to - from, body: spread(from) }),
      itemPass([indices, plain], { items: to - from, body: order(from) }),
    ]),
  ];
}

/** Puts `row` among those of `place` that came with its part, which begins at `from`: they are the last of the place so far. */
function ranked(memory: WgslMemory, layout: Layout, from: number): string {
  const { loose, sorted } = layout;
  return `${range(memory, layout)}
  var rank = 0u;
  var first = end;
  while (first > begin) {
    let other = ${memory.load("scratch", `${loose}u + first - 1u`)};
    if (other < ${from}u) { break; }
    rank += u32(other < row);
    first--;
  }
  ${memory.store("scratch", `${sorted}u + first + rank`, "row")}`;
}

/** Names where the rows of a place begin and end. */
function range({ load }: WgslMemory, { starts }: Layout): string {
  return `  let begin = ${load("scratch", `${starts}u + place`)}; let end = ${load("scratch", "place")};`;
}

/** Turns counts into starts: sums of ranges first, then each range goes on from the sum of those before. */
function startsOfPlaces(scratch: WgslBuffer, { places, starts, sums }: Layout): readonly WgslPass[] {
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
    ${store("scratch", "i", "start")} ${store("scratch", `${starts}u + i`, "start")}
    start += count;
  }`;
  return [add, place].map((body) => itemPass([scratch], { items: RANGES, body }));
}

function addSortedRows(
  layout: Layout,
  columns: number,
  { type, combination, stage }: {
    readonly type: Element;
    readonly combination: Combination;
    readonly stage: Stage;
  },
): WgslPass {
  const { places, sorted } = layout;
  const body = (memory: WgslMemory) => {
    const row = memory.load("scratch", `${sorted}u + i`);
    return `${unravel("item", [["place", 0], ["column", columns]])}
${range(memory, layout)}
  ${takeUp(memory, type, combination, stage)}
  for (var i = begin + ${stage.from}u; i < min(begin + ${stage.to}u, end); i++) { let v = ${
      memory.load("updates", `${row} * ${columns}u + column`)
    }; ${combination.join(type)} }
  ${memory.store("y", "item", "all")}`;
  };
  const bindings: readonly WgslBuffer[] = [
    { name: "updates", type, buffer: 0 },
    { name: "y", type, buffer: 2 },
    { name: "scratch", type: "u32", buffer: 3 },
  ];
  return itemPass(bindings, { items: places * columns, body });
}

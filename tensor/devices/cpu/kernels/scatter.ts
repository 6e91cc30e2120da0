import type { ScatterParams } from "../../../compiler/kernel_forms.ts";
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import { type DType, sizeOf, type TensorSpec } from "../../../spec.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** Columns of one work item. */
const COLUMNS = 64;
/** Work items to aim at. */
const ITEMS = 16;

/** How a row joins what is at its place: by vectors, by single elements, and what is there before. */
interface Combination {
  readonly vector: Wat;
  single(left: Wat, right: Wat): Wat;
  /** Type and value of a lane. */
  readonly start: readonly [shape: "f32x4" | "i32x4", value: string];
}

const SUMS: Combination = {
  vector: "i32x4.add",
  single: (left, right) => `(i32.add ${left} ${right})`,
  start: ["i32x4", "0"],
};

const FLOAT_SUMS: Combination = {
  vector: "f32x4.add",
  single: (left, right) => bitsOf(`(f32.add ${floatOf(left)} ${floatOf(right)})`),
  start: ["f32x4", "0"],
};

const FLOAT_MAXIMA: Combination = {
  vector: "f32x4.max",
  single: (left, right) => bitsOf(`(f32.max ${floatOf(left)} ${floatOf(right)})`),
  start: ["f32x4", "-inf"],
};

function maxima(sign: "s" | "u"): Combination {
  return {
    vector: `i32x4.max_${sign}`,
    single: (left, right) => `(select ${left} ${right} (i32.gt_${sign} ${left} ${right}))`,
    start: ["i32x4", sign === "s" ? "-2147483648" : "0"],
  };
}

function bitsOf(float: Wat): Wat {
  return `(i32.reinterpret_f32 ${float})`;
}

function floatOf(bits: Wat): Wat {
  return `(f32.reinterpret_i32 ${bits})`;
}

/**
 * The cpu kernel of the largest rows at each place.
 *
 * @param inputs As of `scatterAddWat`.
 * @param output `[size, R]`; the least value of the dtype where no row is.
 * @param params Rows of the result.
 * @returns The kernel.
 */
export function scatterMaxWat(inputs: readonly TensorSpec[], output: TensorSpec, params: ScatterParams): WatKernel {
  const byDType: Partial<Record<DType, Combination>> = { float32: FLOAT_MAXIMA, uint32: maxima("u") };
  return scatterWat(inputs, output, params, byDType[output.dtype] ?? maxima("s"));
}

/**
 * The cpu kernel of the adjoint of take: adds rows to the rows that indices name, in the order of the indices. A work item is
 * some rows of the result by some columns; it looks at all indices and adds those that are its own.
 *
 * @param inputs `updates [M, R]`, float32 or a 4-byte integer, and `indices [M]` int32; those outside `[0, size)` are dropped.
 * @param output `[size, R]`.
 * @param params Rows of the result.
 * @returns The kernel.
 */
export function scatterAddWat(inputs: readonly TensorSpec[], output: TensorSpec, params: ScatterParams): WatKernel {
  return scatterWat(inputs, output, params, output.dtype === "float32" ? FLOAT_SUMS : SUMS);
}

function scatterWat(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { size }: ScatterParams,
  combination: Combination,
): WatKernel {
  const updates = inputs[1]!.shape[0]!;
  const row = sizeOf(output.shape.slice(1));
  const columnBlocks = Math.ceil(row / COLUMNS);
  // more ranges of rows mean more looking at indices: worth it for long rows only
  const ranges = Math.max(1, Math.min(size, Math.ceil(ITEMS / Math.max(1, columnBlocks)), Math.ceil(row / 8)));
  const rowsEach = Math.ceil(size / ranges);
  const rowBlocks = Math.ceil(size / Math.max(1, rowsEach));
  const accumulate = accumulateRows(row, combination);
  const item = wat.func(
    "item",
    ["index"],
    wat.block(
      wat.split(wat.get("index"), [["r0", rowBlocks], ["c0", columnBlocks]]),
      wat.set("r0", wat.mul(wat.get("r0"), rowsEach)),
      wat.set("r_end", wat.min(wat.int(size), wat.add(wat.get("r0"), rowsEach))),
      wat.set("rows", wat.sub(wat.get("r_end"), wat.get("r0"))),
      wat.set("c0", wat.mul(wat.get("c0"), COLUMNS)),
      wat.set("bytes", wat.mul(wat.part(COLUMNS, row, "c0"), 4)),
      wat.loop("r", wat.get("r0"), wat.get("r_end"), clearRow(row, combination.start)),
      wat.loop("m", wat.int(0), wat.int(updates), accumulate),
    ),
  );
  const cost = updates * (1 + Math.min(row, COLUMNS) / 4 / ranges);
  return {
    passes: [wat.pass(["updates", "indices", "y"], [item], columnBlocks * rowBlocks, cost)],
    scratchBytes: 0,
    localBytes: 0,
  };
}

/** The item's columns of a row of a buffer. */
function rowAt(buffer: string, name: string, row: number): Wat {
  return wat.add(wat.argument(buffer), wat.mul(wat.get(name), row * 4), wat.mul(wat.get("c0"), 4));
}

function clearRow(row: number, [shape, value]: Combination["start"]): Wat {
  const lane = shape.slice(0, 3);
  const vector = `(v128.store ${wat.get("to")} (v128.const ${shape} ${Array(4).fill(value).join(" ")}))`;
  const single = `(${lane}.store ${wat.get("to")} (${lane}.const ${value}))`;
  return wat.block(wat.set("to", rowAt("y", "r", row)), along(vector, single));
}

/** Combines row `$m` of the updates with its place, if its index is among the item's rows. */
function accumulateRows(row: number, combination: Combination): Wat {
  const load = (type: string, from: string) => `(${type}.load ${wat.get(from)})`;
  const vector = `(v128.store ${wat.get("to")} (${combination.vector} ${load("v128", "to")} ${load("v128", "from")}))`;
  const single = `(i32.store ${wat.get("to")} ${combination.single(load("i32", "to"), load("i32", "from"))})`;
  const addRow = wat.block(
    wat.set("to", rowAt("y", "r", row)),
    wat.set("from", rowAt("updates", "m", row)),
    along(vector, single),
  );
  return wat.block(
    wat.set("r", `(i32.load ${wat.add(wat.argument("indices"), wat.mul(wat.get("m"), 4))})`),
    wat.when(`(i32.lt_u ${wat.sub(wat.get("r"), wat.get("r0"))} ${wat.get("rows")})`, addRow),
  );
}

/** Runs over `$bytes` from `$to` (and `$from`): vectors, then single elements. */
function along(vector: Wat, single: Wat): Wat {
  const forward = (bytes: number) => wat.set("from", wat.add(wat.get("from"), bytes));
  return wat.block(
    wat.set("whole", wat.add(wat.get("to"), `(i32.and ${wat.get("bytes")} ${wat.int(-16)})`)),
    wat.set("stop", wat.add(wat.get("to"), wat.get("bytes"))),
    wat.loop("to", wat.get("to"), wat.get("whole"), wat.block(vector, forward(16)), 16),
    wat.loop("to", wat.get("to"), wat.get("stop"), wat.block(single, forward(4)), 4),
  );
}

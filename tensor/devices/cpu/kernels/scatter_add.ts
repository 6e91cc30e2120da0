import type { ScatterAddParams } from "../../../compiler/kernel_forms.ts";
import type { WatKernel } from "../../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import {
  add,
  argument,
  block,
  func,
  get,
  int,
  loop,
  min,
  mul,
  pass,
  set,
  split,
  sub,
  type Wat,
  when,
} from "../emit/text.ts";

/** Columns of one work item. */
const COLUMNS = 64;
/** Work items to aim at. */
const ITEMS = 16;

/**
 * The cpu kernel of the adjoint of take: adds rows to the rows that indices name, in the order of the indices. A work item is
 * some rows of the result by some columns; it looks at all indices and adds those that are its own.
 *
 * @param inputs `updates [M, R]`, float32 or a 4-byte integer, and `indices [M]` int32; those outside `[0, size)` are dropped.
 * @param output `[size, R]`.
 * @param params Rows of the result.
 * @returns The kernel.
 */
export function scatterAddWat(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { size }: ScatterAddParams,
): WatKernel {
  const updates = inputs[1]!.shape[0]!;
  const row = sizeOf(output.shape.slice(1));
  const columnBlocks = Math.ceil(row / COLUMNS);
  // more ranges of rows mean more looking at indices: worth it for long rows only
  const ranges = Math.max(1, Math.min(size, Math.ceil(ITEMS / Math.max(1, columnBlocks)), Math.ceil(row / 8)));
  const rowsEach = Math.ceil(size / ranges);
  const rowBlocks = Math.ceil(size / Math.max(1, rowsEach));
  const accumulate = accumulateRows(row, output.dtype === "float32");
  const item = func(
    "item",
    ["index"],
    block(
      split(get("index"), [["r0", rowBlocks], ["c0", columnBlocks]]),
      set("r0", mul(get("r0"), rowsEach)),
      set("r_end", min(int(size), add(get("r0"), rowsEach))),
      set("rows", sub(get("r_end"), get("r0"))),
      set("c0", mul(get("c0"), COLUMNS)),
      set("bytes", mul(min(int(COLUMNS), sub(int(row), get("c0"))), 4)),
      loop("r", get("r0"), get("r_end"), clearRow(row)),
      loop("m", int(0), int(updates), accumulate),
    ),
  );
  const cost = updates * (1 + Math.min(row, COLUMNS) / 4 / ranges);
  return {
    passes: [pass(["updates", "indices", "y"], [item], columnBlocks * rowBlocks, cost)],
    scratchBytes: 0,
    localBytes: 0,
  };
}

/** The item's columns of a row of a buffer. */
function rowAt(buffer: string, name: string, row: number): Wat {
  return add(argument(buffer), mul(get(name), row * 4), mul(get("c0"), 4));
}

function clearRow(row: number): Wat {
  const zeros = "(v128.store (local.get $to) (v128.const i32x4 0 0 0 0))";
  return block(set("to", rowAt("y", "r", row)), along(zeros, "(i32.store (local.get $to) (i32.const 0))"));
}

/** Adds row `$m` of the updates, if its index is among the item's rows. */
function accumulateRows(row: number, floating: boolean): Wat {
  const plus = (type: string, operation: string) =>
    `(${type}.store ${get("to")} (${operation} (${type}.load ${get("to")}) (${type}.load ${get("from")})))`;
  const vector = plus("v128", floating ? "f32x4.add" : "i32x4.add");
  const single = floating ? plus("f32", "f32.add") : plus("i32", "i32.add");
  const addRow = block(
    set("to", rowAt("y", "r", row)),
    set("from", rowAt("updates", "m", row)),
    along(vector, single),
  );
  return block(
    set("r", `(i32.load ${add(argument("indices"), mul(get("m"), 4))})`),
    when(`(i32.lt_u ${sub(get("r"), get("r0"))} ${get("rows")})`, addRow),
  );
}

/** Runs over `$bytes` from `$to` (and `$from`): vectors, then single elements. */
function along(vector: Wat, single: Wat): Wat {
  const forward = (bytes: number) => set("from", add(get("from"), bytes));
  return block(
    set("whole", add(get("to"), `(i32.and ${get("bytes")} ${int(-16)})`)),
    set("stop", add(get("to"), get("bytes"))),
    loop("to", get("to"), get("whole"), block(vector, forward(16)), 16),
    loop("to", get("to"), get("stop"), block(single, forward(4)), 4),
  );
}

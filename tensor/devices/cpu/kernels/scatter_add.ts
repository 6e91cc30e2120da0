import type { ScatterAddParams } from "../../../compiler/kernel_forms.ts";
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

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
      wat.loop("r", wat.get("r0"), wat.get("r_end"), clearRow(row)),
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

function clearRow(row: number): Wat {
  const zeros = "(v128.store (local.get $to) (v128.const i32x4 0 0 0 0))";
  return wat.block(wat.set("to", rowAt("y", "r", row)), along(zeros, "(i32.store (local.get $to) (i32.const 0))"));
}

/** Adds row `$m` of the updates, if its index is among the item's rows. */
function accumulateRows(row: number, floating: boolean): Wat {
  const plus = (type: string, operation: string) =>
    `(${type}.store ${wat.get("to")} (${operation} (${type}.load ${wat.get("to")}) (${type}.load ${wat.get("from")})))`;
  const vector = plus("v128", floating ? "f32x4.add" : "i32x4.add");
  const single = floating ? plus("f32", "f32.add") : plus("i32", "i32.add");
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

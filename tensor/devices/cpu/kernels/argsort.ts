import type { ArgsortParams } from "../../../compiler/kernel_forms.ts";
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import { type DType, sizeOf, type TensorSpec } from "../../../spec.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** Rows up to this length are sorted in local memory, longer ones in scratch. */
const LOCAL = 4096;

/**
 * The cpu kernel of a stable argsort along the last axis: a merge sort of pairs (key, position) as 64-bit integers. Keys are
 * ordered as the values are; NaN comes last either way.
 *
 * @param inputs `x [..., L]`, any 4-byte dtype.
 * @param output `[..., L]` int32.
 * @param params Direction.
 * @returns The kernel; a work item is a row.
 */
export function argsortWat(
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  { descending }: ArgsortParams,
): WatKernel {
  const length = output.shape.at(-1)!;
  const rows = sizeOf(output.shape.slice(0, -1));
  const bytes = bytesOf(length);
  const item = sortRow(inputs[0]!.dtype, length, descending);
  const cost = 10 * length * (1 + Math.ceil(Math.log2(Math.max(1, length))));
  return {
    passes: [wat.pass(["x", "y"], [item], length === 0 ? 0 : rows, cost)],
    scratchBytes: length <= LOCAL ? 0 : rows * 2 * bytes,
    localBytes: length <= LOCAL ? 2 * bytes : 0,
  };
}

/** Bytes of an array of pairs; a merge may look one past the end. */
function bytesOf(length: number): number {
  return length * 8 + 16;
}

/** Writes the function that sorts row number `index`. */
function sortRow(dtype: DType, length: number, descending: boolean): Wat {
  const bytes = bytesOf(length);
  const base = length <= LOCAL
    ? wat.argument("local")
    : wat.add(wat.argument("scratch"), wat.mul(wat.get("index"), 2 * bytes));
  const element = (buffer: string) => wat.add(wat.argument(buffer), wat.get("row"), wat.mul(wat.get("i"), 4));
  const pairs = wat.block(
    wat.set("x", `(i32.load ${element("x")})`),
    wat.set("key", keyOf(dtype, descending)),
    `(i64.store ${pair("from", "i")} ${join(wat.get("key"), wat.get("i"))})`,
  );
  const positions = `(i32.store ${element("y")} (i32.load ${pair("from", "i")}))`;
  return wat.func(
    "item",
    ["index"],
    wat.block(
      wat.set("from", base),
      wat.set("to", wat.add(wat.get("from"), bytes)),
      wat.set("row", wat.mul(wat.get("index"), length * 4)),
      wat.loop("i", wat.int(0), wat.int(length), pairs),
      mergeLevels(length),
      wat.loop("i", wat.int(0), wat.int(length), positions),
    ),
    { left: "i64", right: "i64" },
  );
}

function pair(array: string, position: string): Wat {
  return wat.add(wat.get(array), wat.mul(wat.get(position), 8));
}

/** The key in the high half, the position in the low one: equal keys keep their order. */
function join(key: Wat, position: Wat): Wat {
  return `(i64.or (i64.shl (i64.extend_i32_u ${key}) (i64.const 32)) (i64.extend_i32_u ${position}))`;
}

/** An unsigned integer that is ordered as the value with bits `$x` is. */
function keyOf(dtype: DType, descending: boolean): Wat {
  const flip = (key: Wat) => descending ? `(i32.xor ${key} ${wat.int(-1)})` : key;
  if (dtype === "int32") return flip(`(i32.xor ${wat.get("x")} (i32.const 0x80000000))`);
  if (dtype !== "float32") return flip(wat.get("x"));
  // adding 0 makes -0 into 0; then negative numbers are turned around and the others put above them
  const bits = `(i32.reinterpret_f32 (f32.add (f32.reinterpret_i32 ${wat.get("x")}) (f32.const 0)))`;
  const sign = `(i32.or (i32.shr_s ${wat.get("bits")} (i32.const 31)) (i32.const 0x80000000))`;
  const nan = `(i32.gt_u (i32.and ${wat.get("x")} (i32.const 0x7fffffff)) (i32.const 0x7f800000))`;
  return `(block (result i32) ${wat.set("bits", bits)} (select (i32.const -1) ${
    flip(`(i32.xor ${wat.get("bits")} ${sign})`)
  } ${nan}))`;
}

/** Merges runs of 1, 2, 4, … pairs from `$from` into `$to`; the arrays change places after each level. */
function mergeLevels(length: number): Wat {
  const level = wat.block(
    wat.loop(
      "start",
      wat.int(0),
      wat.int(length),
      wat.block(
        wat.set("mid", wat.min(wat.add(wat.get("start"), wat.get("width")), wat.int(length))),
        wat.set("stop", wat.min(wat.add(wat.get("mid"), wat.get("width")), wat.int(length))),
        mergeRuns(),
        wat.set("start", wat.get("stop")),
      ),
      0,
    ),
    wat.set("swap", wat.get("from")),
    wat.set("from", wat.get("to")),
    wat.set("to", wat.get("swap")),
  );
  return wat.block(
    wat.loop(
      "width",
      wat.int(1),
      wat.int(length),
      wat.block(level, wat.set("width", wat.add(wat.get("width"), wat.get("width")))),
      0,
    ),
  );
}

/** Merges `[start, mid)` and `[mid, stop)`, without branches on the keys. */
function mergeRuns(): Wat {
  const below = (a: string, b: string) => `(i32.lt_u ${wat.get(a)} ${wat.get(b)})`;
  const smaller = `(i64.lt_u ${wat.get("left")} ${wat.get("right")})`;
  return wat.block(
    wat.set("i", wat.get("start")),
    wat.set("j", wat.get("mid")),
    wat.loop(
      "k",
      wat.get("start"),
      wat.get("stop"),
      wat.block(
        wat.set("left", `(i64.load ${pair("from", "i")})`),
        wat.set("right", `(i64.load ${pair("from", "j")})`),
        wat.set("take", `(i32.and ${below("i", "mid")} (i32.or (i32.eqz ${below("j", "stop")}) ${smaller}))`),
        `(i64.store ${pair("to", "k")} (select ${wat.get("left")} ${wat.get("right")} ${wat.get("take")}))`,
        wat.set("i", wat.add(wat.get("i"), wat.get("take"))),
        wat.set("j", wat.add(wat.get("j"), `(i32.eqz ${wat.get("take")})`)),
      ),
    ),
  );
}

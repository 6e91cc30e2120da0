import type { ArgsortParams } from "../../../compiler/kernel_forms.ts";
import type { WatKernel } from "../../../compiler/kernel.ts";
import { type DType, sizeOf, type TensorSpec } from "../../../spec.ts";
import { add, argument, block, func, get, int, loop, min, mul, pass, set, type Wat } from "../emit/text.ts";

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
    passes: [pass(["x", "y"], [item], length === 0 ? 0 : rows, cost)],
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
  const base = length <= LOCAL ? argument("local") : add(argument("scratch"), mul(get("index"), 2 * bytes));
  const element = (buffer: string) => add(argument(buffer), get("row"), mul(get("i"), 4));
  const pairs = block(
    set("x", `(i32.load ${element("x")})`),
    set("key", keyOf(dtype, descending)),
    `(i64.store ${pair("from", "i")} ${join(get("key"), get("i"))})`,
  );
  const positions = `(i32.store ${element("y")} (i32.load ${pair("from", "i")}))`;
  return func(
    "item",
    ["index"],
    block(
      set("from", base),
      set("to", add(get("from"), bytes)),
      set("row", mul(get("index"), length * 4)),
      loop("i", int(0), int(length), pairs),
      mergeLevels(length),
      loop("i", int(0), int(length), positions),
    ),
    { left: "i64", right: "i64" },
  );
}

function pair(array: string, position: string): Wat {
  return add(get(array), mul(get(position), 8));
}

/** The key in the high half, the position in the low one: equal keys keep their order. */
function join(key: Wat, position: Wat): Wat {
  return `(i64.or (i64.shl (i64.extend_i32_u ${key}) (i64.const 32)) (i64.extend_i32_u ${position}))`;
}

/** An unsigned integer that is ordered as the value with bits `$x` is. */
function keyOf(dtype: DType, descending: boolean): Wat {
  const flip = (key: Wat) => descending ? `(i32.xor ${key} ${int(-1)})` : key;
  if (dtype === "int32") return flip(`(i32.xor ${get("x")} (i32.const 0x80000000))`);
  if (dtype !== "float32") return flip(get("x"));
  // adding 0 makes -0 into 0; then negative numbers are turned around and the others put above them
  const bits = `(i32.reinterpret_f32 (f32.add (f32.reinterpret_i32 ${get("x")}) (f32.const 0)))`;
  const sign = `(i32.or (i32.shr_s ${get("bits")} (i32.const 31)) (i32.const 0x80000000))`;
  const nan = `(i32.gt_u (i32.and ${get("x")} (i32.const 0x7fffffff)) (i32.const 0x7f800000))`;
  return `(block (result i32) ${set("bits", bits)} (select (i32.const -1) ${
    flip(`(i32.xor ${get("bits")} ${sign})`)
  } ${nan}))`;
}

/** Merges runs of 1, 2, 4, … pairs from `$from` into `$to`; the arrays change places after each level. */
function mergeLevels(length: number): Wat {
  const level = block(
    loop(
      "start",
      int(0),
      int(length),
      block(
        set("mid", min(add(get("start"), get("width")), int(length))),
        set("stop", min(add(get("mid"), get("width")), int(length))),
        mergeRuns(),
        set("start", get("stop")),
      ),
      0,
    ),
    set("swap", get("from")),
    set("from", get("to")),
    set("to", get("swap")),
  );
  return block(
    loop("width", int(1), int(length), block(level, set("width", add(get("width"), get("width")))), 0),
  );
}

/** Merges `[start, mid)` and `[mid, stop)`, without branches on the keys. */
function mergeRuns(): Wat {
  const below = (a: string, b: string) => `(i32.lt_u ${get(a)} ${get(b)})`;
  const smaller = `(i64.lt_u ${get("left")} ${get("right")})`;
  return block(
    set("i", get("start")),
    set("j", get("mid")),
    loop(
      "k",
      get("start"),
      get("stop"),
      block(
        set("left", `(i64.load ${pair("from", "i")})`),
        set("right", `(i64.load ${pair("from", "j")})`),
        set("take", `(i32.and ${below("i", "mid")} (i32.or (i32.eqz ${below("j", "stop")}) ${smaller}))`),
        `(i64.store ${pair("to", "k")} (select ${get("left")} ${get("right")} ${get("take")}))`,
        set("i", add(get("i"), get("take"))),
        set("j", add(get("j"), `(i32.eqz ${get("take")})`)),
      ),
    ),
  );
}

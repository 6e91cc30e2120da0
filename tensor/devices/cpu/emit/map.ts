import type { MapKernel } from "../../../compiler/kernel.ts";
import type { WatKernel } from "../../../compiler/kernel_text.ts";
import { stridesOf, type TensorSpec } from "../../../spec.ts";
import { mergeAxes } from "../../../compiler/axes.ts";
import { costOf, decode, kernelCode, loopWhile, needsScalar } from "./loops.ts";
import { stored } from "./operations.ts";
import type { Place, SharedText } from "./place.ts";
import { sideBySide } from "./side_by_side.ts";
import { ValueWriter } from "./values.ts";

/**
 * Rough cost of an element in nanoseconds from which two vectors are computed in turns: a long expression would wait for
 * each of its own results, as a core does not look far enough ahead to begin with the next four elements meanwhile.
 */
const IN_TURNS = 3;
/** Elements of one work item where the kernel is one long loop. */
const BLOCK = 4096;

/**
 * Writes a fused elementwise kernel: rows of the innermost axis, four elements at a time.
 *
 * @param kernel The kernel.
 * @param inputs Specs of the buffers it reads.
 * @param outputs Specs of the buffers it writes, one per value.
 * @returns One pass; its items are rows, or blocks of 4,096 elements if all axes merge into one.
 */
export function emitMapWat(
  kernel: MapKernel,
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
): WatKernel {
  const { sizes, values } = mergeAxes([kernel.shape], kernel.values);
  const inner = sizes.at(-1) ?? 1;
  const rows = sizes.slice(0, -1);
  const count = rows.reduce((a, b) => a * b, 1);
  const flat = rows.length === 0;
  const lane = sizes.length - 1;
  const { indices, shared, place } = frameOf(rows, lane);
  const outer = new ValueWriter(shared, place(true), null);
  const strides = stridesOf(sizes);
  const write = (scalar: boolean, vectors = 1) => {
    const { writers, valuesOf, around } = sideBySide(shared, place(scalar), vectors, outer);
    const texts = valuesOf(values);
    const stores = values.flatMap((_, i) =>
      writers.map((writer, u) => writer.store(i, strides, stored(kernel.values[i]!.dtype, texts[u]![i]!)))
    );
    return around(stores);
  };
  const scalarOnly = lane < 0 || needsScalar(values, lane);
  const inPairs = costOf(values, lane) >= IN_TURNS;
  const along = scalarOnly ? loopWhile("$j", 1, "(local.get $to)", write(true)) : vectors(inner, inPairs, write);
  const loops = `${outer.lines.join("\n")}\n${along}`;
  const run = flat ? flatRun(inner, loops) : rowsRun(rows, indices, inner, loops);
  const code = kernelCode({ inputs: inputs.length, outputs: outputs.length }, shared, run);
  const items = inner === 0 || count === 0 ? 0 : flat ? Math.ceil(inner / BLOCK) : count;
  const itemCost = costOf(values, lane) * (flat ? Math.min(BLOCK, inner) : inner) * (scalarOnly ? 3 : 1) + 5;
  return { passes: [{ code, items, itemCost }], scratchBytes: 0, localBytes: 0 };
}

/** Locals, and where code stands that computes one element or four from `$j + shift` on. */
function frameOf(rows: readonly number[], lane: number) {
  const indices = rows.map((_, axis) => `$i${axis}`);
  const locals = ["$j", "$to", "$row", "$rest", ...indices].map((name) => `(local ${name} i32)`);
  const shared: SharedText = { locals, calls: new Set(), ids: new Map(), constants: new Map() };
  const place = (scalar: boolean): Place => ({
    indices: [...indices.map((name) => `(local.get ${name})`), ...(lane >= 0 ? ["(local.get $j)"] : [])],
    lane,
    scalar,
    shift: 0,
  });
  return { indices, shared, place };
}

/** Loops over an axis: eight elements at a time, four, one, as far as its size needs them. */
function vectors(inner: number, inPairs: boolean, write: (scalar: boolean, vectors?: number) => string): string {
  const eights = inPairs && inner >= 8;
  return [
    eights ? loopWhile("$j", 8, "(local.get $to)", write(false, 2)) : "",
    eights && inner % 8 === 0 ? "" : loopWhile("$j", 4, "(local.get $to)", write(false)),
    inner % 4 === 0 ? "" : loopWhile("$j", 1, "(local.get $to)", write(true)),
  ].join("\n");
}

function flatRun(size: number, loops: string): string {
  const limit = `(i32.const ${size})`;
  const end = `(i32.mul (local.get $end) (i32.const ${BLOCK}))`;
  return `(local.set $j (i32.mul (local.get $begin) (i32.const ${BLOCK})))
(local.set $to (select ${end} ${limit} (i32.lt_u (local.get $end) (i32.const ${Math.ceil(size / BLOCK)}))))
${loops}`;
}

function rowsRun(rows: readonly number[], indices: readonly string[], inner: number, loops: string): string {
  return `(local.set $to (i32.const ${inner})) (local.set $row (local.get $begin))
${
    loopWhile(
      "$row",
      1,
      "(local.get $end)",
      `${decode("(local.get $row)", rows, indices)} (local.set $j (i32.const 0))\n${loops}`,
    )
  }`;
}

/**
 * @file What an engine that joins neighbouring vectors says of maps and reductions: it lists the pairs that it found, and what
 * joining would save and cost. Where a kernel gives it none, it computes four values at a time without a word.
 */
import { ok } from "node:assert/strict";
import type { MapKernel, ReduceKernel } from "../../../../tensor/compiler/kernel.ts";
import { literal, op, type Scalar } from "../../../../tensor/compiler/scalar.ts";
import { assembleWat } from "../../../../tensor/devices/cpu/assembler/module.ts";
import { emitMapWat } from "../../../../tensor/devices/cpu/emit/map.ts";
import { emitReduceWat } from "../../../../tensor/devices/cpu/emit/reduce.ts";
import type { Shape, TensorSpec } from "../../../../tensor/spec.ts";
import { ERF_OP, EXP_OP, LOG_OP, TANH_OP } from "../../../../tensor/compiler/expansions/composed.ts";
import { EAGER_FLAGS, JOINING_FLAGS } from "../../../../spark/train/fast_cpu/process_engine.ts";

const SHAPE: Shape = [64, 48];
const SPEC: TensorSpec = { shape: SHAPE, dtype: "float32" };
const load = (buffer: number, strides: readonly number[]): Scalar => (
  { kind: "load", dtype: "float32", access: { buffer, strides, offset: 0 } }
);

/** Compiles a module in a process whose engine joins, and returns what it tells of that. */
async function traceOf(code: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".wasm" });
  try {
    const text = `(module (import "env" "memory" (memory 1 65536 shared)) ${code})`;
    await Deno.writeFile(file, assembleWat(text));
    const flags = `--v8-flags=${JOINING_FLAGS},${EAGER_FLAGS},--trace-wasm-revectorize`;
    const program = `new WebAssembly.Module(Deno.readFileSync(${JSON.stringify(file)}))`;
    const { success, stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", flags, program] }).output();
    ok(success);
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(file);
  }
}

/** Instructions that joining saves, and those that it costs to put values together or take them apart: of the function with most. */
function joinedIn(trace: string): { readonly save: number; readonly cost: number } {
  const each = Array.from(trace.matchAll(/Save: (\d+), cost: (\d+)/g), ([, save, cost]) => (
    { save: Number(save), cost: Number(cost) }
  ));
  return each.toSorted((a, b) => b.save - a.save)[0] ?? { save: 0, cost: 0 };
}

const PROBE = `(func (export "run") (param $p i32) (local $a v128) (local $b v128)
  (local.set $a (f32x4.sqrt (v128.load (local.get $p))))
  (local.set $b (f32x4.sqrt (v128.load offset=16 (local.get $p))))
  (v128.store (local.get $p) (local.get $a)) (v128.store offset=16 (local.get $p) (local.get $b)))`;
/** False on a processor without vectors of 256 bits: there is nothing to join then. */
const JOINS = joinedIn(await traceOf(PROBE)).save > 0;

const own = load(0, [48, 1]);
const map = (...values: readonly Scalar[]): string => {
  const kernel: MapKernel = { kind: "map", shape: SHAPE, values };
  return emitMapWat(kernel, [SPEC, SPEC], values.map(() => SPEC)).passes[0]!.code;
};
const sumOfRows = (value: Scalar): string => {
  const kernel: ReduceKernel = {
    ...{ kind: "reduce", shape: [48], reduceShape: [64], results: [{ op: "sum", value }], stores: [] },
  };
  return emitReduceWat(kernel, [SPEC, SPEC]).passes[0]!.code;
};
const turned = load(0, [1, 48]);

/** Kernels, and pairs of instructions of their inner loop: what is gained at least. */
const KERNELS: readonly (readonly [name: string, code: string, pairs: number])[] = [
  ["a map with exponentials", map(op(EXP_OP, own)), 25],
  ["a map with error functions, times a value of the row", map(op("mul", op(ERF_OP, own), load(1, [1, 0]))), 25],
  ["a map with hyperbolic tangents", map(op(TANH_OP, own)), 40],
  ["a map with logarithms and two results", map(op(LOG_OP, own), op("add", op(EXP_OP, own), load(1, [48, 1]))), 50],
  ["sums over rows", sumOfRows(turned), 8],
  ["sums over rows of exponentials", sumOfRows(op(EXP_OP, op("mul", turned, literal(0.5, "float32")))), 25],
];

for (const [name, code, pairs] of KERNELS) {
  Deno.test({
    name: `An engine that joins neighbouring vectors computes eight values at a time: ${name}`,
    ignore: !JOINS,
    fn: async () => {
      const { save, cost } = joinedIn(await traceOf(code));
      ok(
        save >= pairs && cost <= save / 4,
        `saves ${save}, costs ${cost}; expected ${pairs} at least, for a quarter at most`,
      );
    },
  });
}

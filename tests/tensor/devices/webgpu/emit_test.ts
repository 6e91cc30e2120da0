import { deepStrictEqual, equal, ok } from "node:assert/strict";
import type { MapKernel, Reduced, ReduceKernel } from "../../../../tensor/compiler/kernel.ts";
import type { WgslKernel } from "../../../../tensor/compiler/kernel_text.ts";
import { literal, op, type Scalar } from "../../../../tensor/compiler/scalar.ts";
import { type DType, type Shape, sizeOf } from "../../../../tensor/spec.ts";
import { emitMapWgsl } from "../../../../tensor/devices/webgpu/emit/map.ts";
import { emitReduceWgsl } from "../../../../tensor/devices/webgpu/emit/reduce.ts";
import { shaderOf } from "../../../../tensor/devices/webgpu/emit/shader.ts";
import { interpret, outputsOf } from "../cpu/interpreter.ts";
import { EXP_OP, MOD_OP } from "../../../../tensor/compiler/expansions/composed.ts";
import { gpuTest, randomFloats, randomInts, runKernel, type Sample, SUBGROUP } from "../webgpu_kernels/harness.ts";

function load(buffer: number, strides: readonly number[], offset = 0, dtype: DType = "float32"): Scalar {
  return { kind: "load", dtype, access: { buffer, strides, offset } };
}

function map(shape: Shape, value: Scalar): MapKernel {
  return { kind: "map", shape, values: [value] };
}

function reduce(operation: Reduced["op"], shape: Shape, reduceShape: Shape, value: Scalar): ReduceKernel {
  return { kind: "reduce", shape, reduceShape, results: [{ op: operation, value }], stores: [] };
}

/** Checks a kernel; a reduction with and without subgroups. */
async function check(
  kernel: MapKernel | ReduceKernel,
  inputs: readonly Sample[],
  tolerance = 2e-6,
  compared = 0,
): Promise<void> {
  const outputs = outputsOf(kernel);
  if (kernel.kind === "map") {
    return await compare(emitMapWgsl(kernel, inputs, outputs), kernel, inputs, tolerance, compared);
  }
  await compare(emitReduceWgsl(kernel, inputs), kernel, inputs, tolerance, compared);
  if (SUBGROUP) {
    await compare(emitReduceWgsl(kernel, inputs, { subgroup: SUBGROUP }), kernel, inputs, tolerance, compared);
  }
}

/** Runs a kernel on the gpu and in float64, and compares one of its outputs; the others are written to inputs. */
async function compare(
  text: WgslKernel,
  kernel: MapKernel | ReduceKernel,
  inputs: readonly Sample[],
  tolerance: number,
  compared: number,
): Promise<void> {
  const outputs = outputsOf(kernel);
  // The harness has one output: those before it go to buffers of their own among the inputs, those after it to the same.
  const others = outputs.flatMap((output, i) =>
    i === compared ? [] : [{ ...output, data: new Float32Array(sizeOf(output.shape)) }]
  );
  const moved = (buffer: number): number => {
    if (buffer < inputs.length) return buffer;
    const output = buffer - inputs.length;
    if (output === outputs.length) return inputs.length + others.length + 1; // scratch
    if (output === compared) return inputs.length + others.length;
    return inputs.length + (output < compared ? output : output - 1);
  };
  const passes = text.passes.map((pass) => ({
    ...pass,
    buffers: pass.buffers.map((each) => ({ ...each, buffer: moved(each.buffer) })),
  }));
  const actual = await runKernel({ ...text, passes }, [...inputs, ...others], outputs[compared]!);
  const expected = interpret(kernel, inputs.map(({ data }) => data))[compared];
  equal(actual.length, expected!.length);
  expected!.forEach((value, i) => {
    const close = actual[i] === value || Math.abs(actual[i]! - value) <= tolerance * (1 + Math.abs(value));
    ok(close, `element ${i} is ${actual[i]}, expected ${value}`);
  });
}

gpuTest("Reductions hand partial results on in registers where subgroups are there", () => {
  const kernel = reduce("max", [3], [5000], load(0, [5000, 1]));
  const text = (size: number) =>
    emitReduceWgsl(kernel, [randomFloats([3, 5000])], { subgroup: { size, enable: "enable subgroups;" } });
  for (const [size, shuffles, barriers] of [[8, 3, 4], [64, 6, 1]] as const) {
    const { code } = shaderOf(text(size).passes[0]!);
    ok(code.startsWith("enable subgroups;\n"));
    deepStrictEqual([code.split("subgroupShuffle").length - 1, code.split("workgroupBarrier").length - 1], [
      shuffles,
      barriers,
    ]);
  }
  return Promise.resolve();
});

gpuTest("A map reads through reversed, repeated and transposed views", async () => {
  const views = [load(0, [35, 5, 1]), load(0, [0, 5, 0]), load(0, [-35, -5, -1], 104), load(0, [1, 15, 3])];
  await check(map([3, 7, 5], views.reduce((a, b) => op("add", a, b))), [randomFloats([3, 7, 5])]);
});

gpuTest("A map of a scalar and one of many groups are right", async () => {
  await check(map([], op(EXP_OP, load(0, []))), [randomFloats([])]);
  await check(map([70_000, 3], op("neg", load(0, [3, 1]))), [randomFloats([70_000, 3])]);
});

gpuTest("Guards read nothing outside, one inside another", async () => {
  const inner: Scalar = {
    kind: "guard",
    dtype: "float32",
    bounds: [{ coefficients: [0, 1], offset: -1, extent: 3 }],
    value: load(0, [3, 1], -4),
    fill: -Infinity,
  };
  const outer: Scalar = {
    kind: "guard",
    dtype: "float32",
    bounds: [{ coefficients: [1, 0], offset: -1, extent: 4 }],
    value: op("max", inner, literal(-2, "float32")),
    fill: 7,
  };
  await check(map([6, 5], outer), [randomFloats([4, 3])]);
});

gpuTest("A gather fills where the index is outside", async () => {
  const index = load(1, [1, 0], 0, "int32");
  const access = { buffer: 0, strides: [0, 1], offset: 0 };
  const gather: Scalar = { kind: "gather", dtype: "float32", access, index, axisStride: 4, extent: 9, fill: 0.5 };
  await check(map([50, 4], gather), [randomFloats([9, 4]), randomInts([50], -3, 12)]);
  await check(
    reduce("max", [4], [50], { ...gather, access: { ...access, strides: [1, 0] }, index: load(1, [0, 1], 0, "int32") }),
    [
      randomFloats([9, 4]),
      randomInts([50], -3, 12),
    ],
  );
});

gpuTest("Positions, integers and choices are computed in their dtypes", async () => {
  const at: Scalar = { kind: "index", dtype: "int32", coefficients: [10, -1], offset: 3 };
  const x = load(0, [7, 1], 0, "int32");
  const values = [
    op(MOD_OP, op("mul", at, x), literal(5, "int32")),
    op("xor", at, op("sub", x, at)),
  ];
  await check(map([3, 7], op("select", op("lt", x, at), values[0]!, values[1]!)), [randomInts([3, 7], -50, 50)]);
});

for (const operation of ["sum", "max", "min"] as const) {
  gpuTest(`${operation} along rows, along columns, and over axes that do not merge`, async () => {
    const [rows, columns, split] = [
      reduce(operation, [37], [1030], load(0, [1030, 1])),
      reduce(operation, [37], [1030], load(0, [1, 37])),
      reduce(operation, [5], [3, 700], load(0, [1, 3600, 5])),
    ];
    await check(rows, [randomFloats([37, 1030])]);
    await check(columns, [randomFloats([1030, 37])]);
    await check(split, [randomFloats([3, 3600])]);
  });

  gpuTest(`${operation} of four neighbours at once, along rows and columns`, async () => {
    const square = (x: Scalar) => op("mul", x, x);
    await check(reduce(operation, [37], [1032], square(load(0, [1032, 1]))), [randomFloats([37, 1032])]);
    await check(reduce(operation, [37], [96], square(load(0, [96, 1]))), [randomFloats([37, 96])]);
    await check(reduce(operation, [36], [1031], square(load(0, [1, 36]))), [randomFloats([1031, 36])]);
    await check(reduce(operation, [5, 8], [3, 70], square(load(0, [1680, 1, 560, 8]))), [randomFloats([5, 1680])]);
    const scaled = op("mul", load(0, [1, 36]), load(1, [0, 1]));
    await check(reduce(operation, [36], [50], scaled), [randomFloats([50, 36]), randomFloats([50])]);
  });
}

gpuTest("A reduction of nothing gives its identity, one of a single element the element", async () => {
  await check(reduce("sum", [3], [0], load(0, [0, 1])), [randomFloats([0])]);
  await check(reduce("sum", [3], [1], load(0, [1, 1])), [randomFloats([3])]);
  await check(reduce("max", [], [1, 1], load(0, [1, 1])), [randomFloats([1])]);
});

gpuTest("A long axis beside a short one is cut, and its sum right to float32", async () => {
  const ones = { ...randomFloats([1]), shape: [2, 600_000], data: new Float32Array(1_200_000).fill(1.1) };
  // The outer axis runs backwards, so that the two do not merge.
  await check(reduce("sum", [], [2, 600_000], load(0, [-600_000, 1], 600_000)), [ones], 2e-6);
});

gpuTest("Reductions side by side share what they read, and store on their way", async () => {
  for (const [rows, columns] of [[3, 5], [40, 36], [300, 33], [300, 128], [2, 20_000]] as const) {
    const [x, y] = [load(0, [1, columns]), load(1, [1, columns])];
    const product = op("mul", x, y);
    const results = [{ op: "sum", value: product }, { op: "max", value: x }] as const;
    const down: ReduceKernel = {
      ...{ kind: "reduce", shape: [columns], reduceShape: [rows], results },
      stores: [{ value: product, strides: [1, columns] }],
    };
    const [u, v] = [load(0, [columns, 1]), load(1, [columns, 1])];
    const along: ReduceKernel = {
      ...{ kind: "reduce", shape: [rows], reduceShape: [columns] },
      results: [{ op: "sum", value: op("mul", u, v) }, { op: "max", value: u }],
      stores: [{ value: op("mul", u, v), strides: [columns, 1] }],
    };
    for (const kernel of [down, along]) {
      for (const output of [0, 1, 2]) {
        await check(kernel, [randomFloats([rows, columns]), randomFloats([rows, columns])], 1e-4, output);
      }
    }
  }
});

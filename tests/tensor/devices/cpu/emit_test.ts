import type { MapKernel, Reduced, ReduceKernel } from "../../../../tensor/compiler/kernel.ts";
import { type Access, cast, literal, op, type Scalar } from "../../../../tensor/compiler/scalar.ts";
import { type DType, type Shape, sizeOf, stridesOf } from "../../../../tensor/spec.ts";
import { randomValues } from "../../../support/random_values.ts";
import { EXP_OP, MOD_OP } from "../../../../tensor/compiler/expansions/composed.ts";
import { checkKernel, type Sample } from "./run_kernel.ts";

const DOMAINS: Readonly<Record<DType, readonly [number, number]>> = {
  float32: [-2, 2],
  float64: [-2, 2],
  float16: [-2, 2],
  int32: [-9, 9],
  uint32: [0, 9],
  int8: [-9, 9],
  uint8: [0, 9],
  bool: [0, 2],
};

function sample(shape: Shape, dtype: DType = "float32", seed = 1, domain = DOMAINS[dtype]): Sample {
  const values = [...randomValues(seed, sizeOf(shape), domain)];
  return { shape, dtype, data: dtype === "float32" ? values : values.map(Math.floor) };
}

function load(buffer: number, strides: readonly number[], dtype: DType = "float32", offset = 0): Scalar {
  return { kind: "load", dtype, access: { buffer, strides, offset } };
}

function gather(access: Access, index: Scalar, axisStride: number, extent: number, fill = 0): Scalar {
  return { kind: "gather", dtype: "float32", access, index, axisStride, extent, fill };
}

function map(shape: Shape, ...values: readonly Scalar[]): MapKernel {
  return { kind: "map", shape, values };
}

function reduce(operation: Reduced["op"], shape: Shape, reduceShape: Shape, value: Scalar): ReduceKernel {
  return { kind: "reduce", shape, reduceShape, results: [{ op: operation, value }], stores: [] };
}

const SHAPES: readonly Shape[] = [[], [0], [1], [3], [4], [2, 0], [5, 7], [3, 1, 5], [2, 3, 4], [4099], [3, 4097], [
  65,
  1,
  9,
]];

for (const shape of SHAPES) {
  Deno.test(`A map over [${shape}] reads contiguous, repeated and reversed inputs`, () => {
    const own = stridesOf(shape);
    const size = sizeOf(shape);
    const row = own.map((stride, axis) => axis === shape.length - 1 ? stride : 0);
    const column = own.map((stride, axis) => axis === shape.length - 1 ? 0 : stride);
    const back = own.map((stride) => -stride);
    const x = load(0, own);
    const shared = op("mul", x, load(0, row));
    checkKernel(
      map(
        shape,
        op("add", shared, load(0, column)),
        op("sub", shared, load(0, back, "float32", Math.max(size - 1, 0))),
        op("lt", x, literal(0.5, "float32")),
      ),
      [sample(shape)],
    );
  });

  Deno.test(`A reduction to [${shape}] and over [${shape}] is right for each operation and dtype`, () => {
    for (const dtype of ["float32", "int32", "uint32", "bool"] as const) {
      for (const operation of ["sum", "max", "min"] as const) {
        if (dtype === "bool" && operation === "sum") continue;
        const outer = [...shape, 6];
        checkKernel(reduce(operation, shape, [6], load(0, stridesOf(outer), dtype)), [sample(outer, dtype)], 1e-4);
        const inner = [5, ...shape];
        checkKernel(reduce(operation, [5], shape, load(0, stridesOf(inner), dtype)), [sample(inner, dtype)], 1e-4);
        const strides = [...stridesOf(inner).slice(1), sizeOf(shape)];
        checkKernel(reduce(operation, shape, [5], load(0, strides, dtype)), [sample(inner, dtype)], 1e-4);
      }
    }
  });
}

Deno.test("A reduction over nothing writes what it starts from, whatever the memory held", () => {
  for (const operation of ["sum", "max", "min"] as const) {
    for (const kept of [[], [7], [2, 3], [2, 40]]) {
      for (const reduced of [[0], [0, 5], [5, 0]]) {
        const size = sizeOf(kept);
        const inner = load(0, [...stridesOf([...kept, ...reduced])]);
        const outer = load(0, [...stridesOf(kept), ...stridesOf(reduced).map((stride) => stride * size)]);
        checkKernel(reduce(operation, kept, reduced, inner), [sample([0])]);
        checkKernel(reduce(operation, kept, reduced, outer), [sample([0])]);
      }
    }
  }
});

Deno.test("A map sees transposed inputs and inputs with a step", () => {
  checkKernel(map([5, 7], load(0, [1, 5])), [sample([7, 5])]);
  checkKernel(map([5, 7], op("add", load(0, [1, 5]), load(1, [14, 2], "float32", 1))), [sample([7, 5]), sample([71])]);
  checkKernel(map([3, 4, 5], load(0, [1, 15, 3])), [sample([4, 5, 3])]);
});

Deno.test("A guard reads nothing where it does not hold", () => {
  const bound = (coefficients: readonly number[], offset: number, extent: number) => ({ coefficients, offset, extent });
  for (const [h, w] of [[5, 9], [4, 16], [1, 3], [0, 3], [6, 1]] as const) {
    const padded = (rows: number, columns: number): Scalar => ({
      kind: "guard",
      dtype: "float32",
      bounds: [bound([1, 0], -rows, h), bound([0, 1], -columns, w)],
      value: op("mul", load(0, [w, 1], "float32", -rows * w - columns), literal(2, "float32")),
      fill: -3,
    });
    checkKernel(map([h + 3, w + 2], padded(1, 1)), [sample([h, w])]);
    checkKernel(map([h + 3, w], { ...padded(2, 0), bounds: [bound([1, 0], -2, h)] } as Scalar), [sample([h, w])]);
    checkKernel(reduce("sum", [h + 3], [w + 2], padded(1, 1)), [sample([h, w])], 1e-5);
    checkKernel(reduce("max", [h + 3, w + 2], [], padded(1, 1)), [sample([h, w])]);
  }
});

Deno.test("A value shared by a guard and its surroundings is computed for both", () => {
  const x = load(0, [8, 1]);
  const y = op(EXP_OP, load(1, [1, 0]));
  const inside = op("mul", op("add", x, y), literal(0.5, "float32"));
  const guard: Scalar = {
    kind: "guard",
    dtype: "float32",
    bounds: [{ coefficients: [1, 0], offset: -1, extent: 2 }],
    value: inside,
    fill: 1,
  };
  checkKernel(map([4, 8], op("add", guard, op("mul", inside, y)), inside), [sample([4, 8]), sample([4])]);
  checkKernel(map([4, 8], op("add", op("mul", inside, y), guard)), [sample([4, 8]), sample([4])]);
});

Deno.test("A gather reads rows, elements and the fill", () => {
  const indices: Sample = { shape: [6], dtype: "int32", data: [2, -1, 0, 4, 5, 1] };
  const index = (strides: readonly number[]) => load(1, strides, "int32");
  for (const channels of [1, 3, 4, 17]) {
    const x = sample([5, channels]);
    const rows = gather({ buffer: 0, strides: [0, 1], offset: 0 }, index([1, 0]), channels, 5, 7);
    checkKernel(map([6, channels], rows), [x, indices]);
    checkKernel(map([channels, 6], gather({ buffer: 0, strides: [1, 0], offset: 0 }, index([0, 1]), channels, 5, -2)), [
      x,
      indices,
    ]);
    checkKernel(reduce("max", [channels], [6], op("mul", swapped(rows), literal(2, "float32"))), [x, indices]);
    checkKernel(reduce("sum", [6], [channels], rows), [x, indices], 1e-5);
  }
});

/** The expression with its two axes exchanged. */
function swapped(x: Scalar): Scalar {
  const flip = ([a, b]: readonly number[]) => [b!, a!];
  if (x.kind === "gather") {
    return { ...x, access: { ...x.access, strides: flip(x.access.strides) }, index: swapped(x.index) };
  }
  return x.kind === "load" ? { ...x, access: { ...x.access, strides: flip(x.access.strides) } } : x;
}

Deno.test("A reduction of gathered rows times weights is right: pooling through a kernel map", () => {
  const [rows, taps, channels] = [13, 9, 35];
  const table: Sample = sample([rows, taps], "int32", 3, [-1, 20]);
  const x = gather({ buffer: 0, strides: [0, 1, 0], offset: 0 }, load(1, [taps, 0, 1], "int32"), channels, 20);
  const value = op("mul", x, load(2, [0, 1, channels]));
  for (const operation of ["sum", "max"] as const) {
    checkKernel(reduce(operation, [rows, channels], [taps], value), [
      sample([20, channels]),
      table,
      sample([taps, channels]),
    ], 1e-5);
  }
});

Deno.test("Integers and bools have every operation of theirs", () => {
  const shape = [3, 7];
  for (const dtype of ["int32", "uint32"] as const) {
    const [x, y] = [load(0, [7, 1], dtype), load(1, [7, 1], dtype)];
    const values = (["add", "sub", "mul", "max", "min", "and", "or", "xor", "eq", "ne", "lt", "le"] as const)
      .map((name) => op(name, x, y));
    const divisor = op("max", op("abs", y), literal(1, dtype));
    values.push(op("div", x, divisor), op(MOD_OP, x, divisor), op("not", x), op("abs", x), op("neg", x));
    const wide: readonly [number, number] = dtype === "int32" ? [-(2 ** 31), 2 ** 31] : [0, 2 ** 32];
    checkKernel(map(shape, ...values), [sample(shape, dtype, 1, wide), sample(shape, dtype, 2)]);
  }
  const [x, y] = [load(0, [7, 1], "bool"), load(1, [7, 1], "bool")];
  const logic = (["and", "or", "xor", "eq", "ne", "lt", "le", "max", "min"] as const).map((name) => op(name, x, y));
  checkKernel(map(shape, op("not", x), op("select", x, y, op("not", y)), ...logic), [
    sample(shape, "bool", 1),
    sample(shape, "bool", 2),
  ]);
});

Deno.test("Casts round towards zero and saturate; indices count", () => {
  const dtypes = ["float32", "int32", "uint32", "bool"] as const;
  for (const from of dtypes) {
    const values = dtypes.map((to) => cast(load(0, [9, 1], from), to));
    const domain: readonly [number, number] = from === "float32" ? [-6e9, 6e9] : DOMAINS[from];
    checkKernel(map([4, 9], ...values), [sample([4, 9], from, 5, domain)]);
  }
  const index: Scalar = { kind: "index", dtype: "int32", coefficients: [10, 2], offset: -3 };
  checkKernel(map([4, 9], index, cast(index, "float32")), []);
  checkKernel(reduce("sum", [4], [9], index), []);
  checkKernel(reduce("max", [9], [4], { ...index, coefficients: [2, 10] } as Scalar), []);
});

Deno.test("max and min of floats pass NaN on", () => {
  const data = Array.from({ length: 40 }, (_, i) => i === 13 ? NaN : i);
  const x: Sample = { shape: [40], dtype: "float32", data };
  for (const operation of ["max", "min"] as const) {
    checkKernel(reduce(operation, [], [40], load(0, [1])), [x]);
    checkKernel(reduce(operation, [5], [8], load(0, [8, 1])), [x]);
    checkKernel(reduce(operation, [8], [5], load(0, [1, 8])), [x]);
    checkKernel(map([40], op(operation, load(0, [1]), literal(3, "float32"))), [x]);
  }
});

Deno.test("Long reductions are split into slabs and stay precise", () => {
  const big = sample([70_001], "float32", 1, [0, 1]);
  checkKernel(reduce("sum", [], [70_001], load(0, [1])), [big], 1e-6);
  checkKernel(reduce("max", [], [10_000, 7], load(0, [7, 1])), [big]);
  checkKernel(reduce("sum", [7], [10_000], load(0, [1, 7])), [big], 1e-6);
  checkKernel(reduce("sum", [35], [2000], load(0, [1, 35])), [big], 1e-6);
  checkKernel(reduce("sum", [3], [2, 10_000], load(0, [20_000, 10_000, 1])), [big], 1e-6);
  checkKernel(reduce("min", [2, 5], [7000], load(0, [35_000, 1, 5])), [big], 1e-6);
});

Deno.test("Reductions side by side share what they read, and store on their way", () => {
  const shapes: readonly Shape[] = [[1, 1], [3, 5], [7, 36], [40, 4], [300, 33], [5, 1030]];
  for (const [rows, columns] of shapes as readonly (readonly [number, number])[]) {
    const inputs = [sample([rows, columns]), sample([rows, columns], "float32", 2), sample([columns], "float32", 3)];
    const kernelOver = (x: Scalar, y: Scalar, z: Scalar, strides: readonly number[]) => {
      const product = op("mul", op("sub", x, z), y);
      const results = [{ op: "sum", value: product }, { op: "max", value: x }, { op: "sum", value: y }] as const;
      const stores = [{ value: product, strides }, { value: op("lt", x, y), strides }];
      return { results, stores };
    };
    const down = kernelOver(load(0, [1, columns]), load(1, [1, columns]), load(2, [1, 0]), [1, columns]);
    checkKernel({ kind: "reduce", shape: [columns], reduceShape: [rows], ...down }, inputs, 1e-5);
    const along = kernelOver(load(0, [columns, 1]), load(1, [columns, 1]), load(2, [0, 1]), [columns, 1]);
    checkKernel({ kind: "reduce", shape: [rows], reduceShape: [columns], ...along }, inputs, 1e-5);
    const all = kernelOver(load(0, [columns, 1]), load(1, [columns, 1]), load(2, [0, 1]), [columns, 1]);
    checkKernel({ kind: "reduce", shape: [], reduceShape: [rows, columns], ...all }, inputs, 1e-4);
    // Stored across the lanes.
    const across = kernelOver(load(0, [columns, 1]), load(1, [columns, 1]), load(2, [0, 1]), [1, rows]);
    checkKernel({ kind: "reduce", shape: [rows], reduceShape: [columns], ...across }, inputs, 1e-5);
  }
});

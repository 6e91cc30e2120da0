/** @file One table: operation × dtype × awkward value × device, against NumPy; by hand where the rule is one of our own. */
import { deepStrictEqual, ok, rejects, throws } from "node:assert/strict";
import recorded from "../golden/numbers_numpy.json" with { type: "json" };
import * as t from "../../tensor/mod.ts";
import * as k from "../../tensor/kernel.ts";
import type { Device, DType, Tensor } from "../../tensor/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { testWebgpu } from "../support/device_or_skip.ts";

const numbersOf = (values: readonly (number | string)[]) => values.map(Number);
const make = (values: readonly (number | string)[], dtype: DType): Tensor => t.tensor(numbersOf(values), { dtype });
const int = (...values: number[]) => t.tensor(values, { dtype: "int32" });
const uint = (...values: number[]) => t.tensor(values, { dtype: "uint32" });
const bools = (...values: boolean[]) => t.tensor(values);

type Operation = (...inputs: readonly Tensor[]) => Tensor;

/** Compares an operation with what NumPy answered, on a device. */
async function checkRow(device: Device, row: (typeof recorded.rows)[number]): Promise<void> {
  const { operation, dtype, inputs, expected } = row;
  const tensors = inputs.map((values) => make(values, dtype as DType));
  const result = operation === "cast"
    ? t.cast(tensors[0]!, expected.dtype as DType)
    : (t as unknown as Readonly<Record<string, Operation>>)[operation]!(...tensors);
  const label = `${operation} of ${dtype}`;
  deepStrictEqual(result.dtype, expected.dtype, label);
  const exact = result.dtype !== "float32";
  const tolerance = exact ? { absolute: 0, relative: 0 } : { absolute: 1e-7, relative: 1e-6 };
  assertClose(await result.data({ device }), numbersOf(expected.values), tolerance, `${label} on ${device.name}`);
}

/** What numbers, bools and integers beside each other give: expression, dtype, values. */
const RULES: readonly (readonly [string, () => Tensor, DType, readonly number[]])[] = [
  ["a bound that no int32 is", () => t.clip(int(5, -2), 0, Infinity), "int32", [5, 0]],
  ["a bound below all", () => t.clip(int(5, -2), -3e9, 4), "int32", [4, -2]],
  ["a bound beyond all", () => t.clip(int(5), 3e9, 4e9), "float32", [3e9]],
  ["a fraction as a bound", () => t.clip(int(5, 1), 0, 3.5), "float32", [3.5, 1]],
  ["bounds in the wrong order", () => t.clip(t.tensor([5]), 6, 4), "float32", [4]],
  ["NaN as a bound", () => t.clip(t.tensor([5]), 0, NaN), "float32", [NaN]],
  ["less than beyond int32", () => t.less(int(5), 3e9), "bool", [1]],
  ["more than below uint32", () => t.greater(uint(0), -1), "bool", [1]],
  ["not less than below uint32", () => t.lessEqual(-1, uint(0)), "bool", [1]],
  ["below a fraction", () => t.less(int(2, 3), 2.5), "bool", [1, 0]],
  ["up to a fraction", () => t.lessEqual(int(2, 3), 2.5), "bool", [1, 0]],
  ["above a fraction", () => t.greater(int(2, 3), 2.5), "bool", [0, 1]],
  ["from a fraction on", () => t.greaterEqual(int(2, 3), 2.5), "bool", [0, 1]],
  ["equal to a fraction", () => t.equal(int(2), 2.5), "bool", [0]],
  ["other than NaN", () => t.notEqual(int(2), NaN), "bool", [1]],
  ["less than NaN", () => t.less(int(2), NaN), "bool", [0]],
  ["less than infinity", () => t.less(int(2 ** 31 - 1), Infinity), "bool", [1]],
  ["a bool equal to a number", () => t.equal(bools(false, true), 1), "bool", [0, 1]],
  ["an integer plus infinity", () => t.add(int(1), Infinity), "float32", [Infinity]],
  ["an integer plus a whole number", () => t.add(int(1), 2), "int32", [3]],
  ["an integer plus a fraction", () => t.add(int(1), 0.5), "float32", [1.5]],
  ["an integer plus one that int32 does not hold", () => t.add(int(1), 3e9), "float32", [3000000001]],
  ["an unsigned integer plus one below zero", () => t.add(uint(1), -2), "float32", [-1]],
  ["a bool plus a whole number", () => t.add(bools(true), 1), "int32", [2]],
  ["a bool plus a fraction", () => t.add(bools(true), 0.5), "float32", [1.5]],
  ["a choice of an integer or NaN", () => t.where(bools(true, false), int(1, 2), NaN), "float32", [1, NaN]],
  ["a quotient of integers", () => t.div(t.arange(4), 4), "float32", [0, 0.25, 0.5, 0.75]],
  ["a quotient of int32 and uint32", () => t.div(int(-7), uint(2)), "float32", [-3.5]],
  ["a remainder below zero", () => t.remainder(int(-1), 5), "int32", [4]],
  ["a quotient by a zero that is known", () => t.div(t.tensor([1, 0, -1]), 0), "float32", [Infinity, NaN, -Infinity]],
  ["an integer by a zero that is known", () => t.truncDivide(int(7, -7), 0), "int32", [0, 0]],
  ["a mean beyond int32", () => t.mean(int(2 ** 31 - 1, 2 ** 31 - 1)), "float32", [2 ** 31]],
  ["a mean whose sum is beyond int32", () => t.mean(t.full([70_000], 65_535, { dtype: "int32" })), "float32", [65_535]],
  ["a mean of opposites", () => t.mean(int(2 ** 31 - 1, -(2 ** 31) + 1, 1)), "float32", [1 / 3]],
  ["a mean of one", () => t.mean(int(7)), "float32", [7]],
  ["a mean of nothing", () => t.mean(t.zeros([0], { dtype: "int32" })), "float32", [NaN]],
  ["a mean of bools", () => t.mean(bools(true, false)), "float32", [0.5]],
  ["a sum of bools", () => t.sum(bools(true, true, false)), "int32", [2]],
  ["where NaN stands first", () => t.argmax(t.tensor([1, NaN, 3, NaN])), "int32", [1]],
  ["the sign of NaN", () => t.sign(t.tensor([NaN, -0])), "float32", [NaN, 0]],
  ["1 to the power of NaN", () => t.pow(t.tensor([1]), NaN), "float32", [1]],
  ["a power of integers", () => t.pow(int(3, -2), 2), "int32", [9, 4]],
  ["sines far out", () => t.sin(t.tensor([1e6, 1e7, 1e9])), "float32", [-0.3499935, 0.4205478, 0.5458434]],
  ["floats to int32", () => t.cast(t.tensor([NaN, 3e9, -3e9, -1.5]), "int32"), "int32", [
    0,
    2 ** 31 - 1,
    -(2 ** 31),
    -1,
  ]],
  ["floats to uint32", () => t.cast(t.tensor([NaN, 5e9, -3, 1.5]), "uint32"), "uint32", [0, 2 ** 32 - 1, 0, 1]],
  ["whole floats of the host as indices", () => t.take(t.tensor([5, 6, 7]), t.tensor([1])), "float32", [6]],
  ["indices from the end, and outside", () => t.take(t.tensor([5, 6, 7]), [-1, -3, 3, -4]), "float32", [7, 5, 0, 0]],
  ["computed indices from the end", () => t.take(t.tensor([5, 6]), t.sub(t.arange(2), 1)), "float32", [6, 5]],
  ["sums at places from the end", () => t.scatterAdd(t.tensor([1, 2]), [-1, 0], { size: 3 }), "float32", [2, 0, 1]],
  ["the largest bool", () => t.max(bools(false, true)), "bool", [1]],
  ["the smallest of bools", () => t.min(bools(true, false)), "bool", [0]],
  ["unsigned indices beyond int32", () => t.take(t.tensor([5, 6]), uint(2 ** 32 - 1, 2 ** 31)), "float32", [0, 0]],
  ["float indices beyond int32", () => t.take(t.tensor([5, 6]), t.tensor([2 ** 32, -(2 ** 32)])), "float32", [0, 0]],
  ["unsigned places beyond int32", () => t.scatterAdd(t.tensor([5]), uint(2 ** 32 - 1), { size: 2 }), "float32", [
    0,
    0,
  ]],
  ["a part at an index beyond int32", () => t.at(t.tensor([5, 6]), uint(2 ** 32 - 1)).get(), "float32", [6]],
  ["an update at an index beyond int32", () => t.at(t.tensor([5, 6]), uint(2 ** 32 - 1)).set(0), "float32", [5, 6]],
  ["a norm of integers whose squares overflow", () => t.norm(int(30_000, 40_000, 0)), "float32", [50_000]],
  ["the largest size of integers", () => t.norm(int(-(2 ** 31), 1), { order: Infinity }), "float32", [2 ** 31]],
  ["the sum of sizes of integers", () => t.norm(int(2 ** 31 - 1, -(2 ** 31)), { order: 1 }), "float32", [2 ** 32]],
  ["a softmax of nothing", () => t.softmax(t.zeros([2, 0])), "float32", []],
  ["a logarithm of no exponentials", () => t.logsumexp(t.zeros([2, 0]), { axis: 1 }), "float32", [
    -Infinity,
    -Infinity,
  ]],
  ["maxima along another axis than the empty one", () => t.max(t.zeros([2, 0]), { axis: 0 }), "float32", []],
  ["an inner product of matrices", () => t.vdot(t.tensor([[1, 2], [3, 4]]), t.tensor([1, 2, 3, 4])), "float32", [30]],
  ["an outer product of matrices", () => t.outer(t.tensor([[1], [2]]), int(3, 4)), "float32", [3, 4, 6, 8]],
  ["evenly spaced halves", () => t.linspace(0, 2, 3, { dtype: "float16" }), "float16", [0, 1, 2]],
];

async function checkAll(device: Device): Promise<void> {
  const rows = recorded.rows.map((row) => () => checkRow(device, row));
  const rules = RULES.map(([name, f, dtype, values]) => async () => {
    const result = f();
    deepStrictEqual(result.dtype, dtype, name);
    assertClose(await result.data({ device }), values, { absolute: 0, relative: 2e-7 }, `${name} on ${device.name}`);
  });
  const failures: string[] = [];
  for (const check of [...rows, ...rules]) await check().catch((error) => failures.push(error.message));
  deepStrictEqual(failures, []);
}

Deno.test("Awkward numbers are NumPy's on the reference", async () => await checkAll(t.referenceDevice()));

Deno.test("Awkward numbers are NumPy's on the cpu", async () => {
  const device = t.cpuDevice();
  await checkAll(device).finally(() => device.close());
});

testWebgpu("Awkward numbers are NumPy's on webgpu", checkAll);

Deno.test("erf stays within its bounds, however near they are", async () => {
  const values = await t.erf(t.tensor([-3.6936, 3.6936, -9])).data({ device: t.referenceDevice() });
  ok(values.every((value) => Math.abs(value) <= 1));
});

Deno.test("What has no answer is refused at the call", () => {
  const refused: readonly (readonly [() => unknown, RegExp])[] = [
    [() => t.sub(bools(true), bools(true)), /Cannot sub as operands must be numbers: current dtype is bool/],
    [() => t.neg(bools(true)), /Cannot neg as operands must be numbers/],
    [() => t.floorDivide(bools(true), bools(true)), /Cannot floorDivide as operands must be numbers/],
    [() => t.add(int(1), uint(1)), /current dtypes are int32 and uint32; cast one of them/],
    [() => t.less(int(1), uint(1)), /Cannot less as one dtype must hold the values of both/],
    [() => t.concat([int(1), uint(1)]), /Cannot concat as one dtype/],
    [() => t.argmax(t.zeros([2, 0])), /Cannot argmax as axes \[1\] must not be empty/],
    [() => t.expandDims(t.ones([2]), { axis: 5 }), /the axis must lie in \[-2, 1\], not 5/],
    [() => t.take(t.ones([2]), [0.5]), /values must be of int32: current value at 0 is 0.5/],
    [() => t.take(t.ones([2]), t.tensor([0.5])), /indices must be whole numbers, or int32: current index at 0 is 0.5/],
    [() => t.take(t.ones([2]), bools(true)), /Cannot take as indices must be whole numbers/],
    [() => t.cast(t.ones([1]), "int64" as DType), /dtype must be one of float32, .*: current dtype is int64/],
    [() => t.full([1], 0.5, { dtype: "int32" }), /Cannot fill as the value must be of int32: current value is 0.5/],
    [() => t.arange(NaN), /stop must be a finite number: current stop is NaN/],
    [() => t.arange(0, Infinity), /stop must be a finite number: current stop is Infinity/],
    [() => t.arange(3e9), /Cannot count as all values must be of int32/],
    [() => t.matmul(t.zeros([40_000, 1]), t.zeros([1, 40_000])), /current result is float32 \[40000, 40000\], 6.4 GB/],
  ];
  refused.forEach(([call, message]) => throws(call, message));
});

Deno.test("Values that no dtype holds are refused", () => {
  const refused: readonly (readonly [unknown, unknown, RegExp])[] = [
    [["a"], {}, /current value\[0\] is "a"/],
    [[1, undefined], {}, /current value\[1\] is undefined/],
    [[[1], [null]], {}, /current value\[1\]\[0\] is null/],
    [[1n], {}, /current value\[0\] is 1n/],
    [new Date(), {}, /current value is a Date/],
    [undefined, {}, /current value is undefined/],
    // deno-lint-ignore no-sparse-arrays
    [[1, , 3], {}, /current value\[1\] is undefined/],
    [[new Float32Array(2)], {}, /current value\[0\] is a Float32Array; pass one typed array and { shape }/],
    [[t.ones([2])], {}, /current value\[0\] is a Tensor; join tensors with stack/],
    [[[1, 2], [3]], {}, /nested arrays must have equal lengths, and value\[1\] is an array of length 1/],
    [[1, true], {}, /values must be all numbers or all booleans/],
    [
      new Uint8ClampedArray(2),
      {},
      /must be named: current values are a Uint8ClampedArray; pass { dtype } of "float32"/,
    ],
    [new BigInt64Array(1), {}, /values must be numbers: current values are a BigInt64Array/],
    [[1.5], { dtype: "int32" }, /values must be of int32: current value at 0 is 1.5/],
    [[1, 3e9], { dtype: "int32" }, /current value at 1 is 3000000000/],
    [[-1], { dtype: "uint32" }, /current value at 0 is -1/],
    [[NaN], { dtype: "int32" }, /current value at 0 is NaN/],
    [[1e39], {}, /values must be of float32: current value at 0 is 1e\+39/],
    [[1], { dtype: "float16x" }, /dtype must be one of .*: current dtype is float16x/],
    [new Float32Array(4), { shape: [2, -2] }, /sizes must be a list of whole numbers/],
  ];
  const create = t.tensor as (values: unknown, options: unknown) => Tensor;
  refused.forEach(([values, options, message]) => throws(() => create(values, options), message));
});

Deno.test("A typed array keeps its own numbers", async () => {
  const arrays = [new Float32Array([0.5]), new Int32Array([-7]), new Uint32Array([2 ** 32 - 1])];
  for (const array of arrays) deepStrictEqual(await t.tensor(array).data(), array);
  deepStrictEqual(await t.tensor(new Uint8Array([7, 200, 0]), { dtype: "int32" }).data(), new Int32Array([7, 200, 0]));
});

/** Operands that are no tensors. */
const FOREIGN: readonly unknown[] = [undefined, null, "1", {}, [1], new Date(), true];

Deno.test("Operands that are no tensors are a TypeError that names them, whatever the function", () => {
  const x = t.ones([2, 2]);
  const unary = ["abs", "argmax", "argsort", "cast", "clip", "exp", "flip", "identity", "isNaN", "log", "logicalNot"];
  const more = ["max", "mean", "neg", "reshape", "sign", "sin", "slice", "sqrt", "square", "squeeze", "stopGradient"];
  const rest = ["sum", "take", "tanh", "transpose", "variance", "broadcastTo", "expandDims", "pad", "maxPool2d", "erf"];
  const binary = ["add", "sub", "mul", "div", "maximum", "pow", "remainder", "equal", "less", "matmul", "logicalAnd"];
  const call = t as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
  for (const foreign of FOREIGN) {
    for (const name of [...unary, ...more, ...rest]) {
      throws(
        () => call[name]!(foreign, name === "cast" ? "float32" : {}),
        { name: "TypeError", message: /^Cannot .* must be a tensor/ },
        name,
      );
    }
    for (const name of binary) {
      throws(() => call[name]!(x, foreign), { name: "TypeError", message: /^Cannot .* must be a tensor/ }, name);
    }
    throws(() => t.where(foreign as Tensor, 1, 0), /condition must be a tensor/);
    throws(() => t.concat([x, foreign as Tensor]), /tensors\[1\] must be a tensor/);
  }
});

Deno.test("Tensors are what they show, and cannot be changed", async () => {
  const x = t.tensor([[1, 2], [3, 4]]);
  throws(() => (x.shape as number[])[0] = 7, TypeError);
  deepStrictEqual(`${String(x)}`, "Tensor float32 [2, 2] [1, 2, 3, 4]");
  deepStrictEqual(JSON.parse(JSON.stringify(x)), { dtype: "float32", shape: [2, 2], values: [[1, 2], [3, 4]] });
  throws(() => JSON.stringify(t.add(x, 1)), /Cannot write a tensor as JSON as its values must be on the host/);
  throws(
    () => Number(x),
    /Cannot use an operator on a tensor as its values are not known here: current operand is Tensor/,
  );
  deepStrictEqual(String(t.add(x, 1)), "Tensor float32 [2, 2] = add(…)");
  await x.data();
});

Deno.test("toDevice() moves what another device refuses", async () => {
  const [first, second] = [t.cpuDevice({ threads: 1 }), t.cpuDevice({ threads: 1 })];
  try {
    const [buffer] = k.realize([t.add(t.tensor([1, 2]), 1)], first);
    const x = k.leaf({ shape: [2], dtype: "float32" }, { buffer: buffer! });
    await rejects(() => t.add(x, 1).data({ device: second }), /move it with await toDevice\(x, device\)/);
    deepStrictEqual(await t.add(await t.toDevice(x, second), 1).data({ device: second }), new Float32Array([3, 4]));
    deepStrictEqual(await t.toDevice(x, first), x);
  } finally {
    first.close();
    second.close();
  }
});

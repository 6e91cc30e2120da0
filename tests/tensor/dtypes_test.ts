/** @file Narrow dtypes on every device: against NumPy, against the same in float32, and by hand where the rule is our own. */
import { deepStrictEqual, ok, throws } from "node:assert/strict";
import recorded from "../golden/dtypes_numpy.json" with { type: "json" };
import * as t from "../../tensor/mod.ts";
import type { Device, DType, Tensor } from "../../tensor/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { testWebgpu } from "../support/device_or_skip.ts";

const NARROW: readonly DType[] = ["float16", "int8", "uint8"];
const half = (values: t.Nested) => t.tensor(values, { dtype: "float16" });
const int8 = (...values: number[]) => t.tensor(new Int8Array(values));
const uint8 = (...values: number[]) => t.tensor(new Uint8Array(values));

/** Runs a check on each device. */
function onDevices(name: string, check: (device: Device) => Promise<void>): void {
  Deno.test(`${name} on the reference`, () => check(t.referenceDevice()));
  Deno.test(`${name} on the cpu`, async () => {
    const device = t.cpuDevice();
    await check(device).finally(() => device.close());
  });
  testWebgpu(`${name} on webgpu`, check);
}

/** Runs all rows of a table, and tells all that failed. */
async function all<T>(rows: readonly T[], check: (row: T) => Promise<void>): Promise<void> {
  const failures: string[] = [];
  for (const row of rows) await check(row).catch((error) => failures.push(error.message));
  deepStrictEqual(failures, []);
}

/** Functions of one operand that NumPy rounds in another place: to a neighbour of float16. */
const TRANSCENDENTAL: ReadonlySet<string> = new Set(["exp", "log", "tanh", "log1p"]);

type Operation = (...inputs: readonly Tensor[]) => Tensor;

onDevices("Narrow dtypes are NumPy's", (device) =>
  all(recorded.rows, async ({ operation, inputs, expected }) => {
    const tensors = inputs.map(({ dtype, shape, values }) =>
      t.tensor(values.map(Number), { dtype: dtype as DType, shape })
    );
    const result = operation === "cast"
      ? t.cast(tensors[0]!, expected.dtype as DType)
      : (t as unknown as Readonly<Record<string, Operation>>)[operation]!(...tensors);
    const label = `${operation} of ${inputs[0]!.dtype}`;
    deepStrictEqual(result.dtype, expected.dtype, label);
    const neighbour = TRANSCENDENTAL.has(operation) ? { absolute: 2 ** -24, relative: 2 ** -10 } : null;
    const float32 = expected.dtype === "float32" ? { absolute: 0, relative: 3e-7 } : { absolute: 0, relative: 0 };
    await assertClose(
      await result.data({ device }),
      expected.values.map(Number),
      neighbour ?? float32,
      `${label} on ${device.name}`,
    );
  }));

/** The largest of windows of 3 × 3 over four numbers, with a border that counts for nothing. */
const pooled = (x: Tensor) => {
  const all = t.maxPool2d(t.reshape(x, [1, 2, 2, 1]), { kernel: 3, stride: 1, padding: 1 });
  return t.reshape(all, [4]);
};

/** Rules of our own: expression, dtype, values. */
const RULES: readonly (readonly [string, () => Tensor, DType, readonly number[]])[] = [
  ["casts of floats stop at the ends", () => t.cast(t.tensor([300, -300, 1.9, -1.9, NaN]), "int8"), "int8", [
    ...[127, -128, 1, -1, 0],
  ]],
  ["casts of floats to uint8 too", () => t.cast(half([300, -1, 2.5, NaN, Infinity]), "uint8"), "uint8", [
    ...[255, 0, 2, 0, 255],
  ]],
  ["casts of integers keep the lowest bits", () => t.cast(t.tensor(new Int32Array([300, -129])), "int8"), "int8", [
    ...[44, 127],
  ]],
  ["a number that int8 holds", () => t.add(int8(100), 100), "int8", [-56]],
  ["a number that it does not hold", () => t.add(int8(100), 300), "float32", [400]],
  ["a number below uint8", () => t.less(uint8(0, 255), -1), "bool", [0, 0]],
  ["a number above all of uint8", () => t.clip(uint8(0, 255), 0, 1000), "uint8", [0, 255]],
  ["a number beside float16 is rounded first", () => t.mul(half([3]), 0.1), "float16", [0.2998046875]],
  ["a number beyond float16", () => t.add(half([1]), 1e6), "float16", [Infinity]],
  ["int8 beside uint8", () => t.add(int8(-100), uint8(200)), "int32", [100]],
  ["int32 beside float16", () => t.add(half([0.5]), t.arange(2)), "float16", [0.5, 1.5]],
  ["a function of floats", () => t.exp(int8(0)), "float32", [1]],
  ["the mean of many", () => t.mean(t.full([70000], 2, { dtype: "float16" })), "float16", [2]],
  ["their variance", () => t.variance(t.full([70000], 255, { dtype: "float16" })), "float16", [0]],
  ["the sum of as many is beyond", () => t.sum(t.full([70000], 2, { dtype: "float16" })), "float16", [Infinity]],
  ["a sum is rounded once", () => t.sum(t.full([4096], 1, { dtype: "float16" })), "float16", [4096]],
  ["the mean of whole numbers", () => t.mean(uint8(200, 201)), "float32", [200.5]],
  ["a place without rows", () => t.scatterMax(int8(5), [1], { size: 3 }), "int8", [-128, 5, -128]],
  ["the smallest row of a place", () => t.scatterMin(uint8(5, 3), [1, 1], { size: 2 }), "uint8", [255, 3]],
  ["sums at places wrap", () => t.scatterAdd(int8(100, 100), [0, 0], { size: 1 }), "int8", [-56]],
  ["windows of integers, padded", () => pooled(int8(-5, -7, -3, -9)), "int8", [-3, -3, -3, -3]],
  ["windows of int32", () => pooled(t.tensor([-5, -7, -300, -9], { dtype: "int32" })), "int32", [-5, -5, -5, -5]],
  ["what is not there is rounded", () => t.take(half([1]), [1], { fill: 0.1 }), "float16", [0.0999755859375]],
  ["what is around too", () => t.pad(half([1]), [[1, 0]], 0.1), "float16", [0.0999755859375, 1]],
  ["small indices", () => t.take(t.tensor([5, 6, 7]), int8(-1, 0)), "float32", [7, 5]],
  ["the bits of a mask", () => t.bitwiseNot(uint8(1)), "uint8", [254]],
];

onDevices(
  "Narrow dtypes follow the rules of the library",
  (device) =>
    all(RULES, async ([name, make, dtype, values]) => {
      const result = make();
      deepStrictEqual(result.dtype, dtype, name);
      await assertClose(
        await result.data({ device }),
        values,
        { absolute: 0, relative: 0 },
        `${name} on ${device.name}`,
      );
    }),
);

/** What only moves elements, of `[3, 5]`: odd sizes, so that the last word in memory is not full. */
const MOVES: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  itself: (x) => x,
  reshape: (x) => t.reshape(x, [5, 3]),
  transpose: (x) => t.transpose(x, [1, 0]),
  slice: (x) => t.slice(x, { start: [1, 1], size: [2, 3] }),
  pad: (x) => t.pad(x, [[1, 0], [0, 2]], 3),
  broadcast: (x) => t.broadcastTo(x, [2, 3, 5]),
  concat: (x) => t.concat([x, t.slice(x, { start: [0, 0], size: [1, 5] })]),
  stack: (x) => t.stack([x, x], { axis: 1 }),
  take: (x) => t.take(x, [2, 0, 0], { axis: 0 }),
  takeAlongAxis: (x) => t.takeAlongAxis(x, t.argsort(x), { axis: 1 }),
  where: (x) => t.where(t.less(x, 3), x, t.flip(x)),
  set: (x) => t.at(x, 1).set(7),
  maximum: (x) => t.maximum(x, t.roll(x, 1)),
  sorted: (x) => t.sort(x),
  tile: (x) => t.tile(x, [2, 1]),
  largest: (x) => t.max(x, { axis: 0 }),
};

onDevices("Elements of narrow dtypes are moved as those of float32", async (device) => {
  const values = t.tensor([...Array(15).keys()].map((i) => i * 7 % 15), { shape: [3, 5] });
  const moved = t.jit((x: Tensor) => Object.values(MOVES).map((f) => f(x)), { device });
  const expected = await Promise.all(Object.values(MOVES).map((f) => f(values).data({ device: t.referenceDevice() })));
  for (const dtype of NARROW) {
    const results = moved(t.cast(values, dtype)) as readonly Tensor[];
    for (const [i, name] of Object.keys(MOVES).entries()) {
      deepStrictEqual(results[i]!.dtype, dtype, name);
      assertClose(await results[i]!.data(), expected[i]!, { absolute: 0, relative: 0 }, `${name} of ${dtype}`);
    }
  }
});

const steps = (x: Tensor) => {
  const [last, sums] = t.scan(
    (carry: Tensor, row: Tensor) => {
      const next = t.add(t.mul(carry, 0.5), row);
      return [next, t.mul(next, next)] as [Tensor, Tensor];
    },
    t.zeros([5], { dtype: x.dtype }),
    x,
  );
  return t.concat([t.expandDims(last, { axis: 0 }), sums]);
};

/** Functions of float16 `[3, 5]`. */
const FUNCTIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  scan: steps,
  gradient: t.grad((x: Tensor) => t.sum(t.square(t.sin(x)))),
  "gradient of a scan": t.grad((x: Tensor) => t.sum(steps(x))),
  vmap: t.vmap((row: Tensor) => t.div(row, t.sum(row))),
  "gradient of a product": t.grad((x: Tensor) => t.sum(t.matmul(x, t.transpose(x, [1, 0])))),
  "tangents": (x) => t.jvp((y: Tensor) => t.exp(y), [x], [t.onesLike(x)])[1],
  checkpoint: t.grad(t.checkpoint((x: Tensor) => t.sum(t.tanh(t.mul(x, x))))),
  softmax: (x) => t.softmax(x),
  while: (x) => t.whileLoop((y: Tensor) => t.less(t.max(y), 100), (y: Tensor) => t.mul(y, 3), x, { maxIterations: 9 }),
  cond: (x) => t.cond(t.less(t.sum(x), 1e4), (y: Tensor) => t.add(y, 1), (y: Tensor) => y, x),
};

onDevices("Transformations of float16 give float16, and the same inside jit", async (device) => {
  const x = t.tensor(Float16Array.from({ length: 15 }, (_, i) => (i + 1) / 8), { shape: [3, 5] });
  for (const [name, f] of Object.entries(FUNCTIONS)) {
    const expected = await f(x).data({ device: t.referenceDevice() });
    for (const result of [f(x), t.jit(f, { device })(x)]) {
      deepStrictEqual(result.dtype, "float16", name);
      // Each operation is rounded by itself: a few neighbours after some of them.
      assertClose(
        await result.data({ device }),
        expected,
        { absolute: 1e-3, relative: 2 ** -8 },
        `${name} on ${device.name}`,
      );
    }
  }
});

/** Joint dtypes, as JAX has them; "-" is refused, as no dtype of whole numbers on a device holds both. */
const PROMOTED = `
         bool    uint8   int8    uint32  int32   float16 float32 float64
bool     bool    uint8   int8    uint32  int32   float16 float32 float64
uint8    uint8   uint8   int32   uint32  int32   float16 float32 float64
int8     int8    int32   int8    -       int32   float16 float32 float64
uint32   uint32  uint32  -       uint32  -       float16 float32 float64
int32    int32   int32   int32   -       int32   float16 float32 float64
float16  float16 float16 float16 float16 float16 float16 float32 float64
float32  float32 float32 float32 float32 float32 float32 float32 float64
float64  float64 float64 float64 float64 float64 float64 float64 float64`;

Deno.test("Dtypes beside each other are promoted as in JAX", () => {
  const [head, ...lines] = PROMOTED.trim().split("\n").map((line) => line.trim().split(/\s+/)) as [
    DType[],
    ...DType[][],
  ];
  deepStrictEqual(head.toSorted(), Object.keys(t.DTYPES).toSorted());
  for (const [own, ...joint] of lines) {
    joint.forEach((expected, i) => {
      if (expected as string === "-") throws(() => t.promoteTypes(own!, head[i]!), /cast one of them/);
      else deepStrictEqual(t.promoteTypes(own!, head[i]!), expected, `${own} beside ${head[i]}`);
    });
  }
});

Deno.test("Typed arrays of narrow numbers come in and go out as they are", async () => {
  const arrays = [new Float16Array([0.1, -2]), new Int8Array([-1, 2, 3]), new Uint8Array([255])];
  for (const [i, values] of arrays.entries()) {
    const x = t.tensor(values);
    deepStrictEqual([x.dtype, await x.data()], [NARROW[i], values]);
  }
  deepStrictEqual(String(half([0.5, 2])), "Tensor float16 [2] [0.5, 2]");
  deepStrictEqual(JSON.stringify(int8(-1)), '{"dtype":"int8","shape":[1],"values":[-1]}');
  deepStrictEqual(t.evalShape((x: Tensor) => t.sum(x), uint8(1, 2)), { shape: [], dtype: "uint32" });
  throws(() => t.tensor([300], { dtype: "uint8" }), /values must be of uint8: current value at 0 is 300/);
  throws(() => t.tensor([1e6], { dtype: "float16" }), /values must be of float16: current value at 0 is 1000000/);
  throws(() => t.full([1], -1, { dtype: "uint8" }), /Cannot fill as the value must be of uint8/);
  const image = t.ones([1, 2, 2, 1], { dtype: "int8" });
  throws(() => t.conv2d(image, image), /one floating dtype: current dtypes are int8 and int8/);
  throws(() => t.grad((x: Tensor) => t.sum(x))(int8(1)), /must be floating: current dtype is int8/);
});

onDevices("A tensor of bytes takes a byte an element, and moves to another device", async (device) => {
  const size = 2 ** 20;
  const before = device.counters?.().bytes ?? 0;
  const held = await t.evaluate(
    [t.zeros([size], { dtype: "uint8" }), t.full([size], 0.5, { dtype: "float16" })],
    { device },
  ) as readonly Tensor[];
  const taken = (device.counters?.().bytes ?? before) - before;
  ok(taken <= 3 * size + 2 ** 16, `${taken} bytes are taken`);
  const other = t.referenceDevice();
  const moved = t.slice(await t.toDevice(held[1]!, other), { start: [0], size: [3] });
  deepStrictEqual(await moved.data({ device: other }), new Float16Array([0.5, 0.5, 0.5]));
});

import { deepStrictEqual } from "node:assert/strict";
import { mul, referenceDevice, slice, sum, type Tensor, tensor, vjp } from "../../../tensor/mod.ts";
import { batchNorm, batchNormOfRows, initBatchNorm } from "../../../nn/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { randomValues } from "../../support/random_values.ts";

const device = referenceDevice();
const shape = [4, 2, 3, 5];
const exact = { absolute: 1e-12, relative: 1e-12 };
const f64 = (seed: number, size: readonly number[]) =>
  tensor(Float64Array.from(randomValues(seed, size.reduce((a, b) => a * b, 1), [-1, 1])), {
    shape: size,
    dtype: "float64",
  });
const params = { weight: f64(1, [5]), bias: f64(2, [5]) };
const { state } = initBatchNorm(5, { dtype: "float64" });
const first = (x: Tensor, count: number) => slice(x, { start: [0, 0, 0, 0], size: [count, 2, 3, 5] });

/** Values and pullbacks of a batch of four rows, as far as `count` rows go. */
async function run(f: (x: Tensor, weight: Tensor, bias: Tensor) => Tensor, x: Tensor, count: number) {
  const cotangent = first(f64(4, shape), count);
  const g = (...all: Tensor[]) => sum(mul(first(f(all[0]!, all[1]!, all[2]!), count), cotangent));
  const [value, pull] = vjp(g, x, params.weight, params.bias);
  const gradients = pull(tensor(1, { dtype: "float64" }) as never) as unknown as Tensor[];
  return await Promise.all(
    [value as Tensor, ...gradients].map(async (y) => Array.from(await y.data({ device }), Number)),
  );
}

Deno.test("batchNormOfRows() is batchNorm of the rows that count: value, gradients, running statistics", async () => {
  const valid = tensor([1, 1, 1, 0], { dtype: "int32" });
  const x = f64(3, shape);
  const masked = await run(
    (y, weight, bias) => batchNormOfRows({ weight, bias }, state, y, { valid, train: true }).output,
    x,
    3,
  );
  const alone = await run(
    (y, weight, bias) => batchNorm({ weight, bias }, state, y, { train: true }).output,
    first(x, 3),
    3,
  );
  assertClose(masked[1]!.slice(90), Array(30).fill(0), exact, "gradient of the row that does not count");
  assertClose(masked[1]!.slice(0, 90), alone[1]!, exact, "gradient of x");
  [0, 2, 3].forEach((i) => assertClose(masked[i]!, alone[i]!, exact, `result ${i}`));
  const [a, b] = [
    batchNormOfRows(params, state, x, { valid, train: true }).state,
    batchNorm(params, state, first(x, 3), { train: true }).state,
  ];
  for (const name of ["runningMean", "runningVar", "count"] as const) {
    assertClose(await a[name].data({ device }), await b[name].data({ device }), exact, name);
  }
});

Deno.test("batchNormOfRows() lets no NaN of a row that does not count through", async () => {
  const valid = tensor([1, 1, 0, 0], { dtype: "int32" });
  const values = Float64Array.from(randomValues(3, 120, [-1, 1]), (v, i) => i < 60 ? v : NaN);
  const poisoned = batchNormOfRows(params, state, tensor(values, { shape, dtype: "float64" }), { valid, train: true });
  const clean = batchNorm(params, state, tensor(values.slice(0, 60), { shape: [2, 2, 3, 5], dtype: "float64" }), {
    train: true,
  });
  assertClose(
    (await poisoned.output.data({ device })).slice(0, 60),
    await clean.output.data({ device }),
    exact,
    "output",
  );
  assertClose(
    await poisoned.state.runningVar.data({ device }),
    await clean.state.runningVar.data({ device }),
    exact,
    "state",
  );
});

Deno.test("batchNormOfRows() without rows normalises by the running statistics, leaves them, and counts the batch", async () => {
  const valid = tensor([0, 0, 0, 0], { dtype: "int32" });
  const { output, state: after } = batchNormOfRows(params, state, f64(3, shape), { valid, train: true });
  deepStrictEqual(await after.runningMean.data({ device }), await state.runningMean.data({ device }));
  deepStrictEqual(await after.runningVar.data({ device }), await state.runningVar.data({ device }));
  deepStrictEqual(await after.count.item({ device }), 1);
  deepStrictEqual(Array.from(await output.data({ device }), Number).every(Number.isFinite), true);
});

import { deepStrictEqual, throws } from "node:assert/strict";
import { jit, ones, ShapeError, sum, type Tensor, tensor, vjp } from "../../tensor/mod.ts";
import {
  add,
  coalesce,
  conv2d,
  gather,
  mul,
  patternFromIndices,
  patternFromMask,
  type SparseTensor,
  sparseTensor,
  toDense,
} from "../../sparse/mod.ts";
import { DEVICES, read, REFERENCE } from "./harness.ts";

/** Sites and values on one image, a channel each. */
function sites(
  coordinates: readonly (readonly [number, number])[],
  values: readonly number[],
  grid: readonly [number, number],
): SparseTensor {
  const pattern = patternFromIndices(coordinates.map(([y, x]) => [0, y, x]), [1, ...grid]);
  return sparseTensor(pattern, [1, 1], tensor(values.map((value) => [[[value]]])));
}

const A = sites([[0, 0], [0, 1]], [1, 2], [2, 2]);
const B = sites([[0, 1], [1, 1]], [3, 4], [2, 2]);

for (const device of DEVICES) {
  Deno.test(`add() of different patterns is their union, on ${device.name}`, async () => {
    const y = add(A, B);
    deepStrictEqual(await read(y.pattern.indices, device), [0, 0, 0, 0, 0, 1, 0, 1, 1]);
    deepStrictEqual(await read(y.values, device), [1, 5, 4]);
    const f = (a: Tensor, b: Tensor) => sum(add({ ...A, values: a }, { ...B, values: b }).values);
    const gradients = vjp(f, A.values, B.values)[1](ones([]));
    deepStrictEqual(await Promise.all(gradients.map((g) => read(g, device))), [[1, 1], [1, 1]]);
  });

  Deno.test(`mul() of different patterns is their intersection, on ${device.name}`, async () => {
    const y = mul(A, B);
    deepStrictEqual(await read(y.pattern.indices, device), [0, 0, 1]);
    deepStrictEqual(await read(y.values, device), [6]);
    const f = (a: Tensor, b: Tensor) => sum(mul({ ...A, values: a }, { ...B, values: b }).values);
    const gradients = vjp(f, A.values, B.values)[1](ones([]));
    deepStrictEqual(await Promise.all(gradients.map((g) => read(g, device))), [[0, 3], [2, 0]]);
  });
}

Deno.test("add() and mul() on one pattern keep it, also where trees were rebuilt", async () => {
  const copy = { ...A, pattern: { ...A.pattern } };
  deepStrictEqual(add(A, copy).pattern, A.pattern);
  deepStrictEqual(await read(add(A, copy).values), [2, 4]);
  deepStrictEqual(await read(mul(A, copy).values), [1, 4]);
});

Deno.test("add() never adds rows of different traced patterns", () => {
  const mask = (value: boolean) => tensor([[[value, !value]]]);
  const f = jit((a: Tensor, b: Tensor) => {
    const x = gather(ones([1, 1, 2, 1]), patternFromMask(a, { nse: 1 }));
    return add(x, gather(ones([1, 1, 2, 1]), patternFromMask(b, { nse: 1 }))).values;
  }, { device: REFERENCE });
  throws(() => f(mask(true), mask(false)), /Cannot add as .* current indices are traced/);
});

Deno.test("add() refuses different shapes and blocks", () => {
  throws(() => add(A, sites([[0, 0]], [1], [3, 3])), ShapeError);
  const x = gather(ones([1, 4, 4, 1]), A.pattern);
  throws(() => add(x, gather(ones([1, 4, 4, 2]), A.pattern)), ShapeError);
  throws(() => add(x, gather(ones([1, 4, 4, 1]), patternFromMask([[[1]]]))), ShapeError);
});

const line = (columns: readonly number[]) => columns.map((x) => [0, 0, x]);
const column = (values: readonly number[]) => tensor(values.map((value) => [value]));

Deno.test("coalesce() sums duplicates, keeps the first, or refuses", async () => {
  const grid = { gridShape: [1, 1, 3] } as const;
  const summed = coalesce(line([1, 1]), column([3, 4]), grid);
  deepStrictEqual([await read(summed.pattern.indices), await read(summed.values)], [[0, 0, 1], [7]]);
  const first = coalesce(line([2, 1, 1, 2]), column([1, 3, 4, 8]), { ...grid, duplicates: "first" });
  deepStrictEqual([await read(first.pattern.indices), await read(first.values)], [[0, 0, 1, 0, 0, 2], [3, 1]]);
  throws(() => coalesce(line([1, 1]), column([3, 4]), { ...grid, duplicates: "error" }), /\[0,0,1\] are repeated/);
  throws(() => coalesce(line([1]), column([3]), { ...grid, duplicates: "mean" as never }), RangeError);
  throws(() => coalesce(line([1]), column([3, 4]), grid), ShapeError);
  throws(() => coalesce(line([3]), column([3]), grid), RangeError);
});

Deno.test("coalesce() of sums: {1:5, 1:6} + {0:7, 0:8} is {0:15, 1:11}", async () => {
  const grid = { gridShape: [1, 1, 2] } as const;
  const y = add(coalesce(line([1, 1]), column([5, 6]), grid), coalesce(line([0, 0]), column([7, 8]), grid));
  deepStrictEqual([await read(y.pattern.indices), await read(y.values)], [[0, 0, 0, 0, 0, 1], [15, 11]]);
});

Deno.test("coalesce() adds before it multiplies: A∘A of duplicates is dense∘dense", async () => {
  const coordinates = [[0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 0, 2], [0, 1, 0], [0, 1, 2]];
  const a = coalesce(coordinates, column([1, 2, 3, 4, 5, 6]), { gridShape: [1, 2, 3] });
  deepStrictEqual(await read(toDense(mul(a, a))), [0, 16, 16, 49, 0, 36]);
});

Deno.test("coalesce() of a diagonal and its transpose halves the rows", async () => {
  const diagonal = [1, 2, 3].map((i) => [0, i, i]);
  const y = coalesce([...diagonal, ...diagonal], column([1, 2, 3, 1, 2, 3]), { gridShape: [1, 4, 4] });
  deepStrictEqual(await read(y.values), [2, 4, 6]);
});

Deno.test("coalesce() at repeated indices gives the dense sums, and its gradient reads them back", async () => {
  const columns = [0, 5, 0, 3, 2, 3];
  const values = column([1, 3, 9, 27, 81, 243]);
  const dense = (values: Tensor) => toDense(coalesce(line(columns), values, { gridShape: [1, 1, 6] }));
  const [y, pull] = vjp(dense, values);
  deepStrictEqual(await read(y), [10, 0, 81, 270, 0, 3]);
  deepStrictEqual(await read(pull(y)[0]), [10, 3, 10, 270, 81, 270]);
});

Deno.test("coalesce() does not depend on the order of rows, bit for bit", async () => {
  const coordinates = [[0, 2, 1], [0, 0, 0], [1, 1, 1], [0, 1, 2], [1, 0, 2], [0, 0, 1]];
  const values = [0.1, 0.7, 1 / 3, -0.4, 1e-3, 12.3];
  const w = tensor(Float32Array.from({ length: 9 }, (_, k) => Math.sin(k)), { shape: [3, 3, 1, 1] });
  const results = await Promise.all([[0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4], [4, 5, 0, 1, 3, 2]].map(async (order) => {
    const x = coalesce(order.map((i) => coordinates[i]!), column(order.map((i) => values[i]!)), {
      gridShape: [2, 3, 3],
    });
    return await read(conv2d(x, w, { padding: 1 }).values);
  }));
  deepStrictEqual(results[1], results[0]);
  deepStrictEqual(results[2], results[0]);
});

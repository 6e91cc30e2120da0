import { deepStrictEqual, equal, notEqual, ok, rejects, throws } from "node:assert/strict";
import { jit, ShapeError, type Tensor, tensor } from "../../tensor/mod.ts";
import {
  concretePattern,
  fullPattern,
  kernelMap,
  lookupTable,
  neighbourTable,
  patternFromIndices,
  patternFromMask,
  samePattern,
} from "../../sparse/mod.ts";
import { MASK_M } from "./cases.ts";
import { countPairs, read, REFERENCE } from "./harness.ts";

// deno-fmt-ignore
const SITES_M = [
  [0, 0], [0, 1], [0, 5], [0, 6], [1, 2], [1, 3], [2, 0], [2, 1], [2, 4], [2, 5],
  [3, 2], [3, 3], [3, 6], [4, 0], [4, 4], [5, 1], [5, 2], [5, 6], [6, 3], [6, 4],
];

Deno.test("patternFromMask() lists the 20 cells of the SparK mask in raster order", async () => {
  const pattern = patternFromMask(MASK_M);
  deepStrictEqual(await read(pattern.indices), SITES_M.flatMap(([y, x]) => [0, y!, x!]));
  ok(Object.isFrozen(pattern) && Object.isFrozen(pattern.gridShape));
});

Deno.test("patternFromMask() gives the same of host arrays, tensors and traced tensors", async () => {
  const mask = tensor(Uint8Array.from(MASK_M.flat(2)), { dtype: "bool", shape: [1, 7, 7] });
  const expected = await read(patternFromMask(MASK_M).indices);
  deepStrictEqual(await read(patternFromMask(mask).indices), expected);
  const traced = jit((mask: Tensor) => patternFromMask(mask, { nse: 20 }).indices, { device: REFERENCE });
  deepStrictEqual(await read(traced(mask)), expected);
});

Deno.test("patternFromMask() refuses a wrong or missing number of active cells", () => {
  throws(() => patternFromMask(MASK_M, { nse: 19 }), RangeError);
  throws(() => patternFromMask([[[1, 0], [1]]]), ShapeError);
  const traced = jit((mask: Tensor) => patternFromMask(mask).indices, { device: REFERENCE });
  throws(() => traced(tensor([[[true]]])), /nse must be given/);
});

Deno.test("patternFromIndices() sorts, keeps each cell once, and refuses cells outside", async () => {
  const pattern = patternFromIndices([[1, 0, 1], [0, 2, 0], [1, 0, 1], [0, 0, 3]], [2, 3, 4]);
  deepStrictEqual(await read(pattern.indices), [0, 0, 3, 0, 2, 0, 1, 0, 1]);
  throws(() => patternFromIndices([[0, 3, 0]], [1, 3, 3]), /\[0,3,0\]/);
  throws(() => patternFromIndices([[0, -1, 0]], [1, 3, 3]), RangeError);
  throws(() => patternFromIndices([[0, 0.5, 0]], [1, 3, 3]), RangeError);
  throws(() => patternFromIndices([[0, 1]], [1, 3, 3]), RangeError);
});

Deno.test("samePattern() looks at the coordinate tensor, not at equal numbers", () => {
  const [a, b] = [fullPattern([1, 2, 2]), fullPattern([1, 2, 2])];
  ok(samePattern(a, a));
  ok(samePattern(a, { ...a }));
  ok(!samePattern(a, b));
});

Deno.test("concretePattern() reads coordinates that were computed", async () => {
  const lazy = jit((mask: Tensor) => patternFromMask(mask, { nse: 2 }), { device: REFERENCE })(
    tensor([[[true, false, true]]]),
  );
  const concrete = await concretePattern(lazy);
  deepStrictEqual(await read(concrete.indices), [0, 0, 0, 0, 0, 2]);
  const refusals: Promise<unknown>[] = [];
  jit((mask: Tensor) => {
    const pattern = patternFromMask(mask, { nse: 1 });
    refusals.push(rejects(concretePattern(pattern), TypeError));
    return pattern.indices;
  }, { device: REFERENCE })(tensor([[[true]]]));
  await Promise.all(refusals);
  equal(refusals.length, 1);
});

Deno.test("lookupTable() gives the row of each cell, on the host and traced alike", async () => {
  const mask = tensor(Uint8Array.from(MASK_M.flat(2)), { dtype: "bool", shape: [1, 7, 7] });
  const host = await read(lookupTable(patternFromMask(MASK_M)));
  deepStrictEqual(host.filter((row) => row >= 0), [...Array(20).keys()]);
  const traced = jit((mask: Tensor) => lookupTable(patternFromMask(mask, { nse: 20 })), { device: REFERENCE });
  deepStrictEqual(await read(traced(mask)), host);
});

Deno.test("neighbourTable() of the SparK mask has the known columns and rows", async () => {
  const table = await read(neighbourTable(patternFromMask(MASK_M), 1));
  const columns = Array.from({ length: 9 }, (_, t) => table.filter((row, i) => i % 9 === t && row >= 0).length);
  deepStrictEqual(columns, [7, 0, 2, 8, 20, 8, 2, 0, 7]);
  deepStrictEqual(table.slice(0, 9), [-1, -1, -1, -1, 0, 1, -1, -1, -1]);
  deepStrictEqual(table.slice(-9), [-1, -1, -1, 18, 19, -1, -1, -1, -1]);
});

Deno.test("neighbourTable() does not see other images, and grows with the radius", async () => {
  const pattern = fullPattern([2, 1, 2]);
  deepStrictEqual((await read(neighbourTable(pattern, 1))).filter((row) => row >= 0), [0, 1, 0, 1, 2, 3, 2, 3]);
  equal(neighbourTable(pattern, 3).shape[1], 49);
  deepStrictEqual(await read(neighbourTable(pattern, 0)), [0, 1, 2, 3]);
  throws(() => neighbourTable(pattern, -1), RangeError);
});

Deno.test("kernelMap() shares what is equal and keeps apart what differs in padding or dilation", async () => {
  const pattern = patternFromMask(MASK_M);
  const make = (padding: number, dilation: number) =>
    kernelMap(pattern, pattern, { blockShape: [2, 2], kernel: 3, padding, dilation });
  equal(make(1, 1).map, make(1, 1).map);
  notEqual(make(1, 1).map, make(2, 2).map);
  notEqual(await countPairs(make(1, 1).map), await countPairs(make(2, 2).map));
  const shifted = (left: number, right: number) =>
    kernelMap(pattern, pattern, { kernel: [1, 2], padding: [[0, 0], [left, right]] });
  notEqual((await read(shifted(0, 1).map)).join(), (await read(shifted(1, 0).map)).join());
  notEqual(make(1, 1).map, kernelMap(fullPattern([1, 7, 7]), fullPattern([1, 7, 7]), { kernel: 3, padding: 1 }).map);
});

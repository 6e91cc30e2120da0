import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { jit, ones, type Shape, ShapeError, type Tensor, tensor } from "../../tensor/mod.ts";
import {
  conv2d,
  coverageOf,
  fullPattern,
  gather,
  kernelMap,
  patternFromIndices,
  patternFromMask,
  type SparsePattern,
  sparseTensor,
} from "../../sparse/mod.ts";
import { MASK_M, MASKS, PATTERN_Q } from "./cases.ts";
import { countPairs, read, REFERENCE } from "./harness.ts";

const Q: SparsePattern = patternFromMask(PATTERN_Q);
const M: SparsePattern = patternFromMask(MASK_M);

/** Of all-ones input and weights: sites of the output and their degrees. */
async function degrees(
  pattern: SparsePattern,
  kernel: number,
  options: Parameters<typeof conv2d>[2],
): Promise<{ readonly grid: Shape; readonly sites: string; readonly pairs: number }> {
  const rows = pattern.indices.shape[0]!;
  const y = conv2d(sparseTensor(pattern, [1, 1], ones([rows, 1, 1, 1])), ones([kernel, kernel, 1, 1]), options);
  const [indices, values] = [await read(y.pattern.indices), await read(y.values)];
  const sites = values.map((degree, i) => `${indices[3 * i + 1]},${indices[3 * i + 2]}:${degree}`).join(" ");
  return { grid: y.pattern.gridShape, sites, pairs: values.reduce((a, b) => a + b, 0) };
}

Deno.test("conv2d() on pattern Q, submanifold, has the known pair counts", async () => {
  equal((await degrees(Q, 3, { padding: 1 })).pairs, 32);
  equal((await degrees(Q, 5, { padding: 2 })).pairs, 54);
  equal((await degrees(Q, 3, { padding: 2, dilation: 2 })).pairs, 22);
});

Deno.test("conv2d() on pattern Q, strided by the floor rule, has the known sites and pair counts", async () => {
  const floor = await degrees(Q, 3, { stride: 2, padding: 1 });
  deepStrictEqual(floor.sites.replaceAll(/:\d/g, ""), "0,1 0,2 1,0 1,1 1,2");
  equal(floor.pairs, 13);
  equal((await degrees(Q, 2, { stride: 2, padding: [[0, 1], [0, 1]] })).pairs, 8);
  equal((await degrees(Q, 5, { stride: 2, padding: 2 })).pairs, 31);
  const threes = await degrees(Q, 3, { stride: 3, padding: 1 });
  deepStrictEqual(threes.sites.replaceAll(/:\d/g, ""), "0,0 0,1");
  equal(threes.pairs, 3);
  const twice = patternFromMask([PATTERN_Q[0]!, PATTERN_Q[0]!]);
  equal((await degrees(twice, 3, { stride: 2, padding: 1 })).pairs, 26);
});

Deno.test("conv2d() on pattern Q, complete, has the known sites and degrees", async () => {
  const same = await degrees(Q, 3, { padding: 1, outputPattern: "complete" });
  equal(same.sites.split(" ").length, 19);
  equal(same.pairs, 54);
  const half = await degrees(Q, 3, { stride: 2, padding: 1, outputPattern: "complete" });
  deepStrictEqual(half.grid, [1, 2, 4]);
  equal(half.sites, "0,1:2 0,2:2 1,0:1 1,1:4 1,2:4 1,3:1");
  const pairs = await degrees(Q, 2, { stride: 2, outputPattern: "complete" });
  deepStrictEqual(pairs.grid, [1, 1, 3]);
  equal(pairs.sites, "0,1:2 0,2:1");
  equal((await degrees(Q, 1, { stride: 2, outputPattern: "complete" })).sites, "1,1:1 1,2:1");
});

Deno.test("coverageOf() names the sites that vanish behind the last window", async () => {
  const output = patternFromIndices([[0, 0, 1], [0, 0, 2]], [1, 1, 3]);
  const { pairs, unread, empty } = await coverageOf(kernelMap(Q, output, { kernel: 2, stride: 2 }));
  deepStrictEqual([pairs, unread, empty], [3, [3, 4, 5, 6, 7], []]); // row 2 holds five sites
});

Deno.test("conv2d() with a window as wide as its stride has the known degrees at either phase", async () => {
  const line = fullPattern([1, 1, 16]);
  const along = async (padding: readonly [number, number], count: number) => {
    const x = sparseTensor(line, [1, 1], ones([16, 1, 1, 1]));
    const options = { stride: [1, 4] as const, padding: [[0, 0], padding] as const };
    const y = conv2d(x, ones([1, 4, 1, 1]), { ...options, outputPattern: fullPattern([1, 1, count]) });
    return await read(y.values);
  };
  deepStrictEqual(await along([1, 3], 5), [3, 4, 4, 4, 1]);
  deepStrictEqual(await along([0, 0], 4), [4, 4, 4, 4]);
});

Deno.test("conv2d() computes MinkowskiEngine's one-dimensional example", async () => {
  const x = sparseTensor(fullPattern([1, 1, 3]), [1, 1], tensor([[[[0, 1]]], [[[1, 0]]], [[[1, 1]]]]));
  const w = tensor([[[[1, 2], [2, 1]], [[0, 1], [1, 0]]]]); // [1, 2, in, out]
  const padding = [[0, 0], [0, 1]] as const;
  deepStrictEqual(await read(conv2d(x, w, { padding }).values), [2, 2, 2, 3, 3, 3]);
  deepStrictEqual(await read(conv2d(x, w, { stride: [1, 2], padding }).values), [2, 2, 3, 3]);
});

// deno-fmt-ignore
const GEOMETRIES_ON_M = [
  { at: "224 to 112", block: 32, kernel: 7, stride: 2, padding: 3, outputs: 5120, pairs: 229_980, most: 49, least: 16 },
  { at: "112 to 56", block: 16, kernel: 3, stride: 2, padding: 1, outputs: 1280, pairs: 10_771, most: 9, least: 4 },
  { at: "56", block: 8, kernel: 3, stride: 1, padding: 1, outputs: 1280, pairs: 10_050, most: 9, least: 4 },
  { at: "28", block: 4, kernel: 3, stride: 1, padding: 1, outputs: 320, pairs: 2_178, most: 9, least: 4 },
  { at: "14", block: 2, kernel: 3, stride: 1, padding: 1, outputs: 80, pairs: 402, most: 6, least: 4 },
  { at: "7", block: 1, kernel: 3, stride: 1, padding: 1, outputs: 20, pairs: 54, most: 4, least: 1 },
  { at: "56 to 28", block: 8, kernel: 3, stride: 2, padding: 1, outputs: 320, pairs: 2_515, most: 9, least: 4 },
  { at: "28 to 14", block: 4, kernel: 3, stride: 2, padding: 1, outputs: 80, pairs: 547, most: 9, least: 4 },
  { at: "14 to 7", block: 2, kernel: 3, stride: 2, padding: 1, outputs: 20, pairs: 103, most: 6, least: 4 },
  { at: "56", block: 8, kernel: 7, stride: 1, padding: 3, outputs: 1280, pairs: 43_592, most: 49, least: 16 },
  { at: "28", block: 4, kernel: 7, stride: 1, padding: 3, outputs: 320, pairs: 7_304, most: 28, least: 16 },
  { at: "14", block: 2, kernel: 7, stride: 1, padding: 3, outputs: 80, pairs: 1_204, most: 24, least: 4 },
  { at: "7", block: 1, kernel: 7, stride: 1, padding: 3, outputs: 20, pairs: 234, most: 20, least: 7 },
  { at: "224 to 56", block: 32, kernel: 4, stride: 4, padding: 0, outputs: 1280, pairs: 20_480, most: 16, least: 16 },
  { at: "56 to 28", block: 8, kernel: 2, stride: 2, padding: 0, outputs: 320, pairs: 1_280, most: 4, least: 4 },
];

for (const { at, block, kernel, stride, padding, outputs, pairs, most, least } of GEOMETRIES_ON_M) {
  Deno.test(`kernelMap() of a ${kernel}x${kernel} window at ${at} on the SparK mask has the known degrees`, async () => {
    const { map, inverse } = kernelMap(M, M, { blockShape: [block, block], kernel, stride, padding });
    const taps = kernel * kernel;
    const rows = await read(map);
    const counts = Array.from(
      { length: outputs },
      (_, m) => rows.slice(m * taps, (m + 1) * taps).filter((row) => row >= 0).length,
    );
    deepStrictEqual([map.shape, Math.max(...counts), Math.min(...counts)], [[outputs, taps], most, least]);
    equal(counts.reduce((a, b) => a + b, 0), pairs);
    equal(await countPairs(inverse), pairs);
  });
}

Deno.test("kernelMap() and its inverse name the same pairs", async () => {
  for (const mask of Object.values(MASKS)) {
    const pattern = patternFromMask(mask);
    for (const [block, kernel, stride, padding] of [[2, 3, 1, 1], [4, 7, 2, 3], [1, 3, 1, 1], [2, 2, 2, 0]] as const) {
      const { map, inverse } = kernelMap(pattern, pattern, { blockShape: [block, block], kernel, stride, padding });
      const pairs = async (table: typeof map, flip: boolean) =>
        (await read(table)).map((to, i) => [Math.floor(i / kernel ** 2), to, i % kernel ** 2] as const)
          .filter(([, to]) => to >= 0).map(([from, to, tap]) => flip ? `${to} ${from} ${tap}` : `${from} ${to} ${tap}`)
          .sort();
      deepStrictEqual(await pairs(inverse, true), await pairs(map, false));
    }
  }
});

Deno.test("kernelMap() of a traced pattern is that of the concrete one", async () => {
  const options = { blockShape: [4, 4], kernel: 7, stride: 2, padding: 3 } as const;
  const mask = tensor(Uint8Array.from(MASK_M.flat(2)), { dtype: "bool", shape: [1, 7, 7] });
  const traced = jit((mask: Tensor) => {
    const pattern = patternFromMask(mask, { nse: 20 });
    const { map, inverse, outside } = kernelMap(pattern, pattern, options);
    return [map, inverse, outside];
  }, { device: REFERENCE })(mask);
  const { map, inverse, outside } = kernelMap(M, M, options);
  deepStrictEqual(await Promise.all(traced.map((x) => read(x))), [
    await read(map),
    await read(inverse),
    await read(outside),
  ]);
});

Deno.test("kernelMap() refuses strides, sizes and options that do not fit", () => {
  throws(() => kernelMap(M, M, { blockShape: [4, 4], kernel: 3, stride: 3, padding: 1 }), ShapeError);
  throws(() => kernelMap(M, M, { blockShape: [4, 4], kernel: 3 }), /dense output, 26 by 26 pixels/);
  throws(() => kernelMap(M, M, { kernel: 3, padding: 0.5 }), RangeError);
  throws(() => kernelMap(M, M, { kernel: 0 }), RangeError);
  throws(() => kernelMap(M, M, { kernel: 3, padding: 1, dilations: 2 } as never), /current option is dilations/);
  throws(() => kernelMap(M, patternFromMask([...MASK_M, ...MASK_M]), { kernel: 3, padding: 1 }), ShapeError);
});

Deno.test("conv2d() strided off the blocks needs coordinates on the host, or an output pattern", async () => {
  const mask = tensor(Uint8Array.from(PATTERN_Q.flat(2)), { dtype: "bool", shape: [1, 3, 7] });
  const run = (outputPattern?: SparsePattern) =>
    jit((mask: Tensor) => {
      const x = gather(ones([1, 3, 7, 1]), patternFromMask(mask, { nse: 8 }));
      const options = { stride: 2, padding: 1 };
      return conv2d(x, ones([3, 3, 1, 1]), outputPattern ? { ...options, outputPattern } : options).values;
    }, { device: REFERENCE })(mask);
  throws(() => run(), /outputPattern/);
  const sites = patternFromIndices([[0, 0, 1], [0, 0, 2], [0, 1, 0], [0, 1, 1], [0, 1, 2]], [1, 2, 4]);
  equal((await read(run(sites))).reduce((a, b) => a + b, 0), 13);
});

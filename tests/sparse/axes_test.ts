/** @file Patterns of 1, 2 and 3 axes: random masks, blocks and windows against mask ⊙ dense in plain loops. */
import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import {
  checkGrads,
  conv1d,
  conv3d,
  type Device,
  jit,
  ones,
  ShapeError,
  sizeOf,
  type Tensor,
  tensor,
  vjp,
} from "../../tensor/mod.ts";
import {
  avgPool,
  coalesce,
  conv,
  conv2d,
  fullPattern,
  gather,
  type GridShape,
  kernelMap,
  lookupTable,
  maxPool,
  neighbourTable,
  patternFromIndices,
  patternFromMask,
  type SparsePattern,
  type SparseTensor,
  sparseTensor,
  toBlocks,
  toDense,
  toVoxels,
} from "../../sparse/mod.ts";
import { testWebgpu } from "../support/device_or_skip.ts";
import { randomValues } from "../support/random_values.ts";
import {
  activeSites,
  convolve,
  type Field,
  field,
  masked,
  maxPool as maxOf,
  sumPool,
  type Window,
} from "./axes_oracle.ts";
import { wholeNumber } from "./cases.ts";
import { DEVICES, read, REFERENCE } from "./harness.ts";

const CASES_PER_AXES = 16;

/** A case drawn from a seed. */
interface Drawn {
  readonly grid: GridShape;
  readonly block: readonly number[];
  readonly cells: ReadonlySet<number>;
  readonly window: Window;
  readonly outGrid: GridShape;
  readonly outBlock: readonly number[];
  readonly outCells: ReadonlySet<number>;
  readonly groups: number;
}

/** Draws whole numbers below a bound. */
function drawer(seed: number): (below: number) => number {
  let calls = 0;
  return (below) => Math.floor(((randomValues(seed * 1009 + calls++, 1)[0]! + 1) / 2) * below) % below;
}

/** One axis: cells, pixels of a cell, and a window whose output is as large as the output pattern needs it. */
function drawAxis(draw: (below: number) => number, block: number) {
  for (;;) {
    const [cells, kernel, dilation] = [1 + draw(4), 1 + draw(3), 1 + draw(2)];
    const divisors = [1, 2, 3].filter((n) => block === 1 || block % n === 0);
    const stride = divisors[draw(divisors.length)]!;
    const outputs = Math.ceil(cells * block / stride);
    const zeros = (outputs - 1) * stride + dilation * (kernel - 1) + 1 - cells * block + draw(stride);
    if (zeros < 0) continue;
    const before = draw(zeros + 1);
    const padding = [before, zeros - before] as const;
    const step = block % stride === 0 ? 1 : stride;
    return {
      cells,
      block,
      kernel,
      dilation,
      stride,
      padding,
      outputs,
      step,
      outBlock: step === 1 ? block / stride : 1,
    };
  }
}

function drawCase(seed: number, axes: number): Drawn {
  const draw = drawer(seed);
  const isVoxels = draw(2) === 0;
  const drawn = Array.from({ length: axes }, () => drawAxis(draw, isVoxels ? 1 : 1 + draw(4)));
  const grid: GridShape = [1 + draw(2), ...drawn.map(({ cells }) => cells)];
  const outGrid: GridShape = [grid[0], ...drawn.map(({ cells, step }) => Math.ceil(cells / step))];
  const cells = new Set(Array.from({ length: sizeOf(grid) }, (_, cell) => cell).filter(() => draw(5) < 2));
  const outOf = (cell: number) => {
    const place = drawn.reduceRight<readonly number[]>(
      (rest, { cells: size }, axis) => {
        const stride = sizeOf(grid.slice(axis + 2));
        return [Math.floor(cell / stride) % size, ...rest];
      },
      [],
    );
    const image = Math.floor(cell / sizeOf(grid.slice(1)));
    return place.reduce((out, at, axis) => out * outGrid[axis + 1]! + Math.floor(at / drawn[axis]!.step), image);
  };
  return {
    grid,
    block: drawn.map(({ block }) => block),
    cells,
    window: {
      kernel: drawn.map(({ kernel }) => kernel),
      stride: drawn.map(({ stride }) => stride),
      padding: drawn.map(({ padding }) => padding),
      dilation: drawn.map(({ dilation }) => dilation),
      outputs: drawn.map(({ outputs }) => outputs),
    },
    outGrid,
    outBlock: drawn.map(({ outBlock }) => outBlock),
    outCells: new Set([...cells].map(outOf)),
    groups: [1, 2, 4][draw(3)]!,
  };
}

const asTensor = ({ shape, data }: Field): Tensor => tensor(data, { shape, dtype: "float32" });

const patternOf = (cells: ReadonlySet<number>, grid: GridShape): SparsePattern =>
  patternFromIndices(
    [...cells].map((cell) => grid.map((size, axis) => Math.floor(cell / sizeOf(grid.slice(axis + 1))) % size)),
    grid,
  );

/** What a case is tried on: input with NaN where nothing is active, and a cotangent of the output. */
function inputsOf(drawn: Drawn, cin: number, cout: number) {
  const { grid, block, cells, outGrid, outBlock, outCells, window } = drawn;
  const active = activeSites(cells, grid, block);
  const outActive = activeSites(outCells, outGrid, outBlock);
  const size = block.map((pixels, axis) => grid[axis + 1]! * pixels);
  const x = field([grid[0], ...size, cin], wholeNumber);
  const dy = masked(field([grid[0], ...window.outputs, cout], (k) => wholeNumber(5 * k + 1)), outActive);
  const pattern = patternOf(cells, grid);
  const sparse = gather(asTensor(masked(x, active, NaN)), pattern);
  return { x: masked(x, active), dy, active, outActive, sparse };
}

/** Value and gradients of an operation at the sites of its output; NaN where the cotangent must not be read. */
function run(
  f: (x: SparseTensor, w: Tensor) => SparseTensor,
  { sparse, dy, outActive }: ReturnType<typeof inputsOf>,
  w: Tensor,
  device: Device,
) {
  return jit((values: Tensor, w: Tensor, cotangent: Tensor) => {
    const dense = (values: Tensor, w: Tensor) => toDense(f({ ...sparse, values }, w));
    const [, pull] = vjp(dense, values, w);
    const [dx, dw] = pull(cotangent) as [Tensor, Tensor];
    return { y: dense(values, w), dx: toDense({ ...sparse, values: dx }), dw };
  }, { device })(sparse.values, w, asTensor(masked(dy, outActive, NaN)));
}

const plain = ({ data }: Field): number[] => Array.from(data, (value) => value + 0);

/** Asserts that a case comes out as the oracle has it. */
async function compareCase(drawn: Drawn, device: Device): Promise<void> {
  const { window, groups, block, grid } = drawn;
  const label = JSON.stringify({ ...window, groups, block, grid, cells: [...drawn.cells] });
  const { outputs: _, kernel, ...settings } = window;
  const options = { kernel, ...settings };
  const inputs = inputsOf(drawn, 4, 4);
  const { x, dy, active, outActive } = inputs;
  const w = field([...window.kernel, 4 / groups, 4], (k) => wholeNumber(3 * k + 2));
  const bias = tensor([1, 2, 3, 4]);
  const expected = convolve(x, w.data, dy, window, groups);
  const got = run((x, w) => conv(x, w, { ...settings, groups, bias }), inputs, asTensor(w), device);
  const withBias = field(dy.shape, (k) => expected.y.data[k]! + 1 + k % 4);
  deepStrictEqual(await read(got.y, device), plain(masked(withBias, outActive)), label);
  deepStrictEqual(await read(got.dx, device), plain(masked(expected.dx, active)), `input gradient, ${label}`);
  deepStrictEqual(await read(got.dw, device), Array.from(expected.dw, (v) => v + 0), `weight gradient, ${label}`);
  for (const inactive of ["ignore", "zero"] as const) {
    const pooled = maxOf(x, active, dy, window, inactive);
    const max = run((x) => maxPool(x, { ...options, inactive }), inputs, tensor([0]), device);
    deepStrictEqual(await read(max.y, device), plain(masked(pooled.y, outActive)), `${inactive}, ${label}`);
    deepStrictEqual(
      await read(max.dx, device),
      plain(masked(pooled.dx, active)),
      `gradient, ${inactive}, ${label}`,
    );
  }
  const { y, count } = sumPool(x, active, dy.shape, window);
  for (const divisor of ["window", "active"] as const) {
    const by = (k: number) => divisor === "window" ? sizeOf(window.kernel) : Math.max(1, count.data[k]!);
    const mean = masked(field(dy.shape, (k) => Math.fround(y.data[k]! / by(k))), outActive);
    const got = await read(toDense(avgPool(inputs.sparse, { ...options, divisor })), device);
    ok(got.every((value, k) => Math.abs(value - mean.data[k]!) <= 1e-6), `${divisor}, ${label}`);
  }
}

const NAME = "conv(), maxPool() and avgPool() are mask ⊙ dense with its gradients";

for (const axes of [1, 2, 3]) {
  const compareAll = async (device: Device, count: number) => {
    for (let seed = 0; seed < count; seed++) await compareCase(drawCase(100 * axes + seed, axes), device);
  };
  for (const device of DEVICES) {
    Deno.test(`${NAME}, on ${axes} axes, on ${device.name}`, () => compareAll(device, CASES_PER_AXES));
  }
  testWebgpu(`${NAME}, on ${axes} axes, on webgpu`, (device) => compareAll(device, 2));
}

Deno.test("views, lookup and coalesce keep every site, on 1, 2 and 3 axes, on the host and traced alike", async () => {
  for (const axes of [1, 2, 3]) {
    for (let seed = 0; seed < CASES_PER_AXES; seed++) {
      const drawn = drawCase(900 + 100 * axes + seed, axes);
      const { sparse, x } = inputsOf(drawn, 2, 2);
      deepStrictEqual(await read(toDense(sparse)), plain(x));
      const token = tensor([7, -8]);
      const { active } = inputsOf(drawn, 2, 2);
      const filled = field(x.shape, (k) => active[Math.floor(k / 2)] ? x.data[k]! : k % 2 ? -8 : 7);
      deepStrictEqual(await read(toDense(sparse, token)), plain(filled));
      const map = field(x.shape.slice(1), (k) => k);
      const placed = field(x.shape, (k) => active[Math.floor(k / 2)] ? x.data[k]! : k % map.data.length);
      deepStrictEqual(await read(toDense(sparse, asTensor(map))), plain(placed));
      const voxels = toVoxels(sparse);
      deepStrictEqual(await read(toDense(voxels)), plain(x));
      const back = toBlocks(voxels, drawn.block);
      deepStrictEqual(await read(back.values), await read(sparse.values));
      const table = await read(lookupTable(sparse.pattern));
      deepStrictEqual(table.map((row) => row >= 0), Array.from(table, (_, cell) => drawn.cells.has(cell)));
      const lazy = jit((indices: Tensor) => lookupTable({ indices, gridShape: drawn.grid }), { device: REFERENCE });
      deepStrictEqual(await read(lazy(sparse.pattern.indices)), table);
      const mask = tensor(Float32Array.from(table, (row) => Number(row >= 0)), { shape: drawn.grid });
      const traced = jit((mask: Tensor) => patternFromMask(mask, { nse: drawn.cells.size }).indices, {
        device: REFERENCE,
      });
      deepStrictEqual(await read(traced(mask)), await read(sparse.pattern.indices));
      const rows = [...drawn.cells].map((cell) =>
        drawn.grid.map((size, axis) => Math.floor(cell / sizeOf(drawn.grid.slice(axis + 1))) % size)
      );
      const twice = coalesce([...rows, ...rows.toReversed()], ones([2 * rows.length, 3]), { gridShape: drawn.grid });
      deepStrictEqual(await read(twice.values), Array(3 * rows.length).fill(2));
    }
  }
});

Deno.test("gradients of conv(), maxPool(), avgPool() and gather() on 1 and 3 axes agree with differences in float64", async () => {
  const float64 = (seed: number, shape: readonly number[]) =>
    tensor(randomValues(seed, sizeOf(shape)), { shape, dtype: "float64" });
  const line = patternFromIndices([[0, 0], [0, 2], [1, 1]], [2, 3]);
  const volume = patternFromIndices([[0, 0, 1, 0], [0, 1, 1, 1], [1, 0, 0, 1]], [2, 2, 2, 2]);
  for (const [pattern, block] of [[line, [2]], [volume, [2, 1, 2]]] as const) {
    const at = (values: Tensor) => sparseTensor(pattern, block, values);
    const values = float64(1, [3, ...block, 2]);
    const kernel = block.map(() => 3);
    await checkGrads((x, w) => conv(at(x!), w!, { padding: 1 }).values, [values, float64(2, [...kernel, 2, 2])]);
    await checkGrads((x, w) => conv(toVoxels(at(x!)), w!, { padding: 1, outputPattern: "complete" }).values, [
      values,
      float64(3, [...kernel, 2, 1]),
    ]);
    await checkGrads((x) => maxPool(at(x!), { kernel: 3, stride: 1, padding: 1 }).values, [values]);
    await checkGrads((x) => avgPool(at(x!), { kernel: 3, stride: 1, padding: 1, divisor: "active" }).values, [values]);
    const images = float64(4, [2, ...block.map((pixels, axis) => pixels * pattern.gridShape[axis + 1]!), 2]);
    await checkGrads((x) => gather(x!, pattern).values, [images]);
    await checkGrads((x, token) => toDense(at(x!), token!), [values, float64(5, [2])]);
  }
});

Deno.test("conv() on the full pattern is conv1d() and conv3d(), with SAME padding too", async () => {
  const line = field([2, 6, 2], wholeNumber);
  const volume = field([1, 4, 2, 6, 2], wholeNumber);
  const w = (kernel: readonly number[]) => asTensor(field([...kernel, 2, 3], (k) => wholeNumber(3 * k + 2)));
  for (const options of [{ padding: 1 }, { padding: "SAME" as const }, { padding: 2, dilation: 2 }]) {
    const sparseLine = conv(gather(asTensor(line), fullPattern([2, 3])), w([3]), options);
    deepStrictEqual(await read(toDense(sparseLine)), await read(conv1d(asTensor(line), w([3]), options)));
    const sparseVolume = conv(gather(asTensor(volume), fullPattern([1, 2, 2, 3])), w([3, 3, 3]), options);
    deepStrictEqual(await read(toDense(sparseVolume)), await read(conv3d(asTensor(volume), w([3, 3, 3]), options)));
  }
});

Deno.test("a complete convolution computes every site that reads an active one, on 1 and 3 axes", async () => {
  const dot = (axes: number) => {
    const pattern = patternFromIndices([[0, ...Array(axes).fill(1)]], [1, ...Array<number>(axes).fill(4)]);
    const single = Array<number>(axes).fill(1);
    return sparseTensor(pattern, single, ones([1, ...single, 1]));
  };
  for (const axes of [1, 2, 3]) {
    const w = ones([...Array(axes).fill(3), 1, 1]);
    const y = conv(dot(axes), w, { padding: 1, outputPattern: "complete" });
    deepStrictEqual(await read(y.values), Array(3 ** axes).fill(1));
    equal(neighbourTable(dot(axes).pattern, 2).shape[1], 5 ** axes);
  }
});

Deno.test("patterns, tensors and windows of other numbers of axes are refused", () => {
  throws(() => fullPattern([2]), ShapeError);
  throws(() => fullPattern([1, 2, 2, 2, 2]), /on 1 to 3 axes/);
  throws(() => patternFromIndices([[0, 1]], [1, 3, 3]), /inside the grid/);
  const line = sparseTensor(fullPattern([1, 3]), [1], ones([3, 1, 2]));
  throws(() => sparseTensor(fullPattern([1, 3]), [1, 1], ones([3, 1, 1, 2])), /with a block of 1 axes/);
  throws(() => conv2d(line, ones([3, 3, 2, 2]), { padding: 1 }), /conv2d as the grid must have 2 axes/);
  throws(() => conv(line, ones([3, 3, 2, 2]), { padding: 1 }), /weights must be \[k, 2 \/ groups, Cout\]/);
  throws(() => conv(line, ones([3, 2, 2]), { padding: 1, stride: [1, 1] }), /one for each of 1/);
  throws(() => maxPool(line, { kernel: [3, 3] }), /kernel must be one for all axes or one for each of 1/);
  throws(() => gather(ones([1, 3, 3, 2]), fullPattern([1, 3])), /images must be \[B, W, C\]/);
  throws(() => toDense(line, ones([3])), /token must have one number per channel/);
  throws(() => toBlocks(line, [2]), ShapeError);
  throws(() => kernelMap(fullPattern([1, 3]), fullPattern([1, 3, 1]), { kernel: 1 }), ShapeError);
});

import { deepStrictEqual, rejects, throws } from "node:assert/strict";
import {
  add,
  checkpoint,
  cpuDevice,
  customVjp,
  type Device,
  DTYPES,
  grad,
  jit,
  jvp,
  matmul,
  mul,
  random,
  referenceDevice,
  reshape,
  ShapeError,
  sin,
  square,
  stack,
  sum,
  take,
  type Tensor,
  tensor,
  vjp,
  vmap,
} from "../../../tensor/mod.ts";
import { bind, type Primitive, realize } from "../../../tensor/kernel.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";
import { inputsOf, type OpRow, ROWS } from "../../support/op_table.ts";

const EXAMPLES = 3;
const reference = referenceDevice();
const read = (x: Tensor) => x.data({ device: reference });

/** An operation, the operands of each example, and which operands differ among them. */
interface Case {
  readonly row: OpRow;
  readonly shared: readonly Tensor[];
  readonly mapped: readonly boolean[];
  readonly examples: readonly (readonly Tensor[])[];
}

/** Other values of the same domain: those of the operand, moved on. */
async function another(x: Tensor, by: number): Promise<Tensor> {
  const values = await read(x);
  return tensor(values.map((_, i) => values[(i + by) % values.length]!), { shape: x.shape, dtype: x.dtype });
}

async function casesOf(row: OpRow, floating: "float32" | "float64"): Promise<readonly Case[]> {
  const shared = inputsOf(row.cases[0]!, floating);
  const all = shared.map(() => true);
  const ones = shared.length > 1 ? shared.map((_, i) => shared.map((_, j) => i === j)) : [];
  return await Promise.all([all, ...ones].map(async (mapped) => ({
    ...{ row, shared, mapped },
    examples: await Promise.all(
      Array.from({ length: EXAMPLES }, (_, k) => Promise.all(shared.map((x, i) => mapped[i] ? another(x, k) : x))),
    ),
  })));
}

/** The axis of an operand that is mapped: each in turn. */
const axisOf = (x: Tensor, i: number): number => (i + x.shape.length) % (x.shape.length + 1);

function batched({ row, shared, mapped, examples }: Case): { f: (...xs: Tensor[]) => Tensor; operands: Tensor[] } {
  const inAxes = shared.map((x, i) => mapped[i] ? axisOf(x, i) : null);
  const operands = shared.map((x, i) => mapped[i] ? stack(examples.map((one) => one[i]!), { axis: inAxes[i]! }) : x);
  return { f: vmap(row.f, { inAxes }), operands };
}

const weightsOf = (x: Tensor): Tensor => sin(mul(add(x, 0.3), 5));
const isFloating = (x: Tensor): boolean => DTYPES[x.dtype].floating;

/** Gradients and tangents of the floating operands that differ. */
function derivatives(f: (...xs: Tensor[]) => Tensor, operands: readonly Tensor[], at: readonly number[]): Tensor[] {
  const g = (...xs: Tensor[]) => f(...operands.map((x, i) => at.includes(i) ? xs[at.indexOf(i)]! : x));
  const xs = at.map((i) => operands[i]!);
  const [value, pull] = vjp(g, ...xs);
  const [, tangent] = jvp(g, xs, xs.map((x) => weightsOf(x)));
  return [...pull(weightsOf(value)), tangent];
}

async function checkReference(test: Case): Promise<void> {
  const { row, mapped, examples, shared } = test;
  const { f, operands } = batched(test);
  const names = `${row.name}, ${mapped}`;
  const loop = stack(examples.map((one) => row.f(...one)));
  assertClose(await read(f(...operands)), await read(loop), { absolute: 1e-12, relative: 1e-12 }, names);
  const at = [...shared.keys()].filter((i) => mapped[i] && isFloating(shared[i]!));
  if (row.order === 0 || at.length === 0) return;
  const actual = derivatives(f, operands, at);
  const each = examples.map((one) => derivatives(row.f, one, at));
  const expected = [
    ...at.map((i, k) => stack(each.map((one) => one[k]!), { axis: axisOf(shared[i]!, i) })),
    stack(each.map((one) => one.at(-1)!)),
  ];
  realize([...actual, ...expected], reference);
  for (const [k, x] of actual.entries()) {
    assertClose(
      await read(x),
      await read(expected[k]!),
      { absolute: 1e-10, relative: 1e-10 },
      `derivative ${k} of ${names}`,
    );
  }
}

const TESTED = ROWS.filter(({ cases }) => cases[0]!.inputs.length > 0 && !cases[0]!.large);

for (const row of TESTED) {
  Deno.test(`${row.name}: vmap is a loop, its derivatives too`, async () => {
    for (const test of await casesOf(row, "float64")) await checkReference(test);
  });
}

async function checkDevice(row: OpRow, device: Device): Promise<void> {
  for (const test of (await casesOf(row, "float32")).slice(0, 1)) {
    const { f, operands } = batched(test);
    const loop = stack(test.examples.map((one) => row.f(...one)));
    realize([loop], reference);
    const actual = await jit(f, { device })(...operands).data();
    assertClose(actual, await read(loop), row.tolerance, row.name);
  }
}

Deno.test("On cpu vmap of every third operation is a loop", async () => {
  const device = cpuDevice({ threads: 1 });
  for (const row of TESTED.filter((_, i) => i % 3 === 1)) await checkDevice(row, device);
  device.close();
});

testWebgpu("On webgpu vmap of every tenth operation is a loop", async (device) => {
  for (const row of TESTED.filter((_, i) => i % 10 === 3)) await checkDevice(row, device);
});

/** Operations of somebody else, with pullbacks that are no derivatives: times 7, and times 5. */
const SQUARE: Primitive = {
  name: "mySquare",
  shapeRule: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  reference: ([x]) => x!.data.map((value) => value * value),
  vjpRule: (cotangent) => [mul(cotangent, 7)],
  lowering: { kind: "kernel", texts: {} },
};
const FLIP: Primitive = {
  name: "myFlip",
  shapeRule: ([x]) => ({ shape: [x!.shape[1]!, x!.shape[0]!], dtype: x!.dtype }),
  reference: ([x], _, { shape: [rows, columns] }) =>
    x!.data.map((_, i) => x!.data[(i % columns!) * rows! + Math.floor(i / columns!)]!),
  vjpRule: (cotangent) => [mul(reshape(cotangent, [cotangent.shape[1]!, cotangent.shape[0]!]), 5)],
  lowering: { kind: "view", view: () => ({ move: "transpose", permutation: [1, 0] }) },
};
const TOTAL: Primitive = {
  name: "myTotal",
  shapeRule: ([x]) => ({ shape: [x!.shape[0]!], dtype: x!.dtype }),
  reference: ([x], _, { shape: [rows] }) =>
    new Float64Array(rows!).map((_, i) =>
      x!.data.subarray(i * x!.shape[1]!, (i + 1) * x!.shape[1]!).reduce((a, b) => a + b, 0)
    ),
  vjpRule: (cotangent, { inputs: [x] }) => [mul(add(x!, reshape(cotangent, [-1, 1])), 3)],
  lowering: { kind: "reduction", op: "sum", axes: () => [1] },
};

for (const primitive of [SQUARE, FLIP, TOTAL]) {
  Deno.test(`vmap of ${primitive.name} keeps the pullback of its record`, async () => {
    const xs = tensor([[[1, 2, 3], [4, 5, 6]], [[-1, 0.5, 2], [0, 1, 3]]], { dtype: "float64" });
    const f = (x: Tensor) => bind(primitive, [x], {});
    const loss = (f: (x: Tensor) => Tensor) => (x: Tensor) => sum(mul(f(x), weightsOf(f(x))));
    const all = vmap(f)(xs);
    const rows = [0, 1].map((i) => take(xs, i));
    assertClose(await read(all), await read(stack(rows.map(f))), { absolute: 0, relative: 0 }, "value");
    const gradient = grad(loss(vmap(f)))(xs);
    const expected = stack(rows.map(grad(loss(f))));
    assertClose(await read(gradient), await read(expected), { absolute: 1e-12, relative: 1e-12 }, "gradient");
  });
}

Deno.test("vmap of a function with a pullback of its own applies that pullback to each example", async () => {
  const f = customVjp(
    (x: Tensor, w: Tensor) => sum(mul(x, w)),
    ([x, w], _, cotangent) => [mul(mul(w, cotangent), 10), mul(mul(x, cotangent), 100)],
  );
  const xs = tensor([[1, 2], [3, 4], [5, 6]]);
  const loss = (xs: Tensor, w: Tensor) => sum(mul(vmap(f, { inAxes: [0, null] })(xs, w), tensor([1, 10, 100])));
  const [ofXs, ofW] = grad(loss, { argnums: [0, 1] })(xs, tensor([7, 8]));
  deepStrictEqual(Array.from(await read(ofXs)), [70, 80, 700, 800, 7000, 8000]);
  deepStrictEqual(Array.from(await read(ofW)), [53100, 64200]);
});

Deno.test("vmap takes trees, axes for each leaf, and null for what is shared", async () => {
  const f = ({ a, b }: { a: Tensor; b: Tensor | null }, c: Tensor) => ({
    sum: add(a, c),
    pair: [mul(a, c), b, c] as const,
  });
  const mapped = vmap(f, { inAxes: [{ a: 1, b: null }, null], outAxes: { sum: -1, pair: [0, 0, null] } });
  const result = mapped({ a: tensor([[1, 2, 3], [4, 5, 6]]), b: null }, tensor([10, 100]));
  deepStrictEqual(result.sum.shape, [2, 3]);
  deepStrictEqual(Array.from(await read(result.sum)), [11, 12, 13, 104, 105, 106]);
  deepStrictEqual(Array.from(await read(result.pair[0])), [10, 400, 20, 500, 30, 600]);
  deepStrictEqual([result.pair[1], result.pair[2].shape], [null, [2]]);
  const same = vmap((_: Tensor) => tensor([1, 2]))(tensor([5, 6, 7]));
  deepStrictEqual(Array.from(await read(same)), [1, 2, 1, 2, 1, 2]);
  deepStrictEqual(vmap((x: Tensor) => x, { inAxes: null, axisSize: 4 })(tensor([1, 2])).shape, [4, 2]);
  deepStrictEqual(vmap((x: Tensor) => square(x))(tensor([], { shape: [0, 2] })).shape, [0, 2]);
});

Deno.test("vmap nests with itself and with the others as loops do", async () => {
  const a = tensor([[1, 2], [3, 4], [5, 6]], { dtype: "float64" });
  const b = tensor([[1, -1], [2, 0.5]], { dtype: "float64" });
  const dots = vmap(vmap((x: Tensor, y: Tensor) => sum(mul(x, y)), { inAxes: [null, 0] }), { inAxes: [0, null] });
  deepStrictEqual(await read(dots(a, b)), await read(matmul(a, b, { transposeB: true })));
  const captured = (x: Tensor) => checkpoint((y: Tensor) => mul(sin(mul(x, y)), y))(tensor(2, { dtype: "float64" }));
  const summed = (x: Tensor) => sum(captured(x));
  const second = (x: Tensor) => sum(grad(summed)(x));
  assertClose(
    await read(vmap(grad(second))(a)),
    await read(mul(sin(mul(a, 2)), -8)),
    { absolute: 1e-12, relative: 1e-12 },
    "second derivative under vmap",
  );
  assertClose(
    await read(grad((a: Tensor) => sum(vmap(grad(summed))(a)))(a)),
    await read(mul(sin(mul(a, 2)), -8)),
    { absolute: 1e-12, relative: 1e-12 },
    "derivative of vmap of a derivative",
  );
});

Deno.test("Random numbers under vmap over keys are those of each key", async () => {
  const keys = random.split(random.key(5), 3);
  const draw = (key: Tensor) => {
    const [one, two] = random.split(key);
    return { uniform: random.uniform(one, [4]), order: random.permutation(random.foldIn(two, 3), 5) };
  };
  const all = vmap(draw)(stack(keys));
  const each = keys.map(draw);
  deepStrictEqual(await read(all.uniform), await read(stack(each.map(({ uniform }) => uniform))));
  deepStrictEqual(await read(all.order), await read(stack(each.map(({ order }) => order))));
});

Deno.test("Gradients of each example cost a few launches more than the gradient of the batch", () => {
  const device = cpuDevice({ threads: 1 });
  interface Params {
    readonly w: Tensor;
    readonly v: Tensor;
  }
  const loss = ({ w, v }: Params, x: Tensor, y: Tensor) => {
    const hidden = sin(matmul(reshape(x, [-1, 8]), w));
    return sum(square(add(matmul(hidden, v), mul(reshape(y, [-1, 1]), -1))));
  };
  const params = {
    w: tensor(new Float32Array(128).fill(0.1), { shape: [8, 16] }),
    v: tensor(new Float32Array(16), { shape: [16, 1] }),
  };
  for (const size of [4, 64]) {
    const [xs, ys] = [tensor(new Float32Array(8 * size), { shape: [size, 8] }), tensor(new Float32Array(size))];
    const whole = jit(grad(loss), { device }).stats(params, xs, ys).launches;
    const each = jit(vmap(grad(loss), { inAxes: [null, 0, 0] }), { device }).stats(params, xs, ys).launches;
    deepStrictEqual(each <= whole + 10, true, `${each} launches of each, ${whole} of the batch`);
  }
  device.close();
});

Deno.test("vmap refuses what it cannot map, and names it", () => {
  const id = (x: Tensor) => x;
  const pair = (x: { a: Tensor }, y: Tensor) => add(x.a, y);
  throws(
    () => vmap(id)(tensor(1)),
    /RangeError: Cannot vmap as the axis of argument 0 must be null, as it is a scalar/,
  );
  throws(
    () => vmap(id, { inAxes: 2 })(tensor([[1]])),
    /the axis of argument 0 must be in \[-2, 2\): current axis is 2/,
  );
  throws(() => vmap(id, { outAxes: 3 })(tensor([[1]])), /the axis of result must be in \[-2, 2\): current axis is 3/);
  throws(
    () => vmap(pair)({ a: tensor([1]) }, tensor([1, 2])),
    (error: Error) => error instanceof ShapeError && /not 1 of argument 0.a and 2 of argument 1/.test(error.message),
  );
  throws(() => vmap(id, { inAxes: null })(tensor([1])), /an argument must be mapped, or axisSize given/);
  throws(
    () => vmap(id, { inAxes: [0, 0] })(tensor([1])),
    /inAxes must have one item for each of the 1 arguments: current length is 2/,
  );
  throws(
    () => vmap(pair, { inAxes: [{ b: 0 }, 0] })({ a: tensor([1]) }, tensor([1])),
    /current inAxes\[0\] is an object where \{ a \} is/,
  );
  throws(() => vmap((x: number) => tensor(x))(3), /mapped leaves must be tensors: current argument 0 is 3/);
  throws(() => vmap((_: Tensor) => 3)(tensor([1])), /results must be tensors or null: current result is 3/);
  throws(() => vmap(id, { outAxes: null })(tensor([1])), /current result depends on what is mapped/);
});

Deno.test("Inside vmap there are no values to read", async () => {
  const reads: Promise<unknown>[] = [];
  vmap((x: Tensor) => {
    reads.push(x.data());
    return x;
  })(tensor([1]));
  await rejects(reads[0]!, /Cannot read values as a tensor inside jit or grad has none/);
});

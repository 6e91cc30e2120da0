/** @file Sparse tensors in coordinates against SciPy and PyTorch: values, `jit` with static room, padding, gradients. */
import { deepStrictEqual, equal, rejects, throws } from "node:assert/strict";
import {
  checkGrads,
  defaultDevice,
  type Device,
  type DType,
  grad,
  jit,
  jvp,
  mul,
  openDevice,
  referenceDevice,
  ShapeError,
  square,
  sum,
  Tensor,
  tensor,
  transpose,
  vmap,
} from "../../tensor/mod.ts";
import { coo, patternFromIndices, shapeOf, sparseTensor } from "../../sparse/mod.ts";
import golden from "../golden/sparse_scipy.json" with { type: "json" };
import { assertClose } from "../support/assert_close.ts";
import { testWebgpu } from "../support/device_or_skip.ts";

type Dense = { readonly shape: readonly number[]; readonly values: readonly number[] };
type Stored = { readonly shape: readonly number[]; readonly indices: Dense; readonly values: Dense };
type Inputs = Readonly<Record<"a" | "b" | "c" | "h" | "t", coo.CooTensor>>;
type Nse = coo.NseOption;
type Row = readonly [
  name: string,
  f: (inputs: Inputs, nse: Nse) => coo.CooTensor | Tensor,
  expected: Dense | Stored,
  nse: "asked" | "of a" | "none",
];

const dense = ({ shape, values }: Dense): Tensor => tensor(Float32Array.from(values), { shape });
const sparse = ({ shape, indices, values }: Stored): coo.CooTensor =>
  coo.cooTensor(tensor(Int32Array.from(indices.values), { shape: indices.shape }), dense(values), shape);

const INPUTS: Inputs = {
  a: sparse(golden.a),
  b: sparse(golden.b),
  c: sparse(golden.c),
  h: sparse(golden.h),
  t: sparse(golden.t),
};
const [x, u, v, y] = [golden.x, golden.u, golden.v, golden.y].map(dense) as [Tensor, Tensor, Tensor, Tensor];
const firstColumn = tensor(golden.x.values.filter((_, i) => i % 4 === 0));

const ROWS: readonly Row[] = [
  ["coalesce", ({ a }, nse) => coo.coalesce(a, nse), golden.coalesce, "asked"],
  ["toDense", ({ a }) => coo.toDense(a), golden.toDense, "none"],
  ["fromDense", ({ a }, nse) => coo.fromDense(coo.toDense(a), nse), golden.coalesce, "asked"],
  ["add", ({ a, b }, nse) => coo.add(a, b, nse), golden.add, "asked"],
  ["sub of what was added", ({ a, b }) => coo.toDense(coo.sub(coo.add(a, b), b)), golden.toDense, "none"],
  ["mul", ({ a, b }, nse) => coo.mul(a, b, nse), golden.mul, "asked"],
  ["mul by dense", ({ a }, nse) => coo.coalesce(coo.mul(a, tensor([1, 2, 3, 4, 5])), nse), golden.mulDense, "asked"],
  ["transpose", ({ a }, nse) => coo.coalesce(coo.transpose(a), nse), golden.transpose, "asked"],
  [
    "slice",
    ({ a }, nse) => coo.slice(coo.coalesce(a), { start: [0, 1], size: [6, 3], ...nse }),
    golden.slice,
    "asked",
  ],
  [
    "slice by steps",
    ({ a }, nse) => coo.coalesce(coo.slice(a, { start: [-1, 0], step: [-2, 2] }), nse),
    golden.steps,
    "asked",
  ],
  ["concat of rows", ({ a, b }, nse) => coo.concat([a, b], nse), golden.concatRows, "asked"],
  ["concat of columns", ({ a, b }, nse) => coo.concat([a, b], { axis: -1, ...nse }), golden.concatColumns, "asked"],
  ["sparse · dense", ({ a }) => coo.matmul(a, x), golden.sparseDense, "none"],
  ["sparse · vector", ({ a }) => coo.matmul(a, firstColumn), golden.vector, "none"],
  ["dense · sparse", ({ c }) => coo.matmul(transpose(x), c), golden.denseSparse, "none"],
  ["sparse · sparse", ({ a, c }, nse) => coo.matmul(a, c, nse), golden.sparseSparse, "asked"],
  ["a batch · dense", ({ t }) => coo.matmul(t, y), golden.bmm, "none"],
  ["sddmm", ({ a }) => coo.sddmm(a, u, v), golden.sddmm, "of a"],
  ["sum of columns", ({ a }) => coo.toDense(coo.sum(a, { axis: 1 }) as coo.CooTensor), golden.rows, "none"],
  ["sum of rows", ({ a }) => coo.toDense(coo.sum(a, { axis: [-2] }) as coo.CooTensor), golden.columns, "none"],
  ["sum", ({ a }) => coo.sum(a), golden.total, "none"],
  ["softmax", ({ a }) => coo.softmax(a), golden.softmax, "of a"],
  ["softmax down", ({ a }) => coo.softmax(a, { axis: 0 }), golden.softmaxDown, "of a"],
  ["softmax in the middle", ({ t }) => coo.softmax(t, { axis: 1 }), golden.softmaxBatch, "of a"],
  ["softmax of blocks", ({ h }) => coo.softmax(h), golden.softmaxHybrid, "of a"],
  ["coalesce of blocks", ({ h }, nse) => coo.coalesce(h, nse), golden.hybrid, "asked"],
  ["toDense of blocks", ({ h }) => coo.toDense(h), golden.hybridDense, "none"],
  [
    "fromDense of blocks",
    ({ h }, nse) => coo.fromDense(coo.toDense(h), { denseAxes: 1, ...nse }),
    golden.hybrid,
    "asked",
  ],
  ["sum of blocks", ({ h }, nse) => coo.sum(h, { axis: 1, ...nse }), golden.hybridRows, "asked"],
  [
    "sum of channels",
    ({ h }, nse) => coo.coalesce(coo.sum(h, { axis: 2 }) as coo.CooTensor, nse),
    golden.hybridChannels,
    "asked",
  ],
  ["sum of all blocks", ({ h }) => coo.sum(h, { axis: [0, 1] }), golden.hybridDown, "none"],
  ["CSR", ({ a }) => coo.toDense(coo.fromCsr(coo.toCsr(a))), golden.toDense, "none"],
];

/** Room asked for beyond what is needed. */
const MORE = 3;

async function assertEqual(
  label: string,
  actual: coo.CooTensor | Tensor,
  expected: Dense | Stored,
  device: Device,
): Promise<void> {
  if (actual instanceof Tensor) {
    deepStrictEqual(actual.shape, expected.shape, label);
    return assertClose(await actual.data({ device }), (expected as Dense).values, {}, label);
  }
  const { shape, indices, values } = expected as Stored;
  deepStrictEqual(coo.shapeOf(actual), shape, label);
  const at = Array.from(await actual.indices.data({ device }));
  deepStrictEqual(at.slice(0, indices.values.length), indices.values, label);
  const axes = indices.shape[1]!;
  const sizes = shape.slice(0, axes);
  at.slice(indices.values.length).forEach((place, i) => equal(place, sizes[i % axes], `${label}: padding`));
  assertClose((await actual.values.data({ device })).slice(0, values.values.length), values.values, {}, label);
}

/** Entries between padding of NaN, out of bounds on either side. */
function poisoned(a: coo.CooTensor, indices: Dense, values: Dense): coo.CooTensor {
  const [axes, block] = [indices.shape[1]!, values.shape.slice(1).reduce((product, size) => product * size, 1)];
  const before = [...Array<number>(axes - 1).fill(0), -1];
  const after = [...coo.shapeOf(a).slice(0, 1), ...Array<number>(axes - 1).fill(0)];
  const at = [...before, ...indices.values, ...after];
  const held = [...Array<number>(block).fill(NaN), ...values.values, ...Array<number>(block).fill(NaN)];
  const rows = indices.shape[0]! + 2;
  return {
    ...a,
    indices: tensor(Int32Array.from(at), { shape: [rows, axes] }),
    values: tensor(Float32Array.from(held), { shape: [rows, ...values.shape.slice(1)] }),
  };
}

const POISONED = Object.fromEntries(
  (["a", "b", "c", "h", "t"] as const).map((name) => [
    name,
    poisoned(INPUTS[name], golden[name].indices, golden[name].values),
  ]),
) as unknown as Inputs;

const entriesOf = (expected: Dense | Stored): number => "indices" in expected ? expected.indices.shape[0]! : 0;

/** With as much room as is needed: coordinates are on the host. */
async function checkAtOnce([name, f, expected, nse]: Row, device: Device): Promise<void> {
  const readsValues = name.startsWith("fromDense"); // of values that are not on the host
  const y = f(INPUTS, readsValues && nse === "asked" ? { nse: entriesOf(expected) } : {});
  await assertEqual(name, y, expected, device);
  if (!(y instanceof Tensor)) equal(y.indices.shape[0], entriesOf(expected), `${name}: as many entries as are needed`);
}

/** With static room, in one program. */
async function checkCompiled(device: Device): Promise<void> {
  const all = jit(
    (inputs: Inputs) =>
      ROWS.map(([, f, expected, nse]) => f(inputs, nse === "asked" ? { nse: entriesOf(expected) + MORE } : {})),
    { device },
  );
  const results = all(POISONED) as readonly (coo.CooTensor | Tensor)[];
  for (const [i, [name, , expected]] of ROWS.entries()) {
    await assertEqual(`${name} in jit`, results[i]!, expected, device);
  }
}

for (const device of [referenceDevice(), await openDevice("cpu")]) {
  Deno.test(`Sparse tensors compute what SciPy and PyTorch do, on ${device.name}`, async () => {
    for (const row of ROWS) await checkAtOnce(row, device);
  });

  Deno.test(`Sparse tensors compute what SciPy and PyTorch do in jit, beside padding, on ${device.name}`, () =>
    checkCompiled(device));
}

testWebgpu("Sparse tensors compute what SciPy and PyTorch do in jit, beside padding, on webgpu", checkCompiled);

const attention = (values: Tensor, x: Tensor) => {
  const weights = coo.softmax(coo.mul(coo.coalesce({ ...INPUTS.a, values }), 0.25));
  return sum(square(coo.matmul(weights, x)));
};

async function checkGradients(device: Device): Promise<void> {
  const f = jit((values: Tensor, x: Tensor) => grad(attention, { argnums: [0, 1] })(values, x), { device });
  const [values, dx] = f(INPUTS.a.values, x);
  assertClose(await values.data({ device }), golden.gradients.values.values, { absolute: 1e-4 }, "by the entries");
  assertClose(await dx.data({ device }), golden.gradients.x.values, { absolute: 1e-4 }, "by the dense operand");
}

for (const device of [referenceDevice(), await openDevice("cpu")]) {
  Deno.test(`Gradients of sparse products and softmax are PyTorch's, on ${device.name}`, () => checkGradients(device));
}

testWebgpu("Gradients of sparse products and softmax are PyTorch's, on webgpu", checkGradients);

Deno.test("Every operation has derivatives by its entries, to the second order", async () => {
  const read = (y: coo.CooTensor | Tensor) => y instanceof Tensor ? y : y.values;
  for (const [name, f] of ROWS) {
    const g = (...values: Tensor[]) => {
      const inputs = Object.entries(INPUTS).map(([name, a], i) => [name, { ...a, values: mul(values[i]!, 0.3) }]);
      return read(f(Object.fromEntries(inputs) as unknown as Inputs, {}));
    };
    if (name.startsWith("fromDense")) continue; // which entries there are depends on values: read at kept places below
    await checkGrads(g, Object.values(INPUTS).map(({ values }) => values), { order: 2 });
  }
  const kept = (x: Tensor) => coo.fromDense(x, { nse: 2 }).values;
  const [, tangent] = jvp(kept, [tensor([0.5, 0, 2])], [tensor([1, 10, 100])]);
  deepStrictEqual(await tangent.data(), new Float32Array([1, 100]));
});

Deno.test("Entries may be mapped: one pattern, a batch of values", async () => {
  const { a } = INPUTS;
  const f = vmap((values: Tensor) => coo.toDense({ ...a, values }));
  const twice = f(tensor([golden.a.values.values, golden.a.values.values.map((value) => 2 * value)]));
  const once = golden.toDense.values;
  assertClose(await twice.data(), [...once, ...once.map((value) => 2 * value)]);
});

Deno.test("Rows are SciPy's, and read the other way round", async () => {
  const rows = coo.toCsr(INPUTS.a);
  deepStrictEqual(Array.from(await rows.indptr.data()), golden.indptr.values);
  deepStrictEqual(Array.from(await rows.indices.data()), golden.columnsOfRows.values);
  deepStrictEqual(Array.from(await rows.values.data()), golden.data.values);
  const { indptr, indices, values } = rows;
  const back = coo.coalesce(coo.fromCsr({ indptr, indices, values }, [7, 5]));
  await assertEqual("fromCsr", back, golden.coalesce, defaultDevice());
  throws(() => coo.fromCsr({ indptr, indices, values }), /its shape must be given/);
  throws(() => coo.fromCsr(rows, [8, 5]), ShapeError);
  throws(() => coo.toCsr(INPUTS.t), ShapeError);
});

Deno.test("Axes that int32 cannot number together are sorted one by one", async () => {
  const shape = [2 ** 20, 2 ** 20, 2 ** 20];
  const at = [[5, 2 ** 19, 7], [5, 3, 2 ** 20 - 1], [5, 2 ** 19, 7], [0, 9, 9]];
  for (const f of [coo.coalesce, jit((a: coo.CooTensor) => coo.coalesce(a))]) {
    const a = f(coo.cooTensor(at, [1, 2, 4, 8], shape));
    const expected = [0, 9, 9, 5, 3, 2 ** 20 - 1, 5, 2 ** 19, 7];
    deepStrictEqual(Array.from(await a.indices.data()).slice(0, 9), expected);
    deepStrictEqual(Array.from(await a.values.data()).slice(0, 3), [8, 2, 5]);
  }
  throws(() => coo.toDense(coo.cooTensor(at, [1, 2, 4, 8], shape)), /must have at most 2147483646 cells/);
});

Deno.test("Too little room is refused where the host can tell, and is NaN inside jit", async () => {
  const { a, b, c } = INPUTS;
  throws(() => coo.coalesce(a, { nse: 2 }), /Cannot coalesce as nse must be at least \d+: current nse is 2/);
  throws(() => coo.matmul(a, c, { products: 3 }), /Cannot matmul as nse must be at least/);
  throws(() => coo.coalesce(a, { nse: 1.5 }), RangeError);
  const tight: readonly ((inputs: Inputs) => coo.CooTensor)[] = [
    ({ a }) => coo.coalesce(a, { nse: 2 }),
    ({ a, b }) => coo.mul(a, b, { nse: 1 }),
    ({ a, c }) => coo.matmul(a, c, { products: 2 }),
    ({ a }) => coo.fromDense(coo.toDense(a), { nse: 3 }),
    ({ a }) => coo.slice(a, { start: [0, 0], nse: 1 }),
  ];
  for (const f of tight) {
    const { values } = jit(f)({ ...INPUTS, a, b });
    equal((await values.data()).some(Number.isNaN), true, String(f));
  }
});

Deno.test("compact() drops the room that was too much", async () => {
  const f = jit(({ a, c }: Inputs) => coo.matmul(a, c));
  const product = f(INPUTS);
  equal(product.indices.shape[0]! > golden.sparseSparse.indices.shape[0]!, true);
  const packed = await coo.compact(product);
  equal(packed.indices.shape[0], golden.sparseSparse.indices.shape[0]);
  await assertEqual("compact", packed, golden.sparseSparse, defaultDevice());
  const inside: Promise<unknown>[] = [];
  jit(({ a }: Inputs) => {
    inside.push(coo.compact(a));
    return a.values;
  })(INPUTS);
  await rejects(inside[0]!, /inside jit or grad has none/);
});

Deno.test("Entries and pixels of sparse images are one", async () => {
  const x = sparseTensor(patternFromIndices([[0, 0, 1]], [1, 1, 2]), [2, 2], tensor([[[[1], [2]], [[3], [4]]]]));
  const a = coo.fromVoxels(x);
  deepStrictEqual(coo.shapeOf(a), [1, 2, 4, 1]);
  deepStrictEqual(Array.from(await coo.toDense(a).data()), [0, 0, 1, 2, 0, 0, 3, 4]);
  const back = coo.toVoxels(coo.mul(a, 2));
  deepStrictEqual([shapeOf(back), Array.from(await back.values.data())], [[1, 2, 4, 1], [2, 4, 6, 8]]);
  throws(() => coo.toVoxels(INPUTS.a), ShapeError);
});

Deno.test("What does not fit is refused by name", () => {
  const { a, c, h } = INPUTS;
  throws(() => coo.cooTensor([[0, 2]], [1], [2, 2]), /inside \[2,2\]: current coordinates of entry 0 are \[0,2\]/);
  throws(() => coo.cooTensor([[0, 1, 1], [1, 0, 0]], [1, 2, 3], [2, 2]), /transpose indices that come from PyTorch/);
  throws(() => coo.cooTensor(tensor([[0.5]]), [1], [2]), /indices must be int32: current dtype is float32/);
  const sorted = { coalesced: true };
  throws(() => coo.cooTensor([[1], [0]], [1, 2], [2], sorted), /must be sorted, .* entry 1 are \[0\], after \[1\]/);
  throws(() => coo.cooTensor([[0, 1], [0, 1]], [1, 2], [2, 2], sorted), /each coordinate once/);
  equal(coo.cooTensor([[0, 1], [1, 0]], [1, 2], [2, 2], sorted).form.value.coalesced, true);
  throws(() => coo.cooTensor([[0]], tensor([1]), [2], { dtype: "int32" }), /dtype is of values that are no tensor yet/);
  const rows = (indptr: number[], indices: number[], dtype: DType = "int32") => () =>
    coo.fromCsr(
      { indptr: tensor(indptr, { dtype }), indices: tensor(indices, { dtype: "int32" }), values: tensor([1, 2]) },
      [2, 2],
    );
  throws(
    rows([0, 2, 1], [0, 1]),
    /indptr must rise from 0 to at most the 2 entries: current indptr is 1 at 2, after 2/,
  );
  throws(rows([1, 1, 2], [0, 1]), /current indptr is 1 to 2/);
  throws(rows([0, 1, 3], [0, 1]), /current indptr is 0 to 3/);
  throws(rows([0, 1, 2], [0, 5]), /columns must lie in \[0, 2\): current column of entry 1 is 5/);
  throws(rows([0, 1, 2], [-1, 0]), /current column of entry 0 is -1/);
  throws(rows([0, 1, 2], [0, 1], "float32"), /indptr must be int32: current dtype is float32/);
  throws(() => coo.add(a, c), ShapeError);
  throws(() => coo.mul(a, tensor([1, 2])), /must broadcast/);
  throws(() => coo.matmul(a, a), ShapeError);
  throws(() => coo.matmul(h, tensor([[1]])), /without dense axes/);
  throws(() => coo.matmul(a, x as never, { nse: 3 }), /of two sparse matrices/);
  throws(() => coo.add(a, x as never), /must be a sparse tensor in coordinates: current b is the dense Tensor/);
  throws(() => coo.transpose(h, [2, 0, 1]), ShapeError);
  throws(() => coo.slice(a, { start: [0, 0], size: [8, 5] }), ShapeError);
  throws(() => coo.softmax(h, { axis: 2 }), ShapeError);
  throws(() => coo.concat([]), RangeError);
  throws(() => coo.coalesce(a, { size: 3 } as never), TypeError);
  throws(() => jit((x: Tensor) => coo.fromDense(x).values)(x), /nse must be given .* current tensor is traced/);
});

Deno.test("No entries at all compute too", async () => {
  const none = coo.cooTensor([], tensor(new Float32Array(), { shape: [0] }), [7, 5]);
  for (const f of [coo.coalesce, coo.softmax, (a: coo.CooTensor) => coo.mul(a, INPUTS.a)]) {
    equal((await f(none).values.data()).length, 0);
  }
  deepStrictEqual(Array.from(await coo.matmul(none, x).data()), Array(28).fill(0));
  await assertEqual("add nothing", coo.add(none, INPUTS.a), golden.coalesce, referenceDevice());
  equal(await (coo.sum(none) as Tensor).item(), 0);
  equal(coo.matmul(none, INPUTS.c).values.shape[0], 0);
});

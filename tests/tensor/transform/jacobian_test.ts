import { deepStrictEqual, ok, throws } from "node:assert/strict";
import {
  add,
  allClose,
  cpuDevice,
  cumsum,
  exp,
  grad,
  greater,
  hessian,
  jacfwd,
  jacrev,
  jit,
  jvp,
  matmul,
  mul,
  random,
  referenceDevice,
  reshape,
  sin,
  square,
  stack,
  sum,
  take,
  type Tensor,
  tensor,
  vmap,
} from "../../../tensor/mod.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

const device = referenceDevice();
const read = (x: Tensor) => x.data({ device });
const close = async (x: Tensor, y: Tensor) => ok(await allClose(x, y, { rtol: 1e-10, atol: 1e-10 }).item({ device }));

interface Point {
  readonly a: Tensor;
  readonly b: Tensor;
}

const POINT: Point = {
  a: tensor([0.5, -1], { dtype: "float64" }),
  b: tensor([[1, 2, 3], [0.1, 0.2, 0.3]], { dtype: "float64" }),
};
const f = ({ a, b }: Point) => ({ matrix: matmul(reshape(sin(a), [1, 2]), exp(b)), square: square(a) });

Deno.test("Jacobians by rows and by columns are one, in trees of both", async () => {
  const [rows, columns] = [jacrev(f)(POINT), jacfwd(f)(POINT)];
  deepStrictEqual(rows.matrix.b.shape, [1, 3, 2, 3]);
  deepStrictEqual(columns.square.a.shape, [2, 2]);
  await close(rows.matrix.a, columns.matrix.a);
  await close(rows.matrix.b, columns.matrix.b);
  await close(rows.square.b, columns.square.b);
  deepStrictEqual(Array.from(await read(rows.square.a), (value) => value + 0), [1, 0, 0, -2]);
  const direction = { a: tensor([1, 10], { dtype: "float64" }), b: null };
  const [, along] = jvp(f, [POINT], [direction]);
  await close(matmul(reshape(columns.matrix.a, [3, 2]), reshape(direction.a, [2, 1])), reshape(along.matrix, [3, 1]));
});

Deno.test("What comes with the results is given as it is, beside Jacobians and Hessians of the results alone", async () => {
  const withAux = (point: Point) =>
    [f(point), { twice: mul(point.a, 2), count: tensor([3], { dtype: "int32" }) }] as const;
  for (const make of [jacrev, jacfwd]) {
    const [jacobian, aux] = make(withAux, { hasAux: true })(POINT);
    await close(jacobian.matrix.b, jacrev(f)(POINT).matrix.b);
    deepStrictEqual([Array.from(await read(aux.twice)), Array.from(await read(aux.count))], [[1, -2], [3]]);
  }
  const cubes = ({ a }: Point) => [sum(mul(square(a), a)), sum(a)] as const;
  const [second, total] = jit(hessian(cubes, { hasAux: true }), { device })(POINT);
  await close(second.a.a, tensor([[3, 0], [0, -6]], { dtype: "float64" }));
  deepStrictEqual(await total.item({ device }), -0.5);
  throws(() => jacrev(f as never, { hasAux: true })(POINT as never), /with hasAux the value must be \[value, aux\]/);
});

Deno.test("Hessians are symmetric, blocks by trees, and those of differences of gradients", async () => {
  const loss = ({ a, b }: Point) => sum(mul(sin(sum(mul(reshape(a, [2, 1]), b), { axis: 0 })), tensor([1, 2, 3])));
  const h = hessian(loss)(POINT);
  deepStrictEqual([h.a.a.shape, h.a.b.shape, h.b.b.shape], [[2, 2], [2, 2, 3], [2, 3, 2, 3]]);
  const step = 1e-5;
  const gradient = (by: number) => grad(loss)({ ...POINT, a: add(POINT.a, tensor([by, 0], { dtype: "float64" })) });
  const slope = mul(add(gradient(step).b, mul(gradient(-step).b, -1)), 1 / (2 * step));
  ok(await allClose(take(h.a.b, 0), slope, { rtol: 1e-6, atol: 1e-7 }).item({ device }));
  await close(
    reshape(h.a.b, [2, 6]),
    reshape(matmul(tensor([[1, 0], [0, 1]], { dtype: "float64" }), reshape(h.a.b, [2, 6])), [2, 6]),
  );
  const flat = reshape(h.b.b, [6, 6]);
  await close(flat, reshape(stack([0, 1, 2, 3, 4, 5].map((i) => take(flat, i, { axis: 1 }))), [6, 6]));
});

Deno.test("Jacobians take argnums, numbers and null", async () => {
  const g = (x: Tensor, y: Tensor | null, z: Tensor) => y ? mul(x, y) : mul(x, square(z));
  const [ofX, ofZ] = jacrev(g, { argnums: [0, 2] })(tensor([1, 2]), null, tensor(3));
  deepStrictEqual(Array.from(await read(ofX)), [9, 0, 0, 9]);
  deepStrictEqual(Array.from(await read(ofZ)), [6, 12]);
  deepStrictEqual(Array.from(await read(jacfwd(g, { argnums: 2 })(tensor([1, 2]), null, 3))), [6, 12]);
  throws(() => jacrev(g, { argnums: 5 })(tensor([1]), null, tensor(3)), /argnums must be below the 3 arguments given/);
  throws(
    () => jacrev((x: Tensor) => greater(x, 0))(tensor([1])),
    /results must be floating tensors: current result is of dtype bool/,
  );
  throws(() => jacfwd((_: Tensor) => 3)(tensor([1])), /current result is 3/);
});

Deno.test("Jacobians go through jit, vmap and gradients", async () => {
  const xs = tensor(await random.normal(random.key(1), [4, 3]).data({ device }), { shape: [4, 3] });
  const g = (x: Tensor) => cumsum(sin(mul(x, x)));
  const all = vmap(jacrev(g))(xs);
  await close(take(all, 2), jacfwd(g)(take(xs, 2)));
  const trace = (x: Tensor) => sum(square(jacfwd(g)(x)));
  await close(grad(trace)(take(xs, 0)), jacrev(trace)(take(xs, 0)));
  const cpu = cpuDevice({ threads: 1 });
  const found = await jit(hessian((x: Tensor) => sum(g(x))), { device: cpu })(take(xs, 1)).data();
  const expected = await read(hessian((x: Tensor) => sum(g(x)))(take(xs, 1)));
  found.forEach((value, i) => ok(Math.abs(value - expected[i]!) < 1e-4));
  cpu.close();
});

testWebgpu("A hessian on webgpu is that of the reference", async (gpu) => {
  const loss = (x: Tensor) => sum(mul(exp(x), sin(sum(x))));
  const h = jit(hessian(loss), { device: gpu })(tensor([0.1, 0.5, -0.3]));
  const expected = await read(hessian(loss)(tensor([0.1, 0.5, -0.3])));
  (await h.data()).forEach((value, i) => ok(Math.abs(value - expected[i]!) < 1e-4));
});

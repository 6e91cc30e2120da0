import { deepStrictEqual, equal, ok, rejects, strictEqual, throws } from "node:assert/strict";
import {
  add,
  allClose,
  checkGrads,
  cpuDevice,
  customVjp,
  debugNans,
  div,
  evalShape,
  evaluate,
  grad,
  greater,
  jit,
  log,
  makeProgram,
  matmul,
  mul,
  referenceDevice,
  sin,
  square,
  sum,
  type Tensor,
  tensor,
  toDevice,
  vmap,
  where,
  zeros,
} from "../../../tensor/mod.ts";

const device = referenceDevice();

Deno.test("allClose() is NumPy's", async () => {
  // x, y, options, numpy.allclose(x, y, ...)
  const rows: readonly (readonly [number[], number[], object, number])[] = [
    [[1e10, 1e-7], [1.00001e10, 1e-8], {}, 0],
    [[1e10, 1e-8], [1.00001e10, 1e-9], {}, 1],
    [[1, NaN], [1, NaN], {}, 0],
    [[1, NaN], [1, NaN], { equalNaN: true }, 1],
    [[Infinity, -Infinity], [Infinity, -Infinity], {}, 1],
    [[Infinity], [-Infinity], {}, 0],
    [[1], [Infinity], {}, 0],
    [[1, 2], [1.05, 2.05], { atol: 0.1 }, 1],
    [[100], [101], { rtol: 0.01 }, 1],
    [[], [], {}, 1],
  ];
  for (const [x, y, options, expected] of rows) {
    const [a, b] = [tensor(x, { dtype: "float64" }), tensor(y, { dtype: "float64" })];
    equal(await allClose(a, b, options).item({ device }), expected, `${x} beside ${y}`);
  }
  equal(await allClose(tensor([[1, 1], [1, 1]]), 1).item({ device }), 1);
});

Deno.test("checkGrads() accepts right derivatives, in both modes, and refuses wrong ones", async () => {
  const f = ({ a }: { a: Tensor }, n: Tensor) => [mul(sin(a), square(n)), sum(a)];
  await checkGrads(f, [{ a: tensor([0.5, 1]) }, tensor([2, 3])], { modes: ["fwd", "rev"] });
  const wrong = customVjp((x: Tensor) => square(x), ([x], _, cotangent) => [mul(mul(x, cotangent), 2.01)]);
  await rejects(
    checkGrads(wrong, [tensor([1, 2])]),
    /derivative of order 1 by pullback as it must be that of differences/,
  );
  await rejects(checkGrads(wrong, [tensor([1, 2])], { modes: ["fwd"] }), /by pushforward/);
});

Deno.test("debugNans() names the operation that made NaN, in a gradient too", async () => {
  const f = jit((x: Tensor) => mul(add(log(x), 1), 2));
  await rejects(debugNans(f, { device })(tensor([1, -1])), /current origin is log of \[2\], a tensor float32 \[2\]/);
  deepStrictEqual(Array.from(await (await debugNans(f, { device })(tensor([1]))).data()), [2]);
  const g = (x: Tensor) => sum(where(greater(x, 5), 1, div(x, x)));
  await rejects(debugNans(grad(g), { device })(tensor([0, 1])), /current origin is (div|mul)/);
  await rejects(debugNans((x: Tensor) => x, { device })(tensor([NaN])), /current origin is a value that was given/);
  const infinite = (x: Tensor) => div(1, x);
  await debugNans(infinite, { device })(tensor([0]));
  await rejects(
    debugNans(infinite, { device, infinities: true })(tensor([0])),
    /must be finite: current origin is div/,
  );
});

Deno.test("evaluate() computes a tree in one program", async () => {
  const cpu = cpuDevice({ threads: 1 });
  const x = add(tensor([1, 2]), 1);
  const tree = { a: mul(x, 2), b: [sin(x), null, 3] };
  const before = cpu.counters!().submits;
  strictEqual(await evaluate(tree, { device: cpu }), tree);
  await tree.a.data({ device: cpu });
  equal(cpu.counters!().submits - before, 1);
  const there = await toDevice({ x, list: [tensor([5])] }, device);
  deepStrictEqual(Array.from(await there.x.data({ device })), [2, 3]);
  deepStrictEqual(Array.from(await there.list[0]!.data({ device })), [5]);
  cpu.close();
});

Deno.test("evalShape() tells specs, computes nothing, and takes sizes that nothing could hold", () => {
  const f = (x: Tensor, { w }: { w: Tensor }) => ({ y: [matmul(x, w)], n: 3, none: null });
  const spec = evalShape(f, zeros([1000, 20000]), { w: zeros([20000, 10000]) });
  deepStrictEqual(spec, { y: [{ shape: [1000, 10000], dtype: "float32" }], n: 3, none: null });
  throws(() => evalShape((x: Tensor) => matmul(x, x), zeros([2, 3])), /Cannot matmul/);
  throws(
    () => evalShape((x: string) => x, "a"),
    /leaves of traced arguments must be tensors, numbers or null: current argument 0 is "a"/,
  );
});

Deno.test("makeProgram() writes what a transformed function does", () => {
  const f = (x: Tensor, w: Tensor) => sum(mul(x, w));
  const w = tensor([1, 2]);
  equal(
    String(makeProgram((x: Tensor) => ({ value: f(x, w), same: x }))(tensor([3, 4]))),
    `{ lambda a:float32[2] ; b:float32[2] . let
    c:float32[2] = mul b a
    d:float32[] = sum[axes=[0]] c
  in (b, d) }`,
  );
  const text = String(makeProgram(vmap(grad(f), { inAxes: [0, null] }))(zeros([5, 2]), w));
  ok(text.includes("broadcastTo[shape=[5, 2]]"), text);
  equal(String(makeProgram((x: Tensor) => x)(w)), "{ lambda ; a:float32[2] . in (a) }");
});

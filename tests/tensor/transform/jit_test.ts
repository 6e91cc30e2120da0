import { deepStrictEqual, equal, throws } from "node:assert/strict";
import {
  add,
  checkpoint,
  cpuDevice,
  type Device,
  grad,
  jit,
  mul,
  ones,
  referenceDevice,
  square,
  sum,
  type Tensor,
  tensor,
  vjp,
} from "../../../tensor/mod.ts";
import type { Program } from "../../../tensor/kernel.ts";

/** The reference device with a count of its compilations. */
function counting(): { readonly device: Device; readonly count: { value: number } } {
  const count = { value: 0 };
  const inner = referenceDevice();
  const device: Device = {
    ...inner,
    compile(program: Program) {
      count.value++;
      return inner.compile(program);
    },
  };
  return { device, count };
}

async function valuesOf(x: Tensor, device: Device): Promise<readonly number[]> {
  return Array.from(await x.data({ device }), Number);
}

Deno.test("numbers given for tensors are traced: one compilation a class, with the values of each call", async () => {
  const { device, count } = counting();
  const f = jit(({ x }: { readonly x: Tensor }, rate: Tensor) => mul(x, rate), { device });
  for (let i = 0; i < 50; i++) {
    deepStrictEqual(await valuesOf(f({ x: tensor([1, 2]) }, i + 0.5), device), [i + 0.5, 2 * i + 1]);
  }
  equal(count.value, 1);
  const classes = [1, -7, 3e9, 1e10, 0.5, NaN, Infinity, -0];
  const dtypes = classes.map((rate) => jit((x: Tensor) => x, { device })(rate).dtype);
  deepStrictEqual(dtypes, ["int32", "int32", "uint32", "float32", "float32", "float32", "float32", "float32"]);
});

Deno.test("the order of keys compiles nothing; static arguments and null do", () => {
  const { device, count } = counting();
  const f = jit((p: { a: Tensor; b: Tensor | null }, _how: string) => p.a, { device, static: [1] });
  const [a, b] = [ones([1]), ones([2])];
  f({ a, b }, "x");
  f({ b, a }, "x");
  equal(count.value, 1);
  f({ a, b }, "y");
  f({ a, b: null }, "y");
  equal(count.value, 3);
});

Deno.test("a jitted function keeps a bounded number of compilations, those used last", () => {
  const { device, count } = counting();
  const f = jit((x: Tensor) => add(x, 1), { device });
  for (let size = 1; size <= 200; size++) {
    f(ones([size]));
    f(ones([1])); // stays in use
  }
  equal(count.value, 200);
  f(ones([200]));
  f(ones([1]));
  equal(count.value, 200);
  f(ones([2])); // was dropped
  equal(count.value, 201);
});

Deno.test("gradients pass through jitted functions, whatever they capture, on reference and cpu", async () => {
  const cpu = cpuDevice({ threads: 1 });
  for (const device of [referenceDevice(), cpu]) {
    const f = jit((x: Tensor) => sum(square(x)), { device });
    const x = tensor([1, 2, 3]);
    await f(x).data(); // compiled before: a cache must not cut the gradient either
    deepStrictEqual(await valuesOf(grad(f)(x), device), [2, 4, 6]);
    deepStrictEqual(await valuesOf(jit(grad(f), { device })(x), device), [2, 4, 6]);
    deepStrictEqual(await valuesOf(vjp(jit((x: Tensor) => square(x), { device }), x)[1](ones([3]))[0], device), [
      2,
      4,
      6,
    ]);
    const inside = (w: Tensor) => sum(mul(jit((x: Tensor) => mul(x, w), { device })(x), w));
    deepStrictEqual(await valuesOf(grad(inside)(tensor(3)), device), [36]);
    const both = (w: Tensor) =>
      grad((v: Tensor) => jit((x: Tensor) => sum(mul(mul(x, v), mul(w, v))), { device })(x))(w);
    deepStrictEqual(await valuesOf(grad(both)(tensor(3)), device), [72]); // (2 · 6 · w²)' of w = 3
  }
  cpu.close();
});

Deno.test("checkpoint counts what it captures, and an argument given twice once", async () => {
  const device = referenceDevice();
  const captured = (w: Tensor) => checkpoint((x: Tensor) => mul(x, mul(w, w)))(tensor(2));
  deepStrictEqual(await valuesOf(grad(captured)(tensor(3)), device), [12]);
  deepStrictEqual(await valuesOf(grad(grad(captured))(tensor(3)), device), [4]);
  const twice = (x: Tensor) => checkpoint((a: Tensor, b: Tensor) => mul(a, b))(x, x);
  deepStrictEqual(await valuesOf(grad(twice)(tensor(3)), device), [6]);
  const nested = (w: Tensor) => checkpoint(() => checkpoint((x: Tensor) => mul(x, w))(mul(w, w)))();
  deepStrictEqual(await valuesOf(grad(nested)(tensor(2)), device), [12]);
});

Deno.test("a tensor of a trace that has ended is refused", () => {
  const device = referenceDevice();
  const leaked: Tensor[] = [];
  jit((x: Tensor) => leaked[leaked.push(add(x, 1)) - 1]!, { device })(tensor(1));
  throws(() => jit((x: Tensor) => mul(x, leaked[0]!), { device })(tensor(2)), /another jitted call, which has ended/);
});

Deno.test("results of a jitted function are tensors or plain values", () => {
  const device = referenceDevice();
  deepStrictEqual(jit((_x: Tensor) => ({ a: 1, b: "x", c: null }), { device })(1), { a: 1, b: "x", c: null });
  throws(() => jit((x: Tensor) => ({ f: () => x }), { device })(1), /current result\.f is a function/);
});

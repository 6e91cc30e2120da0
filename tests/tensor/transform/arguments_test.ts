/** @file What transformations refuse, and how they say it. */
import { throws } from "node:assert/strict";
import {
  add,
  checkpoint,
  customVjp,
  type Device,
  grad,
  jit,
  mul,
  ones,
  referenceDevice,
  stopGradient,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
  vjp,
} from "../../../tensor/mod.ts";

const device: Device = referenceDevice();

class Layer {
  readonly weight = ones([1]);
}

/** Leaves that can be neither differentiated nor traced. */
const WRONG: readonly unknown[] = [
  ...[undefined, "1", true, 1n, Symbol("x"), () => 1, new Map(), new Set(), new Date(0), new Layer(), /x/],
  ...[new Float32Array(1), new ArrayBuffer(1), Promise.resolve(1)],
];

type Loose = (...args: unknown[]) => unknown;

Deno.test("wrong leaves are a TypeError at the call that names the path", () => {
  const f = () => sum(ones([2]));
  for (const wrong of WRONG) {
    const tree = { layers: [{ w: ones([1]) }, { w: wrong }] };
    const expected = { name: "TypeError", message: /current argument 0\.layers\[1\]\.w is / };
    throws(() => (grad(f) as Loose)(tree), expected);
    throws(() => (valueAndGrad(f) as Loose)(tree), expected);
    throws(() => (vjp as Loose)(f, tree), expected);
    throws(() => (jit(f, { device }) as Loose)(tree), expected);
    throws(() => grad(() => (jit(f, { device }) as Loose)(tree) as Tensor, { argnums: [] })(), expected);
    throws(() => (customVjp(f, () => []) as Loose)(wrong), { name: "TypeError", message: /current argument 0 is / });
  }
});

Deno.test("integers are not differentiated, and null is nothing to differentiate", () => {
  const f = () => sum(ones([2]));
  throws(() => (grad(f) as Loose)({ n: tensor([1], { dtype: "int32" }) }), /must be floating: current dtype is int32/);
  throws(() => (grad(f) as Loose)(null), /must hold tensors: current argument 0 is null/);
});

Deno.test("positions are checked", () => {
  const f = (x: Tensor) => sum(x);
  throws(() => grad(f, { argnums: -1 as 0 }), /argnums must be positions.*current argnums is -1/);
  throws(() => grad(f, { argnums: 0.5 as 0 }), /current argnums is 0.5/);
  throws(
    () => (grad(f, { argnums: [0, 1] as never }) as Loose)(ones([1])),
    /below the 1 arguments.*current argnums is 1/,
  );
  throws(() => jit(f, { static: [-1] }), /static must be positions.*current static is -1/);
  throws(() => jit(f, { donate: [1.5] }), /donate must be positions.*current donate is 1.5/);
});

Deno.test("what is no scalar has no gradient", () => {
  throws(() => grad((x: Tensor) => x)(ones([2])), /must return a scalar tensor/);
  throws(() => (grad(() => 1 as never) as Loose)(ones([2])), /must return a scalar tensor.*current value is 1/);
  throws(() => grad((x: Tensor) => sum(x), { hasAux: true } as never)(ones([2])), /value must be \[value, aux\]/);
});

Deno.test("operators on tensors are refused, and name static", () => {
  const loose = ones([1]) as unknown as number;
  for (const use of [() => loose + 1, () => loose * 2, () => loose < 1, () => loose == 1, () => -loose]) {
    throws(use, { name: "TypeError", message: /`static`/ });
  }
  throws(() => jit((n: number) => "x".repeat(n), { device })(3 as never), /`static`/);
});

Deno.test("customVjp refuses what it captures and is differentiated, unless the gradient is stopped", () => {
  const around = (w: Tensor) => customVjp((x: Tensor) => mul(x, w), (_args, _output, cotangent) => [cotangent]);
  throws(() => grad((w: Tensor) => around(w)(tensor(2)))(tensor(3)), /must be an argument.*pass it/);
  throws(() => grad((w: Tensor) => around(add(w, 1))(tensor(2)))(tensor(3)), /made by add; pass it/);
  throws(() => grad((w: Tensor) => checkpoint(around(w))(tensor(2)))(tensor(3)), /pass it/);
  throws(() => grad((w: Tensor) => grad((x: Tensor) => around(w)(x))(tensor(2)))(tensor(3)), /pass it/);
  grad((w: Tensor) => around(stopGradient(w))(tensor(2)))(tensor(3));
  grad((x: Tensor) => around(tensor(3))(x))(tensor(2));
});

Deno.test("a cotangent has the form of the value", () => {
  const [, pullback] = vjp((x: Tensor) => ({ y: x, z: [mul(x, 2)] }), ones([2]));
  const loose = pullback as unknown as Loose;
  throws(() => loose({ y: ones([2]) }), /current cotangent\.z is in the first only/);
  throws(() => loose({ y: ones([3]), z: [null] }), /value and cotangent must have one shape/);
  throws(() => loose({ y: "1", z: [null] }), /cotangents must be tensors, or null/);
});

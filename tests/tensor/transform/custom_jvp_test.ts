import { deepStrictEqual, ok, throws } from "node:assert/strict";
import {
  add,
  checkpoint,
  cpuDevice,
  customJvp,
  type Device,
  div,
  exp,
  grad,
  jit,
  jvp,
  log,
  mul,
  referenceDevice,
  scan,
  sin,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  vmap,
} from "../../../tensor/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

const reference = referenceDevice();
const read = async (x: Tensor) => Array.from(await x.data({ device: reference }));

type Of = (x: Tensor, w: Tensor) => Tensor;
const plain: Of = (x, w) => mul(log(add(exp(x), 1)), sin(w));
/** The same, with the derivative written down: it calls the function itself, so it can be differentiated again. */
const own: Of = customJvp(
  plain,
  ([x, w], _, [dx, dw]) =>
    add(
      mul(mul(sub(1, div(1, add(exp(x), 1))), sin(w)), dx),
      mul(mul(log(add(exp(x), 1)), sub(1, mul(2, square(sin(div(w, 2)))))), dw),
    ),
);

const MEASURES: Readonly<Record<string, (f: Of) => (x: Tensor, w: Tensor) => Tensor | readonly Tensor[]>> = {
  value: (f) => f,
  gradient: (f) => grad((x, w) => sum(f(x, w)), { argnums: [0, 1] }),
  "gradient of the gradient": (f) =>
    grad((x, w) => sum(square(grad((x: Tensor) => sum(f(x, w)))(x))), { argnums: [0, 1] }),
  pushforward: (f) => (x, w) => jvp(f, [x, w], [sin(x), x])[1],
  "pushforward of the gradient": (f) => (x, w) => jvp(grad((x, w) => sum(f(x, w))), [x, w], [sin(x), x])[1],
  batch: (f) => (x, w) => vmap(f)(x, w),
  "gradients of a batch": (f) => (x, w) => vmap(grad(f, { argnums: [0, 1] }))(x, w),
  "pushforward of a batch": (f) => (x, w) => jvp(vmap(f), [x, w], [sin(x), x])[1],
  checkpoint: (f) => grad((x, w) => sum(checkpoint(f)(x, w)), { argnums: [0, 1] }),
  "in a scan": (f) => grad((x, w) => scan((c: Tensor, v: Tensor) => [f(v, c), null] as const, sum(w), x)[0]),
};

async function agree(device: Device) {
  const dtype = device === reference ? "float64" : "float32";
  const given = [tensor([0.3, -1.2, 0.8], { dtype }), tensor([0.7, 0.4, -0.6], { dtype })] as const;
  for (const [measure, of] of Object.entries(MEASURES)) {
    const run = (f: Of) => [jit(of(f), { device })(...given)].flat();
    const expected = run(plain);
    for (const [i, x] of run(own).entries()) {
      const bounds = device === reference ? { absolute: 1e-12, relative: 1e-12 } : { absolute: 1e-5, relative: 1e-4 };
      assertClose(await x.data({ device }), await expected[i]!.data({ device }), bounds, `${measure}, ${i}`);
    }
  }
}

Deno.test("customJvp with the true derivative changes nothing", async () => {
  await agree(reference);
  const device = cpuDevice({ threads: 1 });
  await agree(device);
  device.close();
});

testWebgpu("On webgpu customJvp with the true derivative changes nothing", agree);

Deno.test("The rule of customJvp is the derivative, forwards and backwards", async () => {
  const f = customJvp((x: Tensor) => ({ y: square(x), n: null }), ([x], _, [t]) => ({ y: mul(mul(x, 5), t), n: null }));
  const y = (x: Tensor) => f(x).y;
  deepStrictEqual(await read(grad(y)(tensor(2))), [10]);
  deepStrictEqual(await read(jvp(y, [tensor(2)], [tensor(3)])[1]), [30]);
  deepStrictEqual(await read(grad(grad(y) as (x: Tensor) => Tensor)(tensor(2))), [5]);
  const zero = customJvp((x: Tensor) => [square(x), mul(x, 2)] as const, (_, __, [t]) => [null, t]);
  deepStrictEqual(await read(grad((x: Tensor) => add(...zero(x)))(tensor(2))), [1]);
});

Deno.test("customJvp takes null and whole numbers, which have no tangent", async () => {
  const seen: (Tensor | null)[] = [];
  const f = customJvp((x: Tensor, _n: Tensor, _: Tensor | null) => mul(x, square(x)), ([x], _, [t, ...others]) => {
    seen.push(...others);
    return mul(mul(square(x), 3), t!);
  });
  deepStrictEqual(await read(grad((x: Tensor) => f(x, tensor([1], { dtype: "int32" }), null))(tensor(2))), [12]);
  ok(seen.length > 0 && seen.every((x) => x === null));
});

Deno.test("customJvp refuses rules that are no derivative, and what is captured", () => {
  const bent = customJvp((x: Tensor) => mul(x, 2), (_, __, [t]) => square(t!));
  throws(() => grad(bent)(tensor(1)), /Cannot customJvp as tangentRule must be linear in the tangents/);
  const other = customJvp((x: Tensor) => mul(x, 2), (_, __, [t]) => [t]);
  throws(() => grad(other)(tensor(1)), /Cannot customJvp as all trees must have one structure/);
  const wide = customJvp((x: Tensor) => mul(x, 2), () => tensor([1, 2]));
  throws(() => grad(wide)(tensor(1)), /Cannot customJvp as value and output must have one shape/);
  throws(
    () => grad((x: Tensor) => customJvp((y: Tensor) => mul(y, x), ([_], __, [t]) => t)(tensor(1)))(tensor(1)),
    /must be an argument, or its gradient would be lost/,
  );
});

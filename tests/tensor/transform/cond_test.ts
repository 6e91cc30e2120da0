import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import {
  add,
  cast,
  checkGrads,
  checkpoint,
  cond,
  cpuDevice,
  customVjp,
  type Device,
  exp,
  grad,
  greater,
  jit,
  jvp,
  less,
  log,
  makeProgram,
  matmul,
  mul,
  ones,
  referenceDevice,
  reshape,
  scan,
  ShapeError,
  sin,
  sqrt,
  square,
  stack,
  sum,
  switchCase,
  take,
  type Tensor,
  tensor,
  vmap,
  where,
  zeros,
} from "../../../tensor/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

const reference = referenceDevice();
const read = async (x: Tensor, device: Device = reference) => Array.from(await x.data({ device }));

type Of = (p: Tensor, x: Tensor, w: Tensor) => Tensor;
type Branch = (x: Tensor) => readonly [Tensor, { readonly n: Tensor }];

/** Branches of `x` `[3]` that use `w` `[3]` from outside; the second is NaN where `x` is below 0, with its derivatives. */
const branchesOf = (w: Tensor): readonly [Branch, Branch] => [
  (x) => [mul(sin(mul(x, w)), sum(w)), { n: sum(square(x)) }],
  (x) => [mul(log(x), w), { n: sum(sqrt(x)) }],
];

const together = ([y, { n }]: ReturnType<Branch>): Tensor => add(sum(mul(y, y)), n);
const chosen: Of = (p, x, w) => together(cond(p, ...branchesOf(w), x));
/** The same choice, made on the host. */
const picked = (p: boolean): Of => (_, x, w) => together(branchesOf(w)[p ? 0 : 1](x));

/** What transformations make of a function. */
const MEASURES: Readonly<Record<string, (f: Of) => (p: Tensor, x: Tensor, w: Tensor) => Tensor | readonly Tensor[]>> = {
  value: (f) => f,
  gradient: (f) => grad(f, { argnums: [1, 2] }),
  "gradient of the gradient": (f) =>
    grad((p, x, w) => sum(square(grad(f, { argnums: 1 })(p, x, w))), { argnums: [1, 2] }),
  pushforward: (f) => (p, x, w) => jvp((x: Tensor, w: Tensor) => f(p, x, w), [x, w], [sin(x), w])[1],
  checkpoint: (f) => grad(checkpoint(f), { argnums: [1, 2] }),
  "batch of operands": (f) => (p, x, w) => vmap(f, { inAxes: [null, 0, null] })(p, stack([x, mul(x, 2)]), w),
  "batch of what is used": (f) => (p, x, w) => vmap(f, { inAxes: [null, null, 0] })(p, x, stack([w, mul(w, 2)])),
  "gradients of a batch": (f) => (p, x, w) =>
    vmap(grad(f, { argnums: [1, 2] }), { inAxes: [null, 0, null] })(p, stack([x, mul(x, 2)]), w),
  "gradient through a batch": (f) => (p, x, w) =>
    grad((w: Tensor) => sum(vmap(f, { inAxes: [null, 0, null] })(p, stack([x, mul(x, 2)]), w)))(w),
};

const points = (p: boolean, device: Device) => {
  const dtype = device === reference ? "float64" : "float32";
  const x = p ? [-0.5, 0.25, -1.5] : [0.5, 0.25, 1.5]; // the other branch is NaN where the first is taken
  return [tensor(p, { dtype: "bool" }), tensor(x, { dtype }), tensor([0.7, -0.3, 0.9], { dtype })] as const;
};

async function agree(measure: string, device: Device) {
  for (const p of [true, false]) {
    const given = points(p, device);
    const run = (f: Of) => [jit(MEASURES[measure]!(f), { device })(...given)].flat();
    const [actual, expected] = [run(chosen), run(picked(p))];
    for (const [i, x] of actual.entries()) {
      const bounds = device === reference ? { absolute: 1e-12, relative: 1e-12 } : { absolute: 1e-5, relative: 1e-4 };
      assertClose(await x.data({ device }), await expected[i]!.data({ device }), bounds, `${measure}, ${p}, ${i}`);
    }
  }
}

for (const measure of Object.keys(MEASURES)) {
  Deno.test(`cond is the function that is chosen: ${measure}`, () => agree(measure, reference));
}

Deno.test("On cpu cond is the function that is chosen", async () => {
  const device = cpuDevice({ threads: 2 });
  for (const measure of Object.keys(MEASURES)) await agree(measure, device);
  device.close();
});

testWebgpu("On webgpu cond is the function that is chosen", async (device) => {
  for (const measure of Object.keys(MEASURES)) await agree(measure, device);
});

/** Each example decides: cond against where, on operands where nothing is infinite. */
const each = (x: Tensor, w: Tensor) =>
  cond(greater(x, 0), (x: Tensor) => mul(sqrt(x), w), (x) => mul(exp(x), square(w)), x);
const eachPicked = (x: Tensor, w: Tensor) => {
  const safe = where(greater(x, 0), x, 1);
  return where(greater(x, 0), mul(sqrt(safe), w), mul(exp(x), square(w)));
};

async function examplesAgree(device: Device) {
  const dtype = device === reference ? "float64" : "float32";
  const [xs, w] = [tensor([1.5, -0.5, 0.25, -2], { dtype }), tensor(0.7, { dtype })];
  const forms = [
    (f: typeof each) => (xs: Tensor, w: Tensor) => vmap(f, { inAxes: [0, null] })(xs, w),
    (f: typeof each) => (xs: Tensor, w: Tensor) =>
      grad((xs: Tensor, w: Tensor) => sum(square(vmap(f, { inAxes: [0, null] })(xs, w))), { argnums: [0, 1] })(xs, w),
    (f: typeof each) => (xs: Tensor, w: Tensor) => vmap(grad(f, { argnums: [0, 1] }), { inAxes: [0, null] })(xs, w),
    (f: typeof each) => (xs: Tensor, w: Tensor) =>
      jvp((xs: Tensor, w: Tensor) => vmap(f, { inAxes: [0, null] })(xs, w), [xs, w], [sin(xs), w])[1],
    (f: typeof each) => (xs: Tensor, w: Tensor) =>
      vmap(vmap(f, { inAxes: [0, null] }), { inAxes: [0, null] })(reshape(xs, [2, 2]), w),
    (f: typeof each) => (xs: Tensor, w: Tensor) =>
      vmap(vmap(grad(f, { argnums: [0, 1] }), { inAxes: [null, 0] }), { inAxes: [0, null] })(xs, stack([w, mul(w, 2)])),
    (f: typeof each) => (xs: Tensor, w: Tensor) =>
      grad((w: Tensor) => sum(square(grad((w: Tensor) => sum(square(vmap(f, { inAxes: [0, null] })(xs, w))))(w))))(w),
  ];
  for (const [at, form] of forms.entries()) {
    const run = (f: typeof each) =>
      [jit(form(f) as (xs: Tensor, w: Tensor) => Tensor | readonly Tensor[], { device })(xs, w)].flat();
    const expected = run(eachPicked);
    for (const [i, y] of run(each).entries()) {
      const values = await y.data({ device });
      ok(values.every(Number.isFinite), `form ${at}, ${i}: ${values}`);
      const bounds = device === reference ? { absolute: 1e-12, relative: 1e-12 } : { absolute: 1e-5, relative: 1e-4 };
      assertClose(values, await expected[i]!.data({ device }), bounds, `form ${at}, ${i}`);
    }
  }
}

Deno.test("Where each example decides, what it does not take changes no value and no gradient", async () => {
  await examplesAgree(reference);
  const device = cpuDevice({ threads: 1 });
  await examplesAgree(device);
  device.close();
});

testWebgpu("On webgpu each example decides", examplesAgree);

Deno.test("On cpu only what is chosen runs, in gradients too", async () => {
  const device = cpuDevice({ threads: 1 });
  const f = jit(
    grad((x: Tensor, p: Tensor) =>
      cond(p, (x: Tensor) => sum(x), (x: Tensor) => {
        let y = x;
        for (let i = 0; i < 8; i++) y = sin(matmul(y, y));
        return sum(y);
      }, x)
    ),
    { device },
  );
  const count = async (p: boolean) => {
    const given = [zeros([4, 4]), tensor(p, { dtype: "bool" })] as const;
    await f(...given).data();
    const before = device.counters!().launches;
    await f(...given).data();
    return device.counters!().launches - before;
  };
  const [few, many] = [await count(true), await count(false)];
  ok(many - few > 16, `${few} and ${many} launches`);
  device.close();
});

Deno.test("switchCase takes the nearest branch, and is differentiated", async () => {
  const f = (i: Tensor | number, x: Tensor) =>
    switchCase(i, [(x: Tensor) => mul(x, 2), square, (x) => mul(x, square(x))], x);
  for (const [i, value, slope] of [[-3, 6, 2], [0, 6, 2], [1, 9, 6], [2, 27, 27], [9, 27, 27]] as const) {
    for (const index of [i, tensor(i, { dtype: "int32" })]) {
      deepStrictEqual(await read(f(index, tensor(3))), [value]);
      deepStrictEqual(await read(grad((x: Tensor) => f(index, x))(tensor(3))), [slope]);
    }
  }
  deepStrictEqual(await read(f(tensor(4_000_000_000, { dtype: "uint32" }), tensor(3))), [27]);
  const all = vmap(f, { inAxes: [0, null] })(tensor([2, 0, 1], { dtype: "int32" }), tensor(3));
  deepStrictEqual(await read(all), [27, 6, 9]);
});

/** A scan whose body chooses by what it reads, and by what it carries. */
async function inScan(device: Device) {
  const body = (c: Tensor, x: Tensor) => {
    const next = cond(greater(x, 0), (c: Tensor) => mul(c, x), (c) => add(c, x), c);
    return [cond(greater(next, 20), (c: Tensor) => mul(c, 0.5), (c) => c, next), null] as const;
  };
  const f = (xs: Tensor, c: Tensor) => scan(body, c, xs)[0];
  const given = [tensor([2, -1, 3]), tensor(5)] as const; // 10, 9, 27 and half of that
  deepStrictEqual(await read(jit(f, { device })(...given), device), [13.5]);
  const slopes = jit(grad(f, { argnums: [0, 1] }), { device })(...given);
  deepStrictEqual(await Promise.all(slopes.map((x) => read(x, device))), [[7.5, 1.5, 4.5], [3]]);
  const rows = jit(vmap(grad(f), { inAxes: [0, null] }), { device })(tensor([[2, -1, 3], [-2, 1, -3]]), given[1]);
  deepStrictEqual(await read(rows, device), [7.5, 1.5, 4.5, 1, 3, 1]);
}

Deno.test("cond stands in a scan, with its gradient, on cpu as on reference", async () => {
  const device = cpuDevice({ threads: 2 });
  await inScan(reference);
  await inScan(device);
  device.close();
});

testWebgpu("cond stands in a scan on webgpu", inScan);

Deno.test("cond stands in loops, in itself, beside custom pullbacks, and with null", async () => {
  const body = (c: Tensor, x: Tensor) =>
    [cond(greater(x, 0), (c: Tensor) => mul(c, x), (c) => add(c, x), c), null] as const;
  const f = (xs: Tensor, c: Tensor) => scan(body, c, xs)[0];
  const [xs, c] = [tensor([2, -1, 3]), tensor(5)];
  deepStrictEqual(await read(f(xs, c)), [27]);
  deepStrictEqual(await read(grad(f)(xs, c)), [15, 3, 9]);
  deepStrictEqual(await read(vmap(f, { inAxes: [1, null] })(stack([xs, mul(xs, -1)], { axis: 1 }), c)), [27, 0]);
  const nested = (x: Tensor) =>
    cond(greater(x, 0), (x: Tensor) => cond(greater(x, 2), square, (x: Tensor) => mul(x, 3), x), (x) => mul(x, -1), x);
  for (const [x, value, slope] of [[3, 9, 6], [1, 3, 3], [-4, 4, -1]] as const) {
    deepStrictEqual(await read(nested(tensor(x))), [value]);
    deepStrictEqual(await read(grad(nested)(tensor(x))), [slope]);
    deepStrictEqual(await read(vmap(grad(nested))(tensor([x, x]))), [slope, slope]);
  }
  const own = customVjp((x: Tensor) => mul(x, 2), (_, __, cotangent) => [mul(cotangent, 7)]);
  const withOwn = (x: Tensor) => cond(true, own, square, x);
  deepStrictEqual(await read(grad(withOwn)(tensor(1))), [7]);
  const tree = cond(
    false,
    (x: Tensor) => ({ a: x, b: null }),
    (x: Tensor) => ({ a: mul(x, 2), b: null }),
    tensor([1, 2]),
  );
  deepStrictEqual([await read(tree.a), tree.b], [[2, 4], null]);
  const whole = cond(tensor(2), (x: Tensor) => x, (x: Tensor) => add(x, 1), tensor([1, 2], { dtype: "int32" }));
  deepStrictEqual([whole.dtype, await read(whole)], ["int32", [1, 2]]);
  ok(/branch\[call=\s*if input 0 is not 0/.test(String(makeProgram(nested)(tensor(1)))));
});

Deno.test("Derivatives of cond are those of differences", async () => {
  const [p, x, w] = points(true, reference);
  await checkGrads((x: Tensor, w: Tensor) => chosen(p, x, w), [x, w], { modes: ["rev", "fwd"] });
});

Deno.test("cond and switchCase refuse what they cannot choose between, and name it", () => {
  const id = (x: Tensor) => x;
  const x = tensor([1, 2]);
  throws(() => cond(1 as never, id, id, x), /predicate must be a tensor or a boolean: current predicate is 1/);
  throws(
    () => cond(greater(x, 0), id, id, x),
    (e: Error) => e instanceof ShapeError && /vmap maps over many/.test(e.message),
  );
  throws(
    () => cond(true, id, (x: Tensor) => take(x, 0), x),
    /must return one shape and dtype, float32 \[2\] of the result of onTrue: current the result of onFalse is float32 \[\]/,
  );
  throws(() => cond(true, (x: Tensor) => [x], id as never, x), /the result of onFalse/);
  throws(() => cond<[Tensor], Tensor | null>(true, id, () => null, x), /return null at the same places/);
  throws(
    () => cond(true, (() => 3) as never, id, x),
    /results must be tensors or null: current the result of onTrue is 3/,
  );
  throws(() => switchCase(0, [], x), /at least one function/);
  throws(() => switchCase(tensor(0.5), [id], x), /index must be of whole numbers: current dtype is float32/);
  throws(() => switchCase(0.5, [id], x), /whole number: current index is 0.5/);
  equal(switchCase(0, [id], x).shape[0], 2);
});

Deno.test("Bodies use tensors from outside that were computed before: they are operands, not made anew", async () => {
  const device = cpuDevice({ threads: 1 });
  try {
    const computed = cast(tensor(Int32Array.of(1, 2)), "float32"); // once computed it forgets what it was made of
    await computed.data({ device });
    const chosen = cond(less(sum(computed), 9), (x: Tensor) => add(x, 1), (x: Tensor) => x, computed);
    const scanned = scan((carry: Tensor) => [mul(carry, computed), null], ones([2]), null, { length: 3 })[0] as Tensor;
    deepStrictEqual([...await chosen.data({ device })], [2, 3]);
    deepStrictEqual([...await scanned.data({ device })], [1, 8]);
  } finally {
    device.close();
  }
});

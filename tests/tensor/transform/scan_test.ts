import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import {
  add,
  checkGrads,
  checkpoint,
  cpuDevice,
  customVjp,
  type Device,
  exp,
  foriLoop,
  grad,
  jit,
  jvp,
  makeProgram,
  matmul,
  mul,
  random,
  referenceDevice,
  scan,
  ShapeError,
  sin,
  sizeOf,
  square,
  stack,
  sum,
  take,
  tanh,
  type Tensor,
  tensor,
  vjp,
  vmap,
  zeros,
} from "../../../tensor/mod.ts";
import { realize } from "../../../tensor/kernel.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";
import { randomValues } from "../../support/random_values.ts";

const reference = referenceDevice();
const EXACT = { absolute: 1e-12, relative: 1e-12 };
const FLOAT = { absolute: 1e-5, relative: 1e-4 };

type Step = (carry: Tensor, x: Tensor) => readonly [Tensor, Tensor];
type Whole = (h: Tensor, xs: Tensor, w: Tensor) => Tensor;

/** Bodies of a carry `[2, 3]`, rows `[2, 3]` and a constant `[3, 3]` from outside. */
const BODIES: Readonly<Record<string, (w: Tensor) => Step>> = {
  recurrent: (w) => (h, x) => {
    const next = tanh(add(matmul(h, w), x));
    return [next, sum(next, { axis: 1 })];
  },
  "that hands on what it reads": () => (h, x) => [x, h],
  "that keeps what it carries": () => (h, x) => [h, mul(h, x)],
  "with a checkpoint": (w) => (h, x) => [checkpoint((h: Tensor) => sin(matmul(h, w)))(h), mul(x, sum(w))],
  "with a pullback of its own": () => (h, x) => {
    const scaled = customVjp((h: Tensor, x: Tensor) => mul(h, x), ([h, x], _, cotangent) => [
      mul(mul(cotangent, x), 3),
      mul(mul(cotangent, h), 5),
    ]);
    return [scaled(h, x), exp(mul(h, 0.1))];
  },
  "with a loop inside": (w) => (h, x) => {
    const [inner, rows] = scan(
      (c: Tensor, v: Tensor) => [sin(add(c, mul(v, sum(w)))), mul(c, c)] as const,
      h,
      stack([x, h]),
    );
    return [inner, sum(rows, { axis: 0 })];
  },
};

function looped(body: (w: Tensor) => Step, reverse: boolean): Whole {
  return (h, xs, w) => {
    const [last, ys] = scan(body(w), h, xs, { reverse });
    return add(sum(mul(last, last)), sum(mul(ys, sin(add(ys, 1)))));
  };
}

function unrolled(body: (w: Tensor) => Step, reverse: boolean): Whole {
  return (h, xs, w) => {
    const rows = [...Array(xs.shape[0]!).keys()];
    const ys: Tensor[] = [];
    let carry = h;
    for (const t of reverse ? rows.reverse() : rows) [carry, ys[t]] = body(w)(carry, take(xs, t));
    const all = stack(ys);
    return add(sum(mul(carry, carry)), sum(mul(all, sin(add(all, 1)))));
  };
}

function operands(length: number, dtype: "float32" | "float64"): readonly [Tensor, Tensor, Tensor] {
  const made = (seed: number, shape: readonly number[]) =>
    tensor(Float64Array.from(randomValues(seed, sizeOf(shape)), (x) => x * 0.7), { shape, dtype });
  return [made(1, [2, 3]), made(2, [length, 2, 3]), made(3, [3, 3])];
}

/** What every transformation makes of a function; two functions that are one agree in all of it. */
const MEASURES: Readonly<
  Record<string, (f: Whole) => (h: Tensor, xs: Tensor, w: Tensor) => Tensor | readonly Tensor[]>
> = {
  value: (f) => f,
  gradient: (f) => grad(f, { argnums: [0, 1, 2] }),
  "gradient of the gradient": (f) => grad((h, xs, w) => sum(square(grad(f)(h, xs, w))), { argnums: [0, 1, 2] }),
  pushforward: (f) => (h, xs, w) => jvp(f, [h, xs, w], [sin(h), sin(xs), w])[1],
  "batch of carries": (f) => (h, xs, w) => vmap(f, { inAxes: [0, null, null] })(stack([h, sin(h)]), xs, w),
  "batch of rows": (f) => (h, xs, w) => vmap(f, { inAxes: [null, 1, null] })(h, stack([xs, sin(xs)], { axis: 1 }), w),
  "batch of constants": (f) => (h, xs, w) => vmap(f, { inAxes: [null, null, 0] })(h, xs, stack([w, sin(w)])),
  "gradients of a batch": (f) => (h, xs, w) =>
    vmap(grad(f, { argnums: [0, 2] }), { inAxes: [0, null, null] })(stack([h, sin(h)]), xs, w),
  "gradient through a batch": (f) => (h, xs, w) =>
    grad((w: Tensor) => sum(vmap(f, { inAxes: [0, null, null] })(stack([h, sin(h)]), xs, w)))(w),
};

async function agree(one: Whole, other: Whole, measure: string, length: number, device: Device, what: string) {
  const floats = device === reference ? "float64" : "float32";
  const given = operands(length, floats);
  const run = (f: Whole) =>
    [jit(MEASURES[measure]!(f) as (...xs: Tensor[]) => Tensor | readonly Tensor[], { device })(...given)].flat();
  const [actual, expected] = [run(one), run(other)];
  equal(actual.length, expected.length);
  for (const [i, x] of actual.entries()) {
    assertClose(
      await x.data({ device }),
      await expected[i]!.data({ device }),
      device === reference ? EXACT : FLOAT,
      `${what}, ${i}`,
    );
  }
}

for (const [name, body] of Object.entries(BODIES)) {
  for (const measure of Object.keys(MEASURES)) {
    Deno.test(`scan of a body ${name} is the unrolled loop: ${measure}`, async () => {
      for (const [length, reverse] of [[1, false], [4, true]] as const) {
        await agree(looped(body, reverse), unrolled(body, reverse), measure, length, reference, `length ${length}`);
      }
    });
  }
}

const SOME = Object.entries(BODIES).flatMap(([name, body], i) =>
  Object.keys(MEASURES).map((measure, k) => ({ name: `${name}: ${measure}`, body, measure, at: i * 9 + k }))
);

Deno.test("On cpu scan is the unrolled loop", async () => {
  const devices = [cpuDevice({ threads: 1 }), cpuDevice({ threads: 2 })];
  for (const { name, body, measure, at } of SOME.filter(({ at }) => at % 3 === 1)) {
    await agree(looped(body, at % 2 === 0), unrolled(body, at % 2 === 0), measure, 3, devices[at % 2]!, name);
  }
  devices.forEach((device) => device.close());
});

testWebgpu("On webgpu scan is the unrolled loop, in one submit, with nothing read back", async (device) => {
  for (const { name, body, measure, at } of SOME.filter(({ at }) => at % 9 === Math.floor(at / 9) || at === 2)) {
    await agree(looped(body, at % 2 === 0), unrolled(body, at % 2 === 0), measure, 3, device, name);
  }
  const f = jit(grad(looped(BODIES.recurrent!, false)), { device });
  const [h, xs, w] = operands(50, "float32");
  realize([f(h, xs, w)], device);
  await device.synchronize();
  const before = device.counters!();
  const result = f(h, xs, w);
  const after = device.counters!();
  deepStrictEqual([after.submits - before.submits, after.readBacks - before.readBacks], [1, 0]);
  equal(after.launches - before.launches, f.stats(h, xs, w).launches);
  ok(Number.isFinite((await result.data())[0]));
});

Deno.test("A longer scan has the nodes, kernels and temporaries of a short one", () => {
  const device = cpuDevice({ threads: 1 });
  const f = grad(looped(BODIES.recurrent!, false), { argnums: [0, 2] });
  const stats = [10, 100, 400].map((length) => jit(f, { device }).stats(...operands(length, "float32")));
  const [a, b, c] = stats.map(({ launches }) => launches) as [number, number, number];
  equal((c - b) / 300, (b - a) / 90, `launches ${a}, ${b} and ${c} grow by those of the body`);
  const row = 64 * 4; // of what is carried, of the operand in and of the result out
  const bytes = stats.map(({ plannedBytes }) => plannedBytes);
  ok((bytes[2]! - bytes[1]!) / 300 <= 4 * row, `planned bytes ${bytes} grow by a few rows a run`);
  const lines = [10, 400].map((length) => String(makeProgram(f)(...operands(length, "float32"))).split("\n").length);
  equal(lines[0], lines[1]);
  device.close();
});

Deno.test("Results of one scan are one loop, also where it begins with the same values twice", () => {
  const device = cpuDevice({ threads: 1 });
  const body = ([a, b]: readonly [Tensor, Tensor], x: Tensor) => [[add(a, x), mul(b, x)] as const, [a, b]] as const;
  const f = (xs: Tensor) => scan(body, [zeros([64]), zeros([64])] as const, xs);
  const [few, many] = [5, 25].map((length) => jit(f, { device }).stats(zeros([length, 64])).launches);
  ok((many! - few!) / 20 <= 4, `${few} and ${many} launches`);
  device.close();
});

Deno.test("scan carries trees, keys and counters, and takes lengths and numbers", async () => {
  const body = ({ key, n }: { key: Tensor; n: Tensor }, _: null) => {
    const [next, own] = random.split(key);
    return [{ key: next, n: add(n, 1) }, random.uniform(own, [3])] as const;
  };
  const [{ key, n }, drawn] = scan(body, { key: random.key(3), n: 0 }, null, { length: 4 });
  equal(n.dtype, "int32");
  const keys: Tensor[] = [random.key(3)];
  const each = [0, 1, 2, 3].map((t) => {
    const [next, own] = random.split(keys[t]!);
    keys.push(next);
    return random.uniform(own, [3]);
  });
  const read = async (x: Tensor) => Array.from(await x.data({ device: reference }));
  deepStrictEqual([await read(drawn), await read(n), await read(key)], [
    await read(stack(each)),
    [4],
    await read(keys[4]!),
  ]);
  const [sumOf] = scan((s: Tensor, x: Tensor) => [add(s, x), null] as const, 0, tensor([0.5, 1]));
  deepStrictEqual(await read(sumOf), [1.5]);
  const [same, none] = scan((s: Tensor, x: Tensor) => [add(s, x), mul(x, 2)] as const, tensor(7), zeros([0]));
  deepStrictEqual([await read(same), none.shape], [[7], [0]]);
  deepStrictEqual(
    await read(
      grad((x: Tensor) => scan((s: Tensor, x: Tensor) => [mul(s, x), null] as const, 1, x)[0])(tensor([2, 3, 5])),
    ),
    [15, 10, 6],
  );
});

Deno.test("foriLoop counts, carries, and is differentiated", async () => {
  const read = async (x: Tensor) => Array.from(await x.data({ device: reference }));
  const sumOfSquares = foriLoop(2, 5, (i, s: Tensor) => add(s, mul(i, i)), 0);
  deepStrictEqual([sumOfSquares.dtype, await read(sumOfSquares)], ["int32", [4 + 9 + 16]]);
  const power = (x: Tensor) => foriLoop(0, 3, (_, { y }: { y: Tensor }) => ({ y: mul(y, x) }), { y: 1 }).y;
  deepStrictEqual(await read(grad(power)(tensor(2))), [12]);
  deepStrictEqual(await read(vmap(power)(tensor([2, 3]))), [8, 27]);
  deepStrictEqual(await read(foriLoop(3, 1, (_, s: Tensor) => mul(s, 2), tensor(5))), [5]);
  throws(
    () => foriLoop(0, 2.5, (_, s: Tensor) => s, tensor(1)),
    /upper must be a whole number that int32 holds: current upper is 2.5/,
  );
});

Deno.test("Derivatives of scan are those of differences", async () => {
  const [h, xs, w] = operands(3, "float64");
  await checkGrads(looped(BODIES.recurrent!, false), [h, xs, w], { modes: ["rev", "fwd"] });
  const [, pull] = vjp((h: Tensor) => scan(BODIES.recurrent!(w), h, xs), h);
  deepStrictEqual(pull([null, null])[0].shape, [2, 3]);
});

Deno.test("scan refuses what it cannot carry or read, and names it", () => {
  const id = (c: Tensor, _: unknown) => [c, null] as const;
  throws(
    () => scan(id, tensor(1), null as unknown),
    /Cannot scan as the length must be a whole number of at least 0.*current length is undefined/,
  );
  throws(
    () => scan(id, tensor(1), { a: tensor([1]), b: tensor([1, 2]) } as unknown),
    (error: Error) => error instanceof ShapeError && /all tensors must have 1 rows, unlike xs.b/.test(error.message),
  );
  throws(() => scan(id, tensor(1), tensor(1) as unknown), /must have an axis of rows, unlike xs/);
  throws(
    () => scan((c: Tensor, _: null) => c as never, tensor(1), null, { length: 1 }),
    /the body must return \[carry, y\]: current value is a Tensor/,
  );
  throws(
    () =>
      scan((c: { a: Tensor }, _: null) => [{ a: stack([c.a, c.a]) }, null] as const, { a: tensor(1) }, null, {
        length: 1,
      }),
    /must keep shape and dtype, float32 \[\] of init.a: current carry of the body is float32 \[2\]/,
  );
  throws(
    () => scan((c: Tensor, _: null) => [[c], null] as never, tensor(1), null, { length: 1 }),
    /the carry of the body is a leaf in the first/,
  );
});

import { deepStrictEqual, ok, rejects, throws } from "node:assert/strict";
import {
  add,
  cpuDevice,
  customVjp,
  type Device,
  div,
  grad,
  greater,
  jit,
  jvp,
  less,
  makeProgram,
  matmul,
  max,
  mul,
  referenceDevice,
  reshape,
  scan,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tensor,
  vmap,
  whileLoop,
  type WhileLoopOptions,
} from "../../../tensor/mod.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

const reference = referenceDevice();
const read = async (x: Tensor, device: Device = reference) => Array.from(await x.data({ device }));

interface Counted {
  readonly n: Tensor;
  readonly x: Tensor;
}

/** How often a number is doubled until it is above a bound, and what it is then. */
function doubled(x: Tensor, bound: Tensor, options: WhileLoopOptions = {}): Counted {
  return whileLoop(
    ({ x }: Counted) => less(x, bound),
    ({ n, x }) => ({ n: add(n, 1), x: mul(x, 2) }),
    { n: 0, x },
    options,
  );
}

/** The same on the host. */
function doubledHere(x: number, bound: number): readonly [number, number] {
  let [n, y] = [0, x];
  for (; y < bound; n++) y *= 2;
  return [n, y];
}

/** 100 is reached by an even and an odd number of runs, and by none. */
const STARTS = [3, 5, 100, 60, 1, 0.3];

async function counts(device: Device, options: WhileLoopOptions) {
  const f = jit((x: Tensor, bound: Tensor) => doubled(x, bound, options), { device });
  for (const start of STARTS) {
    const { n, x } = f(tensor(start), tensor(100));
    const [times, value] = doubledHere(start, 100);
    deepStrictEqual([await read(n, device), await read(x, device)], [[times], [Math.fround(value)]], `from ${start}`);
  }
  const all = jit(vmap((x: Tensor, bound: Tensor) => doubled(x, bound, options), { inAxes: [0, null] }), { device });
  const { n, x } = all(tensor(STARTS), tensor(100));
  const expected = STARTS.map((start) => doubledHere(Math.fround(start), 100));
  deepStrictEqual(await read(n, device), expected.map(([times]) => times));
  deepStrictEqual(await read(x, device), expected.map(([, value]) => Math.fround(value)));
  const bounds = jit(
    vmap((bound: Tensor) => doubled(tensor(3), bound, options).n),
    { device },
  );
  deepStrictEqual(await read(bounds(tensor([1, 4, 90])), device), [0, 1, 5]);
}

Deno.test("whileLoop runs as often as its condition says, for each example of a batch too: reference", async () => {
  await counts(reference, {});
  await counts(reference, { maxIterations: 12 });
});

Deno.test("whileLoop runs as often as its condition says, for each example of a batch too: cpu", async () => {
  for (const threads of [1, 2]) {
    const device = cpuDevice({ threads });
    await counts(device, {});
    await counts(device, { maxIterations: 11 });
    device.close();
  }
});

testWebgpu("whileLoop runs as often as its condition says: webgpu, in one submit, with a bound", async (device) => {
  await counts(device, { maxIterations: 11 });
  await counts(device, { maxIterations: 12 });
  const f = jit((x: Tensor) => doubled(x, tensor(100), { maxIterations: 12 }).x, { device });
  await f(tensor(3)).data();
  const before = device.counters!();
  const result = f(tensor(5));
  const after = device.counters!();
  deepStrictEqual([after.submits - before.submits, after.readBacks - before.readBacks], [1, 0]);
  deepStrictEqual(await read(result, device), [160]);
  await rejects(
    async () => await doubled(tensor(3), tensor(100)).x.data({ device }),
    /Cannot run whileLoop on webgpu as maxIterations must bound it.*give it, use foriLoop or scan, or run on cpu/,
  );
});

Deno.test("On cpu runs that the condition ends are not computed", async () => {
  const device = cpuDevice({ threads: 1 });
  const f = jit((x: Tensor) => doubled(x, tensor(100), { maxIterations: 1000 }).x, { device });
  const count = async (start: number) => {
    await f(tensor(start)).data();
    const before = device.counters!().launches;
    await f(tensor(start)).data();
    return device.counters!().launches - before;
  };
  const [none, one, three] = [await count(100), await count(50), await count(13)];
  ok(one > none && three - one === 2 * (one - none), `${none}, ${one} and ${three} launches`);
  device.close();
});

Deno.test("whileLoop carries matrices: powers until they no longer change", async () => {
  const device = cpuDevice({ threads: 2 });
  const chain = tensor([[0.9, 0.1], [0.5, 0.5]]);
  interface Powers {
    readonly now: Tensor;
    readonly change: Tensor;
  }
  const limit = (p: Tensor) =>
    whileLoop(
      ({ change }: Powers) => greater(change, 1e-6),
      ({ now }) => {
        const next = matmul(now, p);
        return { now: next, change: max(square(sub(next, now))) };
      },
      { now: p, change: 1 },
    ).now;
  for (const on of [reference, device]) {
    const found = await read(limit(chain), on);
    for (const [i, x] of found.entries()) ok(Math.abs(x - [5 / 6, 1 / 6][i % 2]!) < 0.01, `${found}`);
  }
  device.close();
});

Deno.test("whileLoop stands in scan, in itself, and in jit", async () => {
  const device = cpuDevice({ threads: 1 });
  const body = (c: Tensor, x: Tensor) => [add(c, doubled(x, tensor(10)).n), null] as const;
  const counted = jit((xs: Tensor) => scan(body, 0, xs)[0], { device });
  deepStrictEqual(await read(counted(tensor([1, 4, 20])), device), [4 + 2]);
  const outer = jit((x: Tensor) => whileLoop((x: Tensor) => less(x, 50), (x) => add(doubled(x, tensor(8)).x, 1), x), {
    device,
  });
  // 1 → 8 + 1, then one more a round
  deepStrictEqual(await read(outer(tensor(1)), device), [50]);
  ok(/whileLoop\[call=\s*while input 1 is not 0/.test(String(makeProgram((x: Tensor) => doubled(x, x).x)(tensor(1)))));
  device.close();
});

Deno.test("A bound ends whileLoop, and zero runs give back what was given", async () => {
  deepStrictEqual(await read(doubled(tensor(3), tensor(100), { maxIterations: 2 }).x), [12]);
  deepStrictEqual(await read(doubled(tensor(3), tensor(100), { maxIterations: 0 }).x), [3]);
});

Deno.test("whileLoop is refused by gradients and pushforwards, but for a pullback of its own", async () => {
  const f = (x: Tensor) => doubled(x, tensor(100)).x;
  const refusal =
    /Cannot differentiate whileLoop.*current number is what its condition will say; use foriLoop or scan.*customVjp/;
  throws(() => grad(f)(tensor(3)), refusal);
  throws(() => jvp(f, [tensor(3)], [tensor(1)]), refusal);
  throws(() => grad((x: Tensor) => sum(vmap(f)(x)))(tensor([3])), refusal);
  deepStrictEqual(await read(grad((x: Tensor) => mul(x, stopGradient(f(x))))(tensor(3))), [192]);
  deepStrictEqual(await read(grad((x: Tensor) => mul(x, doubled(tensor(1), tensor(4)).x))(tensor(3))), [4]);
  // Newton's root, and the derivative of what it solves.
  const root: (a: Tensor) => Tensor = customVjp(
    (a: Tensor) =>
      whileLoop((x: Tensor) => greater(square(sub(square(x), a)), 1e-9), (x) => mul(add(x, div(a, x)), 0.5), a),
    ([a], _, cotangent) => [div(cotangent, mul(root(a), 2))],
  );
  const [slope] = await read(grad(root)(tensor(4)));
  ok(Math.abs(slope! - 0.25) < 1e-4);
  const [second] = await read(grad((a: Tensor) => grad((a: Tensor) => sqrt(a))(a))(tensor(4)));
  const [ours] = await read(grad(grad(root))(tensor(4)));
  ok(Math.abs(second! - ours!) < 1e-4);
});

Deno.test("whileLoop refuses what it cannot run, and names it", () => {
  const id = (x: Tensor) => x;
  const always = (x: Tensor) => less(x, 1);
  throws(() => whileLoop(() => 1 as never, id, tensor(1)), /condition must return a bool scalar: current result is 1/);
  throws(() => whileLoop(id, id, tensor(1)), /condition must return a bool scalar: current result is float32 \[\]/);
  throws(() => whileLoop(always, id, tensor([1, 2])), /current result is bool \[2\]/);
  throws(
    () => whileLoop(always, (x: Tensor) => reshape(x, [1]), tensor(1)),
    /Cannot whileLoop as what is carried must keep shape and dtype, float32 \[\] of init: current carry of the body is float32 \[1\]/,
  );
  throws(
    () => whileLoop(always, id, tensor(1), { maxIterations: 1.5 }),
    /maxIterations must be a whole number of at least 0: current maxIterations is 1.5/,
  );
});

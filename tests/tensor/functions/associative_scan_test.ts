import { deepStrictEqual, throws } from "node:assert/strict";
import {
  add,
  associativeScan,
  cpuDevice,
  cumsum,
  flip,
  grad,
  jit,
  matmul,
  maximum,
  mul,
  referenceDevice,
  scan,
  ShapeError,
  sizeOf,
  square,
  stack,
  sum,
  take,
  type Tensor,
  tensor,
  vmap,
} from "../../../tensor/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";
import { randomValues } from "../../support/random_values.ts";

const reference = referenceDevice();
const read = async (x: Tensor, device = reference) => Array.from(await x.data({ device }));
const EXACT = { absolute: 1e-12, relative: 1e-12 };

function made(seed: number, shape: readonly number[]): Tensor {
  return tensor(Float64Array.from(randomValues(seed, sizeOf(shape))), { shape, dtype: "float64" });
}

/** Products of matrices: associative, and no two can change places. */
const product = (a: Tensor, b: Tensor) => matmul(a, b);

Deno.test("associativeScan is the loop, of matrices too, in both directions", async () => {
  for (const length of [1, 2, 5, 8, 13]) {
    const xs = made(length, [length, 2, 2]);
    for (const reverse of [false, true]) {
      const [, expected] = scan(
        (c: Tensor, x: Tensor) => [matmul(c, x), matmul(c, x)] as const,
        tensor([[1, 0], [0, 1]], { dtype: "float64" }),
        xs,
        { reverse },
      );
      const actual = associativeScan(product, xs, { reverse });
      assertClose(await read(actual), await read(expected), EXACT, `length ${length}, reverse ${reverse}`);
    }
  }
});

interface Line {
  readonly a: Tensor;
  readonly b: Tensor;
}

const composed = (p: Line, q: Line): Line => ({ a: mul(p.a, q.a), b: add(mul(q.a, p.b), q.b) });
const lines = (a: Tensor, b: Tensor) => associativeScan(composed, { a, b }, { axis: -1 }).b;
const stepped = (a: Tensor, b: Tensor) => {
  const hs: Tensor[] = [];
  for (let t = 0; t < a.shape.at(-1)!; t++) {
    const [u, v] = [take(a, t, { axis: 1 }), take(b, t, { axis: 1 })];
    hs.push(hs.length === 0 ? v : add(mul(u, hs.at(-1)!), v));
  }
  return stack(hs, { axis: 1 });
};

Deno.test("associativeScan solves a recurrence, with its gradients, over trees, any axis, and vmap", async () => {
  const [a, b] = [made(1, [3, 6]), made(2, [3, 6])];
  assertClose(await read(lines(a, b)), await read(stepped(a, b)), EXACT, "values");
  const slopes = (f: typeof lines) => grad((a: Tensor, b: Tensor) => sum(square(f(a, b))), { argnums: [0, 1] })(a, b);
  for (const [i, x] of slopes(lines).entries()) {
    assertClose(await read(x), await read(slopes(stepped)[i]!), EXACT, `gradient ${i}`);
  }
  const one = (a: Tensor, b: Tensor) => associativeScan(composed, { a, b }).b;
  assertClose(await read(vmap(one)(a, b)), await read(lines(a, b)), EXACT, "vmap");
});

Deno.test("associativeScan of nothing, of one, and of sums", async () => {
  deepStrictEqual(associativeScan(add, tensor(new Float32Array(0))).shape, [0]);
  const x = tensor([[1, 5, 2], [3, 4, 9]]);
  deepStrictEqual(await read(associativeScan(add, x, { axis: 1 })), await read(cumsum(x)));
  const back = flip(associativeScan(maximum, flip(x, { axis: 1 }), { axis: 1 }), { axis: 1 });
  deepStrictEqual(await read(associativeScan(maximum, x, { axis: 1, reverse: true })), await read(back));
});

Deno.test("associativeScan on cpu", async () => {
  const device = cpuDevice({ threads: 1 });
  const f = jit((x: Tensor) => associativeScan(add, x), { device });
  deepStrictEqual(await read(f(tensor([1, 2, 3, 4, 5])), device), [1, 3, 6, 10, 15]);
  device.close();
});

testWebgpu("associativeScan on webgpu", async (device) => {
  const f = jit((x: Tensor) => associativeScan(add, x, { reverse: true }), { device });
  deepStrictEqual(await read(f(tensor([1, 2, 3, 4, 5])), device), [15, 14, 12, 9, 5]);
});

Deno.test("associativeScan refuses what is no scan, and names it", () => {
  const x = tensor([1, 2, 3]);
  throws(
    () => associativeScan((a: readonly [Tensor, number]) => a, [x, 1] as const),
    /tree of tensors: current leaf 1 is 1/,
  );
  throws(() => associativeScan(() => [] as readonly Tensor[], []), /current number of leaves is 0/);
  throws(() => associativeScan((a: Tensor) => sum(a), x), /f must keep shape and dtype, float32 \[2\] of leaf 0/);
  throws(() => associativeScan((a: Tensor) => [a] as never, x), /the result of f/);
  throws(
    () => associativeScan((a: readonly Tensor[]) => a, [x, tensor([1])]),
    (e: Error) => e instanceof ShapeError && /one size along axis 0/.test(e.message),
  );
});

/** @file Laws of transformations and of arrays, each a property of what fast-check draws. */
import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import * as t from "../../tensor/mod.ts";
import type { Device, Tensor } from "../../tensor/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { ARRAY_LAWS } from "./array_laws.ts";
import { functions, type Laws, matrices, tensors, valuesOf } from "./functions.ts";
import { SPARSE_LAWS } from "./sparse_laws.ts";

const exact = { absolute: 1e-9, relative: 1e-9 };

async function same(found: Tensor, wanted: Tensor): Promise<void> {
  deepStrictEqual(found.shape, wanted.shape);
  assertClose(await valuesOf(found), await valuesOf(wanted), exact);
}

const inner = (x: Tensor, y: Tensor) => t.sum(t.mul(x, y));
const total = (f: (x: Tensor) => Tensor) => (x: Tensor) => t.sum(t.mul(f(x), t.cos(f(x))));

const DERIVATIVES: Laws = {
  "vjp is linear in its cotangent": fc.asyncProperty(functions, matrices(3), async ({ f }, [x, u, v]) => {
    const [, pull] = t.vjp(f, x!);
    const [both] = pull(t.add(t.mul(u!, 3), t.mul(v!, -0.5)));
    await same(both, t.add(t.mul(pull(u!)[0], 3), t.mul(pull(v!)[0], -0.5)));
  }),
  "jvp is linear in its tangent": fc.asyncProperty(functions, matrices(3), async ({ f }, [x, u, v]) => {
    const [, push] = t.linearize(f, x!);
    await same(push(t.add(t.mul(u!, 3), t.mul(v!, -0.5))), t.add(t.mul(push(u!), 3), t.mul(push(v!), -0.5)));
  }),
  "⟨J u, v⟩ = ⟨u, Jᵀ v⟩": fc.asyncProperty(functions, matrices(3), async ({ f }, [x, u, v]) => {
    const [, tangent] = t.jvp(f, [x!], [u!]);
    const [, pull] = t.vjp(f, x!);
    await same(inner(tangent, v!), inner(u!, pull(v!)[0]));
  }),
  "derivatives chain": fc.asyncProperty(functions, functions, matrices(2), async (first, second, [x, u]) => {
    const [y, tangent] = t.jvp(first.f, [x!], [u!]);
    const [, whole] = t.jvp((x: Tensor) => second.f(first.f(x)), [x!], [u!]);
    await same(whole, t.jvp(second.f, [y], [tangent])[1]);
  }),
};

/** A step of a loop: what is carried is mixed with what comes. */
const stepOf = (f: (x: Tensor) => Tensor) => (carry: Tensor, x: Tensor) => {
  const next = t.tanh(t.add(f(carry), x));
  return [next, t.mul(next, x)] as const;
};

const COMPOSITIONS: Laws = {
  "vmap is a loop, its gradient too": fc.asyncProperty(functions, matrices(3), async ({ f }, xs) => {
    const all = t.stack(xs);
    await same(t.vmap(f)(all), t.stack(xs.map(f)));
    await same(t.vmap(t.grad(total(f)))(all), t.stack(xs.map(t.grad(total(f)))));
  }),
  "scan is the loop unrolled, its gradient too": fc.asyncProperty(
    functions,
    matrices(4),
    async ({ f }, [init, ...xs]) => {
      const step = stepOf(f);
      const scanned = (init: Tensor, xs: Tensor) => {
        const [carry, ys] = t.scan(step, init, xs);
        return t.add(t.sum(t.square(carry)), t.sum(ys));
      };
      const unrolled = (init: Tensor, xs: Tensor) => {
        let [carry, sum] = [init, t.sum(t.zerosLike(init))];
        for (let i = 0; i < xs.shape[0]!; i++) {
          const [next, y] = step(carry, t.take(xs, i));
          [carry, sum] = [next, t.add(sum, t.sum(y))];
        }
        return t.add(t.sum(t.square(carry)), sum);
      };
      const all = t.stack(xs);
      await same(scanned(init!, all), unrolled(init!, all));
      const [ours, theirs] = [scanned, unrolled].map((g) => t.grad(g, { argnums: [0, 1] })(init!, all));
      for (const i of [0, 1]) await same(ours![i]!, theirs![i]!);
    },
  ),
  "jit is none": fc.asyncProperty(functions, matrices(1), async ({ f }, [x]) => {
    const device = t.referenceDevice();
    await same(t.jit(f, { device })(x!), f(x!));
    await same(t.jit(t.grad(total(f)), { device })(x!), t.grad(total(f))(x!));
    await same(t.grad(total(t.jit(f, { device })))(x!), t.grad(total(f))(x!));
  }),
  "checkpoint is none": fc.asyncProperty(functions, functions, matrices(1), async (first, second, [x]) => {
    const plain = (x: Tensor) => second.f(first.f(x));
    const kept = (x: Tensor) => t.checkpoint(second.f)(t.checkpoint(first.f)(x));
    await same(kept(x!), plain(x!));
    await same(t.grad(total(kept))(x!), t.grad(total(plain))(x!));
  }),
};

/** The cpu beside float64: what is compiled there is the function too. */
export const compiledLaw = (device: Device): fc.IAsyncProperty<unknown> =>
  fc.asyncProperty(functions, tensors(3, 4), async ({ f }, x) => {
    const narrow = t.tensor(await valuesOf(x), { shape: x.shape });
    const compiled = await t.jit((x: Tensor) => [f(x), t.grad(total(f))(x)], { device })(narrow);
    for (const [i, wanted] of [f(x), t.grad(total(f))(x)].entries()) {
      const values = await valuesOf(wanted);
      const scale = Math.max(1, ...values.map(Math.abs));
      assertClose(await compiled[i]!.data({ device }), values, { absolute: 1e-4 * scale, relative: 1e-4 });
    }
  });

/** All laws that hold in float64. */
export const LAWS: Laws = { ...DERIVATIVES, ...COMPOSITIONS, ...ARRAY_LAWS, ...SPARSE_LAWS };

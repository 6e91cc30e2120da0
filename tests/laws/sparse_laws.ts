/** @file Laws of sparse tensors: what an operation computes is what the dense one does. */
import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { coo } from "../../sparse/mod.ts";
import * as t from "../../tensor/mod.ts";
import type { Tensor } from "../../tensor/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { type Laws, tensors, valuesOf } from "./functions.ts";

const [ROWS, COLUMNS] = [4, 3];
const cell = fc.tuple(fc.integer({ min: 0, max: ROWS - 1 }), fc.integer({ min: 0, max: COLUMNS - 1 }));

/** Cells, some of them twice, with values: as many as a matrix has, so that shapes are few. */
const sparse = fc.tuple(fc.array(cell, { minLength: 1, maxLength: 9 }), tensors(9)).map(([cells, values]) =>
  coo.cooTensor(cells, t.slice(values, { start: [0], size: [cells.length] }), [ROWS, COLUMNS])
);

async function same(found: Tensor, wanted: Tensor): Promise<void> {
  deepStrictEqual(found.shape, wanted.shape);
  assertClose(await valuesOf(found), await valuesOf(wanted), { absolute: 1e-9, relative: 1e-9 });
}

const { toDense } = coo;

/** Laws of sparse tensors. */
export const SPARSE_LAWS: Laws = {
  "sparse sums are dense ones": fc.asyncProperty(sparse, sparse, async (a, b) => {
    await same(toDense(coo.add(a, b)), t.add(toDense(a), toDense(b)));
    await same(toDense(coo.sub(a, b)), t.sub(toDense(a), toDense(b)));
    await same(toDense(coo.coalesce(a)), toDense(a));
  }),
  "sparse products are dense ones": fc.asyncProperty(sparse, sparse, tensors(COLUMNS, 2), async (a, b, x) => {
    await same(toDense(coo.mul(a, b)), t.mul(toDense(a), toDense(b)));
    await same(coo.matmul(a, x), t.matmul(toDense(a), x));
    await same(toDense(coo.transpose(a)), t.transpose(toDense(a)));
    await same(toDense(coo.matmul(a, coo.transpose(b))), t.matmul(toDense(a), toDense(b), { transposeB: true }));
  }),
  "sparse gradients are dense ones": fc.asyncProperty(sparse, tensors(COLUMNS, 2), async (a, x) => {
    const loss = (values: Tensor, x: Tensor) => t.sum(t.sin(coo.matmul({ ...a, values }, x)));
    const dense = (values: Tensor, x: Tensor) => t.sum(t.sin(t.matmul(toDense({ ...a, values }), x)));
    const [ours, theirs] = [loss, dense].map((f) => t.grad(f, { argnums: [0, 1] })(a.values, x));
    for (const i of [0, 1]) await same(ours![i]!, theirs![i]!);
  }),
};

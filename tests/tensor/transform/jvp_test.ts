import { deepStrictEqual, throws } from "node:assert/strict";
import {
  add,
  jvp,
  linearize,
  mul,
  referenceDevice,
  ShapeError,
  sin,
  sum,
  type Tensor,
  tensor,
  vjp,
} from "../../../tensor/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { inputsOf, type OpRow, ROWS } from "../../support/op_table.ts";

const device = referenceDevice();
const read = (x: Tensor) => x.data({ device });

/** ⟨Jx, y⟩ = ⟨x, Jᵀy⟩ for the first case of a row, of its first floating operand. */
async function checkAdjoint({ f, cases }: OpRow): Promise<void> {
  const inputs = inputsOf(cases[0]!, "float64");
  const at = inputs.findIndex(({ dtype }) => dtype === "float64");
  const x = inputs[at]!;
  const g = (x: Tensor) => f(...inputs.with(at, x));
  const [value, pullback] = vjp(g, x);
  const tangent = sin(mul(add(x, 0.3), 7));
  const cotangent = sin(mul(add(value, 0.1), 5));
  const [again, pushed] = jvp(g, [x], [tangent]);
  deepStrictEqual(await read(again), await read(value));
  const forward = await read(sum(mul(pushed, cotangent)));
  const backward = await read(sum(mul(tangent, pullback(cotangent)[0])));
  assertClose(forward, backward, { absolute: 1e-9, relative: 1e-9 }, "⟨Jx, y⟩");
}

for (const row of ROWS.filter(({ order }) => order > 0)) {
  Deno.test(`${row.name}: jvp and vjp are each other's transpose`, () => checkAdjoint(row));
}

Deno.test("jvp takes trees, null for zero, and numbers for scalars", async () => {
  const f = ({ a, b }: { a: Tensor; b: Tensor }, c: Tensor) => ({ product: mul(a, b), other: [mul(c, c)] });
  const [, { product, other }] = jvp(f, [{ a: tensor([2, 3]), b: tensor([5, 7]) }, tensor(3)], [
    { a: tensor([1, 10]), b: null },
    2,
  ]);
  deepStrictEqual(Array.from(await read(product)), [5, 70]);
  deepStrictEqual(Array.from(await read(other[0]!)), [12]);
});

Deno.test("linearize runs the function once, whatever is pushed", async () => {
  const calls = { count: 0 };
  const [value, push] = linearize(
    (x: Tensor, y: Tensor) => {
      calls.count++;
      return mul(x, y);
    },
    tensor([2, 3]),
    tensor([5, 7]),
  );
  deepStrictEqual(Array.from(await read(value)), [10, 21]);
  deepStrictEqual(Array.from(await read(push(tensor([1, 1]), null))), [5, 7]);
  deepStrictEqual(Array.from(await read(push(null, tensor([1, 1])))), [2, 3]);
  deepStrictEqual(calls.count, 1);
});

Deno.test("Tangents of another shape or structure are refused by name", () => {
  const f = (x: Tensor) => mul(x, x);
  throws(() => jvp(f, [tensor([1, 2])], [tensor([1])]), ShapeError);
  throws(() => jvp(f, [tensor([1, 2])], ["x" as unknown as Tensor]), /Cannot jvp as tangents must be tensors/);
  throws(() => jvp(f, [tensor([1, 2])], [] as unknown as [Tensor]), /Cannot jvp as all trees must have one structure/);
});

import { deepStrictEqual, throws } from "node:assert/strict";
import { type Tensor, tensor, valueAndGrad } from "../../tensor/mod.ts";
import { binaryCrossEntropy, ema, isInTop, softCrossEntropy } from "../../nn/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import torch from "../golden/finetune_torch.json" with { type: "json" };
import { float64, read } from "./support.ts";

const SHARP = { absolute: 1e-11, relative: 1e-10 };
const LOGITS = float64(torch.logits, [5, 7]);
const TARGETS = float64(torch.targets, [5, 7]);
const LABELS = tensor(torch.labels, { dtype: "int32" });

for (const [name, loss] of Object.entries({ softCrossEntropy, binaryCrossEntropy })) {
  Deno.test(`${name}() and its gradient are PyTorch's, at 0 and at large scores too`, async () => {
    const golden = torch[name as "softCrossEntropy"];
    const [value, gradient] = valueAndGrad((x: Tensor) => loss(x, TARGETS))(LOGITS);
    assertClose(await read(value), [golden.value], SHARP);
    assertClose(await read(gradient), golden.gradient, SHARP);
    const huge = loss(float64([1e6, -1e6], [1, 2]), float64([0, 1], [1, 2]));
    deepStrictEqual(Number.isFinite((await read(huge))[0]), true);
    throws(() => loss(LOGITS, tensor([1, 2])), /must both be \[B, classes\]: current shapes are \[5, 7\] and \[2\]/);
  });
}

Deno.test("isInTop() is PyTorch's topk; ties go to the lower class, and NaN is never right", async () => {
  for (const k of [1, 2, 5] as const) {
    deepStrictEqual(Array.from(await read(isInTop(LOGITS, LABELS, k)), Boolean), torch.top[k]);
  }
  const odd = tensor([[2, 2, 2], [2, 2, 2], [NaN, 1, 0], [0, NaN, 1]]);
  const found = async (k: number) =>
    Array.from(await read(isInTop(odd, tensor([0, 2, 0, 2], { dtype: "int32" }), k)), Number);
  deepStrictEqual([await found(1), await found(2), await found(3)], [[1, 0, 0, 0], [1, 0, 0, 1], [1, 1, 0, 1]]);
});

Deno.test("ema() averages floats, in any order of steps the closed formula, and takes integers as they are", async () => {
  const inputs = [3, -1, 2, 8];
  const run = (decay: number | Tensor) =>
    inputs.reduce(
      (average, x, i) => ema(average, { w: float64([x]), n: tensor([i], { dtype: "int32" }) }, decay),
      { w: float64([1]), n: tensor([9], { dtype: "int32" }) },
    );
  // d^4 · 1 + Σ d^(3 - i) (1 - d) x_i
  const expected = 0.9 ** 4 + inputs.reduce((sum, x, i) => sum + 0.9 ** (3 - i) * 0.1 * x, 0);
  for (const decay of [0.9, float64([0.9])]) {
    assertClose(await read(run(decay).w), [expected], SHARP);
    deepStrictEqual([...await read(run(decay).n) as Int32Array], [3]);
  }
  deepStrictEqual([...await read(run(0).w) as Float64Array], [8]);
});

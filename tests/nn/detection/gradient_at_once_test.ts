import { deepStrictEqual, ok } from "node:assert/strict";
import { add, grad, mul, openDevice, sin, sum, type Tensor, tensor, valueAndGrad } from "../../../tensor/mod.ts";
import { gradientAtOnce } from "../../../nn/detection/gradient_at_once.ts";

interface Tree {
  readonly w: Tensor;
  readonly x: Tensor;
}

const device = await openDevice("reference");
const float64 = (values: readonly number[]) => tensor(values, { dtype: "float64" });
const tree: Tree = { w: float64([0.3, -1.2, 2]), x: float64([1, 0.5, -0.7]) };
const PARTS = [0.5, 1, 2].map((factor) => ({ w, x }: Tree) => sum(sin(mul(mul(w, x), factor))));
const plain = (t: Tree) => PARTS.map((part) => part(t)).reduce((a, b) => add(a, b));
const numbers = async (x: Tensor) => Array.from(await x.data({ device }) as Float64Array);
const close = (a: readonly number[], b: readonly number[]) => a.every((x, i) => Math.abs(x - b[i]!) < 1e-12);

for (const [name, scale] of [["without a scale", null], ["with a scale", float64([1024])]] as const) {
  const factor = scale && sum(scale);
  const early = gradientAtOnce(PARTS, factor);

  Deno.test(`gradientAtOnce() is the plain sum, once and twice differentiated, ${name}`, async () => {
    const weighted = (f: (t: Tree) => Tensor) => (t: Tree) => mul(f(t), 3);
    const [[value, gradient], [expected, wanted]] = [early, plain].map((f) => valueAndGrad(weighted(f))(tree)) as [
      [Tensor, Tree],
      [Tensor, Tree],
    ];
    ok(close(await numbers(value), await numbers(expected)));
    for (const key of ["w", "x"] as const) ok(close(await numbers(gradient[key]), await numbers(wanted[key])), key);
    const second = (f: (t: Tree) => Tensor) => grad((t: Tree) => sum(mul(grad(f)(t).w, t.x)))(tree).x;
    const [own, other] = [await numbers(second(early)), await numbers(second(plain))];
    ok(close(own, other), `${own} ${other}`);
  });
}

Deno.test("gradientAtOnce() differentiates each part before the next is computed", () => {
  const order: string[] = [];
  const told = PARTS.map((part, i) => (t: Tree) => {
    order.push(`part ${i}`);
    return part(t);
  });
  const gradient = grad(gradientAtOnce(told, null))(tree);
  deepStrictEqual(order, ["part 0", "part 1", "part 2"]); // not again on the way back
  ok(gradient.w.sequence > 0);
});

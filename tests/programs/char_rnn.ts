// deno-lint-ignore-file house/no-module-let
import * as t from "@tessera/tessera/tensor";

const text = t.remainder(t.floorDivide(t.square(t.arange(201)), 3), 27);
const [inputs, targets] = [t.oneHot(t.slice(text, { start: [0], size: [200] }), 27), t.slice(text, { start: [1] })];

function loss({ wx, wh, wy }: Record<"wx" | "wh" | "wy", t.Tensor>) {
  const step = (h: t.Tensor, x: t.Tensor) => {
    const next = t.tanh(t.add(t.dot(x, wx), t.dot(h, wh)));
    return [next, t.logSoftmax(t.dot(next, wy))] as const;
  };
  const [, scores] = t.scan(step, t.zeros([16]), inputs);
  return t.neg(t.mean(t.takeAlongAxis(scores, t.expandDims(targets, { axis: 1 }))));
}

const [a, b, c] = t.random.split(t.random.key(3), 3);
let params = {
  wx: t.mul(t.random.normal(a, [27, 16]), 0.2),
  wh: t.mul(t.random.normal(b, [16, 16]), 0.2),
  wy: t.mul(t.random.normal(c, [16, 27]), 0.2),
};
const losses = [];
const step = t.jit(t.valueAndGrad(loss));
for (let i = 0; i < 5; i++) {
  const [value, gradient] = step(params);
  params = t.treeMap((p, g) => t.sub(p, g), params, gradient);
  losses.push(value);
}
export const result: t.Tensor[] = [t.stack(losses), params.wh];

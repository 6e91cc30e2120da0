// deno-lint-ignore-file house/no-module-let
import { coo } from "@tessera/tessera/sparse";
import * as t from "@tessera/tessera/tensor";

const from = t.concat([t.arange(10), t.remainder(t.mul(t.arange(10), 3), 10), t.arange(10)]);
const to = t.concat([t.remainder(t.add(t.arange(10), 1), 10), t.arange(10), t.arange(10)]);
const degree = t.segmentSum(t.ones([30]), to, { segments: 10 });
const weights = t.rsqrt(t.mul(t.take(degree, from), t.take(degree, to)));
const adjacency = coo.cooTensor(t.stack([to, from], { axis: 1 }), weights, [10, 10]);
const features = t.sin(t.reshape(t.arange(40), [10, 4]));

function loss(params: Record<"w" | "v", t.Tensor>, adjacency: coo.CooTensor) {
  const hidden = t.maximum(coo.matmul(adjacency, t.matmul(features, params.w)), 0);
  const scores = t.logSoftmax(coo.matmul(adjacency, t.matmul(hidden, params.v)));
  return t.neg(t.mean(t.takeAlongAxis(scores, t.reshape(t.remainder(t.arange(10), 3), [10, 1]))));
}

let params = { w: t.cos(t.reshape(t.arange(32), [4, 8])), v: t.sin(t.reshape(t.arange(24), [8, 3])) };
const step = t.jit((params: Parameters<typeof loss>[0], adjacency: coo.CooTensor) =>
  t.treeMap((p, g) => t.sub(p, t.mul(g, 0.2)), params, t.grad(loss)(params, adjacency))
);
for (let i = 0; i < 20; i++) params = step(params, adjacency);
export const result: t.Tensor[] = [loss(params, adjacency), params.v];

// deno-lint-ignore-file house/no-module-let
import * as nn from "@tessera/tessera/nn";
import * as t from "@tessera/tessera/tensor";

const target = t.reshape(t.cos(t.arange(6)), [2, 3]);
const loss = (params: { w: t.Tensor }) => t.sum(t.square(t.sub(t.mul(params.w, 3), target)));
const optimizer = nn.chain(
  nn.clipByGlobalNorm(1),
  nn.scaleByAdam({ b1: 0.9, b2: 0.99 }),
  nn.addDecayedWeights(0.1),
  nn.scaleByLearningRate(nn.polynomialSchedule({ start: 0.1, end: 0.01, steps: 20 })),
);
let params = { w: t.ones([2, 3]) };
let state = optimizer.init(params);
const step = t.jit((p: typeof params, s: typeof state) => {
  const [updates, next] = optimizer.update(t.grad(loss)(p), s, p);
  return [nn.applyUpdates(p, updates), next] as const;
});
for (let i = 0; i < 20; i++) [params, state] = step(params, state);
export const result: t.Tensor[] = [params.w, loss(params)];

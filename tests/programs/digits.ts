// deno-lint-ignore-file house/no-module-let
import * as nn from "@tessera/tessera/nn";
import * as t from "@tessera/tessera/tensor";

const labels = t.remainder(t.arange(40), 4);
const noise = t.random.normal(t.random.key(0), [40, 12]);
const images = t.add(t.repeat(t.oneHot(labels, 4), 3, { axis: 1 }), t.mul(noise, 0.3));

type Params = ReturnType<typeof init>["params"];
function init(key: t.Tensor) {
  const [first, second] = t.random.split(key);
  const { params: norm, state } = nn.initBatchNorm(16);
  const w = t.div(t.random.normal(first, [12, 16]), 4);
  return { params: { w, norm, v: t.div(t.random.normal(second, [16, 4]), 4) }, state };
}

function loss({ w, norm, v }: Params, state: nn.BatchNormState, key: t.Tensor) {
  const normed = nn.batchNorm(norm, state, t.matmul(images, w), { train: true });
  const hidden = nn.dropout(nn.relu(normed.output), { rate: 0.2, key });
  return [nn.crossEntropy(t.matmul(hidden, v), labels), normed.state] as const;
}

const step = t.jit((params: Params, state: nn.BatchNormState, key: t.Tensor) => {
  const [[value, next], gradient] = t.valueAndGrad(loss, { hasAux: true })(params, state, key);
  return [t.treeMap((p, g) => t.sub(p, t.mul(g, 0.5)), params, gradient), next, value] as const;
});

let { params, state } = init(t.random.key(1));
const losses: t.Tensor[] = [];
for (let i = 0; i < 15; i++) {
  const [next, stats, value] = step(params, state, t.random.foldIn(t.random.key(2), i));
  [params, state] = [next, stats];
  losses.push(value);
}
export const result: t.Tensor[] = [t.stack(losses), state.runningMean, state.runningVar];

// deno-lint-ignore-file house/no-module-let
import * as t from "@tessera/tessera/tensor";

const angle = t.linspace(0, Math.PI, 50);
const upper = t.stack([t.cos(angle), t.sin(angle)], { axis: 1 });
const lower = t.stack([t.sub(1, t.cos(angle)), t.sub(0.5, t.sin(angle))], { axis: 1 });
const points = t.concat([upper, lower]);
const labels = t.concat([t.zeros([50]), t.ones([50])]);

function model(params: { w: t.Tensor; b: t.Tensor }[], x: t.Tensor) {
  for (const { w, b } of params.slice(0, -1)) x = t.tanh(t.add(t.matmul(x, w), b));
  const { w, b } = params.at(-1)!;
  return t.squeeze(t.add(t.matmul(x, w), b), { axis: 1 });
}

function loss(params: Parameters<typeof model>[0]) {
  const logits = model(params, points);
  return t.mean(t.sub(t.logaddexp(0, logits), t.mul(labels, logits)));
}

const keys = t.random.split(t.random.key(0), 3);
const sizes = [2, 16, 16, 1];
let params = keys.map((key, i) => ({
  w: t.div(t.random.normal(key, [sizes[i]!, sizes[i + 1]!]), Math.sqrt(sizes[i]!)),
  b: t.zeros([sizes[i + 1]!]),
}));
const step = t.jit((params: Parameters<typeof loss>[0]) =>
  t.treeMap((p, g) => t.sub(p, t.mul(g, 0.5)), params, t.grad(loss)(params))
);
for (let i = 0; i < 40; i++) params = step(params);
const right = t.equal(t.greater(model(params, points), 0), t.greater(labels, 0.5));
export const result: t.Tensor[] = [loss(params), t.mean(right)];

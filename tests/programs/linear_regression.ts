// deno-lint-ignore-file house/no-module-let
import * as t from "@tessera/tessera/tensor";

const x = t.reshape(t.linspace(-1, 1, 32), [-1, 1]);
const y = t.add(t.mul(x, 3), 0.5);

function loss({ w, b }: { w: t.Tensor; b: t.Tensor }) {
  return t.mean(t.square(t.sub(t.add(t.matmul(x, w), b), y)));
}

const step = t.jit((params: Parameters<typeof loss>[0]) => {
  const gradient = t.grad(loss)(params);
  return t.treeMap((p, g) => t.sub(p, t.mul(g, 0.3)), params, gradient);
});

let params = { w: t.zeros([1, 1]), b: t.zeros([1]) };
for (let i = 0; i < 50; i++) params = step(params);
export const result: t.Tensor[] = [params.w, params.b, loss(params)];

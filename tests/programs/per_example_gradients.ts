import * as t from "@tessera/tessera/tensor";

function loss({ w, v }: { w: t.Tensor; v: t.Tensor }, x: t.Tensor, y: t.Tensor) {
  return t.square(t.sub(t.sum(t.mul(t.tanh(t.dot(x, w)), v)), y));
}

const params = { w: t.reshape(t.sin(t.arange(12)), [3, 4]), v: t.cos(t.arange(4)) };
const x = t.reshape(t.sin(t.mul(t.arange(24), 0.7)), [8, 3]);
const gradients = t.jit(t.vmap(t.grad(loss), { inAxes: [null, 0, 0] }))(params, x, t.cos(t.arange(8)));
const norms = t.vmap((g: typeof params) => t.sqrt(t.add(t.sum(t.square(g.w)), t.sum(t.square(g.v)))))(gradients);
const scale = t.minimum(1, t.div(0.5, norms));
const clipped = t.treeMap((g) => t.div(t.tensordot(scale, g, 1), 8), gradients);
export const result: t.Tensor[] = [norms, clipped.w, clipped.v];

import * as t from "@tessera/tessera/tensor";

const x = t.reshape(t.sin(t.arange(60)), [20, 3]);
const y = t.greater(t.cos(t.mul(t.arange(20), 1.3)), 0);

function loss(w: t.Tensor) {
  const logits = t.matmul(x, t.expandDims(w, { axis: 1 }));
  const margins = t.where(t.expandDims(y, { axis: 1 }), logits, t.neg(logits));
  return t.add(t.mean(t.logaddexp(0, t.neg(margins))), t.mul(t.sum(t.square(w)), 0.01));
}

const w = t.foriLoop<t.Tensor>(
  0,
  6,
  (_, w) => t.sub(w, t.linalg.solve(t.hessian(loss)(w), t.grad(loss)(w))),
  t.zeros([3]),
);
export const result: t.Tensor[] = [w, loss(w), t.norm(t.grad(loss)(w))];

import * as t from "@tessera/tessera/tensor";

const log1pexp = t.customJvp(
  (x: t.Tensor) => t.log1p(t.exp(x)),
  ([x], _, [tangent]) => t.mul(t.sub(1, t.div(1, t.add(1, t.exp(x)))), tangent),
);

const x = t.tensor([-80, -3, 0, 5, 80, 100]);
const values = t.where(t.greater(x, 50), x, log1pexp(t.minimum(x, 50)));
export const result: t.Tensor[] = [
  values,
  t.vmap(t.grad(log1pexp))(x),
  t.vmap(t.grad(t.grad(log1pexp)))(t.minimum(x, 40)),
];

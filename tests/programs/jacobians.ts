import * as t from "@tessera/tessera/tensor";

const f = (x: t.Tensor) => t.stack([t.prod(x), t.sum(t.sin(x)), t.dot(x, x)]);
const x = t.tensor([0.5, -1, 2, 0.25]);
const [forward, backward] = [t.jacfwd(f)(x), t.jacrev(f)(x)];
const [, push] = t.linearize(f, x);
const columns = t.vmap(push, { outAxes: 1 })(t.eye(4));
const second = t.hessian(f)(x);
export const result: t.Tensor[] = [forward, backward, columns, second];

import { coo } from "@tessera/tessera/sparse";
import * as t from "@tessera/tessera/tensor";

const indices = t.stack([t.remainder(t.square(t.arange(12)), 5), t.remainder(t.arange(12), 4)], { axis: 1 });
const a = coo.cooTensor(indices, t.sin(t.arange(12)), [5, 4]);
const b = coo.cooTensor([[0, 0], [4, 3], [2, 1]], t.tensor([1, 2, 3]), [5, 4]);

const f = t.jit((a: coo.CooTensor, b: coo.CooTensor) => {
  const total = coo.coalesce(coo.add(a, b), { nse: 15 });
  return [
    coo.toDense(total),
    coo.toDense(coo.mul(coo.coalesce(a), b)),
    coo.toDense(coo.sum(total, { axis: 1 }) as coo.CooTensor),
  ];
});
const gradient = t.grad((values: t.Tensor) => t.sum(t.square(f({ ...a, values }, b)[0]!)))(a.values);
export const result: t.Tensor[] = [...f(a, b), gradient];

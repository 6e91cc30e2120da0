import { mean, mul, type Tensor, tensor, valueAndGrad } from "../../../tensor/mod.ts";

const loss = (w: Tensor, x: Tensor): Tensor => mean(mul(w, x));
void valueAndGrad(loss, { argnums: [0, 1] })(tensor([1]), tensor([2]));
void valueAndGrad(loss)(tensor([1])); // wrong: one argument is missing

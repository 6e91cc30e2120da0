import { grad, mean, mul, type Tensor, tensor } from "../../../tensor/mod.ts";

const loss = (w: Tensor, x: Tensor): Tensor => mean(mul(w, x));
const gradients = grad(loss, { argnums: [1, 0] })(tensor([1]), tensor([2]));
export const right: readonly [Tensor, Tensor] = gradients;
export const wrong: Tensor = gradients[2]; // wrong: two positions have two gradients

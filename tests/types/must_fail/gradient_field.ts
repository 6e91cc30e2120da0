import { grad, mean, mul, type Tensor, tensor } from "../../../tensor/mod.ts";

interface Params {
  readonly w: Tensor;
}

const loss = ({ w }: Params, x: Tensor): Tensor => mean(mul(w, x));
const gradient = grad(loss)({ w: tensor([1]) }, tensor([2]));
export const right: Tensor = gradient.w;
export const wrong: Tensor = gradient.weight; // wrong: there is no such parameter

import { grad, mean, type Tensor, tensor } from "../../../tensor/mod.ts";

const loss = (w: Tensor) => [mean(w), { count: w }] as const;
export const right: Tensor = grad(loss, { hasAux: true })(tensor([1]))[1].count;
void grad(loss)(tensor([1])); // wrong: a function of two results needs hasAux

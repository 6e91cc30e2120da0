import { grad, mean, mul, type Tensor, tensor } from "../../../tensor/mod.ts";

const loss = ({ w }: { readonly w: Tensor }, x: Tensor): Tensor => mean(mul(w, x));
void grad(loss)({ w: tensor([1]) }, tensor([2]));
void grad(loss)({ v: tensor([1]) }, tensor([2])); // wrong: the function takes another record

import { jit, mul, type Tensor, tensor } from "../../../tensor/mod.ts";

const power = (x: Tensor, times: number): Tensor => Array.from({ length: times }).reduce<Tensor>((y) => mul(y, x), x);
void jit(power, { static: [1] })(tensor(2), 3);
void jit(power)(tensor(2), 3); // wrong: a number that is no tensor must be static

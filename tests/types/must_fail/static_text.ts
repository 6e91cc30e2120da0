import { jit, mul, sum, type Tensor, tensor } from "../../../tensor/mod.ts";

const reduced = (x: Tensor, how: "sum" | "double"): Tensor => how === "sum" ? sum(x) : mul(x, 2);
void jit(reduced, { static: [1] })(tensor(2), "sum");
void jit(reduced)(tensor(2), "sum"); // wrong: text must be static

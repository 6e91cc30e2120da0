import { add, jit, type Tensor, tensor } from "../../../tensor/mod.ts";

const f = jit((state: { readonly a: Tensor }, rate: Tensor) => ({ a: add(state.a, rate) }));
export const right: Tensor = f({ a: tensor(1) }, 0.5).a;
void f({ a: "1" }, 0.5); // wrong: text is no tensor

import { mul, type Tensor, tensor, treeMap } from "../../../tensor/mod.ts";

const doubled = treeMap((x) => mul(x, 2), { layers: [{ w: tensor(1) }] });
export const right: Tensor | undefined = doubled.layers[0]?.w;
void doubled.layer; // wrong: there is no such key

import { sgd } from "../../../nn/mod.ts";
import { tensor } from "../../../tensor/mod.ts";

const optimizer = sgd({ learningRate: 0.1 });
const params = { w: tensor([1]) };
const state = optimizer.init(params);
void optimizer.update({ w: tensor([1]) }, state, params);
void optimizer.update({ v: tensor([1]) }, state, params); // wrong: gradients of another tree

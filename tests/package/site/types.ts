import { grad, mul, sum, type Tensor, tensor } from "@tessera/tessera";
import { type Conv2dParams, initConv2d } from "@tessera/tessera/nn";

const gradient: Tensor = grad((x: Tensor) => sum(mul(x, x)))(tensor([1, 2]));
export const shape: readonly number[] = gradient.shape;
export const params: Conv2dParams = initConv2d(tensor([0, 0], { dtype: "uint32" }), {
  inChannels: 1,
  outChannels: 2,
  kernel: 3,
});
// @ts-expect-error a string is no tensor
export const refused: Tensor = sum({ text: "no" } as unknown as string);

/**
 * Purely functional tensors, explicit sparse tensors, and SparK: masked pre-training of convolutional networks.
 * Everything of `tensor` stands here; the other folders are namespaces.
 *
 * ```ts
 * import { jit, matmul, mean, square, sub, type Tensor, tensor, valueAndGrad } from "@tessera/tessera";
 *
 * const loss = (w: Tensor, x: Tensor, y: Tensor) => mean(square(sub(matmul(x, w), y)));
 * const [value, gradient] = jit(valueAndGrad(loss))(tensor([[0], [0]]), tensor([[1, 2], [3, 4]]), tensor([[1], [2]]));
 * console.log(await value.item(), gradient); // 2.5, Tensor float32 [2, 1] [ [ -7 ], [ -10 ] ]
 * ```
 *
 * @module
 */
export * from "./tensor/mod.ts";
export * as sparse from "./sparse/mod.ts";
export * as nn from "./nn/mod.ts";
export * as spark from "./spark/mod.ts";
export * as data from "./data/mod.ts";

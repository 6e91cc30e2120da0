/**
 * For those who write operations and kernels of their own, and for tools: primitives, lowerings, scalar expressions,
 * contractions, text of kernels, device memory, profiles and tuning. Nobody else needs it.
 *
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { grad, sum, type Tensor, tensor } from "@tessera/tessera/tensor";
 * import { bind, op, type Primitive } from "@tessera/tessera/tensor/kernel";
 *
 * const CUBE: Primitive = {
 *   name: "cube",
 *   shapeRule: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
 *   reference: ([x]) => x!.data.map((value) => value ** 3),
 *   vjpRule: (cotangent, { inputs: [x] }) => [x ? cotangent : null],
 *   lowering: { kind: "expression", expression: ([x]) => op("mul", op("mul", x!, x!), x!) },
 * };
 * deepStrictEqual(await bind(CUBE, [tensor([2, 3])], {}).data(), new Float32Array([8, 27])); // on every device
 * ```
 *
 * @module
 */
import "./mod.ts"; // brings the devices: what is made with this entry alone can be computed too
export * from "./parts.ts";

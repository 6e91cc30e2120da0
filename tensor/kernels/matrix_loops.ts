import type { KernelForm } from "../compiler/kernel_forms.ts";
import type { LoopKernel, LoopWriter, MatrixLoops } from "../compiler/kernel_loops.ts";
import { loopsWgsl } from "../devices/webgpu/kernels/loops.ts";

/** Loops over matrices, which are the settings. */
export const MATRIX_FORM: KernelForm<LoopKernel> = {
  name: "matrixLoops",
  texts: { webgpu: (_inputs, _output, kernel, limits) => loopsWgsl(kernel, limits) },
};

/**
 * Makes the lowering of an operation on matrices out of loops.
 *
 * @param writer Makes the loops of given operands.
 * @returns What a lowering has as its `loops`.
 *
 * @example The squares of the elements of matrices
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { tensor } from "@tessera/tessera/tensor";
 * import { bind, matrixLoops, once, type Primitive } from "@tessera/tessera/tensor/kernel";
 *
 * const SQUARES: Primitive = {
 *   name: "squares",
 *   shapeRule: ([x]) => ({ shape: x!.shape, dtype: "float32" }),
 *   reference: ([x]) => x!.data.map((value) => value ** 2),
 *   vjpRule: () => [null],
 *   lowering: {
 *     kind: "kernel",
 *     loops: matrixLoops(([x]) => {
 *       const [matrices, rows, columns] = x!.shape as [number, number, number];
 *       const count = rows * columns;
 *       const body = once(count, (w) => w.each(count, (i) => w.letReal(w.load(0, i), (v) => w.store("output", i, w.mul(v, v)))));
 *       return { matrices, sizes: { inputs: [count], output: count, scratch: 0 }, width: count, cost: count, stages: [body] };
 *     }),
 *   },
 * };
 * deepStrictEqual(await bind(SQUARES, [tensor([[[1, 2, 3]]])], {}).data(), new Float32Array([1, 4, 9]));
 * ```
 */
export function matrixLoops<P>(writer: LoopWriter<P>): MatrixLoops<P> {
  return { writer, form: MATRIX_FORM };
}

/** @file Fused elementwise kernels. */
import type { ScalarOp } from "../../../compiler/operations.ts";
import { mergeAxes } from "../../../compiler/axes.ts";
import type { MapKernel, WgslKernel } from "../../../compiler/kernel.ts";
import { type DType, sizeOf, type TensorSpec } from "../../../spec.ts";
import { isShort, storeNeighbours, wideBuffers, writeElements } from "./neighbours.ts";
import { shader } from "./shader.ts";
import { storageType } from "./values.ts";

/** Invocations of a group, as many as every device allows: with 64, llvmpipe took twice as long. */
const GROUP = 256;

/**
 * Writes a fused elementwise kernel: four neighbouring elements of every output per invocation where they lie in vec4, else
 * one.
 *
 * @param kernel The kernel.
 * @param inputs Specs of the buffers it reads.
 * @param outputs Specs of the buffers it writes, one per value.
 * @param inPlace For an output that takes an input's place: the position of that input. One buffer is bound once.
 * @returns One pass; none if there are no elements.
 */
export function emitMapWgsl(
  kernel: MapKernel,
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
  inPlace: ReadonlyMap<number, number> = new Map(),
): WgslKernel {
  const size = sizeOf(kernel.shape);
  if (size === 0) return { passes: [], scratchBytes: 0 };
  const { sizes, values } = mergeAxes([kernel.shape], kernel.values);
  const wide = wideBuffers(values);
  const four = (sizes.at(-1) ?? 1) % 4 === 0 && wide.size > 0 && isShort(values);
  const typeOf = (dtype: DType, vector: boolean) => four && vector ? "vec4f" : storageType(dtype);
  const needs = new Set<ScalarOp>();
  const map = { sizes, values, four, buffers: inputs.map((_, i) => `in${i}`), wide };
  const { lines, results } = writeElements(map, needs);
  const stores = outputs.flatMap(({ dtype }, i) => {
    const name = inPlace.has(i) ? `in${inPlace.get(i)}` : `out${i}`;
    return storeNeighbours({ name, dtype }, results.map((lane) => lane[i]!));
  });
  const items = four ? size / 4 : size;
  const workgroups = Math.ceil(items / GROUP);
  const body = `let at = (i32(linear) * ${GROUP} + i32(local))${four ? " * 4" : ""};
  if (at >= ${size}) { return; }
  ${[...lines, ...stores].join("\n  ")}`;
  const own = outputs.flatMap(({ dtype }, i) => inPlace.has(i) ? [] : [{ dtype, i }]);
  const bindings = [
    ...inputs.map(({ dtype }, i) => `in${i}: array<${typeOf(dtype, wide.has(i))}>`),
    ...own.map(({ dtype, i }) => `out${i}: array<${typeOf(dtype, dtype === "float32")}>`),
  ];
  const buffers = [...inputs.keys(), ...own.map(({ i }) => inputs.length + i)];
  const code = shader(bindings, needs, GROUP, workgroups, body);
  return { passes: [{ code, buffers, workgroups }], scratchBytes: 0 };
}

import { mergeAxes } from "../../compiler/axes.ts";
import type { MapKernel, WgslKernel } from "../../compiler/kernel.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { decode, shader, storageType, stored, ValueWriter } from "./values.ts";

/** Invocations of a group, as many as every device allows: with 64, llvmpipe took twice as long. */
const GROUP = 256;

/**
 * Writes a fused elementwise kernel: one element of every output per invocation.
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
  const names = sizes.map((_, axis) => `i${axis}`);
  const needs = new Set<string>();
  const writer = new ValueWriter(names, inputs.map((_, i) => `in${i}`), { needs, count: 0 });
  const nameOf = (output: number) => inPlace.has(output) ? `in${inPlace.get(output)}` : `out${output}`;
  const stores = values.map((value, i) => `${nameOf(i)}[at] = ${stored(outputs[i]!.dtype, writer.value(value))};`);
  const workgroups = Math.ceil(size / GROUP);
  const body = `let at = i32(linear) * ${GROUP} + i32(local);
  if (at >= ${size}) { return; }
  ${decode("at", sizes, names)}
  ${[...writer.lines, ...stores].join("\n  ")}`;
  const own = outputs.flatMap(({ dtype }, i) => inPlace.has(i) ? [] : [{ dtype, i }]);
  const bindings = [
    ...inputs.map(({ dtype }, i) => `in${i}: array<${storageType(dtype)}>`),
    ...own.map(({ dtype, i }) => `out${i}: array<${storageType(dtype)}>`),
  ];
  const buffers = [...inputs.keys(), ...own.map(({ i }) => inputs.length + i)];
  const code = shader(bindings, needs, GROUP, workgroups, body);
  return { passes: [{ code, buffers, workgroups }], scratchBytes: 0 };
}

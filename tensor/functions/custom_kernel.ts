/** @file Kernels of one's own in a few lines: an operation of which each element is computed by itself. */
import type { KernelTexts, WgslBuffer, WgslKernel, WgslMemory } from "../compiler/kernel_text.ts";
import { requireOptions } from "../errors.ts";
import type { Primitive } from "../primitive.ts";
import { requireTensor } from "../require_tensor.ts";
import { type DenseArray, type DType, sizeOf, type TensorSpec } from "../spec.ts";
import { bind, type Tensor } from "../tensor.ts";

/** How the text of one element reads and writes. */
export interface ElementMemory {
  /** An expression of an element of an input: its position, and the index, an i32 or u32 expression. */
  load(input: number, index: string): string;
  /** A statement that writes an element of the output. */
  store(index: string, value: string): string;
}

/** Of `customKernel`. */
export interface CustomKernelOptions {
  /** Name in errors, labels and profiles. */
  readonly name: string;
  /** Shape and dtype of the output; throws if the inputs do not fit. Those of the first input if not given. */
  readonly shape?: (inputs: readonly TensorSpec[]) => TensorSpec;
  /** What it is, in float64, element by element: tests and the reference device use it. */
  readonly reference: (inputs: readonly DenseArray[], output: TensorSpec) => Float64Array;
  /** Cotangents of the inputs, `null` for zero, of operations of this library. Without it derivatives are refused. */
  readonly vjp?: (cotangent: Tensor, inputs: readonly Tensor[], output: Tensor) => readonly (Tensor | null)[];
  /**
   * WGSL statements of one element of the output, whose number is the u32 `i`. Needed to compute on webgpu. float16 is f32
   * here, int8 i32 and uint8 u32: `inputs` and `output` say so.
   */
  readonly wgsl?: (memory: ElementMemory, inputs: readonly TensorSpec[], output: TensorSpec) => string;
  /** WGSL functions and constants that the statements use. */
  readonly functions?: readonly string[];
  /** Texts for the cpu. Needed to compute there. */
  readonly wat?: KernelTexts<Record<never, never>>["cpu"];
  /** Operations on numbers for one element, for `profile`; 1 if not given. */
  readonly flops?: number;
}

const GROUP = 64;
const WGSL_TYPES: Readonly<Partial<Record<DType, WgslBuffer["type"]>>> = {
  float32: "f32",
  int32: "i32",
  uint32: "u32",
};

function bufferOf(name: string, at: number, { dtype }: TensorSpec): WgslBuffer {
  const type = WGSL_TYPES[dtype];
  if (type) return { name, type, buffer: at };
  throw new TypeError(`Cannot write a kernel as operands must be float32, int32 or uint32: current dtype is ${dtype}`);
}

/** A group of invocations computes 64 elements; the last one leaves some out. */
function elementKernel(options: CustomKernelOptions, inputs: readonly TensorSpec[], output: TensorSpec): WgslKernel {
  const items = sizeOf(output.shape);
  const buffers = [
    ...inputs.map((x, at) => bufferOf(`input${at}`, at, x)),
    bufferOf("output", inputs.length, output),
  ];
  const write = (memory: WgslMemory) => {
    const own: ElementMemory = {
      load: (input, index) => memory.load(`input${input}`, index),
      store: (index, value) => memory.store("output", index, value),
    };
    return {
      functions: options.functions ?? [],
      body: `let i = (group.x + group.y * groups.x) * ${GROUP}u + local;
if (i >= ${items}u) { return; }
${options.wgsl!(own, inputs, output)}`,
    };
  };
  return { passes: [{ buffers, workgroups: Math.ceil(items / GROUP), workgroupSize: GROUP, write }], scratchBytes: 0 };
}

/**
 * Makes an operation with kernels of one's own, of which each element of the output is computed by itself. WGSL alone is
 * enough for a GPU; on a device without a text computing says which is missing. It takes part in `grad` (by `vjp`), `vmap`
 * (one example after the other) and `jit` as any other, and what reads or writes it may be joined to it. For kernels of several passes or
 * with memory of a group, write the whole record: `Primitive`.
 *
 * @param options Name, shape, definition, derivative and texts.
 * @returns The operation.
 * @throws {TypeError} By the operation, if an operand is no tensor, or a derivative is asked for that is not there.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { referenceDevice, tensor } from "@tessera/tessera/tensor";
 * import { customKernel } from "@tessera/tessera/tensor/kernel";
 *
 * const softsign = customKernel({
 *   name: "softsign",
 *   reference: ([x]) => x!.data.map((v) => v / (1 + Math.abs(v))),
 *   wgsl: ({ load, store }) => `let v = ${load(0, "i")}; ${store("i", "v / (1f + abs(v))")}`,
 * });
 * deepStrictEqual([...await softsign(tensor([-1, 3])).data({ device: referenceDevice() })], [-0.5, 0.75]);
 * ```
 */
export function customKernel(options: CustomKernelOptions): (...inputs: Tensor[]) => Tensor {
  requireOptions("customKernel", options, {
    ...{ name: true, shape: true, reference: true, vjp: true, wgsl: true, functions: true, wat: true, flops: true },
  });
  const { name, shape, reference, vjp, wgsl, wat, flops = 1 } = options;
  const record: Primitive = {
    name,
    shapeRule: (inputs) => {
      if (!shape) return { shape: inputs[0]!.shape, dtype: inputs[0]!.dtype };
      return shape(inputs);
    },
    reference: (inputs, _, output) => reference(inputs, output),
    vjpRule: (cotangent, output) => {
      if (vjp) return vjp(cotangent, output.inputs, output);
      throw new TypeError(
        `Cannot differentiate ${name} as customKernel must be given its vjp: current vjp is undefined`,
      );
    },
    lowering: {
      kind: "kernel",
      flops: (_, output) => flops * sizeOf(output.shape),
      texts: {
        ...(wgsl ? { webgpu: (inputs, output) => elementKernel(options, inputs, output) } : {}),
        ...(wat ? { cpu: wat } : {}),
      },
    },
  };
  return (...inputs) => {
    inputs.forEach((x, i) => requireTensor(name, `input ${i}`, x));
    return bind(record, inputs, {});
  };
}

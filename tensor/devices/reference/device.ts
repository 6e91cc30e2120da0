/** @file The oracle: every value in float64, every operation by its reference rule. Slow, obviously right. */
import { evaluateOnce, programOf } from "../../compiler/boundary.ts";
import { templateFlops } from "../../compiler/lowering.ts";
import type { Device, DeviceBuffer, Executable, Program } from "../../device.ts";
import { registerDevice } from "../../device.ts";
import { DeviceError } from "../../errors.ts";
import { topologicalOrder } from "../../order.ts";
import { type DenseArray, sizeOf, type TensorSpec } from "../../spec.ts";
import { bufferOf, leafSource, type Tensor } from "../../tensor.ts";
import { applied } from "./applied.ts";
import { hostArray } from "../../host_values.ts";

/** Memory of the reference device: a float64 array, whatever the dtype. */
interface ReferenceBuffer extends DeviceBuffer {
  readonly values: () => DenseArray;
}

/**
 * Opens the float64 device.
 *
 * @returns A device that computes every dtype in float64 by the reference rules of the primitives.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { exp, referenceDevice, tensor } from "@tessera/tessera/tensor";
 *
 * equal(await exp(tensor(0)).item({ device: referenceDevice() }), 1);
 * ```
 */
export function referenceDevice(): Device {
  const device: Device = {
    name: "reference",
    compile: (program) => compile(device, program),
    evaluate: (tensors) => evaluateOnce(tensors, (outputs) => compute(device, outputs, new Map())),
    read: (buffer) => Promise.resolve(hostArray((buffer as ReferenceBuffer).values().data, buffer.spec.dtype)),
    synchronize: () => Promise.resolve(),
    close: () => {},
  };
  return device;
}

function compile(device: Device, program: Program): Executable {
  const order = programOf(program.outputs);
  const plannedBytes = order.reduce((sum, x) => sum + 8 * sizeOf(x.shape), 0);
  const flops = order.reduce((sum, x) => sum + templateFlops(x), 0);
  return {
    stats: { plannedBytes, launches: order.length, flops },
    run(inputs) {
      const bindings = new Map(program.inputs.map((input, i) => [input, arrayOf(inputs[i]!)!]));
      return compute(device, program.outputs, bindings);
    },
  };
}

function compute(device: Device, outputs: readonly Tensor[], bindings: Map<Tensor, DenseArray>): ReferenceBuffer[] {
  const results = new Map(bindings);
  const known = (x: Tensor) => results.get(x) ?? (x.traced ? undefined : arrayOf(x));
  const order = topologicalOrder(outputs, (x) => known(x) !== undefined);
  const lastUse = new Map<Tensor, number>();
  order.forEach((node, i) => node.inputs.forEach((input) => lastUse.set(input, i)));
  const kept = new Set(outputs);
  order.forEach((node, i) => {
    const inputs = node.inputs;
    const array = known(node) ?? applied(node, inputs.map((input) => results.get(input)!));
    results.set(node, array);
    inputs.forEach((input) => lastUse.get(input) === i && !kept.has(input) && results.delete(input));
  });
  return outputs.map((output) => makeBuffer(device, results.get(output)!));
}

/** The values of a leaf or of a tensor computed before. */
function arrayOf(x: Tensor): DenseArray | undefined {
  const source = leafSource(x);
  if (source && "host" in source) {
    return { shape: x.shape, dtype: x.dtype, data: Float64Array.from(source.host as Float32Array) };
  }
  const buffer = bufferOf(x);
  if (!buffer) return undefined;
  if ("values" in buffer) return (buffer as ReferenceBuffer).values();
  throw new DeviceError(
    "reference",
    `Cannot compute on reference as all values must be there or on the host: current device is ${buffer.device.name}; ` +
      "move them with await toDevice(x, device)",
  );
}

function makeBuffer(device: Device, { shape, dtype, data }: DenseArray): ReferenceBuffer {
  const spec: TensorSpec = { shape, dtype };
  const state: { array: DenseArray | null } = { array: { shape, dtype, data } };
  const values = () => {
    if (state.array) return state.array;
    throw new DeviceError(
      "reference",
      `Cannot read a tensor as its memory was given back: current shape is [${shape}]`,
    );
  };
  return { device, spec, values, free: () => void (state.array = null), peek: () => hostArray(values().data, dtype) };
}

registerDevice("reference", referenceDevice);

/** @file What fused kernels must compute, one element at a time. */
import type { Kernel, MapKernel, ReduceKernel } from "../../../../tensor/compiler/kernel.ts";
import type { Access, Bound, Scalar } from "../../../../tensor/compiler/scalar.ts";
import { roundedTo, ruleOf } from "../../../support/evaluate_scalar.ts";
import type { DType, Shape, TensorSpec } from "../../../../tensor/spec.ts";

/** Values of one element: inputs by buffer, and where the iteration stands. */
interface Place {
  readonly inputs: readonly ArrayLike<number>[];
  readonly index: readonly number[];
}

function along(coefficients: readonly number[], { index }: Place, offset: number): number {
  return coefficients.reduce((sum, c, axis) => sum + c * index[axis]!, offset);
}

function read(access: Access, place: Place, shift: number, dtype: DType): number {
  const at = along(access.strides, place, access.offset) + shift;
  const value = place.inputs[access.buffer]![at];
  if (value === undefined) throw new RangeError(`Cannot read as the element must be inside: current element is ${at}`);
  return roundedTo(value, dtype);
}

function holds({ coefficients, offset, extent }: Bound, place: Place): boolean {
  const at = along(coefficients, place, offset);
  return at >= 0 && at < extent;
}

function evaluate(x: Scalar, place: Place, memo: Map<Scalar, number>): number {
  const known = memo.get(x);
  if (known !== undefined) return known;
  const value = compute(x, place, memo);
  memo.set(x, value);
  return value;
}

function compute(x: Scalar, place: Place, memo: Map<Scalar, number>): number {
  switch (x.kind) {
    case "const":
      return roundedTo(x.value, x.dtype);
    case "load":
      return read(x.access, place, 0, x.dtype);
    case "index":
      return along(x.coefficients, place, x.offset);
    case "guard":
      return x.bounds.every((bound) => holds(bound, place))
        ? evaluate(x.value, place, memo)
        : roundedTo(x.fill, x.dtype);
    case "gather": {
      const at = evaluate(x.index, place, memo);
      return at >= 0 && at < x.extent ? read(x.access, place, at * x.axisStride, x.dtype) : roundedTo(x.fill, x.dtype);
    }
    case "op": {
      const args = x.args.map((arg) => evaluate(arg, place, memo));
      return ruleOf(x)!(args[0]!, args[1]!, args[2]!);
    }
  }
}

function indicesOf(shape: Shape): readonly (readonly number[])[] {
  return shape.reduce<readonly (readonly number[])[]>(
    (indices, size) => indices.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );
}

const IDENTITIES: Readonly<Record<DType, readonly [number, number]>> = {
  float32: [-Infinity, Infinity],
  float64: [-Infinity, Infinity],
  float16: [-Infinity, Infinity],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int8: [-128, 127],
  uint8: [0, 255],
  bool: [0, 1],
};

function interpretMap({ shape, values }: MapKernel, inputs: readonly ArrayLike<number>[]): readonly number[][] {
  const indices = indicesOf(shape);
  return values.map((value) => indices.map((index) => evaluate(value, { inputs, index }, new Map())));
}

function interpretReduce(kernel: ReduceKernel, inputs: readonly ArrayLike<number>[]): readonly number[][] {
  const { results, stores, shape, reduceShape } = kernel;
  const inner = indicesOf(reduceShape);
  const reduced = results.map(({ op, value }) => {
    const [lowest, highest] = IDENTITIES[value.dtype];
    const combine = { sum: (a: number, b: number) => a + b, max: Math.max, min: Math.min }[op];
    const identity = { sum: 0, max: lowest, min: highest }[op];
    return indicesOf(shape).map((index) => {
      const terms = inner.map((rest) => evaluate(value, { inputs, index: [...index, ...rest] }, new Map()));
      return roundedTo(terms.reduce((a, b) => combine(a, b), identity), value.dtype);
    });
  });
  const stored = stores.map(({ value, strides }) => {
    const output: number[] = [];
    for (const index of indicesOf([...shape, ...reduceShape])) {
      output[along(strides, { inputs, index }, 0)] = evaluate(value, { inputs, index }, new Map());
    }
    return output;
  });
  return [...reduced, ...stored];
}

/**
 * Computes a kernel slowly.
 *
 * @param kernel A map or a reduction.
 * @param inputs Values of the buffers.
 * @returns Values of the outputs.
 */
export function interpret(kernel: Kernel, inputs: readonly ArrayLike<number>[]): readonly number[][] {
  if (kernel.kind === "template") throw new TypeError("Cannot interpret a template");
  return kernel.kind === "map" ? interpretMap(kernel, inputs) : interpretReduce(kernel, inputs);
}

/** Shape and dtype of each output of a kernel. */
export function outputsOf(kernel: MapKernel | ReduceKernel): readonly TensorSpec[] {
  if (kernel.kind === "map") return kernel.values.map(({ dtype }) => ({ shape: kernel.shape, dtype }));
  const whole = [...kernel.shape, ...kernel.reduceShape];
  return [
    ...kernel.results.map(({ value: { dtype } }) => ({ shape: kernel.shape, dtype })),
    ...kernel.stores.map(({ value: { dtype } }) => ({ shape: whole, dtype })),
  ];
}

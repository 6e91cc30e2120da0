/**
 * @file A device of one's own: it interprets the lowerings of the primitives, whole arrays at a time, and knows none of them by
 * name. Registered from outside, as a device for other hardware would be.
 */
import type { KernelForm } from "../../../tensor/compiler/kernel_forms.ts";
import { ARGSORT_FORM } from "../../../tensor/kernels/argsort.ts";
import { MASK_ALIGN_FORM } from "../../../tensor/kernels/mask_align.ts";
import { ROI_ALIGN_FORM } from "../../../tensor/kernels/roi_align.ts";
import { ROI_SPREAD_FORM } from "../../../tensor/kernels/roi_spread.ts";
import { SCATTER_ADD_FORM } from "../../../tensor/kernels/scatter_add.ts";
import { SCATTER_MAX_FORM } from "../../../tensor/kernels/scatter_max.ts";
import { SUPPRESS_FORM } from "../../../tensor/kernels/suppress.ts";
import { templateFlops } from "../../../tensor/compiler/lowering.ts";
import { textWriter } from "../../../tensor/compiler/template.ts";
import { type Device, type DType, sizeOf, type Tensor, type TensorSpec } from "../../../tensor/mod.ts";
import {
  bufferOf,
  type DeviceBuffer,
  type Exchange,
  type Executable,
  type KernelLowering,
  leafSource,
  type Lowering,
  type Params,
  type Program,
  registerDevice,
  type ViewMove,
} from "../../../tensor/kernel.ts";
import { stridesOf } from "../../../tensor/spec.ts";
import { hostArray } from "../../../tensor/host_values.ts";
import { topologicalOrder } from "../../../tensor/order.ts";
import { evaluateContraction } from "../../support/evaluate_contraction.ts";
import { evaluateScalar, roundedTo } from "../../support/evaluate_scalar.ts";

/** Values of one tensor. */
type Values = Float64Array;

/** Memory of the device. */
interface InterpretedBuffer extends DeviceBuffer {
  readonly values: Values;
}

/** Position of each axis of a flat index. */
function positions(at: number, shape: readonly number[], strides: readonly number[]): readonly number[] {
  return shape.map((size, axis) => Math.floor(at / strides[axis]!) % size);
}

/** Values at each index of a result. */
function tabulate({ shape, dtype }: TensorSpec, value: (index: readonly number[], at: number) => number): Values {
  const strides = stridesOf(shape);
  return Float64Array.from(
    { length: sizeOf(shape) },
    (_, at) => roundedTo(value(positions(at, shape, strides), at), dtype),
  );
}

/** Where an element of a view lies on each axis of what is seen, but for reshapes. */
function seenAt(
  view: Exclude<ViewMove, { move: "reshape" }>,
  index: readonly number[],
  rank: number,
): readonly number[] {
  switch (view.move) {
    case "transpose":
      return view.permutation.map((_, axis) => index[view.permutation.indexOf(axis)]!);
    case "broadcast":
      return index.slice(index.length - rank);
    case "slice":
      return index.map((i, axis) => view.start[axis]! + view.step[axis]! * i);
    case "pad":
      return index.map((i, axis) => i - view.before[axis]!);
  }
}

function interpretView(view: ViewMove, x: TensorSpec, values: Values, output: TensorSpec): Values {
  if (view.move === "reshape") return values;
  const strides = stridesOf(x.shape);
  return tabulate(output, (index) => {
    const seen = seenAt(view, index, x.shape.length).map((i, axis) =>
      view.move === "broadcast" && x.shape[axis] === 1 ? 0 : i
    );
    const inside = seen.every((i, axis) => i >= 0 && i < x.shape[axis]!);
    if (!inside && view.move === "pad") return view.value;
    return values[seen.reduce((at, i, axis) => at + i * strides[axis]!, 0)]!;
  });
}

/** Ways to combine two values, and the value that changes nothing. */
const REDUCTIONS = {
  sum: { combine: (a: number, b: number) => a + b, start: 0 },
  max: { combine: Math.max, start: -Infinity },
  min: { combine: Math.min, start: Infinity },
} as const;

/** What no value of a dtype is beyond. */
const LIMITS: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  bool: [0, 1],
};

function interpretReduction(
  op: "sum" | "max" | "min",
  axes: readonly number[],
  x: TensorSpec,
  values: Values,
  output: TensorSpec,
): Values {
  const { combine, start } = REDUCTIONS[op];
  const [low, high] = LIMITS[output.dtype] ?? [-Infinity, Infinity];
  const result = new Float64Array(sizeOf(output.shape)).fill(Math.min(Math.max(start, low), high));
  const strides = stridesOf(x.shape);
  const kept = stridesOf(output.shape);
  values.forEach((value, at) => {
    const index = positions(at, x.shape, strides).filter((_, axis) => !axes.includes(axis));
    const to = index.reduce((sum, i, axis) => sum + i * kept[axis]!, 0);
    result[to] = combine(result[to]!, value);
  });
  return result.map((value) => roundedTo(value, output.dtype));
}

function interpretGather(
  { axis, along, fill }: { readonly axis: number; readonly along: boolean; readonly fill: number },
  [x, indices]: readonly [TensorSpec, TensorSpec],
  [values, at]: readonly [Values, Values],
  output: TensorSpec,
): Values {
  const strides = stridesOf(x.shape);
  const rank = along ? 1 : indices.shape.length;
  const tableStrides = stridesOf(indices.shape);
  return tabulate(output, (index) => {
    const entry = (along ? index : index.slice(axis, axis + rank)).reduce((sum, i, a) => sum + i * tableStrides[a]!, 0);
    const chosen = at[entry]!;
    if (chosen < 0 || chosen >= x.shape[axis]!) return fill;
    const from = [...index.slice(0, axis), chosen, ...index.slice(axis + rank)];
    return values[from.reduce((sum, i, a) => sum + i * strides[a]!, 0)]!;
  });
}

/** Computes what a kernel is known to compute. */
type Interpreter = (
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  params: never,
) => (values: readonly Values[]) => Values;

function argsorted([x]: readonly TensorSpec[], output: TensorSpec, params: { readonly descending: boolean }) {
  const before = (a: number, b: number) => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return params.descending ? b - a : a - b;
  };
  const length = x!.shape.at(-1)!;
  return ([values]: readonly Values[]) => {
    const result = new Float64Array(sizeOf(output.shape));
    for (let start = 0; start < result.length; start += length) {
      const line = values!.subarray(start, start + length);
      result.set([...line.keys()].sort((i, j) => line[i] === line[j] ? i - j : before(line[i]!, line[j]!)), start);
    }
    return result;
  };
}

const scattered =
  (start: (dtype: DType) => number, join: (all: number, value: number) => number) =>
  (_: readonly TensorSpec[], { shape: [size, columns], dtype }: TensorSpec) => {
    return ([updates, places]: readonly Values[]) => {
      const result = new Float64Array(size! * columns!).fill(start(dtype));
      places!.forEach((place, row) => {
        for (let c = 0; c < columns! && place >= 0 && place < size!; c++) {
          const to = place * columns! + c;
          result[to] = roundedTo(join(result[to]!, updates![row * columns! + c]!), dtype);
        }
      });
      return result;
    };
  };

function leastOf(dtype: DType): number {
  return dtype === "int32" ? -(2 ** 31) : dtype === "uint32" ? 0 : -Infinity;
}

/** Kernels that this device knows by heart. */
const FORMS: ReadonlyMap<KernelForm, Interpreter> = new Map<KernelForm, Interpreter>([
  [ARGSORT_FORM, argsorted],
  [SCATTER_ADD_FORM, scattered(() => 0, (all, value) => all + value)],
  [SCATTER_MAX_FORM, scattered(leastOf, Math.max)],
]);

/** Kernels that it computes by the definition in the record. */
const BY_DEFINITION: ReadonlySet<KernelForm | undefined> = new Set([
  ROI_ALIGN_FORM,
  ROI_SPREAD_FORM,
  MASK_ALIGN_FORM,
  SUPPRESS_FORM,
]);

function interpretKernel(x: Tensor, lowering: KernelLowering<Params>, values: readonly Values[]): Values {
  if (lowering.loops || BY_DEFINITION.has(lowering.form)) {
    const arrays = x.inputs.map(({ shape, dtype }, i) => ({ shape, dtype, data: Float64Array.from(values[i]!) }));
    return x.primitive.reference(arrays, x.params, x);
  }
  return textWriter(x.primitive, lowering, "interpreter", FORMS)(x.inputs, x, x.params as never)(values);
}

function interpretExchange({ kind, collective }: Exchange, values: Float64Array): Values {
  if (kind === "sum") {
    collective.allReduce(values).wait();
    return values;
  }
  const all = new Float64Array(collective.size * values.length);
  collective.allGather(values, all);
  return all;
}

/** Computes one tensor from its inputs. */
function interpret(x: Tensor, values: readonly Values[]): Values {
  const lowering: Lowering<Params> = x.primitive.lowering;
  const { params, inputs } = x;
  switch (lowering.kind) {
    case "expression": {
      const loads = inputs.map(({ dtype, shape }, buffer) => {
        return { kind: "load", dtype, access: { buffer, strides: stridesOf(shape), offset: 0 } } as const;
      });
      return evaluateScalar(lowering.expression(loads, params, x), values, sizeOf(x.shape));
    }
    case "iota": {
      const axis = lowering.axis(params);
      return tabulate(x, (index) => index[axis]!);
    }
    case "view":
      return interpretView(lowering.view(params, x), inputs[0]!, values[0]!, x);
    case "reduction":
      return interpretReduction(lowering.op, lowering.axes(params), inputs[0]!, values[0]!, x);
    case "gather": {
      const settings = { axis: lowering.axis(params), along: lowering.along(params), fill: lowering.fill(params) };
      return interpretGather(settings, [inputs[0]!, inputs[1]!], [values[0]!, values[1]!], x);
    }
    case "contraction":
      return evaluateContraction(lowering.contraction(params, inputs, x), values, sizeOf(x.shape))
        .map((value) => roundedTo(value, x.dtype));
    case "kernel":
      return interpretKernel(x, lowering, values);
    case "collective":
      return interpretExchange(lowering.exchange(params), Float64Array.from(values[lowering.result(params)]!));
    case "program":
    case "leaf":
      throw new TypeError(
        `Cannot interpret ${x.primitive.name} as it must have values: current lowering is ${lowering.kind}`,
      );
  }
}

/** Values that are there before a program runs. */
function valuesOf(x: Tensor): Values | undefined {
  const source = leafSource(x);
  if (source && "host" in source) return Float64Array.from(source.host as Float32Array);
  return (bufferOf(x) as InterpretedBuffer | undefined)?.values;
}

function run(device: Device, outputs: readonly Tensor[], bound: ReadonlyMap<Tensor, Values>): InterpretedBuffer[] {
  const results = new Map(bound);
  const known = (x: Tensor) => results.get(x) ?? (x.traced ? undefined : valuesOf(x));
  for (const x of topologicalOrder(outputs, (x) => known(x) !== undefined)) {
    results.set(x, known(x) ?? interpret(x, x.inputs.map((input) => results.get(input)!)));
  }
  return outputs.map(({ shape, dtype }, i) => ({
    device,
    spec: { shape, dtype },
    values: results.get(outputs[i]!)!,
    free: () => {},
  }));
}

function compile(device: Device, program: Program): Executable {
  const order = topologicalOrder(program.outputs);
  const sum = (of: (x: Tensor) => number) => order.reduce((total, x) => total + of(x), 0);
  return {
    stats: { plannedBytes: sum((x) => 8 * sizeOf(x.shape)), launches: order.length, flops: sum(templateFlops) },
    run: (inputs) => run(device, program.outputs, new Map(program.inputs.map((x, i) => [x, valuesOf(inputs[i]!)!]))),
  };
}

registerDevice("interpreter", () => {
  const device: Device = {
    name: "interpreter",
    compile: (program) => compile(device, program),
    evaluate: (tensors) => run(device, tensors, new Map()),
    read: (buffer) => Promise.resolve(hostArray((buffer as InterpretedBuffer).values, buffer.spec.dtype)),
    synchronize: () => Promise.resolve(),
    close: () => {},
  };
  return device;
});

import { ShapeError } from "../errors.ts";
import { type DType, DTYPES, type Shape, type TensorSpec } from "../spec.ts";
import { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { constant } from "./constant.ts";
import { broadcastTo } from "./sum.ts";

/** A tensor, or a number that takes the dtype of the tensors beside it. */
export type TensorLike = Tensor | number;

const ORDER: readonly DType[] = ["bool", "uint32", "int32", "float32", "float64"];

/** The dtype that holds the values of both: bool < uint32 < int32 < float32 < float64. */
export function promoteTypes(a: DType, b: DType): DType {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}

/** The shape that two shapes broadcast to, by NumPy's rule; throws for `operation` if there is none. */
export function broadcastShapes(operation: string, shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[i - rank + shape.length] ?? 1).filter((size) => size !== 1);
    if (sizes.every((size) => size === sizes[0])) return sizes[0] ?? 1;
    throw new ShapeError(operation, "shapes must broadcast: sizes aligned at the end must be equal or 1", shapes);
  });
}

function dtypeOfAll(operands: readonly TensorLike[]): DType {
  const dtypes = operands.filter((x) => x instanceof Tensor).map((x) => x.dtype);
  const fraction = operands.some((x) => typeof x === "number" && !Number.isInteger(x) && Number.isFinite(x));
  const joint = dtypes.length === 0 ? "float32" : dtypes.reduce(promoteTypes);
  // A fraction beside integers makes floats; beside floats it takes their dtype.
  return fraction
    ? promoteTypes(joint, "float32")
    : joint === "bool" && operands.some((x) => typeof x === "number")
    ? "int32"
    : joint;
}

/** Operands of one operation, brought to one dtype and shape. */
export function alignOperands(operation: string, operands: readonly TensorLike[], dtype?: DType): readonly Tensor[] {
  const common = dtype ?? dtypeOfAll(operands);
  const shape = broadcastShapes(operation, operands.map((x) => x instanceof Tensor ? x.shape : []));
  return operands.map((x) => x instanceof Tensor ? broadcastTo(cast(x, common), shape) : constant(shape, x, common));
}

/** Throws for `operation` unless all operands have one floating dtype: kernels of contractions have no others. */
export function requireFloating(operation: string, operands: readonly TensorSpec[]): void {
  const dtypes = operands.map(({ dtype }) => dtype);
  if (dtypes.every((dtype) => DTYPES[dtype].floating && dtype === dtypes[0])) return;
  throw new TypeError(
    `Cannot ${operation} as operands must have one floating dtype: current dtypes are ${dtypes.join(" and ")}`,
  );
}

/** Shape rule of primitives whose inputs agree in everything. */
export function sameSpec(name: string): (inputs: readonly TensorSpec[]) => TensorSpec {
  return (inputs) => {
    const [x, ...rest] = inputs;
    if (!rest.every((y) => y.shape.join() === x!.shape.join())) {
      throw new ShapeError(name, "operands must have one shape", inputs.map((y) => y.shape));
    }
    const other = rest.find((y) => y.dtype !== x!.dtype);
    if (other) {
      throw new TypeError(
        `Cannot ${name} as operands must have one dtype: current dtypes are ${x!.dtype} and ${other.dtype}`,
      );
    }
    return { shape: x!.shape, dtype: x!.dtype };
  };
}

import { conv2d, type Tensor, type Tree, vjp, zeros } from "../tensor/mod.ts";
import { convolutionShapes, type ConvPart } from "./definitions.ts";
import type { ConvGeometry } from "./geometries.ts";

/** Programs of the three products, each of the two tensors that it reads. */
export function convProgram(geometry: ConvGeometry, part: ConvPart): (a: Tensor, b: Tensor) => Tensor {
  const { stride, padding, groups } = geometry;
  const { x: xShape, w: wShape } = convolutionShapes(geometry);
  const convolve = (x: Tensor, w: Tensor) => conv2d(x, w, { stride, padding, groups });
  if (part === "forward") return convolve;
  // What stands in for the operand that a gradient does not depend on is never computed.
  const gradient = (f: (x: Tensor) => Tensor, at: Tensor, cotangent: Tensor) =>
    vjp(f as (x: Tree) => Tree, at)[1](cotangent)[0] as Tensor;
  return part === "inputGradient"
    ? (w, dy) => gradient((x) => convolve(x, w), zeros(xShape), dy)
    : (x, dy) => gradient((w) => convolve(x, w), zeros(wShape), dy);
}

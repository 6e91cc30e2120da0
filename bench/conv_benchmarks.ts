import { conv2d, key, normal, type Tensor, type Tree, vjp } from "../tensor/mod.ts";
import { checkElements, convElement, convolutionOutput, convolutionShapes, type ConvPart } from "./definitions.ts";
import { convFlops, type ConvGeometry, convName } from "./geometries.ts";
import { benchKernel, type KernelBench } from "./kernel_benchmark.ts";

const PARTS: readonly ConvPart[] = ["forward", "inputGradient", "weightGradient"];

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
    ? (w, dy) => gradient((x) => convolve(x, w), normal(key(9), xShape), dy)
    : (x, dy) => gradient((w) => convolve(x, w), normal(key(9), wShape), dy);
}

/** How many products meet in one element. */
function termsOf(geometry: ConvGeometry, part: ConvPart): number {
  const { batch, channels, kernel, groups } = geometry;
  return part === "weightGradient" ? batch * convolutionOutput(geometry) ** 2 : kernel ** 2 * channels / groups;
}

function benchOf(geometry: ConvGeometry, part: ConvPart): KernelBench {
  const { x, w, y } = convolutionShapes(geometry);
  const operands = { forward: ["x", "w"], inputGradient: ["w", "y"], weightGradient: ["x", "y"] } as const;
  const shapes = { x, w, y };
  const names = operands[part];
  const name = `${convName(geometry)} ${part}`;
  return {
    group: convName(geometry),
    name,
    flops: convFlops(geometry),
    inputs: () => names.map((operand, i) => normal(key(i), shapes[operand])),
    program: convProgram(geometry, part),
    check: ([a, b], [result]) => {
      const none = new Float32Array();
      const data = { x: none, w: none, y: none, [names[0]]: a!, [names[1]]: b! };
      checkElements(name, result!, termsOf(geometry, part), (at) => convElement(part, data, geometry, at));
    },
  };
}

/** Registers the forward pass and both gradients of convolutions. */
export function benchConvs(geometries: readonly ConvGeometry[]): void {
  for (const geometry of geometries) PARTS.forEach((part) => benchKernel(benchOf(geometry, part)));
}

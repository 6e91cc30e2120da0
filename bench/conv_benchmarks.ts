import { random } from "../tensor/mod.ts";
import { convProgram } from "./conv_program.ts";
import { checkElements, convElement, convolutionShapes, type ConvPart } from "./definitions.ts";
import { convFlops, type ConvGeometry, convName, convolutionOutput } from "./geometries.ts";
import { benchKernel, type KernelBench } from "./kernel_benchmark.ts";

const PARTS: readonly ConvPart[] = ["forward", "inputGradient", "weightGradient"];

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
    inputs: () => names.map((operand, i) => random.normal(random.key(i), shapes[operand])),
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

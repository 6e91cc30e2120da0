import type { ConvolutionPart } from "../../../../tensor/contraction/contraction.ts";
import { convolutionOf, convolutionPart } from "../../../../tensor/contraction/convolution.ts";
import { windowCount } from "../../../../tensor/contraction/window_axis.ts";
import type { TileVariant } from "../../../../tensor/compiler/kernel_text.ts";
import { CONVOLUTION_TEXTS } from "../../../../tensor/devices/webgpu/convolution_texts.ts";
import { contractionWgsl } from "../../../../tensor/devices/webgpu/contraction/contraction.ts";
import type { Shape } from "../../../../tensor/spec.ts";
import { evaluateContraction } from "../../../support/evaluate_contraction.ts";
import { assertClose, gpuTest, LIMITS, randomFloats, runKernel, type Sample, SUBGROUP } from "./harness.ts";

/** Images, weights, and the settings of the axes: stride, padding before and after, dilation. */
const CASES: readonly (readonly [x: Shape, w: Shape, axes: readonly (readonly number[])[]])[] = [
  [[2, 9, 8], [3, 8, 12], [[1, 1, 1, 1]]],
  [[1, 20, 5], [4, 5, 7], [[3, 2, 0, 2]]],
  [[2, 17, 12], [5, 1, 12], [[2, 2, 2, 1]]], // a channel alone
  [[1, 4, 5, 6, 4], [3, 3, 3, 4, 8], [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]],
  [[2, 5, 4, 7, 6], [2, 3, 1, 3, 4], [[2, 0, 1, 1], [1, 2, 0, 1], [3, 0, 0, 1]]],
  [[1, 5, 6, 4, 8], [3, 2, 3, 1, 8], [[1, 1, 1, 1], [2, 0, 1, 2], [1, 0, 2, 1]]],
  [[1, 3, 3, 3, 2, 4], [2, 2, 2, 2, 4, 4], [[1, 0, 0, 1], [1, 1, 0, 1], [2, 0, 0, 1], [1, 0, 0, 1]]],
];

const TILES: readonly (TileVariant | null)[] = [
  null,
  { kind: "workgroup", rows: 4, columns: 4, across: 4, down: 4, depth: 8 },
  ...SUBGROUP?.size === 8 ? [{ kind: "subgroup", rows: 8, columns: 4, across: 8, down: 2, depth: 8 } as const] : [],
];

for (const [x, w, axes] of CASES) {
  const settings = axes.map(([stride, before, after, dilation]) => (
    { stride: stride!, padding: [before!, after!] as const, dilation: dilation! }
  ));
  const params = {
    stride: settings.map(({ stride }) => stride),
    padding: settings.map(({ padding }) => padding),
    dilation: settings.map(({ dilation }) => dilation),
    groups: x.at(-1)! / w.at(-2)!,
  };
  const y = [x[0]!, ...settings.map((axis, i) => windowCount(x[1 + i]!, w[i]!, axis)), w.at(-1)!];
  const samples = { x: randomFloats(x, 1), w: randomFloats(w, 2), y: randomFloats(y, 3) };
  const parts: readonly (readonly [ConvolutionPart, readonly Sample[], Sample])[] = [
    ["output", [samples.x, samples.w], samples.y],
    ["input", [samples.y, samples.w], samples.x],
    ["weight", [samples.x, samples.y], samples.w],
  ];
  for (const [part, inputs, output] of parts) {
    gpuTest(`contractionWgsl() computes the ${part} of [${x}] with [${w}], ${JSON.stringify(axes)}`, async () => {
      const contraction = convolutionPart(convolutionOf(x, w, y, params), part);
      const expected = evaluateContraction(contraction, inputs.map(({ data }) => data), output.data.length);
      for (const tile of TILES) {
        const pinned = tile && { tiles: new Proxy({}, { get: () => tile }) };
        const limits = { ...LIMITS, ...SUBGROUP && { subgroup: SUBGROUP }, ...pinned };
        assertClose(
          await runKernel(contractionWgsl(contraction, limits, CONVOLUTION_TEXTS), inputs, output),
          expected,
          1000,
        );
      }
    });
  }
}

/** @file A contraction as the settings of the convolution, product or kernel map that it came from, for devices that write those. */
import type { TensorSpec } from "../spec.ts";
import type { Contraction, Convolution } from "./contraction.ts";
import type {
  ConvInputGradientParams,
  ConvParams,
  ConvWeightGradientParams,
  KernelMapConvParams,
  KernelMapWeightGradientParams,
  MatmulParams,
} from "./conv_params.ts";

type Writer<P, K, O> = (inputs: readonly TensorSpec[], output: TensorSpec, params: P, options: O) => K;

/** What a device writes. */
export interface PresentWriters<K, O> {
  readonly matmul: Writer<MatmulParams, K, O>;
  readonly conv2d: Writer<ConvParams, K, O>;
  readonly conv2dInputGradient: Writer<ConvInputGradientParams, K, O>;
  readonly conv2dWeightGradient: Writer<ConvWeightGradientParams, K, O>;
  readonly kernelMapConv: Writer<KernelMapConvParams, K, O>;
  readonly kernelMapWeightGradient: Writer<KernelMapWeightGradientParams, K, O>;
}

/** Lines as images of one row; of volumes there is no form. */
function asImages(rank: number, spec: TensorSpec, kernel: boolean): TensorSpec {
  if (rank === 2) return spec;
  if (rank > 2) {
    throw new RangeError(`Cannot convolve on this device as there must be at most 2 axes: current number is ${rank}`);
  }
  const [first, ...rest] = spec.shape;
  return { ...spec, shape: kernel ? [1, first!, ...rest] : [first!, 1, ...rest] };
}

function pair({ axes }: Convolution, of: (axis: Convolution["axes"][number]) => number, missing: number) {
  const values = axes.map(of);
  return [values.length === 2 ? values[0]! : missing, values.at(-1)!] as const;
}

export function presentForm<K, O>(
  writers: PresentWriters<K, O>,
  contraction: Contraction,
  [...specs]: readonly TensorSpec[],
  options: O,
): K {
  const output = specs.pop()!;
  const { batch, convolution } = contraction;
  if (convolution) return convolutionForm(writers, convolution, [...specs, output], options);
  if (contraction.form === "outer") {
    if (contraction.rows.kind === "table") {
      return writers.kernelMapWeightGradient(specs, output, { groups: batch }, options);
    }
    return writers.matmul(specs, output, { transposeA: true, transposeB: false }, options);
  }
  const { rows, right } = contraction.phases[0]!;
  const turned = right.columnStride !== 1;
  if (rows.kind === "table") {
    const transposeWeight = turned || contraction.columns * batch !== specs[1]!.shape[2];
    return writers.kernelMapConv(specs, output, { groups: batch, transposeWeight }, options);
  }
  const transposeA = rows.kind === "matrix" && rows.transposed;
  return writers.matmul(specs, output, { transposeA, transposeB: turned }, options);
}

function convolutionForm<K, O>(
  writers: PresentWriters<K, O>,
  { of, part }: NonNullable<Contraction["convolution"]>,
  specs: readonly TensorSpec[],
  options: O,
): K {
  const rank = of.axes.length;
  const zeros = pair(of, ({ origin }) => 0 - origin, 0);
  const params = {
    stride: pair(of, ({ stride }) => stride, 1),
    padding: [[zeros[0], 0], [zeros[1], 0]],
    dilation: pair(of, ({ step }) => step, 1),
    groups: of.groups,
  } as const;
  const [a, b] = [asImages(rank, specs[0]!, false), asImages(rank, specs[1]!, part !== "weight")];
  const y = asImages(rank, specs[2]!, part === "weight");
  if (part === "output") return writers.conv2d([a, b], y, params, options);
  if (part === "input") {
    const inputSize = pair(of, ({ extent }) => extent, 1);
    return writers.conv2dInputGradient([a, b], y, { ...params, inputSize }, options);
  }
  const kernelSize = pair(of, ({ taps }) => taps, 1);
  return writers.conv2dWeightGradient([a, b], y, { ...params, kernelSize }, options);
}

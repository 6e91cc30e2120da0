/** @file Means of maps over the bins of regions (ROIAlign), and their adjoint. */
import type { RoiAlignParams, RoiSampling, RoiSpreadParams } from "../../compiler/kernel_forms.ts";
import { ROI_ALIGN_FORM } from "../../kernels/roi_align.ts";
import { ROI_SPREAD_FORM } from "../../kernels/roi_spread.ts";
import { requireOptions, ShapeError } from "../../errors.ts";
import type { Primitive } from "../../primitive.ts";
import { sizeOf, type TensorSpec } from "../../spec.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { requireTensor } from "../../require_tensor.ts";
import { endToEnd } from "../batching/end_to_end.ts";
import { spread } from "../batching/spread.ts";
import { reshape } from "../layout.ts";
import { forEachSample } from "./roi_samples.ts";

/** Calls back for each cell that a bin reads, with its share. */
function forEachShare(
  box: ArrayLike<number>,
  map: { readonly scale: number; readonly height: number; readonly width: number },
  sampling: RoiSampling,
  visit: (bin: number, cell: number, share: number) => void,
): void {
  forEachSample(box, map, sampling, (bin, corners, samples) => {
    for (const [y, x, share] of corners) visit(bin, y * map.width + x, share / samples);
  });
}

/** `[N, R, ...]` as `[N·R, ...]`. */
function joined(x: Tensor): Tensor {
  return reshape(x, [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]);
}

const ROI_ALIGN: Primitive<RoiAlignParams> = {
  name: "roiAlign",
  shapeRule: ([boxes, _image, _level, first], { size }) => ({
    shape: [boxes!.shape[0]!, ...size, first!.shape[3]!],
    dtype: first!.dtype,
  }),
  reference: ([boxes, image, level, ...maps], { levels, scales, ...sampling }, output) => {
    const result = new Float64Array(sizeOf(output.shape));
    const [rois, rows, columns, channels] = output.shape as [number, number, number, number];
    for (let r = 0; r < rois; r++) {
      const at = levels.indexOf(level!.data[r]!);
      const map = maps[at];
      const index = image!.data[r]!;
      if (!map || !(index >= 0 && index < map.shape[0]!)) continue;
      const [, height, width] = map.shape as [number, number, number, number];
      const from = index * height * width;
      forEachShare(boxes!.data.subarray(4 * r), { scale: scales[at]!, height, width }, sampling, (bin, cell, share) => {
        const to = (r * rows * columns + bin) * channels;
        for (let c = 0; c < channels; c++) result[to + c]! += share * map.data[(from + cell) * channels + c]!;
      });
    }
    return result;
  },
  vjpRule: (cotangent, { inputs: [boxes, image, level, ...maps] }, { levels, scales, ...sampling }) => [
    null, // no gradient flows to boxes
    null,
    null,
    ...maps.map((map, i) =>
      bind(ROI_SPREAD, [cotangent, boxes!, image!, level!], {
        ...sampling,
        level: levels[i]!,
        scale: scales[i]!,
        map: map.shape as RoiSpreadParams["map"],
      })
    ),
  ],
  batchRule: (batch, params, output) => {
    const [boxes, image, level, ...maps] = spread(batch);
    const images = reshape(endToEnd(image!, maps[0]!.shape[1]!), [-1]);
    const rows = [joined(boxes!), images, joined(level!), ...maps.map(joined)];
    return reshape(bind(ROI_ALIGN, rows, params), [batch.size, ...output.shape]);
  },
  lowering: {
    kind: "kernel",
    form: ROI_ALIGN_FORM,
    // by the least there is: one sample a bin, of four cells
    flops: (_inputs, output, { sampling }) => 8 * Math.max(1, sampling) ** 2 * sizeOf(output.shape),
  },
};

const ROI_SPREAD: Primitive<RoiSpreadParams> = {
  name: "roiAlignGradient",
  shapeRule: ([values], { map }) => ({ shape: map, dtype: values!.dtype }),
  reference: ([values, boxes, image, level], { map, scale, level: own, ...sampling }) => {
    const [batch, height, width, channels] = map;
    const result = new Float64Array(sizeOf(map));
    const bins = sampling.size[0] * sampling.size[1];
    for (let r = 0; r < values!.shape[0]!; r++) {
      const index = image!.data[r]!;
      if (level!.data[r] !== own || !(index >= 0 && index < batch)) continue;
      const to = index * height * width;
      forEachShare(boxes!.data.subarray(4 * r), { scale, height, width }, sampling, (bin, cell, share) => {
        const from = (r * bins + bin) * channels;
        for (let c = 0; c < channels; c++) result[(to + cell) * channels + c]! += share * values!.data[from + c]!;
      });
    }
    return result;
  },
  vjpRule: (cotangent, { inputs: [_values, boxes, image, level] }, { level: own, scale, map: _map, ...sampling }) => [
    bind(ROI_ALIGN, [boxes!, image!, level!, cotangent], { ...sampling, levels: [own], scales: [scale] }),
    null,
    null,
    null,
  ],
  batchRule: (batch, params, output) => {
    const [values, boxes, image, level] = spread(batch);
    const [images, ...map] = params.map;
    const rows = [joined(values!), joined(boxes!), reshape(endToEnd(image!, images), [-1]), joined(level!)];
    const all = bind(ROI_SPREAD, rows, { ...params, map: [batch.size * images, ...map] });
    return reshape(all, [batch.size, ...output.shape]);
  },
  lowering: {
    kind: "kernel",
    form: ROI_SPREAD_FORM,
    flops: ([values], _output, { sampling }) => 8 * Math.max(1, sampling) ** 2 * sizeOf(values!.shape),
  },
};

/** Options of `roiAlign`. */
export interface RoiAlignOptions {
  /** Rows and columns of bins. */
  readonly size: readonly [rows: number, columns: number];
  /** Samples of a bin along each axis. 0, the default: as many as it has cells, rounded up, at most 1024. */
  readonly sampling?: number;
  /** True, the default, as detectron2 has it: whole coordinates are centres of cells. False: corners, and sides of one cell or more. */
  readonly aligned?: boolean;
  /** Cells a pixel of each map: one over its stride. */
  readonly scales: readonly number[];
}

/** Which map of which image each box reads. */
export interface RoiPlaces {
  /** int32 `[R]`: position in the batch; one outside of it reads 0. */
  readonly image: Tensor;
  /** int32 `[R]`: number of the map; one outside reads 0. */
  readonly level: Tensor;
}

function requireFloating(operation: string, inputs: readonly TensorSpec[]): void {
  const other = inputs.find(({ dtype }) => dtype !== "float32" && dtype !== "float64");
  if (other) {
    throw new TypeError(`Cannot ${operation} as maps and boxes must be of floats: current dtype is ${other.dtype}`);
  }
}

/** Refuses boxes that are not `[R, 4]`, and rows beside them that are not int32 `[R]`. */
export function requireBoxes(operation: string, boxes: Tensor, rows: Readonly<Record<string, Tensor>>): void {
  requireTensor(operation, "boxes", boxes);
  requireFloating(operation, [boxes]);
  if (boxes.shape.length !== 2 || boxes.shape[1] !== 4) {
    throw new ShapeError(operation, "boxes must be [R, 4]", [boxes.shape]);
  }
  for (const [name, row] of Object.entries(rows)) {
    requireTensor(operation, name, row);
    if (row.dtype !== "int32") {
      throw new TypeError(`Cannot ${operation} as ${name} must be int32: current dtype is ${row.dtype}`);
    }
    if (row.shape.length !== 1 || row.shape[0] !== boxes.shape[0]) {
      throw new ShapeError(operation, `${name} must be [R] for boxes [R, 4]`, [row.shape, boxes.shape]);
    }
  }
}

/** Refuses sizes and numbers of samples that are none. */
export function requireSampling(operation: string, { size, sampling }: RoiSampling): void {
  const natural = (x: number, least: number) => Number.isSafeInteger(x) && x >= least;
  if (size.length !== 2 || !size.every((bins) => natural(bins, 1))) {
    throw new RangeError(`Cannot ${operation} as size must be two whole numbers above 0: current size is [${size}]`);
  }
  if (!natural(sampling, 0)) {
    throw new RangeError(
      `Cannot ${operation} as sampling must be a whole number, or 0: current sampling is ${sampling}`,
    );
  }
}

/**
 * ROIAlign: means of maps over the bins of boxes, of bilinear samples (Mask R-CNN, He et al., 2017). Samples up to one cell
 * outside of a map read its border, those further out 0. **No gradient flows to the boxes**; that to the maps is exact.
 *
 * @param maps `[B, H, W, C]` each, float32, of one B and C: the levels of a pyramid, or one map.
 * @param boxes `[R, 4]`: left, top, right, bottom in pixels. One that is not finite reads 0.
 * @param places Image and level of each box.
 * @param options Bins, samples, alignment, scales.
 * @returns `[R, rows, columns, C]`.
 * @throws {ShapeError} If shapes do not fit.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { roiAlign } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const map = tensor([[1, 2], [3, 4]], { shape: [1, 2, 2, 1] });
 * const zero = tensor([0], { dtype: "int32" });
 * const boxes = tensor([[0, 0, 2, 2]]);
 * const y = roiAlign([map], boxes, { image: zero, level: zero }, { size: [1, 1], scales: [1] });
 * deepStrictEqual(await y.data(), new Float32Array([2.5]));
 * ```
 */
export function roiAlign(
  maps: readonly Tensor[],
  boxes: Tensor,
  { image, level }: RoiPlaces,
  options: RoiAlignOptions,
): Tensor {
  requireOptions("roiAlign", options, { size: true, sampling: true, aligned: true, scales: true });
  const { size, sampling = 0, aligned = true, scales } = options;
  maps.forEach((map, i) => requireTensor("roiAlign", `maps[${i}]`, map));
  requireFloating("roiAlign", maps);
  requireBoxes("roiAlign", boxes, { image, level });
  requireSampling("roiAlign", { size, sampling, aligned });
  const [first] = maps;
  const fits = ({ shape }: Tensor) =>
    shape.length === 4 && shape[0] === first!.shape[0] && shape[3] === first!.shape[3] && shape[1]! * shape[2]! > 0;
  if (!first || !maps.every(fits)) {
    throw new ShapeError(
      "roiAlign",
      "maps must be [B, H, W, C] of one B and C, and not empty",
      maps.map((map) => map.shape),
    );
  }
  if (scales.length !== maps.length || !scales.every((scale) => scale > 0 && Number.isFinite(scale))) {
    throw new RangeError(
      `Cannot roiAlign as each of the ${maps.length} maps must have a scale above 0: current scales are [${scales}]`,
    );
  }
  const levels = maps.map((_, i) => i);
  return bind(ROI_ALIGN, [boxes, image, level, ...maps], { size, sampling, aligned, scales, levels });
}

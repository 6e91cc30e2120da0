/** @file Boxes as tensors: `[..., 4]`, left, top, right, bottom in pixels. The formulas are those of `data/boxes`. */
import {
  add,
  broadcastTo,
  div,
  exp,
  greater,
  maximum,
  minimum,
  mul,
  reshape,
  slice,
  stack,
  sub,
  take,
  type Tensor,
  tensor,
  where,
} from "../../tensor/core.ts";
import { type BoxWeights, MAX_LOG_SIDE } from "../../data/boxes/box_coder.ts";

/** The four columns of `[..., 4]`, each `[...]`. */
export function columnsOf(boxes: Tensor): readonly [Tensor, Tensor, Tensor, Tensor] {
  const last = boxes.shape.length - 1;
  const column = (i: number) => {
    const start = boxes.shape.map((_, axis) => axis === last ? i : 0);
    const size = boxes.shape.with(last, 1);
    return reshape(slice(boxes, { start, size }), boxes.shape.slice(0, -1));
  };
  return [column(0), column(1), column(2), column(3)];
}

/** Area of each box, `[...]`. */
export function areaOf(boxes: Tensor): Tensor {
  const [x1, y1, x2, y2] = columnsOf(boxes);
  return mul(sub(x2, x1), sub(y2, y1));
}

/** Shorter side of each box, `[...]`. */
export function leastSide(boxes: Tensor): Tensor {
  const [x1, y1, x2, y2] = columnsOf(boxes);
  return minimum(sub(x2, x1), sub(y2, y1));
}

/** Intersection over union of `[B, N, 4]` with `[B, M, 4]`: `[B, N, M]`; 0 where no area is shared. */
export function iouOf(boxes: Tensor, others: Tensor): Tensor {
  const rows = columnsOf(boxes).map((column) => reshape(column, [...column.shape, 1]));
  const columns = columnsOf(others).map((column) => reshape(column, [column.shape[0]!, 1, column.shape[1]!]));
  const side = (axis: 0 | 1) =>
    maximum(sub(minimum(rows[axis + 2]!, columns[axis + 2]!), maximum(rows[axis]!, columns[axis]!)), 0);
  const shared = mul(side(0), side(1));
  const [first, second] = [areaOf(boxes), areaOf(others)];
  const whole = sub(
    add(reshape(first, [...first.shape, 1]), reshape(second, [second.shape[0]!, 1, second.shape[1]!])),
    shared,
  );
  const touches = greater(shared, 0);
  return where(touches, div(shared, where(touches, whole, 1)), 0);
}

/** Settings of `decode`. */
export interface DecodeSettings {
  readonly weights: BoxWeights;
  /** True to cut differences of sides from below too. */
  readonly clampBelow: boolean;
}

/** Boxes from differences: `[..., 4]` and `[..., 4]`, which may be broadcast against each other. */
export function decode(boxes: Tensor, deltas: Tensor, { weights, clampBelow }: DecodeSettings): Tensor {
  const [x1, y1, x2, y2] = columnsOf(boxes);
  const [dx, dy, dw, dh] = columnsOf(deltas);
  const axis = (low: Tensor, high: Tensor, shift: Tensor, growth: Tensor, i: 0 | 1) => {
    const side = sub(high, low);
    const centre = add(add(low, mul(side, 0.5)), mul(div(shift, weights[i]), side));
    const cut = minimum(div(growth, weights[i + 2]!), MAX_LOG_SIDE);
    const half = mul(mul(side, exp(clampBelow ? maximum(cut, -MAX_LOG_SIDE) : cut)), 0.5);
    return [sub(centre, half), add(centre, half)] as const;
  };
  const [left, right] = axis(x1, x2, dx, dw, 0);
  const [top, bottom] = axis(y1, y2, dy, dh, 1);
  return stack([left, top, right, bottom], { axis: -1 });
}

/** Boxes `[B, ..., 4]` cut at the borders of their images, `sizes` `[B, 2]`: height and width. */
export function clipToImages(boxes: Tensor, sizes: Tensor): Tensor {
  const [batch] = boxes.shape as [number];
  const [height, width] = [0, 1].map((i) =>
    reshape(slice(sizes, { start: [0, i], size: [batch, 1] }), [batch, ...boxes.shape.slice(1, -1).map(() => 1)])
  ) as [Tensor, Tensor];
  const cut = (x: Tensor, most: Tensor) => minimum(maximum(x, 0), broadcastTo(most, x.shape));
  const [x1, y1, x2, y2] = columnsOf(boxes);
  return stack([cut(x1, width), cut(y1, height), cut(x2, width), cut(y2, height)], { axis: -1 });
}

/** Rows `index` `[B, K]` of each image of `[B, N, ...]`: `[B, K, ...]`; a negative row reads 0. */
export function rowsAt(x: Tensor, index: Tensor): Tensor {
  const [batch, rows, ...rest] = x.shape as [number, number];
  const first = tensor(Int32Array.from({ length: batch }, (_, b) => b * rows), { shape: [batch, 1] });
  const places = where(greater(index, -1), add(index, first), -1);
  const flat = reshape(x, [batch * rows, ...rest]);
  return reshape(take(flat, reshape(places, [-1]), { wrapNegativeIndices: false }), [batch, index.shape[1]!, ...rest]);
}

/** The box that stands where there is none: sides of 1, so that nothing divides by 0. */
export function orUnit(boxes: Tensor, valid: Tensor): Tensor {
  const unit = tensor([0, 0, 1, 1], { dtype: boxes.dtype });
  return where(reshape(valid, [...valid.shape, 1]), boxes, unit);
}

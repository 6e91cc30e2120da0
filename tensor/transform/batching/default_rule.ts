/** @file What the lowering of an operation tells of the operation on a batch. */
import type { Batch, Lowering, Params, ViewMove } from "../../primitive.ts";
import { bind, type Tensor } from "../../tensor.ts";
import { endToEnd } from "../../primitives/batching/end_to_end.ts";
import { joinAlong } from "../../primitives/batching/join.ts";
import { spread } from "../../primitives/batching/spread.ts";
import { constant } from "../../primitives/constant.ts";
import { max, min } from "../../primitives/extremum.ts";
import { take, takeAlongAxis } from "../../primitives/gather.ts";
import { reshape, transpose } from "../../primitives/layout.ts";
import { broadcastTo, sum } from "../../primitives/sum.ts";
import { pad, slice } from "../../primitives/window.ts";

function moveAll(x: Tensor, move: ViewMove): Tensor {
  const size = x.shape[0]!;
  switch (move.move) {
    case "reshape":
      return reshape(x, [size, ...move.shape]);
    case "transpose":
      return transpose(x, [0, ...move.permutation.map((axis) => axis + 1)]);
    case "broadcast": {
      const added = move.shape.length - (x.shape.length - 1);
      const aligned = reshape(x, [size, ...new Array<number>(added).fill(1), ...x.shape.slice(1)]);
      return broadcastTo(aligned, [size, ...move.shape]);
    }
    case "slice":
      return slice(x, { start: [0, ...move.start], size: [size, ...move.size], step: [1, ...move.step] });
    case "pad":
      return pad(x, [[0, 0], ...move.before.map((before, axis) => [before, move.after[axis]!] as const)], move.value);
  }
}

const REDUCTIONS = { sum, max, min };

interface Gathering {
  readonly axis: number;
  readonly fill: number;
}

function takeAll({ inputs: [x, indices], mapped: [many, own], size }: Batch, { axis, fill }: Gathering): Tensor {
  const options = { fill, wrapNegativeIndices: false };
  if (!own) return take(x!, indices!, { axis: axis + 1, ...options });
  if (!many) {
    const found = take(x!, indices!, { axis, ...options });
    return transpose(found, [axis, ...[...found.shape.keys()].filter((i) => i !== axis)]);
  }
  // The lines of all examples end to end are one line, along which positions are counted.
  const rank = x!.shape.length - 1;
  const others = [...Array(rank).keys()].filter((i) => i !== axis).map((i) => i + 1);
  const lines = transpose(x!, [0, axis + 1, ...others]);
  const extent = lines.shape[1]!;
  const line = reshape(lines, [size * extent, ...lines.shape.slice(2)]);
  const found = take(line, endToEnd(indices!, extent), { axis: 0, ...options });
  const places = indices!.shape.length - 1;
  const before = [...Array(axis).keys()].map((i) => i + 1 + places);
  const rest = [...found.shape.keys()].slice(1 + places + axis);
  return transpose(found, [0, ...before, ...[...Array(places).keys()].map((i) => i + 1), ...rest]);
}

function takeAllAlong(batch: Batch, { axis, fill }: Gathering): Tensor {
  const [x, indices] = spread(batch);
  return takeAlongAxis(x!, indices!, { axis: axis + 1, fill, wrapNegativeIndices: false });
}

/**
 * The operation on a batch by the kind of its lowering.
 *
 * @param x One application, to one example.
 * @param batch Its operands.
 * @returns The results along a new axis 0, by the primitives of this library; `null` where the kind tells nothing.
 */
export function byLowering(x: Tensor, batch: Batch): Tensor | null {
  const lowering: Lowering<Params> = x.primitive.lowering;
  switch (lowering.kind) {
    case "expression":
      return bind(x.primitive, spread(batch), x.params);
    case "view":
      return moveAll(spread(batch)[0]!, lowering.view(x.params, x));
    case "reduction":
      return REDUCTIONS[lowering.op](spread(batch)[0]!, { axis: lowering.axes(x.params).map((axis) => axis + 1) });
    case "gather": {
      const gathering = { axis: lowering.axis(x.params), fill: lowering.fill(x.params) };
      return lowering.along(x.params) ? takeAllAlong(batch, gathering) : takeAll(batch, gathering);
    }
    default:
      return null;
  }
}

/**
 * The operation on one example after the other: as many nodes as there are examples.
 *
 * @param x One application, to one example.
 * @param batch Its operands.
 * @returns The results along a new axis 0.
 */
export function oneByOne(x: Tensor, { inputs, mapped, size }: Batch): Tensor {
  if (size === 0) return constant([0, ...x.shape], 0, x.dtype);
  const rowOf = (y: Tensor, i: number) => {
    const rest = y.shape.slice(1);
    return reshape(slice(y, { start: [i, ...rest.map(() => 0)], size: [1, ...rest] }), rest);
  };
  const results = Array.from({ length: size }, (_, i) => {
    const operands = inputs.map((y, at) => mapped[at] ? rowOf(y, i) : y);
    return reshape(bind(x.primitive, operands, x.params), [1, ...x.shape]);
  });
  return joinAlong(results, 0);
}

import type { ViewMove } from "../primitive.ts";
import { type Shape, sizeOf, stridesOf } from "../spec.ts";

/** How the elements of a buffer, or a coordinate, are laid over axes: `offset + Σ strides·index`. */
export interface View {
  /** Sizes of the axes. */
  readonly shape: Shape;
  /** Step for each axis; 0 repeats. */
  readonly strides: readonly number[];
  /** Value at index zero. */
  readonly offset: number;
}

/** The view of a whole row-major buffer. */
export function contiguous(shape: Shape): View {
  return { shape, strides: stridesOf(shape), offset: 0 };
}

/** The view whose value is the position along one axis. */
export function coordinate(shape: Shape, axis: number): View {
  return { shape, strides: shape.map((_, i) => i === axis ? 1 : 0), offset: 0 };
}

/**
 * Sees a view through one more move.
 *
 * @param view What is seen.
 * @param move The move. `pad` is not a view: the compiler turns it into a guard and a slice.
 * @returns The composed view; `null` if a reshape does not fit the strides.
 */
export function applyMove(view: View, move: ViewMove): View | null {
  const { shape, strides, offset } = view;
  switch (move.move) {
    case "reshape":
      return reshapeView(view, move.shape);
    case "transpose":
      return {
        shape: move.permutation.map((i) => shape[i]!),
        strides: move.permutation.map((i) => strides[i]!),
        offset,
      };
    case "broadcast": {
      const lead = move.shape.length - shape.length;
      const kept = (i: number) => i >= lead && shape[i - lead] === move.shape[i];
      return { shape: move.shape, strides: move.shape.map((_, i) => kept(i) ? strides[i - lead]! : 0), offset };
    }
    case "slice":
      return {
        shape: move.size,
        strides: strides.map((stride, i) => stride * move.step[i]!),
        offset: offset + strides.reduce((sum, stride, i) => sum + stride * move.start[i]!, 0),
      };
    case "pad":
      throw new TypeError("Cannot compose a view with a pad as it reads outside: current move is pad");
  }
}

/** Axes of size 1 dropped and axes that step as one merged, as runs of [size, stride], outermost first. */
function runsOf({ shape, strides }: View): { size: number; stride: number }[] {
  const runs: { size: number; stride: number }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = runs.at(-1);
    const stride = strides[axis]!;
    if (last && last.stride === size * stride) {
      last.size *= size;
      last.stride = stride;
    } else runs.push({ size, stride });
  });
  return runs;
}

/** Splits the merged runs of the view over the new sizes, innermost first. */
function reshapeView(view: View, shape: Shape): View | null {
  if (sizeOf(shape) === 0) return { shape, strides: shape.map(() => 0), offset: view.offset };
  const runs = runsOf(view);
  const strides = new Array<number>(shape.length).fill(0);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    if (size === 1) continue;
    const run = runs.at(-1);
    if (!run || run.size % size !== 0) return null;
    strides[axis] = run.stride;
    run.size /= size;
    run.stride *= size;
    if (run.size === 1) runs.pop();
  }
  return { shape, strides, offset: view.offset };
}

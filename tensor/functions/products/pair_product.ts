/** @file The product of two tensors with named axes, summed over names: what einsum, tensordot and dot come down to. */
import { mul } from "../../primitives/arithmetic.ts";
import { cast } from "../../primitives/cast.ts";
import { reshape, transpose } from "../../primitives/layout.ts";
import { matmul } from "../../primitives/matmul.ts";
import { promoteTypes } from "../../primitives/operands.ts";
import { sum } from "../../primitives/sum.ts";
import { sizeOf } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";

/** A tensor whose axes have names, each once. */
export interface Named {
  /** The tensor. */
  readonly x: Tensor;
  /** One name for each axis. */
  readonly names: readonly string[];
}

/** Sums over the axes whose names are not kept; integers and bools stay of their dtype. */
export function summed({ x, names }: Named, keep: ReadonlySet<string>): Named {
  const gone = [...names.keys()].filter((axis) => !keep.has(names[axis]!));
  if (gone.length === 0) return { x, names };
  return { x: cast(sum(x, { axis: gone }), x.dtype), names: names.filter((name) => keep.has(name)) };
}

/** Moves axes to the order of names. */
export function ordered({ x, names }: Named, order: readonly string[]): Tensor {
  return transpose(x, order.map((name) => names.indexOf(name)));
}

function sizesOf({ x, names }: Named, of: readonly string[]): readonly number[] {
  return of.map((name) => x.shape[names.indexOf(name)]!);
}

/**
 * Multiplies two tensors.
 *
 * @param a One; axes of size 1 do not broadcast.
 * @param b The other; sizes of common names agree.
 * @param keep Names of the result; all others are summed over.
 * @returns The product.
 */
export function pairProduct(a: Named, b: Named, keep: ReadonlySet<string>): Named {
  const dtype = promoteTypes(a.x.dtype, b.x.dtype, "multiply");
  const inB = new Set(b.names);
  const inA = new Set(a.names);
  const left = summed({ ...a, x: cast(a.x, dtype) }, new Set([...keep, ...b.names]));
  const right = summed({ ...b, x: cast(b.x, dtype) }, new Set([...keep, ...a.names]));
  const common = left.names.filter((name) => inB.has(name));
  const batch = common.filter((name) => keep.has(name));
  const inner = common.filter((name) => !keep.has(name));
  const rows = left.names.filter((name) => !inB.has(name));
  const columns = right.names.filter((name) => !inA.has(name));
  const names = [...batch, ...rows, ...columns];
  const shape = [...sizesOf(left, batch), ...sizesOf(left, rows), ...sizesOf(right, columns)];
  const [B, M, N, K] = [sizesOf(left, batch), sizesOf(left, rows), sizesOf(right, columns), sizesOf(left, inner)]
    .map(sizeOf) as [number, number, number, number];
  const one = reshape(ordered(left, [...batch, ...rows, ...inner]), [B, M, K]);
  const other = reshape(ordered(right, [...batch, ...inner, ...columns]), [B, K, N]);
  return { x: reshape(product(one, other), shape), names };
}

/** `[B, M, K]` times `[B, K, N]`. */
function product(a: Tensor, b: Tensor): Tensor {
  const [B, M, K] = a.shape as readonly [number, number, number];
  const N = b.shape[2]!;
  if (K === 1) return mul(a, b);
  if (B === 1) return reshape(matmul(reshape(a, [M, K]), reshape(b, [K, N])), [1, M, N]);
  return matmul(a, b);
}

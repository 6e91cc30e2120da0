import {
  add,
  allGather,
  type Collective,
  concat,
  div,
  maximum,
  mul,
  slice,
  square,
  sub,
  sum,
  type Tensor,
} from "../../tensor/core.ts";

/**
 * Joins the moments of several processes: each sends mean, sum of squares about it, and how many numbers they are of, once; then
 * those of all are joined, as Chan, Golub and LeVeque have it (1983): with plain sums of squares digits would be lost.
 *
 * @param own Means and sums of squares about them, `[C]`, and of how many numbers they are, `[1]`: 0 on some processes, if need be.
 * @param collective The processes.
 * @returns Mean and biased variance of all, `[C]`, 0 of no numbers; and of how many, at least 1: a scalar.
 */
export function joinedMoments(
  { means, squares, count: own }: Readonly<Record<"means" | "squares" | "count", Tensor>>,
  collective: Collective,
): Readonly<Record<"average" | "variance" | "count", Tensor>> {
  const [channels] = means.shape as [number];
  const all = allGather(concat([means, squares, own]), collective); // [size, 2C + 1]
  const column = (from: number, count: number) => slice(all, { start: [0, from], size: [collective.size, count] }); // [size, count]
  const counts = column(2 * channels, 1);
  const count = maximum(sum(counts), 1);
  const average = div(sum(mul(column(0, channels), counts), { axis: 0 }), count);
  const between = mul(square(sub(column(0, channels), average)), counts);
  const variance = div(sum(add(column(channels, channels), between), { axis: 0 }), count);
  return { average, variance, count };
}

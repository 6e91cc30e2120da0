/** @file What groups of processes compute, and how one process computes it that has the data of all of them. */
import {
  add,
  allGather,
  allReduce,
  type Collective,
  grad,
  jit,
  jvp,
  max,
  mean,
  mul,
  reshape,
  scan,
  sin,
  slice,
  square,
  stack,
  sum,
  type Tensor,
  tensor,
  vmap,
} from "../../../tensor/mod.ts";

/** Threads of a group. */
export const SIZE = 3;

export const VALUES: readonly (readonly number[])[] = [[0.3, -1.2, 2], [1.1, 0.4, 2], [-0.7, 0.9, 1.5]];

/** The dtype in which a device computes what is compared. */
const dtypeOn = (device: string) => device === "reference" ? "float64" : "float32";

/** The data of one process: `[3]`. */
export function inputOf(rank: number, device: string): Tensor {
  return tensor([...VALUES[rank]!], { dtype: dtypeOn(device) });
}

/** How the data of all processes becomes one. */
type Combine = (x: Tensor) => Tensor;

/** What each process makes of its own data, and of what it combined: nothing here is symmetric or linear. */
const lossOf = (x: Tensor, combined: Tensor) => sum(mul(sin(combined), add(square(x), x)));

const OPS = ["sum", "mean", "max"] as const;
type Op = typeof OPS[number];

/** All that is done with a loss of one process. */
const FORMS: Readonly<Record<string, (loss: (x: Tensor) => Tensor, x: Tensor) => Tensor>> = {
  loss: (loss, x) => loss(x),
  gradient: (loss, x) => grad(loss)(x),
  "second gradient": (loss, x) => grad((y: Tensor) => sum(sin(grad(loss)(y))))(x),
  tangent: (loss, x) => jvp(loss, [x], [mul(x, 0.5)])[1],
  "gradients of examples": (loss, x) => vmap(grad(loss))(stack([x, mul(x, 2)])),
  "compiled gradient": (loss, x) => jit((y: Tensor) => grad(loss)(y))(x),
};

const ways: Readonly<Record<string, (collective: Collective, op: Op) => Combine>> = {
  allReduce: (collective, op) => (x) => allReduce(x, collective, { op }),
  allGather: (collective, op) => (x) => ({ sum, mean, max })[op](allGather(x, collective), { axis: 0 }),
};

/** By name, from the data of a process to what it computes. */
export const CASES: Readonly<Record<string, (x: Tensor, collective: Collective) => Tensor>> = {
  ...Object.fromEntries(
    Object.entries(ways).flatMap(([way, combine]) =>
      OPS.flatMap((op) =>
        Object.entries(FORMS).map(([form, apply]) => [
          `${form} of ${op} by ${way}`,
          (x: Tensor, collective: Collective) => apply((y) => lossOf(y, combine(collective, op)(y)), x),
        ])
      )
    ),
  ),
  "a tree in one exchange": (x, collective) => {
    const tree = { a: mul(x, 2), b: [sum(x), reshape(add(x, 1), [3, 1])] as const, c: x };
    const { a, b, c } = allReduce(tree, collective);
    return sum(stack([mul(a, 1), mul(c, 3), mul(b[0], reshape(b[1], [3]))]), { axis: 0 });
  },
  "exchanges within a loop": (x, collective) =>
    scan(
      (carry: Tensor, row: Tensor) => {
        const next = allReduce(add(sin(carry), row), collective, { op: "mean" });
        return [next, next];
      },
      x,
      stack([x, square(x), sin(x)]),
    )[1],
  "ranks in order": (x, collective) => allGather(x, collective),
  "the maximum of what is not a number": (x, collective) =>
    allReduce(collective.rank === 1 ? mul(x, NaN) : x, collective, { op: "max" }),
  "sums of integers": (_, collective) => allReduce(tensor([collective.rank + 1, -7], { dtype: "int32" }), collective),
};

/** The cases of a device: all, or, of those that go the ways of others above their exchange, those of the exchanges themselves. */
export function casesOn(device: string): readonly (readonly [string, typeof CASES[string]])[] {
  const isOwn = (name: string) => !/ by /.test(name) || /^(compiled )?gradient of/.test(name);
  if (device === "interpreter") return Object.entries(CASES).filter(([name]) => isOwn(name) && !/ loop/.test(name));
  return Object.entries(CASES).filter(([name]) => device !== "webgpu" || isOwn(name));
}

/** The rows of one process of a matrix of all. */
const rowOf = (x: Tensor, rank: number) => reshape(slice(x, { start: [rank, 0], size: [1, 3] }), [3]);

/** What process `rank` must find, by name, where one process computes for all. */
export function expectedOf(name: string, rank: number): Tensor | null {
  const all = tensor(VALUES.map((row) => [...row]), { dtype: "float64" });
  const match = /^(.*) of (sum|mean|max) by/.exec(name);
  if (!match) return null;
  const [, form, op] = match as unknown as [string, string, Op];
  const combine = (x: Tensor) => ({ sum, mean, max })[op](x, { axis: 0 });
  const losses = (x: Tensor) => stack(VALUES.map((_, of) => lossOf(rowOf(x, of), combine(x))));
  const total = (x: Tensor) => sum(losses(x));
  const gradient = (x: Tensor) => grad(total)(x);
  switch (form) {
    case "loss":
      return reshape(slice(losses(all), { start: [rank], size: [1] }), []);
    case "second gradient":
      return rowOf(grad((x: Tensor) => sum(sin(gradient(x))))(all), rank);
    case "tangent":
      return reshape(slice(jvp(losses, [all], [mul(all, 0.5)])[1], { start: [rank], size: [1] }), []);
    case "gradients of examples":
      return stack([rowOf(gradient(all), rank), rowOf(gradient(mul(all, 2)), rank)]);
    default:
      return rowOf(gradient(all), rank);
  }
}

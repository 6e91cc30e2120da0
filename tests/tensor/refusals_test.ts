/** @file What does not fit is refused at the call, and not taken for something else. */
import { rejects, throws } from "node:assert/strict";
import * as nn from "../../nn/mod.ts";
import * as t from "../../tensor/mod.ts";
import type { Device, Tensor } from "../../tensor/mod.ts";

const int = (...values: number[]) => t.tensor(values, { dtype: "int32" });
const key = t.random.key(0);
const x = t.tensor([1, 2, 3]);
const scalar = t.tensor(2);

/** Something that the type forbids. */
const wrong = <T>(value: unknown): T => value as T;

const REFUSED: readonly (readonly [call: () => unknown, message: RegExp])[] = [
  // sizes and positions
  [() => t.slice(x, { start: [0.5], size: [1] }), /Cannot slice as start \[0.5\]/],
  [() => t.slice(x, { start: [0], size: [2], step: [0.5] }), /step \[0.5\] must stay inside/],
  [() => t.slice(x, { start: wrong(["0"]), size: [1] }), /Cannot slice/],
  [() => t.broadcastTo(t.ones([1]), [-1]), /Cannot broadcastTo as sizes of its result must be whole and not negative/],
  [() => t.broadcastTo(t.ones([1]), [2.5]), /sizes of its result must be whole/],
  [() => t.oneHot(int(1), 2.5), /Cannot make one-hot rows as sizes must be a list/],
  [() => t.scatterAdd(t.ones([1]), [0], { size: 2.5 }), /Cannot scatterAdd as sizes/],
  [() => t.scatterMax(t.ones([1]), [0], { size: -1 }), /Cannot scatterMax as sizes/],
  [() => t.split(x, 0), /Cannot split as parts must be a whole number of at least 1, .*: current parts is 0/],
  [() => t.split(x, -1), /Cannot split as parts/],
  [() => t.split(t.ones([5]), 2.5), /Cannot split as parts/],
  [() => t.tril(t.ones([2, 2]), { diagonal: 0.5 }), /Cannot tril as diagonal must be a whole number/],
  [() => t.triu(t.ones([2, 2]), { diagonal: NaN }), /Cannot triu as diagonal must be a whole number/],
  [() => t.fft.fftfreq(2.5), /Cannot fftfreq as the size must be whole/],
  [() => t.fft.fftfreq(4, { spacing: 0 }), /Cannot fftfreq as spacing must be a finite number, not 0/],
  [() => t.fft.irfft(t.ones([1])), /Cannot irfft as the size must be whole and at least 1: current size is 0/],
  [() => t.max(t.zeros([2, 0]), { axis: 1 }), /Cannot max as axes \[1\] must not be empty/],
  [() => t.min(t.zeros([0])), /Cannot min as axes \[0\] must not be empty/],
  // values
  [() => t.full([1], wrong("0.1")), /Cannot fill as the value must be of float32: current value is "0.1"/],
  [() => t.full([1], wrong(undefined)), /current value is undefined/],
  [() => t.fullLike(x, wrong(null)), /current value is null/],
  [() => t.linspace(0, 1, 5, { dtype: wrong("int32") }), /Cannot linspace as dtype must be a floating one/],
  [() => t.quantile(x, wrong(["0.5"])), /Cannot take a quantile as q must lie in \[0, 1\]/],
  [() => t.random.threefry([1.5, 0], [0, 0]), /Cannot encrypt as key must be two words/],
  [() => nn.isInTop(t.ones([1, 2]), int(0), NaN), /Cannot isInTop as k must be a whole number/],
  [() => nn.levelsOf(t.ones([1, 4]), { levels: NaN }), /Cannot levelsOf as levels must be a whole number/],
  [
    () => nn.nonMaximumSuppression(t.ones([1, 4]), t.ones([1]), { threshold: wrong("0.5") }),
    /Cannot nonMaximumSuppression as threshold must be a number in \[0, 1\]/,
  ],
  // draws
  [() => t.random.choice(key, 2.5, [1]), /Cannot choice as from must be a tensor, or a whole number of at least 1/],
  [() => t.random.bernoulli(key, NaN, [2]), /Cannot bernoulli as p must be a number in \[0, 1\], or a tensor/],
  [() => t.random.bernoulli(key, 1.5, [2]), /current p is 1.5/],
  [() => t.random.bernoulli(key, t.ones([3, 1]), [2]), /Cannot broadcast to \[2\]/],
  [() => t.random.uniform(key, [1], { max: NaN }), /Cannot uniform as max must be a finite number/],
  [() => t.random.uniform(key, [1], { min: wrong("0") }), /Cannot uniform as min must be a finite number/],
  [() => t.random.truncatedNormal(key, [1], { lower: 2, upper: 1 }), /lower must be a number below upper/],
  [() => t.random.foldIn(key, t.tensor(1.5)), /data must be a scalar of whole numbers, not float32/],
  [() => t.random.foldIn(key, int(1, 2)), /data must be a scalar of whole numbers/],
  [() => t.random.bits(key, [2], { first: t.tensor(1.5) }), /first must be a scalar of whole numbers/],
  // derivatives
  [
    () => t.vjp((y: Tensor) => t.mul(y, 2), x)[1](int(1, 2, 3)),
    /cotangent of a value of float32 must be float32: .* int32/,
  ],
  [() => t.vjp((y: Tensor) => [y, int(1)] as const, x)[1]([x, int(1)]), /value of int32 must be null/],
  [() => t.jvp((y: Tensor) => y, [x], [int(1, 2, 3)]), /tangent of a value of float32 must be float32/],
  [
    () => t.grad((y: Tensor) => y, { argnums: [0, 0] })(scalar),
    /argnums must be positions of arguments, counted from 0, each once/,
  ],
];

Deno.test("What does not fit is refused at the call", () => {
  for (const [call, message] of REFUSED) throws(call, message, `${call}`);
});

/** What a pullback may not give for one operand of shape []. */
const CUSTOM: Readonly<Record<string, readonly [given: unknown, message: RegExp]>> = {
  nothing: [
    undefined,
    /Cannot customVjp as what backward gives must be a list of 1, one for each argument: .* undefined/,
  ],
  "a tensor and no list": [scalar, /what backward gives must be a list of 1/],
  "too few": [[], /what backward gives must be a list of 1, .*: .* an array of length 0/],
  "too many": [[scalar, scalar], /an array of length 2/],
  "a number": [
    [2],
    /a cotangent must be null or have shape and dtype of its operand, float32 \[\]: current cotangent is 2/,
  ],
  "undefined in the list": [[undefined], /current cotangent is undefined/],
  "another shape": [[x], /current cotangent is float32 \[3\]/],
  "another dtype": [[t.tensor(1, { dtype: "float16" })], /current cotangent is float16 \[\]/],
};

Deno.test("A pullback gives a cotangent of its shape and dtype, or null, for each operand", () => {
  for (const [name, [given, message]] of Object.entries(CUSTOM)) {
    const f = t.customVjp((y: Tensor) => t.mul(y, 2), () => given as [Tensor]);
    throws(() => t.grad(f)(scalar), message, name);
  }
  const kernel = t.customJvp((y: Tensor) => t.sum(y), ([y]) => y);
  throws(() => t.grad(kernel)(x), /Cannot customJvp as value and output must have one shape|must have one shape/);
});

Deno.test("checkGrads() refuses settings by which nothing would be checked", async () => {
  const f = (y: Tensor) => t.sum(t.square(y));
  const refused: readonly (readonly [options: Parameters<typeof t.checkGrads>[2], message: RegExp])[] = [
    [{ modes: [] }, /modes must be a list of "fwd" and "rev", one at least/],
    [{ modes: wrong(["reverse"]) }, /modes must be a list of "fwd" and "rev"/],
    [{ order: 0 }, /order must be a whole number of at least 1/],
    [{ order: 1.5 }, /order must be a whole number/],
    [{ step: 0 }, /step must be a positive number/],
    [{ tolerance: NaN }, /tolerance must be a positive number/],
  ];
  for (const [options, message] of refused) await rejects(t.checkGrads(f, [x], options), message);
  await rejects(t.checkGrads((y: Tensor) => y, [int(1)]), /args must be a list with floating tensors/);
  await rejects(t.checkGrads((_: Tensor) => 3, [x]), /what f returns must be a tree with floating tensors/);
});

Deno.test("What computes on a device refuses what is none, and a tree is a tree", async () => {
  for (const device of ["cpu", 3, null, {}] as unknown as Device[]) {
    const message = /device must be an open one, such as await openDevice\("cpu"\)/;
    throws(() => t.setDefaultDevice(device), message);
    if (device === null) continue;
    throws(() => t.jit((y: Tensor) => y, { device })(x), message);
    await rejects(t.evaluate(x, { device }), message);
    await rejects(t.toDevice(x, device), message);
    await rejects(t.add(x, 1).data({ device }), message);
    await rejects(t.debugNans((y: Tensor) => y, { device })(x), message);
  }
  for (const tree of [5, "x", undefined, () => x]) {
    await rejects(t.evaluate(tree), /Cannot evaluate as tree must be a tensor, or a record or an array of such/);
    await rejects(t.toDevice(tree, t.referenceDevice()), /Cannot toDevice as tree must be/);
  }
  await t.evaluate({ epoch: 3, x, nothing: [] });
});

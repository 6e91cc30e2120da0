/** @file How updates of parameters are scheduled: few launches, each behind what it waits for, written in place. */
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { graphOf } from "../../../tensor/compiler/graph.ts";
import { scalarsOf, type ScheduledProgram } from "../../../tensor/compiler/kernel.ts";
import { lower } from "../../../tensor/compiler/lower.ts";
import { planMemory } from "../../../tensor/compiler/schedule/plan.ts";
import { visitScalars } from "../../../tensor/compiler/scalar.ts";
import {
  cpuDevice,
  type Device,
  div,
  exp,
  jit,
  matmul,
  mul,
  random,
  square,
  sub,
  sum,
  type Tensor,
  transpose,
} from "../../../tensor/mod.ts";
import { type Shape, sizeOf } from "../../../tensor/spec.ts";
import { placeholder } from "../../../tensor/tensor.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";
import { adamw, applyUpdates, lamb, type Optimizer } from "../../../nn/mod.ts";

const LIMITS = { maxInputs: 16, maxBuffers: 32 };

/** Schedules a function of tensors of the given shapes, of which the first `donated` may be written over. */
function scheduled(
  f: (...args: Tensor[]) => readonly Tensor[],
  shapes: readonly Shape[],
  donated = 0,
): ScheduledProgram {
  const inputs = shapes.map((shape) => placeholder({ shape, dtype: "float32" }));
  const given = new Set(Array(donated).keys());
  return lower(graphOf({ inputs, outputs: f(...inputs), donated: given }), given, LIMITS).schedule;
}

/** One step of an optimizer for `count` parameters, which may be written over, as their moments may. */
function step(optimizer: Optimizer, count: number, shape: Shape): ScheduledProgram {
  const f = (...leaves: Tensor[]) => {
    const [params, first, second, gradients] = [0, 1, 2, 3].map((k) => leaves.slice(k * count, (k + 1) * count));
    const { step, links } = optimizer.init(params!);
    const state = { step, links: links.map((link) => "first" in link ? { first: first!, second: second! } : link) };
    const [updates, next] = optimizer.update(gradients!, state as never, params!);
    const moments = next.links.flatMap(({ first = [], second = [] }) => [first, second] as Tensor[][]).flat();
    return [...applyUpdates(params!, updates), ...moments];
  };
  return scheduled(f, Array.from({ length: 4 * count }, () => shape), 3 * count);
}

/** Elements over which each launch runs. */
const sizes = ({ steps }: ScheduledProgram): readonly number[] =>
  steps.map(({ kernel }) => {
    if (kernel.kind === "template") return NaN;
    return sizeOf(kernel.kind === "map" ? kernel.shape : [...kernel.shape, ...kernel.reduceShape]);
  });

Deno.test("LAMB updates each parameter right behind its norm, in place: temporaries do not grow with their number", () => {
  const bytes = (count: number) =>
    planMemory(step(lamb({ learningRate: 0.1, maxGradientNorm: null }), count, [90, 90]), { alignment: 4 }).bytes;
  ok(bytes(16) < bytes(2) + 4 * 90 * 90, `${bytes(2)} bytes of two parameters, ${bytes(16)} of sixteen`);
  equal(step(lamb({ learningRate: 0.1 }), 16, [90, 90]).aliases.size, 48);
});

Deno.test("LAMB's ratio of two norms has no launch of its own: two a parameter, and one for what all share", () => {
  const all = sizes(step(lamb({ learningRate: 0.1, maxGradientNorm: null }), 20, [90, 90]));
  deepStrictEqual([all.filter((size) => size === 8100).length, all.length], [40, 41]);
});

Deno.test("Small parameters are updated several at once, each with its moments", () => {
  const { steps } = step(adamw({ learningRate: 0.1 }), 20, [64]);
  const maps = steps.filter(({ outputs }) => outputs.length > 2);
  ok(
    maps.every(({ outputs }) => outputs.length % 3 === 0 && outputs.length > 3),
    maps.map((x) => x.outputs.length).join(),
  );
  equal(steps.length - maps.length, 1); // corrections of the bias
});

/** The sums of squares of tensors. */
const norms = (...xs: Tensor[]): Tensor[] => xs.map((x) => sum(square(x)));
const sameShapes = (size: number) => Array.from({ length: 30 }, () => [size]);

Deno.test("Sums of small tensors of one shape are few launches, of large ones many", () => {
  equal(scheduled(norms, sameShapes(600)).steps.length, 8);
  equal(scheduled(norms, sameShapes(6000)).steps.length, 30);
});

async function checkBits(device: Device): Promise<void> {
  for (const size of [600, 4095]) {
    const xs = sameShapes(size).map((shape, i) => random.normal(random.key(i), shape));
    const read = (tensors: readonly Tensor[]) => Promise.all(tensors.map((x) => x.item()));
    const alone = await Promise.all(xs.map((x) => read(jit(norms, { device })(x))));
    deepStrictEqual(await read(jit(norms, { device })(...xs)), alone.flat());
  }
}

Deno.test("Sums that are one launch have the bits of each alone: cpu", async () => {
  const device = cpuDevice();
  await checkBits(device).finally(() => device.close());
});

testWebgpu("Sums that are one launch have the bits of each alone: webgpu", checkBits);

Deno.test("A scalar of a few operations is computed where it is read, a longer one once", () => {
  const scaled = (f: (x: Tensor) => Tensor) => sizes(scheduled((x, y) => [mul(x, f(sum(y)))], [[9000], [500]]));
  deepStrictEqual(scaled((x) => div(2, square(x))), [500, 9000]);
  deepStrictEqual(scaled(exp), [500, 1, 9000]);
  const { steps } = scheduled((x, y) => [mul(x, div(2, sum(y)))], [[9000], [500]]);
  const operations: string[] = [];
  const { kernel } = steps.at(-1)!;
  if (kernel.kind !== "template") visitScalars(scalarsOf(kernel), (x) => x.kind === "op" && operations.push(x.op));
  deepStrictEqual(operations.toSorted(), ["div", "mul"]);
});

Deno.test("An update that gives back its gradient does not pass a reader of the parameter that it is written over", () => {
  const { aliases } = scheduled(
    (w, x, d) => {
      const [gradient, back] = [matmul(transpose(d), x), matmul(d, w)];
      return [sub(w, mul(gradient, 0.1)), sum(square(back))];
    },
    [[80, 90], [70, 90], [70, 80]],
    1,
  );
  equal(aliases.size, 1);
});

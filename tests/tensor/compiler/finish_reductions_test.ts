/** @file Which maps reductions end in, and what is left of the steps. */
import { deepStrictEqual, equal } from "node:assert/strict";
import { graphOf } from "../../../tensor/compiler/graph.ts";
import type { ScheduledProgram, Step } from "../../../tensor/compiler/kernel.ts";
import { kernelKey } from "../../../tensor/compiler/kernel_key.ts";
import { lower } from "../../../tensor/compiler/lower.ts";
import { finishReductions } from "../../../tensor/compiler/schedule/finish_reductions.ts";
import {
  add,
  flip,
  matmul,
  maximum,
  mean,
  mul,
  reshape,
  rsqrt,
  type Shape,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  transpose,
} from "../../../tensor/mod.ts";
import { placeholder } from "../../../tensor/tensor.ts";

const DEVICE = { maxInputs: 15, maxBuffers: 16, joins: true, turnBytes: 2 ** 20 };

function scheduled(f: Case["f"], shapes: readonly Shape[], limits: object = {}): ScheduledProgram {
  const inputs = shapes.map((shape) => placeholder({ shape, dtype: "float32" }));
  const donated = new Set(inputs.keys().drop(1));
  return lower(graphOf({ inputs, outputs: f(...inputs), donated }), donated, { ...DEVICE, ...limits }).schedule;
}

/** What a step is: its kind, and of a reduction the results, those that are written, what is stored, what the map makes. */
function describe({ kernel }: Step): string {
  if (kernel.kind !== "reduce") return kernel.kind;
  const { results, stores, epilogue } = kernel;
  const stored = stores.length > 0 ? ` storing ${stores.length}` : "";
  const after = epilogue ? `, keeps [${epilogue.keeps}], makes ${epilogue.map.values.length}` : "";
  return `${results.length} results${stored}${after}`;
}

interface Case {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly f: (...xs: Tensor[]) => Tensor[];
  readonly limits?: object;
  readonly steps: readonly string[];
}

/** Moments along the first axis, and running ones. */
const moments: Case["f"] = (x, running, variance) => {
  const m = mean(x!, { axis: 0 });
  const v = mean(square(sub(x!, m)), { axis: 0 });
  const move = (old: Tensor, now: Tensor) => add(mul(old, 0.9), mul(now, 0.1));
  return [move(running!, m), move(variance!, v), mul(sub(x!, m), rsqrt(add(v, 1e-5)))];
};

const MOMENTS = [[40, 8], [8], [8]];

const CASES: readonly Case[] = [
  {
    name: "moments and running moments",
    shapes: MOMENTS,
    f: moments,
    steps: ["1 results, keeps [], makes 2", "1 results, keeps [], makes 2", "map"],
  },
  {
    name: "as far as a kernel binds buffers: two inputs more, three outputs, scratch",
    shapes: MOMENTS,
    f: moments,
    limits: { maxBuffers: 5 },
    steps: ["1 results, keeps [], makes 2", "1 results", "map", "map"],
  },
  {
    name: "on devices whose kernels do not join",
    shapes: MOMENTS,
    f: moments,
    limits: { joins: false },
    steps: ["1 results", "map", "1 results", "map", "map"],
  },
  {
    name: "what the norms of sums would store is made with the sums; norms read the sums",
    shapes: [[40, 8]],
    f: (x) => {
      const [a, b] = [sum(x!, { axis: 0 }), sum(mul(x!, square(x!)), { axis: 0 })];
      return [sub(x!, add(mul(a, 1 / 40), mul(square(x!), mul(b, 1 / 40)))), sum(square(a)), sum(square(b))];
    },
    steps: ["2 results, keeps [0,1], makes 2", "2 results", "map"],
  },
  {
    name: "a result that is asked for is kept",
    shapes: [[40, 8]],
    f: (x) => {
      const a = sum(x!, { axis: 0 });
      return [a, rsqrt(a)];
    },
    steps: ["1 results, keeps [0], makes 1"],
  },
  {
    name: "what is stored on the way is, behind what the map makes",
    shapes: [[40, 8], [8]],
    f: (x, running) => {
      const y = maximum(mul(x!, square(x!)), 0);
      return [y, add(running!, sum(y, { axis: 0 }))];
    },
    steps: ["1 results storing 1, keeps [], makes 1"],
  },
  {
    name: "a map that reads what is stored on the way stays apart",
    shapes: [[40, 8]],
    f: (x) => {
      const y = maximum(mul(x!, square(x!)), 0);
      return [y, add(sum(y, { axis: 0 }), reshape(slice(y, { start: [3, 0], size: [1, 8] }), [8]))];
    },
    steps: ["1 results storing 1", "map"],
  },
  {
    name: "a result that is read elsewhere than at hand is read by a map of its own",
    shapes: [[40, 8]],
    f: (x) => [add(sum(x!, { axis: 0 }), sum(x!, { axis: [0, 1] }))],
    steps: ["1 results", "1 results", "map"],
  },
  {
    name: "so is one that is read backwards",
    shapes: [[40, 8]],
    f: (x) => [mul(flip(sum(x!, { axis: 0 })), 2)],
    steps: ["1 results", "map"],
  },
  {
    name: "and one that is read at hand, and transposed too",
    shapes: [[40, 8, 8]],
    f: (x) => {
      const a = sum(x!, { axis: 0 });
      return [mul(a, transpose(a))];
    },
    steps: ["1 results", "map"],
  },
  {
    name: "a map that reads what the reduction reads stays apart",
    shapes: [[8, 8, 8], [8, 8]],
    f: (x, y) => [mul(sum(mul(x!, y!), { axis: 0 }), y!)],
    steps: ["1 results", "map"],
  },
  {
    name: "a reduction to one place waits for nobody",
    shapes: [[40, 8], [40]],
    f: (x, y) => [rsqrt(add(sum(x!), sum(y!)))],
    steps: ["1 results", "1 results", "map"],
  },
];

for (const { name, shapes, f, limits, steps } of CASES) {
  Deno.test(`Finished reductions: ${name}`, () =>
    deepStrictEqual(scheduled(f, shapes, limits).steps.map(describe), steps));
}

Deno.test("Finished reductions: running moments are written over the old ones, where each is read at hand", () => {
  equal(scheduled(moments, MOMENTS).aliases.size, 2);
  const backwards: Case["f"] = (x, running) => [add(sum(x!, { axis: 0 }), flip(running!))];
  deepStrictEqual(scheduled(backwards, MOMENTS.slice(0, 2)).steps.map(describe), ["1 results, keeps [], makes 1"]);
  equal(scheduled(backwards, MOMENTS.slice(0, 2)).aliases.size, 0);
});

Deno.test("Finished reductions: kernels that end otherwise have other keys", () => {
  const key = (factor: number) => {
    const f: Case["f"] = (x) => [mul(sum(x!, { axis: 0 }), factor)];
    return kernelKey(scheduled(f, [[40, 8]]).steps[0]!.kernel);
  };
  equal(key(2), key(2));
  equal(new Set([key(2), key(3)]).size, 2);
});

Deno.test("Finished reductions: a map goes up past what it does not read, and past nothing else", () => {
  const finished = (f: Case["f"]) => {
    const { values, steps } = scheduled(f, [[40, 8], [1, 8], [8, 8]], { joins: false });
    const [product, reduction, map] = steps as [Step, Step, Step];
    return finishReductions({ values, steps: [reduction, product, map] }, DEVICE).steps.map(describe);
  };
  deepStrictEqual(finished((x, v, w) => [matmul(v!, w!), rsqrt(sum(x!, { axis: 0 }))]), [
    "1 results, keeps [], makes 1",
    "template",
  ]);
  deepStrictEqual(finished((x, v, w) => [add(reshape(matmul(v!, w!), [8]), sum(x!, { axis: 0 }))]), [
    "1 results",
    "template",
    "map",
  ]);
});

Deno.test("Finished reductions: nobody waits for an exchange earlier than the program does", () => {
  const f: Case["f"] = (x, v, w) => [add(reshape(matmul(v!, w!), [8]), sum(x!, { axis: 0 }))];
  const { values, steps } = scheduled(f, [[40, 8], [1, 8], [8, 8]], { joins: false });
  const exchanging = (step: Step): Step => {
    const { kernel } = step;
    if (kernel.kind !== "template") return step;
    return { ...step, kernel: { ...kernel, body: { kind: "exchange", exchange: { kind: "sum" } as never } } };
  };
  const finished = (some: readonly Step[]) => finishReductions({ values, steps: some }, DEVICE).steps.map(describe);
  deepStrictEqual(finished(steps), ["template", "1 results, keeps [], makes 1"]);
  deepStrictEqual(finished(steps.map(exchanging)), ["template", "1 results", "map"]);
});

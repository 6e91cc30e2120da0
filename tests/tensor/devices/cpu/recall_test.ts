/** @file Programs that are found by their content: the same bits, none taken for another, and which are not kept. */
import { deepStrictEqual, equal, notEqual, ok } from "node:assert/strict";
import { graphOf } from "../../../../tensor/compiler/graph.ts";
import { type Kernel, loopOf, type ScheduledProgram } from "../../../../tensor/compiler/kernel.ts";
import { kernelKey } from "../../../../tensor/compiler/kernel_key.ts";
import { lower } from "../../../../tensor/compiler/lower.ts";
import { cpuDeviceOn } from "../../../../tensor/devices/cpu/cpu_device.ts";
import { graphContent } from "../../../../tensor/devices/cpu/graph_content.ts";
import { isOwnForm } from "../../../../tensor/devices/cpu/kernels/template.ts";
import type { LaunchListener } from "../../../../tensor/compiler/profile.ts";
import type { KernelStore } from "../../../../tensor/devices/cpu/runtime/assemble.ts";
import { localEngine } from "../../../../tensor/devices/cpu/runtime/local_engine.ts";
import { bind, customKernel, type Primitive } from "../../../../tensor/kernel.ts";
import {
  add,
  allReduce,
  alone,
  argsort,
  cast,
  type Device,
  div,
  exp,
  grad,
  jit,
  less,
  matmul,
  max,
  min,
  mul,
  pad,
  random,
  reshape,
  scan,
  slice,
  sum,
  take,
  takeAlongAxis,
  tanh,
  type Tensor,
  tensor,
  toDevice,
  transpose,
  whileLoop,
} from "../../../../tensor/mod.ts";
import { textOf } from "../../../../tensor/text_of.ts";
import { placeholder } from "../../../../tensor/tensor.ts";
import { crowdedDevice, memoryOfTensor } from "../../../support/crowded_device.ts";
import { memoryStore } from "../../../support/memory_store.ts";
import { inputsOf, ROWS } from "../../../support/op_table.ts";

/** A device that keeps programs of any size. */
function keeping(kernels: KernelStore, onLaunch?: LaunchListener): Device {
  return cpuDeviceOn(localEngine(1), { kernels, keptNodes: 0, tiles: "4x8", ...onLaunch && { onLaunch } });
}

/** What a run comes to on two devices, one after the other, that share a store. */
async function twice(store: KernelStore, run: (device: Device) => Promise<unknown>): Promise<readonly unknown[]> {
  const results: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const device = keeping(store);
    try {
      results.push(await run(device));
    } finally {
      device.close();
    }
  }
  return results;
}

/** Rows whose kernels are functions of their own, which only their own process can tell apart. */
const NOT_KEPT = [
  ...["cholesky", "triangularSolve", "triangularSolve, lower, transposed, with ones", "solve", "inv", "det", "slogdet"],
  ...["qr", "qr, complete", "svd, full", "eigh", "svd", "pinv", "lstsq", "matrixPower", "nuclear norm"],
];

Deno.test("Each operation that is found again has the same bits, and is planned no more", async (test) => {
  const notFound: string[] = [];
  for (const { name, f, cases } of ROWS) {
    const testCase = cases.find(({ large = false }) => !large);
    if (!testCase) continue;
    const { store, count } = memoryStore();
    await test.step(name, async () => {
      const run = async (device: Device) => {
        const jitted = jit(f, { device });
        return [await jitted(...inputsOf(testCase)).data({ device }), jitted.stats(...inputsOf(testCase))];
      };
      const [first, second] = await twice(store, run);
      deepStrictEqual(second, first);
      if (count.programs === 0) notFound.push(name);
    });
  }
  deepStrictEqual(notFound, NOT_KEPT);
});

/** All that is run of a schedule, as text: kernels that do not name their records. */
function textOfSchedule({ steps, values, inputs, outputs }: ScheduledProgram): string {
  const textOfKernel = (kernel: Kernel): string => {
    if (kernel.kind !== "template") return kernelKey(kernel);
    const { body, prologues, epilogue, specs, finishes } = kernel;
    const loop = loopOf(kernel);
    const whole = loop ? { ...loop, graph: null, schedule: textOfSchedule(loop.schedule) } : body;
    return textOf({ whole, prologues, epilogue, specs, finishes });
  };
  const lines = steps.map(({ kernel, inputs, outputs }) => `${textOfKernel(kernel)}<${inputs}>${outputs}`);
  return [...lines, textOf({ values, inputs, outputs })].join("\n");
}

/** Programs of the table and their gradients, with the text of what is run. */
function* contents(): Iterable<{ readonly name: string; readonly content: string | null; readonly schedule: string }> {
  for (const { name, f, cases, order = 2 } of ROWS) {
    for (const testCase of cases) {
      const inputs = inputsOf(testCase).map((x) => placeholder(x));
      const floats = inputs.flatMap(({ dtype }, i) => dtype === "float32" ? [i] : []);
      const programs = [
        () => [f(...inputs)],
        ...order > 0 && floats.length > 0 && !testCase.large
          ? [() => grad((...xs: Tensor[]) => sum(f(...xs)), { argnums: floats })(...inputs) as readonly Tensor[]]
          : [],
      ];
      for (const [i, program] of programs.entries()) {
        const graph = graphOf({ inputs, outputs: program(), donated: new Set() });
        const content = graphContent(graph, new Set(), isOwnForm);
        const { schedule } = lower(graph, new Set(), { maxInputs: 16, maxBuffers: 32 });
        yield { name: `${name}${i > 0 ? ", gradient" : ""}`, content, schedule: textOfSchedule(schedule) };
      }
    }
  }
}

Deno.test("Programs of equal content are the same kernels, and no content names what is another thing in the next process", () => {
  const known = new Map<string, { readonly name: string; readonly schedule: string }>();
  for (const { name, content, schedule } of contents()) {
    if (content === null) continue;
    ok(!content.includes("@"), name);
    const before = known.get(content) ?? { name, schedule };
    known.set(content, before);
    equal(schedule, before.schedule, `${name} for ${before.name}`);
  }
  ok(known.size > 400, `${known.size}`);
});

/** The content of a program of one argument. */
function contentOf(f: (x: Tensor) => Tensor, donated: readonly number[] = []): string | null {
  const x = placeholder(tensor(new Float32Array(16), { shape: [4, 4] }));
  const given = new Set(donated);
  return graphContent(graphOf({ inputs: [x], outputs: [f(x)], donated: given }), given, isOwnForm);
}

/** A record of one name whose expression is chosen by a function's own variable. */
const record = (name: string, factor: number): Primitive => ({
  name,
  shapeRule: ([x]) => x!,
  reference: ([x]) => x!.data.map((value) => factor * value),
  vjpRule: () => [null],
  lowering: {
    kind: "expression",
    expression: ([x]) => ({
      kind: "op",
      op: "mul",
      dtype: x!.dtype,
      args: [x!, { kind: "const", value: factor, dtype: x!.dtype }],
    }),
  },
});

Deno.test("Records of one name that compute something else have another content; what a text says is not kept", () => {
  const scaled = (factor: number) => (x: Tensor) => bind(record("scaled", factor), [x], {});
  equal(contentOf(scaled(2)), contentOf(scaled(2)));
  notEqual(contentOf(scaled(2)), contentOf(scaled(3)));
  notEqual(contentOf((x) => add(exp(x), x)), contentOf((x) => add(x, exp(x))));
  notEqual(contentOf(tanh), contentOf(tanh, [0]));
  const own = customKernel({
    name: "own",
    reference: ([x]) => x!.data,
    wgsl: ({ load, store }) => store("i", load(0, "i")),
  });
  equal(contentOf((x) => own(x)), null);
  equal(contentOf((x) => allReduce([x], { ...alone(), size: 2 })[0]!), null);
});

const scanned = (factor: number, length: number, reverse = false) => (x: Tensor) =>
  scan((carry: Tensor) => [mul(carry, factor), carry] as const, x, null, { length, reverse })[0];

/** Programs on a tensor [4, 4], those of a line alike but for a setting. */
const ALIKE: Readonly<Record<string, readonly ((x: Tensor) => Tensor)[]>> = {
  slices: [[0, 0], [0, 1], [1, 0]].map((start) => (x: Tensor) => slice(x, { start, size: [3, 3] })),
  steps: [1, 2].map((step) => (x: Tensor) => slice(x, { start: [0, 0], step: [1, step], size: [4, 2] })),
  views: [(x) => transpose(x), (x) => reshape(x, [2, 8]), (x) => reshape(transpose(x), [2, 8])],
  pads: ([[0, 1, 0], [1, 0, 0], [0, 1, 2]] as const).map(([before, after, value]) => (x: Tensor) =>
    pad(x, [[before, after], [0, 0]], value)
  ),
  reductions: [
    (x) => sum(x, { axis: 0 }),
    (x) => sum(x, { axis: 1 }),
    (x) => max(x, { axis: 1 }),
    (x) => min(x, { axis: 1 }),
  ],
  gathers: [0, 1].map((axis) => (x: Tensor) => take(x, tensor([1, 2, 5, 0]), { axis })),
  gathersAlong: [0, 1].map((axis) => (x: Tensor) => takeAlongAxis(x, argsort(x), { axis })),
  sorts: [false, true].map((descending) => (x: Tensor) => argsort(x, { descending })),
  products: [{}, { transposeB: true }, { transposeA: true }].map((options) => (x: Tensor) => matmul(x, x, options)),
  casts: ["int32", "uint32", "float16", "int8", "bool"].map((dtype) => (x: Tensor) => cast(x, dtype as "int32")),
  scalars: [(x) => mul(x, 2), (x) => mul(x, 3), (x) => add(x, 2), (x) => add(2, x), (x) => mul(x, x), (x) => div(x, 0)],
  random: ([[0, 1], [0, 2], [1, 2]] as const).map(([min, max]) => (x: Tensor) =>
    add(x, random.uniform(random.key(0), [4, 4], { min, max }))
  ),
  loops: [scanned(2, 3), scanned(3, 3), scanned(2, 4), scanned(2, 3, true)],
};

for (const [name, programs] of Object.entries(ALIKE)) {
  Deno.test(`Content tells programs apart that are alike: ${name}`, () => {
    const all = programs.map((f) => contentOf(f));
    deepStrictEqual(programs.map((f) => contentOf(f)), all, "and is the same for the same program");
    ok(!all.includes(null));
    equal(new Set(all).size, all.length);
  });
}

/** A step in place, with a loop of a fixed length and one that ends by itself, and random numbers. */
function step(w: Tensor, key: Tensor): readonly [Tensor, Tensor, Tensor] {
  const noise = random.normal(key, w.shape);
  const loss = (w: Tensor) =>
    sum(scan((carry: Tensor) => [tanh(matmul(carry, w)), sum(carry)] as const, noise, null, { length: 3 })[1]);
  const large = whileLoop((x: Tensor) => less(sum(x), 1e6), (x: Tensor) => add(mul(x, 2), 1), exp(noise));
  return [add(w, mul(grad(loss)(w), -0.1)), loss(w), large];
}

const START = () => tensor(Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i)), { shape: [64, 64] });

/** Steps on a device, each on the weights that the one before has left. */
async function train(device: Device, start: Tensor): Promise<readonly unknown[]> {
  const run = jit(step, { device, donate: [0] });
  const results: unknown[] = [run.stats(start, random.key(0))];
  let w = start;
  for (let i = 0; i < 3; i++) {
    const [next, ...others] = run(w, random.key(i));
    results.push(...await Promise.all(others.map((x) => x.data({ device }))));
    w = next;
    if (i === 2) results.push(await w.data({ device }));
  }
  return results;
}

Deno.test("Steps in place with loops go on as before, also where their operands lie beside the first memory", async () => {
  const { store, count } = memoryStore();
  const [first, second] = await twice(store, (device) => train(device, START()));
  deepStrictEqual(second, first);
  equal(count.programs, 1);
  const { device, fill } = crowdedDevice(localEngine(1), 2 ** 23, store);
  try {
    await train(device, START()); // takes the room for what is computed on the way
    equal(count.programs, 2, "the same content");
    fill();
    const start = await toDevice(START(), device);
    equal(memoryOfTensor(start), 1);
    deepStrictEqual(await train(device, start), first);
  } finally {
    device.close();
  }
});

Deno.test("Whoever listens to launches is told of them: nothing is found", async () => {
  const { store, count } = memoryStore();
  const run = (device: Device) => train(device, START()); // its first is what it costs: launches are not shared then
  const [first] = await twice(store, run);
  const { kept } = count;
  const launches: unknown[] = [];
  const device = keeping(store, (launch) => launches.push(launch));
  deepStrictEqual((await run(device)).slice(1), (first as readonly unknown[]).slice(1));
  device.close();
  ok(launches.length > 0);
  equal(count.kept, kept);
});

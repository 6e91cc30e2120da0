import { deepStrictEqual, ok } from "node:assert/strict";
import {
  add,
  conv2d,
  cpuDevice,
  jit,
  matmul,
  mul,
  ones,
  referenceDevice,
  sum,
  type Tensor,
  tensor,
} from "../../../../tensor/mod.ts";
import { type LaunchTime, workOf } from "../../../../tensor/kernel.ts";

/** Ones that no launch has to make. */
function hostOnes(shape: readonly number[]): Tensor {
  return tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(1), { shape });
}

/** What a device reports while it computes `f` of one argument. */
async function profileOf(f: (x: Tensor) => Tensor, x: Tensor, threads: number): Promise<readonly LaunchTime[]> {
  const times: LaunchTime[] = [];
  const device = cpuDevice({ threads, onLaunch: (time) => times.push(time) });
  const run = jit(f, { device });
  const { launches } = run.stats(x);
  deepStrictEqual(times, [], "compiling launches nothing");
  run(x);
  await device.synchronize();
  device.close();
  deepStrictEqual(times.length, launches);
  return times;
}

const CASES: readonly {
  name: string;
  f: (x: Tensor) => Tensor;
  shape: readonly number[];
  kind: string;
  flops: number;
}[] = [
  { name: "a product", f: (x) => matmul(x, ones([5, 7])), shape: [3, 5], kind: "matmul", flops: 2 * 3 * 5 * 7 },
  {
    name: "a convolution",
    f: (x) => conv2d(x, ones([3, 3, 4, 6]), { padding: 1, stride: 2 }),
    shape: [2, 8, 8, 4],
    kind: "conv",
    flops: 2 * (2 * 4 * 4 * 6) * (3 * 3 * 4),
  },
  { name: "a map", f: (x) => add(mul(x, x), 1), shape: [4, 9], kind: "map", flops: 2 * 36 },
  { name: "a reduction", f: (x) => sum(mul(x, x)), shape: [4, 9], kind: "reduce", flops: 2 * 36 },
];

for (const { name, f, shape, kind, flops } of CASES) {
  Deno.test(`A cpu device with onLaunch reports the launches and the work of ${name}`, async () => {
    const times = await profileOf(f, hostOnes(shape), 1);
    const nameOf = ({ step: { kernel } }: LaunchTime) => kernel.kind === "template" ? kernel.name : kernel.kind;
    const found = times.filter((time) => nameOf(time) === kind && time.pass === 0);
    deepStrictEqual(found.map(({ step, specs }) => workOf(step.kernel, specs).flops), [flops]);
    ok(times.every(({ milliseconds }) => milliseconds >= 0));
  });
}

Deno.test("A launch that threads share is reported once, with the bytes of all that it reads and writes", async () => {
  const side = 300;
  const times = await profileOf((x) => matmul(x, x), hostOnes([side, side]), 2);
  const products = times.filter(({ step }) => step.kernel.kind === "template");
  deepStrictEqual(products.map(({ pass }) => pass), products.map((_, i) => i));
  deepStrictEqual(workOf(products[0]!.step.kernel, products[0]!.specs), {
    flops: 2 * side ** 3,
    bytes: (products[0]!.specs.length) * side * side * 4,
  });
});

Deno.test("The operations of a program are known before it runs, the same on every device", () => {
  const f = (x: Tensor) => sum(matmul(conv2d(x, ones([3, 3, 4, 6]), { padding: 1 }), ones([6, 2])));
  const x = hostOnes([2, 5, 5, 4]);
  const device = cpuDevice({ threads: 1 });
  const counts = [device, referenceDevice()].map((device) => jit(f, { device }).stats(x).flops);
  device.close();
  const flops = 2 * 50 * (9 * 4 * 6 + 6 * 2);
  deepStrictEqual(counts, [flops, flops]);
});

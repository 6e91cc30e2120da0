/** @file Kernels that are found by their content: which are, and that none is taken for another. */
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import {
  add,
  argsort,
  conv2d,
  cpuDevice,
  type CpuOptions,
  grad,
  jit,
  matmul,
  mul,
  random,
  reshape,
  sum,
  tanh,
  type Tensor,
} from "../../../../tensor/mod.ts";
import { memoryStore } from "../../../support/memory_store.ts";

/** Products, convolutions by either method with their gradients, maps and sums, and a kernel that is no plain data. */
function program(x: Tensor, w: Tensor): readonly Tensor[] {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const loss = (x: Tensor, w: Tensor) => sum(tanh(conv2d(tanh(x), w, { padding: "SAME" })));
  const rows = reshape(x, [batch * height * width, channels]);
  return [
    ...grad(loss, { argnums: [0, 1] })(x, w) as readonly Tensor[],
    matmul(rows, reshape(w, [channels, 9 * w.shape[3]!])),
    add(mul(x, 3), 1),
    argsort(sum(x, { axis: [1, 2, 3] })),
  ];
}

async function run(options: CpuOptions, size: number): Promise<readonly unknown[]> {
  const device = cpuDevice({ threads: 1, tiles: "4x8", ...options });
  try {
    const x = random.normal(random.key(2), [2, size, size, 32]);
    const w = random.normal(random.key(3), [3, 3, 32, 32]);
    return await Promise.all(jit(program, { device })(x, w).map((result) => result.data({ device })));
  } finally {
    device.close();
  }
}

const OPTIONS: readonly CpuOptions[] = [
  {},
  { winograd: false },
  { tiles: "6x16" },
  { relaxedSimd: false },
  { relaxedSimd: false, winograd: false },
];

Deno.test("A second device writes no kernel but those that are no plain data, and has the same bits", async () => {
  const { store, count } = memoryStore();
  const first = await run({ kernels: store }, 12);
  const { written } = count;
  ok(written > 5 && count.found === 0, JSON.stringify(count));
  deepStrictEqual(await run({ kernels: store }, 12), first);
  ok(count.written - written < 3 && count.found > 5, JSON.stringify(count));
});

Deno.test("What was kept for other options or sizes is not taken for one's own", async () => {
  const { store } = memoryStore();
  for (const size of [12, 13]) {
    for (const options of OPTIONS) {
      const alone = await run(options, size);
      deepStrictEqual(await run({ ...options, kernels: store }, size), alone, JSON.stringify(options));
    }
  }
  for (const options of OPTIONS) {
    deepStrictEqual(await run({ ...options, kernels: store }, 12), await run(options, 12), JSON.stringify(options));
  }
});

Deno.test("The content of a kernel names nothing that is another thing in the next process", async () => {
  const { store, contents } = memoryStore();
  for (const options of OPTIONS) await run({ ...options, kernels: store }, 12);
  ok(contents().length > 10);
  equal(contents().find((content) => content.includes("@")), undefined);
});

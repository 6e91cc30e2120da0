import { deepStrictEqual, ok } from "node:assert/strict";
import { batchNorm, type BatchStatistics, initBatchNorm } from "../../../nn/mod.ts";
import {
  add,
  alone,
  type Collective,
  jit,
  mul,
  openDevice,
  random,
  setDefaultDevice,
  sin,
  sum,
  type Tensor,
  threads,
  treeLeaves,
  valueAndGrad,
} from "../../../tensor/mod.ts";
import { COMPUTED, type How } from "./sharing.ts";
import type { Told } from "./sharing_worker.ts";

type Leaves = readonly (readonly number[])[];

/** What each of some threads finds, leaf by leaf. */
async function byThreads(size: number, what: Told["what"], device: string, how: How): Promise<readonly Leaves[]> {
  return await Promise.all(
    threads(size).map((seat) => {
      const worker = new Worker(new URL("./sharing_worker.ts", import.meta.url), { type: "module" });
      return new Promise<Leaves>((resolve, reject) => {
        worker.onmessage = ({ data: { found, error } }) => found ? resolve(found) : reject(new Error(error));
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage({ seat, device, what, how } satisfies Told);
      });
    }),
  );
}

/** What one process finds. */
async function byOne(what: Told["what"], name: string, how: How): Promise<Leaves> {
  const device = await openDevice(name, name === "cpu" ? { threads: 1 } : {});
  setDefaultDevice(device);
  const tree = COMPUTED[what](how, alone());
  const found: number[][] = [];
  for (const leaf of treeLeaves(tree) as readonly Tensor[]) found.push([...await leaf.data()]);
  device.close();
  return found;
}

/** ‖difference‖ / ‖expected‖ of a leaf. */
function distance(actual: readonly number[], expected: readonly number[]): number {
  const norm = (x: readonly number[]) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  return norm(actual.map((value, i) => value - expected[i]!)) / Math.max(norm(expected), 1e-30);
}

const largest = (a: Leaves, b: Leaves) => Math.max(...a.map((leaf, i) => distance(leaf, b[i]!)));

const REST = { accumulate: 1, steps: 3, variant: "mmdetection" } as const;
const WIDE = { ...REST, dtype: "float64" } as const;
const SINGLE = { ...REST, dtype: "float32" } as const;

/** The leaves by their order: counts and running statistics, the gradient of the rows, those of shift and scale, the loss. */
const [COUNT, MEAN, VARIANCE, ROWS, LOSS] = [0, 1, 2, 3, 4];

for (const [size, images] of [[2, 6], [3, 7]] as const) {
  Deno.test(`Batch norm of ${images} images that ${size} threads share is that of all of them: loss, gradient, statistics`, async () => {
    const how = { ...WIDE, images, sync: true, parts: 1 };
    const one = await byOne("normalised", "reference", how);
    const found = await byThreads(size, "normalised", "reference", how);
    const joined: Leaves = [
      ...[COUNT, MEAN, VARIANCE].map((at) => found[size - 1]![at]!),
      found.flatMap((leaves) => leaves[ROWS]!),
      [found.reduce((sum, leaves) => sum + leaves[LOSS]![0]!, 0)],
    ];
    ok(largest(joined, one) < 1e-12, `largest distance is ${largest(joined, one)}`);
    found.forEach((leaves) => deepStrictEqual(leaves.slice(0, ROWS), found[0]!.slice(0, ROWS)));
  });
}

/** Two processes that have the same rows, as one of them sees it; counts exchanges. */
function twins() {
  const exchanges: string[] = [];
  const pending = { poll: () => true, wait: () => {} };
  const collective: Collective = {
    ...alone(),
    ...{ name: "twins", size: 2 },
    allReduce(values) {
      exchanges.push("sum");
      values.set(values.map((x) => 2 * x));
      return pending;
    },
    allGather(values, all) {
      exchanges.push("gather");
      [0, 1].forEach((rank) => all.set(values, rank * values.length));
    },
  };
  return { collective, exchanges };
}

Deno.test("Batch norm that is synchronised exchanges once forwards and once backwards, and keeps digits far from zero", async () => {
  const device = await openDevice("cpu", { threads: 1 });
  const { collective, exchanges } = twins();
  const { params, state } = initBatchNorm(3);
  const gradientOf = (over: BatchStatistics) =>
    jit((x: Tensor) => {
      const lossOf = (rows: Tensor) => {
        const { output, state: after } = batchNorm(params, state, rows, { train: true, ...over });
        return [sum(mul(sin(output), rows)), [output, after.runningVar]] as const;
      };
      const [[, [output, variance]], gradient] = valueAndGrad(lossOf, { hasAux: true })(x);
      return [output!, variance!, gradient];
    }, { device });
  const rows = add(random.normal(random.key(4), [50, 3]), 1000);
  const [shared, own] = [gradientOf({ collective })(rows), gradientOf({})(rows)];
  deepStrictEqual(exchanges, ["gather", "sum"]);
  const [output, gradient] = await Promise.all(
    [shared[0]!, shared[2]!].map(async (x) => [...await x.data({ device })]),
  );
  const [expected, slope] = await Promise.all([own[0]!, own[2]!].map(async (x) => [...await x.data({ device })]));
  ok(distance(output!, expected!) < 2e-4, `outputs differ by ${distance(output!, expected!)}`);
  ok(distance(gradient!, slope!) < 2e-4, `gradients differ by ${distance(gradient!, slope!)}`);
  device.close();
});

Deno.test("Without synchronisation two threads normalise as one process does over two parts", async () => {
  const how = { ...WIDE, images: 6, sync: false, parts: 1 };
  const one = await byOne("normalised", "reference", { ...how, parts: 2 });
  const found = await byThreads(2, "normalised", "reference", how);
  const mean = (at: number) => found[0]![at]!.map((x, i) => (x + found[1]![at]![i]!) / 2);
  const joined = [mean(COUNT), mean(MEAN), mean(VARIANCE), found.flatMap((leaves) => leaves[ROWS]!), one[LOSS]!];
  ok(largest(joined, one) < 1e-12, `largest distance is ${largest(joined, one)}`);
});

Deno.test("Two threads step as one process does, to the bit the same on both, whoever has more images", async () => {
  const how = { ...SINGLE, images: 3, sync: true, parts: 1 };
  const one = await byOne("trained", "cpu", how);
  const [first, second] = await byThreads(2, "trained", "cpu", how);
  deepStrictEqual(first, second);
  const far = largest(first!, one);
  ok(far < 5e-5, `largest distance is ${far}`); // Parts of a batch may convolve by another method than all of it.
});

for (const [size, images, sync] of [[2, 3, true], [3, 4, true], [2, 4, false]] as const) {
  const over = sync ? "all images" : "those of each";
  Deno.test(`In float64 ${size} threads step as one process does, with statistics over ${over}`, async () => {
    const how = { ...WIDE, images, sync, parts: 1 };
    const one = await byOne("trained", "reference", { ...how, parts: sync ? 1 : size });
    const found = await byThreads(size, "trained", "reference", how);
    found.forEach((leaves) => deepStrictEqual(leaves, found[0]));
    const far = largest(found[0]!, one);
    ok(far < 1e-12, `largest distance is ${far}`);
  });
}

Deno.test("A step without batch norm is that of one process to 1e-6, however many share it", async () => {
  const how = { ...SINGLE, images: 4, sync: false, parts: 1 };
  const one = await byOne("finetuned", "cpu", how);
  for (const size of [2, 3, 4]) {
    const found = await byThreads(size, "finetuned", "cpu", how);
    found.forEach((leaves) => deepStrictEqual(leaves, found[0]));
    const far = largest(found[0]!, one);
    ok(far < 1e-6, `largest distance of ${size} is ${far}`);
  }
});

for (const [size, images, accumulate] of [[2, 6, 2], [3, 8, 2]] as const) {
  const over = `${images} images in ${accumulate} small batches`;
  Deno.test(`In float64 ${size} threads that share ${over} step as one process does, whoever has more of each`, async () => {
    const how = { ...WIDE, images, accumulate, sync: true, parts: 1 };
    for (const what of ["trained", "detected"] as const) {
      const one = await byOne(what, "reference", how);
      const found = await byThreads(size, what, "reference", how);
      found.forEach((leaves) => deepStrictEqual(leaves, found[0]));
      const far = largest(found[0]!, one);
      ok(far < 1e-12, `largest distance of ${what} is ${far}`);
    }
  });
}

Deno.test("What is dropped for an image does not depend on the number of threads where batches are divided", async () => {
  const how = { ...SINGLE, images: 10, accumulate: 2, sync: false, parts: 1 };
  const one = await byOne("finetuned", "cpu", how);
  const found = await byThreads(3, "finetuned", "cpu", how);
  found.forEach((leaves) => deepStrictEqual(leaves, found[0]));
  const far = largest(found[0]!, one);
  ok(far < 1e-6, `largest distance is ${far}`);
});

Deno.test("Batch norm of rows that count is that of all of them, also where a thread has none", async () => {
  const how = { ...WIDE, images: 9, sync: true, parts: 1 };
  const one = await byOne("normalisedRows", "reference", how);
  const found = await byThreads(3, "normalisedRows", "reference", how);
  const joined: Leaves = [
    ...[COUNT, MEAN, VARIANCE].map((at) => found[1]![at]!),
    found.flatMap((leaves) => leaves[ROWS]!),
    [found.reduce((sum, leaves) => sum + leaves[LOSS]![0]!, 0)],
  ];
  ok(largest(joined, one) < 1e-12, `largest distance is ${largest(joined, one)}`);
  found.forEach((leaves) => deepStrictEqual(leaves.slice(0, ROWS), found[0]!.slice(0, ROWS)));
});

Deno.test("Without synchronisation norms of rows that count are those of one process over the same parts, whoever has none", async () => {
  const how = { ...WIDE, images: 12, sync: false, parts: 4 };
  const [rows, ...one] = await byOne("normalisedApart", "reference", how);
  const found = await byThreads(4, "normalisedApart", "reference", how);
  const joined = [found.flatMap((leaves) => leaves[0]!), ...found[0]!.slice(1)];
  ok(largest(joined, [rows!, ...one]) < 1e-12, `largest distance is ${largest(joined, [rows!, ...one])}`);
  found.forEach((leaves) => deepStrictEqual(leaves.slice(1), found[0]!.slice(1)));
});

// With norms over all images and without any; three threads of four images: the second has one without objects.
for (const [variant, sync] of [["detectron2", true], ["mmdetection", false]] as const) {
  Deno.test(`In float64 threads train a detector as one process does: ${variant}, ${sync ? "synchronised" : "no"} norms`, async () => {
    const how = { ...WIDE, variant, sync, images: 4, parts: 1 };
    const one = await byOne("detected", "reference", how);
    for (const size of [2, 3]) {
      const found = await byThreads(size, "detected", "reference", how);
      found.forEach((leaves) => deepStrictEqual(leaves, found[0]));
      const far = largest(found[0]!, one);
      ok(far < 1e-12, `largest distance of ${size} is ${far}`);
    }
  });
}

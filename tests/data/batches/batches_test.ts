import { deepStrictEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { type Batch, batches } from "../../../data/batches/batches.ts";
import { stepsPerEpoch } from "../../../data/batches/epoch_plan.ts";
import type { BatchesOptions } from "../../../data/batches/batches_options.ts";
import type { Dataset } from "../../../data/sets/dataset.ts";
import { openImages } from "../../../data/sets/open_images.ts";
import { encodePng } from "../../../data/images/png.ts";
import images from "../../golden/images_pil.json" with { type: "json" };
import { stubborn } from "./stubborn_set.ts";
import { testFiles, testImage, withFolder } from "../support.ts";

const OPTIONS: BatchesOptions = { size: [24, 16], batchSize: 4, seed: 3 };

async function summary({ step, epoch, images, labels, indices, skipped }: Batch): Promise<unknown> {
  const crc = crc32(new Uint8Array((await images.data()).buffer as ArrayBuffer));
  return { step, epoch, shape: images.shape, crc, labels: [...await labels.data()], indices, skipped };
}

async function collect(dataset: Dataset, options: Partial<BatchesOptions>): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for await (const batch of batches(dataset, { ...OPTIONS, ...options })) found.push(await summary(batch));
  return found;
}

Deno.test("batches() gives the same bits with 0, 1, 2 and 3 workers, and from any step on", async () => {
  await withFolder({ ...testFiles(10), "image_03.png": new Uint8Array(0) }, async (path) => {
    const dataset = await openImages(path);
    const all = await collect(dataset, { workers: 0, steps: 8 });
    equal(all.length, 8);
    deepStrictEqual(await collect(dataset, { workers: 1, steps: 8 }), all);
    deepStrictEqual(await collect(dataset, { workers: 2, steps: 8 }), all);
    deepStrictEqual(await collect(dataset, { workers: 3, steps: 8, prefetch: 0 }), all);
    deepStrictEqual(await collect(dataset, { workers: 0, steps: 8, startStep: 3 }), all.slice(3));
    deepStrictEqual(await collect(dataset, { workers: 2, steps: 8, startStep: 5 }), all.slice(5));
    deepStrictEqual(await collect(dataset, { workers: 1, steps: 8, startStep: 8 }), []);
  });
});

Deno.test("batches() keeps the order where samples take different times", async () => {
  const dataset = stubborn("slow");
  deepStrictEqual(await collect(dataset, { workers: 3, steps: 6 }), await collect(dataset, { workers: 0, steps: 6 }));
});

Deno.test("batches() shows each image once an epoch, in another order and another crop every time", async () => {
  const dataset = stubborn("slow");
  const epochs = await collect(dataset, { epochs: 2, workers: 0 }) as { indices: number[]; crc: number }[];
  equal(epochs.length, 2 * stepsPerEpoch(8, 4));
  const [first, second] = [epochs.slice(0, 2), epochs.slice(2)].map((steps) => steps.flatMap(({ indices }) => indices));
  deepStrictEqual([...first!].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  deepStrictEqual([...second!].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  ok(first!.join() !== second!.join());
  equal(new Set(epochs.map(({ crc }) => crc)).size, 4);
});

Deno.test("batches() fills the last batch from the beginning of the same order, with other crops", async () => {
  const dataset = stubborn("slow");
  const [first, second] = await collect(dataset, { batchSize: 6, epochs: 1 }) as { indices: number[] }[];
  deepStrictEqual(second!.indices.slice(2), first!.indices.slice(0, 4));
  const [twice] = await collect(dataset, { batchSize: 16, epochs: 1, workers: 0 }) as { indices: number[] }[];
  deepStrictEqual(twice!.indices.slice(8), twice!.indices.slice(0, 8));
  for await (const { images } of batches(dataset, { ...OPTIONS, batchSize: 16, steps: 1, workers: 0 })) {
    const values = await images.data();
    ok(values.subarray(0, values.length / 2).some((value, i) => value !== values[values.length / 2 + i]));
  }
});

Deno.test("batches() names, counts and replaces files that do not decode", async () => {
  const files = testFiles(6);
  const truncated = files["image_02.png"]!.slice(0, 60);
  await withFolder({ ...files, "image_02.png": truncated, "image_04.png": new Uint8Array(0) }, async (path) => {
    const names: string[] = [];
    const found = await collect(await openImages(path), {
      batchSize: 3,
      epochs: 3,
      workers: 2,
      onSkip: ({ name, reason }) => names.push(`${name.slice(path.length + 1)}: ${reason}`),
    }) as { indices: number[]; skipped: { index: number }[] }[];
    equal(names.length, 2);
    ok(names.some((name) => /^image_02\.png: its PNG data .* truncated or corrupt/.test(name)));
    ok(names.some((name) => /^image_04\.png: .* empty/.test(name)));
    for (let epoch = 0; epoch < 3; epoch++) {
      const steps = found.slice(2 * epoch, 2 * epoch + 2);
      deepStrictEqual([...new Set(steps.flatMap(({ indices }) => indices))].sort(), [0, 1, 3, 5]);
      deepStrictEqual([...new Set(steps.flatMap(({ skipped }) => skipped.map(({ index }) => index)))].sort(), [2, 4]);
    }
  });
});

Deno.test("batches() takes images of any size, shape and kind side by side", async () => {
  const sizes = [[1, 1], [3, 700], [700, 3], [5, 5], [640, 480], [24, 16]] as const;
  const drawn = sizes.map(([width, height], i) =>
    [`deep/er/${i}.png`, encodePng(testImage(width, height, i))] as const
  );
  const kinds = images.images.map(({ name, file }) => [name, new Uint8Array(Buffer.from(file, "base64"))] as const);
  await withFolder(Object.fromEntries([...drawn, ...kinds]), async (path) => {
    const dataset = await openImages(path);
    equal(dataset.length, sizes.length + kinds.length);
    equal(dataset.labels, undefined);
    const seen = new Set<number>();
    for await (
      const { images, indices, skipped } of batches(dataset, { ...OPTIONS, batchSize: 7, epochs: 1, workers: 1 })
    ) {
      deepStrictEqual([images.shape, skipped], [[7, 24, 16, 3], []]);
      const values = await images.data();
      ok(values.every((value) => value > -2.2 && value < 2.7), "0 to 255 once normalised");
      indices.forEach((index) => seen.add(index));
    }
    equal(seen.size, dataset.length);
  });
});

Deno.test("batches() fails where no file decodes", async () => {
  await withFolder({ "a.png": new Uint8Array(0), "b.jpg": new Uint8Array(9) }, async (path) => {
    for (const workers of [0, 2]) {
      await rejects(
        collect(await openImages(path), { workers }),
        /at least one of 2 must decode: current .* does not/,
      );
    }
  });
});

Deno.test("batches() passes on the errors of a data set, and fails where a worker ends", async () => {
  for (const workers of [0, 1, 2]) {
    await rejects(collect(stubborn("throw"), { workers }), /Cannot load as this is a test: current index is 5/);
  }
  await rejects(collect(stubborn("exit"), { workers: 2 }), /all workers must run: current worker ended with code 3/);
  const missing = {
    ...stubborn("slow"),
    source: { module: new URL("./stubborn_set.ts", import.meta.url).href, factory: "none", args: [] },
  };
  await rejects(collect(missing, { workers: 1 }), /must export its factory: current none is no function/);
});

Deno.test("batches() ends its workers where the caller stops early", async () => {
  for await (const { step } of batches(stubborn("slow"), { ...OPTIONS, workers: 2 })) if (step === 1) break;
  await rejects(async () => {
    for await (const _ of batches(stubborn("slow"), { ...OPTIONS, workers: 1 })) throw new Error("enough");
  }, /enough/);
  const iterator = batches(stubborn("slow"), { ...OPTIONS, workers: 1 });
  await iterator.next();
  await iterator.return();
});

Deno.test("batches() does not keep a process alive that forgets the iterator", async () => {
  const code = `
    import { batches } from ${JSON.stringify(new URL("../../../data/batches/batches.ts", import.meta.url).href)};
    import { stubborn } from ${JSON.stringify(new URL("./stubborn_set.ts", import.meta.url).href)};
    await batches(stubborn("slow"), { size: [8, 8], batchSize: 2, seed: 1, workers: 2 }).next();
    console.log("end");`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--ext=ts", "-"],
    cwd: new URL("../../../", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(120_000),
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const { code: status, stdout } = await child.output();
  deepStrictEqual([status, new TextDecoder().decode(stdout)], [0, "end\n"]);
});

Deno.test("batches() refuses bad options at the call", () => {
  const dataset = stubborn("slow");
  throws(
    () => batches(dataset, { ...OPTIONS, batchSize: 0 }),
    /batchSize must be .* at least 1: current batchSize is 0/,
  );
  throws(() => batches(dataset, { ...OPTIONS, size: [8, 1.5] }), /size\[1\] must be an integer/);
  throws(() => batches(dataset, { ...OPTIONS, workers: -1 }), /workers must be .* at least 0/);
  throws(() => batches(dataset, { ...OPTIONS, seed: NaN }), RangeError);
  throws(() => batches({ ...dataset, length: 0 }, OPTIONS), /dataset\.length must be/);
  const { source: _, ...local } = dataset;
  throws(() => batches(local, { ...OPTIONS, workers: 1 }), /current source is undefined; pass workers: 0/);
});

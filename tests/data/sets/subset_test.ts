import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { batches, cifarImages, type Dataset, drawOfEachClass, subset } from "../../../data/mod.ts";

const image = { width: 2, height: 2, channels: 3, data: new Uint8Array(12) } as const;
const all: Dataset = {
  name: "all",
  length: 6,
  labels: Int32Array.of(0, 1, 2, 0, 1, 2),
  labelNames: ["a", "b", "c"],
  nameOf: (index) => `sample ${index}`,
  load: (index) => Promise.resolve({ ...image, data: image.data.map(() => 40 * index) }),
};

Deno.test("subset() takes samples with their names and classes", async () => {
  const some = subset(all, [5, 0, 4]);
  deepStrictEqual([...some.labels!], [2, 0, 1]);
  deepStrictEqual([some.length, some.nameOf(0), some.labelNames], [3, "sample 5", ["a", "b", "c"]]);
  equal((await some.load(2, () => 0)).data[0], 160);
  throws(
    () => subset(all, [6]),
    /^RangeError: Cannot take samples of all as their numbers must be integers below 6: current number is 6/,
  );
});

Deno.test("subset() gives the same batches in threads", async () => {
  const path = await Deno.makeTempFile({ suffix: ".bin" });
  try {
    const bytes = Uint8Array.from({ length: 10 * 3073 }, (_, i) => i % 3073 === 0 ? (i / 3073) % 10 : (i * 7) & 255);
    await Deno.writeFile(path, bytes);
    const some = subset(await cifarImages(path), [9, 2, 4, 5]);
    const read = async (workers: number) => {
      const found: number[][] = [];
      for await (
        const { images, labels } of batches(some, { size: [8, 8], batchSize: 4, seed: 1, epochs: 2, workers })
      ) {
        found.push([...await labels.data(), ...await images.data()].map(Number));
      }
      return found;
    };
    const here = await read(0);
    deepStrictEqual(here[0]!.slice(0, 4).sort(), [2, 4, 5, 9]);
    deepStrictEqual(await read(2), here);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("drawOfEachClass() draws as many of each class, other ones with another seed", () => {
  const labels = Int32Array.from({ length: 600 }, (_, i) => i % 3);
  const drawn = drawOfEachClass(labels, 60, 1);
  deepStrictEqual([0, 1, 2].map((label) => drawn.filter((index) => labels[index] === label).length), [20, 20, 20]);
  deepStrictEqual(drawn, [...drawn].sort((a, b) => a - b));
  equal(new Set(drawn).size, 60);
  deepStrictEqual(drawOfEachClass(labels, 60, 1), drawn);
  equal(drawn.filter((index) => drawOfEachClass(labels, 60, 2).includes(index)).length < 30, true);
  // A rare class gives all it has; samples without class are left out.
  deepStrictEqual([...drawOfEachClass(Int32Array.of(0, 0, 0, 1, -1), 3, 1)].includes(3), true);
  throws(() => drawOfEachClass(Int32Array.of(0, -1), 2, 1), /^RangeError: Cannot draw 2 samples .*current number is 1/);
});

Deno.test("batches() with repeats gives each image several times in a row, augmented anew", async () => {
  const source: Dataset = {
    ...all,
    load: () =>
      Promise.resolve({
        width: 16,
        height: 16,
        channels: 3,
        data: Uint8Array.from({ length: 768 }, (_, i) => (i * 37) & 255),
      }),
  };
  const epochs = new Map<number, number[]>();
  for await (
    const { epoch, indices, images } of batches(source, { size: [8, 8], batchSize: 3, seed: 4, epochs: 3, repeats: 3 })
  ) {
    equal(new Set(indices).size, 1);
    epochs.set(epoch, [...epochs.get(epoch) ?? [], indices[0]!]);
    const values = await images.data();
    const parts = [0, 1, 2].map((i) => values.slice(i * 192, (i + 1) * 192).join());
    equal(new Set(parts).size, 3);
  }
  // Six places an epoch for two images, three times each.
  deepStrictEqual([...epochs.values()].map((each) => [each.length, new Set(each).size]), [[2, 2], [2, 2], [2, 2]]);
});

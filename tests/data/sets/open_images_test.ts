import { deepStrictEqual, equal, ok, rejects } from "node:assert/strict";
import { batches } from "../../../data/batches/batches.ts";
import { CIFAR10_CLASSES } from "../../../data/sets/cifar10.ts";
import type { Dataset } from "../../../data/sets/dataset.ts";
import { expandBraces } from "../../../data/sets/expand_braces.ts";
import { openImages } from "../../../data/sets/open_images.ts";
import { encodePng } from "../../../data/images/png.ts";
import { dataKey, drawsOf } from "../../../data/batches/draws.ts";
import { testImage, withFolder } from "../support.ts";
import { gzipped, tarOf } from "../formats/tar_support.ts";

const draw = drawsOf(dataKey(0));
const png = (seed: number) => encodePng(testImage(12, 10, seed));
const TREE = {
  "all/dog/1.png": png(1),
  "all/cat/1.png": png(2),
  "all/notes.txt": new Uint8Array(3),
  "all/cat/._2.png": new Uint8Array(9),
  "all/dog/2.png": png(3),
};
const partsOf = (tree: Readonly<Record<string, Uint8Array>>) =>
  Object.entries(tree).map(([path, bytes]) => ({ path, bytes }));

async function pixelsOf(dataset: Dataset): Promise<readonly unknown[]> {
  return await Promise.all(Array.from({ length: dataset.length }, (_, i) => dataset.load(i, draw)));
}

Deno.test("openImages() reads tar, tar.gz and folders alike, with the folders as classes", async () => {
  const tar = tarOf(partsOf(TREE));
  await withFolder({ "a.tar": tar, "a.tgz": await gzipped(tar), ...TREE }, async (path) => {
    const [plain, packed] = [await openImages(`${path}/a.tar`), await openImages(`${path}/a.tgz`)];
    deepStrictEqual(plain.labelNames, ["cat", "dog"]);
    deepStrictEqual([...plain.labels!], [1, 0, 1]);
    equal(plain.nameOf(2), `${path}/a.tar/all/dog/2.png`);
    deepStrictEqual([packed.labels, packed.labelNames], [plain.labels, plain.labelNames]);
    deepStrictEqual(await pixelsOf(packed), await pixelsOf(plain));
    const folder = await openImages(`${path}/all`);
    deepStrictEqual([[...folder.labels!], folder.labelNames], [[0, 1, 1], ["cat", "dog"]]);
    deepStrictEqual(await folder.load(2, draw), await plain.load(2, draw));
  });
});

Deno.test("openImages() gives the same batches with and without threads, of files and of shared memory", async () => {
  const tar = tarOf(partsOf(TREE));
  await withFolder({ "a.tar": tar, "a.tgz": await gzipped(tar) }, async (path) => {
    const all: unknown[] = [];
    for (const name of ["a.tar", "a.tgz"]) {
      for (const workers of name === "a.tar" ? [0] : [0, 2]) {
        const dataset = await openImages(`${path}/${name}`);
        for await (
          const { images, labels } of batches(dataset, { size: [8, 8], batchSize: 3, seed: 1, steps: 1, workers })
        ) {
          all.push([await images.data(), await labels.data()]);
        }
      }
    }
    equal(all.length, 3);
    for (const other of all) deepStrictEqual(other, all[0]);
  });
});

Deno.test("openImages() reads shards of a WebDataset with their .cls files", async () => {
  const shard = (first: number) =>
    tarOf([0, 1].flatMap((i) => [
      { path: `000${first + i}.png`, bytes: png(first + i) },
      { path: `000${first + i}.cls`, bytes: new TextEncoder().encode(`${(first + i) * 2}\n`) },
    ]));
  await withFolder({ "s-00.tar": shard(0), "s-01.tar": shard(2) }, async (path) => {
    for (const name of [path, `${path}/s-{00..01}.tar`]) {
      const dataset = await openImages(name);
      deepStrictEqual([...dataset.labels!], [0, 2, 4, 6]);
      equal(dataset.labelNames!.length, 7);
      equal(dataset.nameOf(3), `${path}/s-01.tar/0003.png`);
      deepStrictEqual((await dataset.load(3, draw)).width, 12);
    }
  });
  deepStrictEqual(expandBraces("a.tar"), ["a.tar"]);
  await rejects(openImages("s-{5..1}.tar"), /1 to 100000 numbers: current range is \{5\.\.1\}/);
});

/** Records of CIFAR-10, as the official description has them: label, red plane, green plane, blue plane. */
function records(labels: readonly number[], seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(labels.length * 3073);
  labels.forEach((label, i) => {
    bytes[i * 3073] = label;
    const { data } = testImage(32, 32, seed + i);
    for (let k = 0; k < 3072; k++) bytes[i * 3073 + 1 + k % 3 * 1024 + Math.floor(k / 3)] = data[k]!;
  });
  return bytes;
}

Deno.test("openImages() reads CIFAR-10's binary files: alone, in their folder, in the official archive", async () => {
  const files = {
    "cifar-10-batches-bin/data_batch_1.bin": records([3, 9], 0),
    "cifar-10-batches-bin/data_batch_2.bin": records([0], 2),
    "cifar-10-batches-bin/test_batch.bin": records([5], 3),
    "cifar-10-batches-bin/readme.html": new Uint8Array(4),
  };
  const archive = await gzipped(tarOf(partsOf(files)));
  await withFolder({ ...files, "cifar-10-binary.tar.gz": archive }, async (path) => {
    const inner = `${path}/cifar-10-batches-bin`;
    for (const place of [path, inner, `${path}/cifar-10-binary.tar.gz`]) {
      const train = await openImages(place);
      deepStrictEqual([[...train.labels!], train.labelNames], [[3, 9, 0], CIFAR10_CLASSES]);
      deepStrictEqual(await pixelsOf(train), [0, 1, 2].map((seed) => testImage(32, 32, seed)));
      const test = await openImages(place, { split: "test" });
      deepStrictEqual([[...test.labels!], await pixelsOf(test)], [[5], [testImage(32, 32, 3)]]);
    }
    deepStrictEqual((await openImages(`${inner}/test_batch.bin`)).length, 1);
  });
});

Deno.test("openImages() takes a single image", () =>
  withFolder({ "a.PNG": png(1), "b.png": png(2) }, async (path) => {
    const dataset = await openImages(`${path}/a.PNG`);
    deepStrictEqual([dataset.length, dataset.nameOf(0)], [1, `${path}/a.PNG`]);
    equal((await dataset.load(0, draw)).width, 12);
  }));

Deno.test("openImages() refuses what is damaged, empty or missing, by name", async () => {
  const bin = (bytes: Uint8Array) => ({ "data_batch_1.bin": bytes });
  await withFolder(
    bin(new Uint8Array(3072)),
    (path) => rejects(openImages(path), /data_batch_1\.bin as a batch of CIFAR-10 .* current size is 3072 bytes/),
  );
  await withFolder(
    bin(new Uint8Array(3073).fill(10)),
    (path) => rejects(openImages(path), /labels from 0 to 9: current label of record 0 is 10/),
  );
  await withFolder({ "a.tar": tarOf([{ path: "x.txt" }]), "b.zip": new Uint8Array(900).fill(80) }, async (path) => {
    await rejects(openImages(`${path}/a.tar`), /must hold images .*a\.tar has 1 text, such as x\.txt/);
    await rejects(
      openImages(`${path}/b.zip`),
      /b\.zip as images as it must be a tar, tar\.gz or zip archive: current .*b\.zip is a text file/,
    );
    await rejects(openImages(`${path}/c.tar`), /an existing folder or file: current path is .*c\.tar/);
  });
});

Deno.test("openImages() names an image that does not decode, and one whose archive was cut afterwards", async () => {
  const tar = tarOf([{ path: "a/1.png", bytes: png(1) }, { path: "a/2.png", bytes: png(2).slice(0, 40) }]);
  await withFolder({ "a.tar": tar }, async (path) => {
    const dataset = await openImages(`${path}/a.tar`);
    ok((await dataset.load(0, draw)).width === 12);
    await rejects(dataset.load(1, draw), /Cannot decode .*a\.tar\/a\/2\.png/);
    await Deno.truncate(`${path}/a.tar`, 600);
    await rejects(dataset.load(0, draw), /Cannot decode .*a\.tar\/a\/1\.png as it must be readable.*shorter/);
  });
});

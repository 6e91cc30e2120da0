import { deepStrictEqual, equal, ok, rejects } from "node:assert/strict";
import { batches } from "../../../data/batches/batches.ts";
import { describeSource } from "../../../data/sets/account.ts";
import { CIFAR10_CLASSES } from "../../../data/sets/cifar10.ts";
import type { Dataset } from "../../../data/sets/dataset.ts";
import { expandBraces } from "../../../data/sets/expand_braces.ts";
import { openImages } from "../../../data/sets/open_images.ts";
import { encodePng } from "../../../data/images/png.ts";
import { dataKey, drawsOf } from "../../../data/batches/draws.ts";
import { testImage, withFolder } from "../support.ts";
import { gzipped, joined, tarOf } from "../formats/tar_support.ts";

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

Deno.test("openImages() of all images takes every part and class, and tells what is left out", () =>
  withFolder({
    ...Object.fromEntries(["train/cat", "train/dog", "val/cat"].map((folder, i) => [`${folder}/1.png`, png(i)])),
    "sample.png": png(4),
    "runs/one/report.html": new Uint8Array(2),
    "runs/one/log.jsonl": new Uint8Array(2),
    "runs/one/reconstructions/1.png": png(5),
    "notes.md": new Uint8Array(2),
  }, async (path) => {
    const { length, labels, account } = await openImages(path, { split: "all" });
    deepStrictEqual([length, labels, account!.split], [4, undefined, null]);
    deepStrictEqual(account!.leftOut.map(({ kind, names }) => `${kind} ${names}`), [
      "folder of a run runs/one",
      "text notes.md",
    ]);
    // Pictures that a run has left are no images to learn from; unless its folder is asked for.
    equal((await openImages(path)).account!.leftOut.some(({ kind }) => kind === "folder of a run"), true);
    equal((await openImages(`${path}/runs/one`)).length, 1);
  }));

Deno.test("openImages() of a part of CIFAR-10 counts the other one", () =>
  withFolder({ "data_batch_1.bin": records([3, 9], 0), "test_batch.bin": records([5], 3) }, async (path) => {
    for (const [split, used, other] of [["train", 2, "test"], ["test", 1, "train"]] as const) {
      const { account } = await openImages(path, { split });
      deepStrictEqual([account!.used, account!.found, account!.leftOut[0]!.reason], [used, 3, `of the split ${other}`]);
      equal(describeSource(account!)[1].startsWith(`  left out ${3 - used} of 3 images: `), true);
    }
  }));

/** What Python 2 wrote: texts for names and bytes alike, so that arrays are texts too. */
function pickledBatch(labels: readonly number[], seed: number): Uint8Array<ArrayBuffer> {
  const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const images = joined(labels.map((_, i) => records([0], seed + i).subarray(1)));
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, images.length, true);
  return joined([
    ascii("\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"),
    ascii(`K${String.fromCharCode(labels.length)}M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN`),
    ascii("J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"),
    ...[size, images, ascii("tbU\x06labels](")],
    ...labels.map((label) => Uint8Array.of(0x4b, label)),
    ascii("eU\x0bbatch_labelU\x04testu."),
  ]);
}

Deno.test("openImages() reads CIFAR-10 as Python has it: in its folder, in the archive; something else is refused", async () => {
  const files = {
    "cifar-10-batches-py/data_batch_1": pickledBatch([3, 9], 0),
    "cifar-10-batches-py/data_batch_2": pickledBatch([0], 2),
    "cifar-10-batches-py/test_batch": pickledBatch([5], 3),
    "cifar-10-batches-py/batches.meta": new Uint8Array(4),
  };
  const archive = await gzipped(tarOf(partsOf(files)));
  await withFolder({ ...files, "cifar-10-python.tar.gz": archive }, async (path) => {
    for (const place of [path, `${path}/cifar-10-batches-py`, `${path}/cifar-10-python.tar.gz`]) {
      const train = await openImages(place);
      deepStrictEqual([[...train.labels!], train.labelNames], [[3, 9, 0], CIFAR10_CLASSES]);
      deepStrictEqual(await pixelsOf(train), [0, 1, 2].map((seed) => testImage(32, 32, seed)));
      deepStrictEqual([train.account!.found, train.account!.evaluable], [4, true]);
      const test = await openImages(place, { split: "test" });
      deepStrictEqual([[...test.labels!], await pixelsOf(test)], [[5], [testImage(32, 32, 3)]]);
    }
    equal((await openImages(`${path}/cifar-10-batches-py/test_batch`)).length, 1);
    await Deno.writeFile(`${path}/cifar-10-batches-py/data_batch_2`, Uint8Array.of(0x80, 2, 0x7d, 0x2e));
    await rejects(openImages(path), /data_batch_2 as a batch of CIFAR-10 as it must hold data, uint8 \[N, 3072\]/);
  });
});

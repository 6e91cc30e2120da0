import { deepStrictEqual, equal, match, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { batches } from "../../../data/batches/batches.ts";
import { describeSource } from "../../../data/sets/account.ts";
import { openImages } from "../../../data/sets/open_images.ts";
import { ImageError } from "../../../data/images/decode.ts";
import golden from "../../golden/parquet_pyarrow.json" with { type: "json" };
import { testFiles, withFolder } from "../support.ts";

const table = (name: keyof typeof golden) => new Uint8Array(Buffer.from(golden[name], "base64"));

Deno.test("openImages() reads Hugging Face's tables: parts by file names, classes by the metadata", () =>
  withFolder({
    "README.md": new Uint8Array(3),
    "data/train-00000-of-00002.parquet": table("snappy"),
    "data/train-00001-of-00002.parquet": table("zstd"),
    "data/validation-00000-of-00001.parquet": table("zstd"),
  }, async (path) => {
    const train = await openImages(path);
    deepStrictEqual([train.length, train.labelNames], [11, ["cat", "dog"]]);
    deepStrictEqual([...train.labels!], [0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1]);
    equal(train.nameOf(8), `${path}/data/train-00001-of-00002.parquet#1`);
    for (let i = 0; i < 11; i++) {
      const { width, height, data } = await train.load(i, () => 0);
      deepStrictEqual([width, height, data[0]], [12, 10, (i < 7 ? i : i - 7) * 20]);
    }
    const lines = describeSource(train.account!).join("\n");
    match(lines, /2 classes by column label: cat 6, dog 5/);
    match(lines, /left out 4 of 15 rows, 1 of 1 file: 1 text \(README\.md\), 4 rows of the split val/);
    const val = await openImages(path, { split: "val" });
    deepStrictEqual([val.length, val.account!.split], [4, "val"]);
  }));

for (const name of ["gzip", "none", "plain"] as const) {
  Deno.test(`openImages() reads one table: ${name}`, () =>
    withFolder({ "a.parquet": table(name) }, async (path) => {
      const set = await openImages(`${path}/a.parquet`);
      deepStrictEqual([...set.labels!], { gzip: [0, 1, 0, 1], none: [1, 0, 1, 0], plain: [1, 0] }[name]);
      deepStrictEqual(set.labelNames, name === "none" ? ["cat", "dog"] : ["0", "1"]);
      equal((await set.load(1, () => 0)).width, 12);
    }));
}

Deno.test("tables without classes, without an image in a row, and without images at all", () =>
  withFolder(
    { "a.parquet": table("unlabelled"), "b.parquet": table("null"), "c.parquet": table("text") },
    async (path) => {
      const test = await openImages(`${path}/a.parquet`);
      deepStrictEqual([test.labels, test.account!.unlabelled], [
        undefined,
        "3 of 3 rows have no class in column label",
      ]);
      const gap = await openImages(`${path}/b.parquet`);
      equal((await gap.load(0, () => 0)).width, 12);
      await rejects(gap.load(1, () => 0), (error: Error) =>
        error instanceof ImageError && /b\.parquet#1 .* null/.test(error.message));
      await rejects(
        openImages(`${path}/c.parquet`),
        /c\.parquet as images .* current columns are text \(text\), score \(other\)/,
      );
    },
  ));

Deno.test("a damaged table is refused by name; images beside tables are left out, and threads read the same", () =>
  withFolder({ "a.parquet": table("snappy"), ...testFiles(1) }, async (path) => {
    const set = await openImages(path);
    match(describeSource(set.account!)[1], /1 image beside tables/);
    const read = async (workers: number) => {
      for await (const { images } of batches(set, { size: [8, 8], batchSize: 7, seed: 1, steps: 1, workers })) {
        return await images.data();
      }
    };
    deepStrictEqual(await read(2), await read(0));
    const half = table("snappy").slice(0, 900);
    await Deno.writeFile(`${path}/b.parquet`, half);
    await rejects(
      openImages(`${path}/b.parquet`),
      /Cannot read .*b\.parquet as a Parquet table as its metadata must be whole/,
    );
  }));

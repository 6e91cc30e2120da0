import { deepStrictEqual, equal, rejects, throws } from "node:assert/strict";
import { folder } from "../../../data/sets/folder.ts";
import { ImageError } from "../../../data/images/decode.ts";
import { dataKey, drawsOf } from "../../../data/batches/draws.ts";
import { testFiles, withFolder } from "../support.ts";

const draw = drawsOf(dataKey(0));
const empty = new Uint8Array(0);

Deno.test("folder() lists a flat folder in order, without other and hidden files", async () => {
  const files = { "b.JPG": empty, "a.webp": empty, "notes.txt": empty, ".hidden.png": empty, "c.jpeg": empty };
  await withFolder({ ...files, "B.png": empty }, (path) => {
    const dataset = folder(`${path}/`);
    const names = Array.from({ length: dataset.length }, (_, i) => dataset.nameOf(i));
    deepStrictEqual(names, ["B.png", "a.webp", "b.JPG", "c.jpeg"].map((name) => `${path}/${name}`));
    equal(dataset.labels, undefined);
  });
});

Deno.test("folder() makes a class of each sub-folder", async () => {
  const files = { "dog/1.png": empty, "cat/deep/2.png": empty, "cat/1.png": empty, "readme.md": empty };
  await withFolder(files, (path) => {
    const dataset = folder(path);
    deepStrictEqual(dataset.labelNames, ["cat", "dog"]);
    deepStrictEqual([...dataset.labels!], [0, 0, 1]);
    equal(dataset.nameOf(1), `${path}/cat/deep/2.png`);
  });
});

Deno.test("folder() has no classes where images lie beside sub-folders, and follows links", async () => {
  await withFolder({ "1.png": empty, "dog/1.png": empty }, async (path) => {
    await Deno.symlink("../dog", `${path}/dog/circle`);
    await Deno.symlink("missing.png", `${path}/broken.png`);
    await Deno.symlink("1.png", `${path}/link.png`);
    const dataset = folder(path);
    equal(dataset.labels, undefined);
    equal(dataset.nameOf(dataset.length - 1), `${path}/link.png`);
  });
});

Deno.test("folder() says what it looked for", async () => {
  throws(() => folder("no/such"), /\.jpg, \.jpeg, \.png, \.webp.* an existing folder: current path is no\/such/);
  await withFolder({ "a.txt": empty, "sub/b.gif": empty }, (path) => {
    throws(() => folder(path), /\(\.jpg, \.jpeg, \.png, \.webp\), flat or .* has 2 files, none of these/);
    throws(() => folder(`${path}/a.txt`), /a folder, not a file: current path is .*a\.txt/);
  });
  await withFolder({}, (path) => throws(() => folder(path), /has 0 files/));
});

Deno.test("folder() loads images, and names those that do not decode or have gone", async () => {
  await withFolder({ ...testFiles(1), "x.png": empty, "y.png": empty }, async (path) => {
    const dataset = folder(path);
    await Deno.remove(`${path}/y.png`);
    deepStrictEqual([(await dataset.load(0, draw)).width, (await dataset.load(0, draw)).height], [40, 60]);
    await rejects(dataset.load(1, draw), /Cannot decode .*x\.png as .* empty/);
    await rejects(dataset.load(2, draw), (error) => error instanceof ImageError && /No such file/.test(error.message));
  });
});

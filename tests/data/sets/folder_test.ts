import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import { openImages } from "../../../data/sets/open_images.ts";
import { ImageError } from "../../../data/images/decode.ts";
import { dataKey, drawsOf } from "../../../data/batches/draws.ts";
import { testFiles, withFolder } from "../support.ts";

const draw = drawsOf(dataKey(0));
const empty = new Uint8Array(0);

Deno.test("openImages() of a folder lists a flat folder in order, without other and hidden files", async () => {
  const files = { "b.JPG": empty, "a.webp": empty, "notes.txt": empty, ".hidden.png": empty, "c.jpeg": empty };
  await withFolder({ ...files, "B.png": empty }, async (path) => {
    const dataset = await openImages(`${path}/`);
    const names = Array.from({ length: dataset.length }, (_, i) => dataset.nameOf(i));
    deepStrictEqual(names, ["B.png", "a.webp", "b.JPG", "c.jpeg"].map((name) => `${path}/${name}`));
    equal(dataset.labels, undefined);
  });
});

Deno.test("openImages() of a folder makes a class of each sub-folder", async () => {
  const files = { "dog/1.png": empty, "cat/deep/2.png": empty, "cat/1.png": empty, "readme.md": empty };
  await withFolder(files, async (path) => {
    const dataset = await openImages(path);
    deepStrictEqual(dataset.labelNames, ["cat", "dog"]);
    deepStrictEqual([...dataset.labels!], [0, 0, 1]);
    equal(dataset.nameOf(1), `${path}/cat/deep/2.png`);
  });
});

Deno.test("openImages() of a folder follows links, once, and has no classes where images lie beside one folder", async () => {
  await withFolder({ "1.png": empty, "dog/1.png": empty }, async (path) => {
    await Deno.symlink("../dog", `${path}/dog/circle`);
    await Deno.symlink("missing.png", `${path}/broken.png`);
    await Deno.symlink("1.png", `${path}/link.png`);
    const dataset = await openImages(path);
    equal(dataset.labels, undefined);
    deepStrictEqual([dataset.length, dataset.nameOf(2)], [3, `${path}/link.png`]);
    deepStrictEqual(dataset.account!.leftOut.map(({ kind, reason, names }) => [kind, reason, names]), [
      ["broken link", "", ["broken.png"]],
      ["link", "that leads back to a folder around it", ["dog/circle"]],
    ]);
  });
});

Deno.test("openImages() of a folder says what it looked for and what is there", async () => {
  await rejects(openImages("no/such"), /an existing folder or file: current path is no\/such/);
  await withFolder({ "a.txt": empty, "sub/b.heic": empty }, async (path) => {
    await rejects(
      openImages(path),
      /JPEG, PNG, WebP.*, flat or .* has 1 text, such as a\.txt; 1 HEIC image, such as sub/,
    );
    await rejects(openImages(`${path}/a.txt`), /a\.txt is an empty file/);
  });
  await withFolder({}, (path) => rejects(openImages(path), /has no file/));
});

Deno.test("openImages() of a folder takes files without an ending by their content where there are no others", async () => {
  const [one] = Object.values(testFiles(1));
  await withFolder({ "a/0001": one!, "a/0002": one!, "b/0001": one!, "b/LICENSE": new Uint8Array(9) }, async (path) => {
    const dataset = await openImages(path);
    deepStrictEqual([dataset.length, dataset.labelNames], [3, ["a", "b"]]);
    equal((await dataset.load(2, draw)).width, 40);
  });
});

Deno.test("openImages() of a folder loads images, and names those that do not decode or have gone", async () => {
  await withFolder({ ...testFiles(1), "x.png": empty, "y.png": empty }, async (path) => {
    const dataset = await openImages(path);
    await Deno.remove(`${path}/y.png`);
    deepStrictEqual([(await dataset.load(0, draw)).width, (await dataset.load(0, draw)).height], [40, 60]);
    await rejects(dataset.load(1, draw), /Cannot decode .*x\.png as .* empty/);
    await rejects(dataset.load(2, draw), (error) => error instanceof ImageError && /No such file/.test(error.message));
  });
});

Deno.test("openImages() of a folder leaves out folders that cannot be read, and refuses one that cannot be read itself", async () => {
  await withFolder({ "a/1.png": empty, "b/2.png": empty, "c/3.png": empty }, async (path) => {
    const { readDirSync } = Deno;
    const closed = { path: `${path}/b/` };
    // Root may read all, so that permissions cannot be tried.
    Deno.readDirSync = (folder) => {
      if (folder === closed.path) throw new Deno.errors.PermissionDenied("Permission denied");
      return readDirSync(folder);
    };
    try {
      const { length, account } = await openImages(path);
      deepStrictEqual([length, account!.leftOut.map(({ kind, reason, names }) => [kind, reason, names])], [
        2,
        [["folder", "that cannot be read", ["b"]]],
      ]);
      closed.path = `${path}/`;
      await rejects(
        openImages(path),
        /must lie in a folder that can be read: current folder is .* \(Permission denied\)/,
      );
    } finally {
      Deno.readDirSync = readDirSync;
    }
  });
});

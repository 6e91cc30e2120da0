import { deepStrictEqual } from "node:assert/strict";
import { namedImages, type NameForm } from "../../../../data/sets/scenes/find_images.ts";

/** Names of annotations, paths of files, and the names that these are found under. */
const CASES: readonly (readonly [
  form: NameForm,
  names: readonly string[],
  found: Readonly<Record<string, string | undefined>>,
])[] = [
  ["as they stand", ["a.png", "in/a.png"], { "/x/a.png": "a.png", "/x/in/a.png": "in/a.png", "/x/b.png": undefined }],
  ["as they stand", ["in/a.png", "b.png"], { "/x/b.png": "b.png", "/other/a.png": undefined }],
  ["with / for \\", ["in\\a.png"], { "/x/in/a.png": "in\\a.png" }],
  ["without the escapes of web addresses", ["in/my%20cup.png?v=1"], { "/x/in/my cup.png": "in/my%20cup.png?v=1" }],
  ["without their folders", ["C:\\Users\\me\\a.png"], { "/x/a.png": "C:\\Users\\me\\a.png", "/x/b.png": undefined }],
  ["with the endings that they lack", ["in/a"], { "/x/in/a.png": "in/a", "/x/a.png": undefined }],
  ["as they stand", ["x/a.png", "y/a.png"], { "/z/a.png": undefined }], // both would be a.png without their folders
];

Deno.test("namedImages() finds images of annotations by paths, under the first form of names that one has", () => {
  for (const [form, names, found] of CASES) {
    const { form: own, imageOf } = namedImages(names.map((name) => ({ name })), Object.keys(found));
    deepStrictEqual(own, form, `${names}`);
    deepStrictEqual(Object.fromEntries(Object.keys(found).map((path) => [path, imageOf(path)?.name])), found);
  }
});

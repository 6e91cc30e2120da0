import { deepStrictEqual, rejects } from "node:assert/strict";
import { writeFileAtomic } from "../../../data/formats/atomic_file.ts";
import { withFolder } from "../support.ts";

const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

Deno.test("writeFileAtomic() makes and replaces files, from one part or several", async () => {
  await withFolder({ old: Uint8Array.of(1) }, async (path) => {
    await writeFileAtomic(`${path}/old`, Uint8Array.of(2, 3));
    await writeFileAtomic(`${path}/new`, [Uint8Array.of(4), new Uint8Array(0), Uint8Array.of(5, 6)]);
    deepStrictEqual(await Deno.readFile(`${path}/old`), Uint8Array.of(2, 3));
    deepStrictEqual(await Deno.readFile(`${path}/new`), Uint8Array.of(4, 5, 6));
    deepStrictEqual(namesIn(path), ["new", "old"]);
  });
});

Deno.test("writeFileAtomic() names the file where it cannot write, and leaves nothing behind", async () => {
  await withFolder({ file: Uint8Array.of(1), "folder/inner": Uint8Array.of(2) }, async (path) => {
    const bytes = Uint8Array.of(9);
    await rejects(writeFileAtomic(`${path}/missing/a`, bytes), /Cannot write .*missing\/a as its folder must exist/);
    await rejects(writeFileAtomic(`${path}/file/a`, bytes), /Cannot write .*file\/a/);
    await rejects(writeFileAtomic(`${path}/folder`, bytes), /Cannot write .*folder/); // a folder has that name
    deepStrictEqual(namesIn(path), ["file", "folder"]);
    deepStrictEqual(await Deno.readFile(`${path}/file`), Uint8Array.of(1));
  });
});

Deno.test("writeFileAtomic() keeps one whole file where several write at once", async () => {
  await withFolder({}, async (path) => {
    const contents = Array.from({ length: 8 }, (_, i) => new Uint8Array(50_000).fill(i + 1));
    await Promise.all(contents.map((bytes) => writeFileAtomic(`${path}/a`, bytes)));
    const bytes = await Deno.readFile(`${path}/a`);
    deepStrictEqual(bytes, contents[bytes[0]! - 1]);
    deepStrictEqual(namesIn(path), ["a"]);
  });
});

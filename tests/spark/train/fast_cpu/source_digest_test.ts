import { equal, notEqual, throws } from "node:assert/strict";
import { sourceDigest } from "../../../../spark/train/fast_cpu/source_digest.ts";
import { withFolder } from "../../../data/support.ts";

Deno.test("The version of what writes kernels is that of all its files: names, places and contents", () =>
  withFolder({}, (folder) => {
    Deno.mkdirSync(`${folder}/below`);
    Deno.writeTextFileSync(`${folder}/a.ts`, "128");
    Deno.writeTextFileSync(`${folder}/below/b.ts`, "2");
    const url = new URL(`file://${folder}/`);
    const digest = sourceDigest(url);
    equal(sourceDigest(url), digest);
    const seen = [digest];
    const changed = (change: () => void) => {
      change();
      seen.push(sourceDigest(url));
      equal(new Set(seen).size, seen.length);
    };
    changed(() => Deno.writeTextFileSync(`${folder}/below/b.ts`, "3"));
    changed(() => Deno.renameSync(`${folder}/a.ts`, `${folder}/c.ts`));
    changed(() => Deno.renameSync(`${folder}/below/b.ts`, `${folder}/below.b.ts`));
    changed(() => Deno.writeTextFileSync(`${folder}/c.ts`, "12"));
    Deno.writeTextFileSync(`${folder}/d.ts`, "4");
    seen.push(sourceDigest(url));
    changed(() => { // the same text in a row, in one file less
      Deno.removeSync(`${folder}/d.ts`);
      Deno.writeTextFileSync(`${folder}/c.ts`, "12d.ts\n4");
    });
  }));

Deno.test("The version of what is no folder of files is its address where that never changes; else there is none", () => {
  const registry = new URL("https://jsr.io/@tessera/tessera/0.4.0/tensor/");
  equal(sourceDigest(registry), registry.href);
  for (const address of ["https://example.com/main/tensor/", "file:///nowhere/tensor/"]) {
    throws(() => sourceDigest(new URL(address)), address);
  }
  notEqual(sourceDigest(), "");
});

import { deepStrictEqual, equal, notDeepStrictEqual, ok } from "node:assert/strict";
import { damagedFile, fuzz } from "./fuzz.ts";
import type { Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

const COUNT = 50;

for (const target of TARGETS) {
  Deno.test(`damaged files are read or refused by name: ${target.name}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/damaged.${target.name}`;
      const { read, refused, problems } = await fuzz(target, { seed: 11, from: 0, count: COUNT, path });
      deepStrictEqual(problems.map(({ index, what }) => ({ index, what })), []);
      equal(read + refused, COUNT);
      if (target.refuses === false) equal(refused, 0);
      else ok(refused > COUNT / 5, `${refused} refused`); // of raw formats most damage changes values only
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("damage is the same for the same seed and another for another", async () => {
  const seeds = await TARGETS[0]!.seeds();
  const make = (seed: number, index: number) => damagedFile(TARGETS[0]!, seeds, { seed, index });
  deepStrictEqual(make(1, 2), make(1, 2));
  notDeepStrictEqual(make(1, 2), make(1, 3));
  notDeepStrictEqual(make(1, 2), make(2, 2));
});

Deno.test("a reader that fails without naming the file is found", async () => {
  const careless: Target = {
    name: "careless",
    seeds: () => Promise.resolve([Uint8Array.of(1, 2, 3)]),
    read: (bytes) => {
      if (bytes.length !== 3 || bytes[0] !== 1) throw new TypeError("boom");
    },
  };
  const { problems } = await fuzz(careless, { seed: 0, from: 0, count: 20, path: "x" });
  ok(problems.length > 5);
  ok(problems.every(({ what }) => what.includes("an error that does not name it: TypeError: boom")));
});

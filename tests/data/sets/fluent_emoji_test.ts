import { deepStrictEqual, equal, ok, rejects } from "node:assert/strict";
import { paintBackground } from "../../../data/images/background.ts";
import { batches } from "../../../data/batches/batches.ts";
import { fluentEmoji } from "../../../data/sets/fluent_emoji.ts";
import { encodePng } from "../../../data/images/png.ts";
import { dataKey, drawsOf } from "../../../data/batches/draws.ts";
import { sprites } from "../../../data/sets/sprites.ts";
import { withFolder } from "../support.ts";

Deno.test("fluentEmoji() finds and labels the objects", async () => {
  const emoji = await fluentEmoji();
  equal(emoji.length, 1852);
  equal(emoji.labelNames!.length, 97);
  const indexOf = (name: string) => Array.from({ length: emoji.length }, (_, i) => emoji.nameOf(i)).indexOf(name);
  equal(emoji.labelNames![emoji.labels![indexOf("cat")]!], "animal-mammal");
  equal(emoji.labelNames![emoji.labels![indexOf("banana")]!], "food-fruit");
  equal(new Set(emoji.labels).size, 97);
  equal((await fluentEmoji({ skinTones: true })).length, 3372);
  const { found, used, leftOut } = emoji.account!;
  deepStrictEqual([found, used, leftOut.map(({ count, reason }) => `${count} ${reason}`)], [
    ...[3391, 1852],
    ["1520 of a skin tone", "19 that the table of emoji lacks"],
  ]);
  const food = await fluentEmoji({ groups: ["food-drink"], labels: "group" });
  deepStrictEqual([food.length, food.labelNames], [128, ["food-drink"]]);
  deepStrictEqual(food.account!.classes, [{ name: "food-drink", count: 128 }]);
  deepStrictEqual(food.account!.leftOut.map(({ count }) => count), [3244, 19]);
  await rejects(fluentEmoji({ groups: ["weather"] }), /one of smileys-emotion, .*: current group is weather/);
});

Deno.test("fluentEmoji() composes the same picture for the same draws, another for others", async () => {
  const emoji = await fluentEmoji({ canvas: 96 });
  const draw = (seed: number) => drawsOf(dataKey(seed));
  const first = await emoji.load(700, draw(1));
  deepStrictEqual([first.width, first.height, first.channels], [96, 96, 3]);
  deepStrictEqual(await emoji.load(700, draw(1)), first);
  ok((await emoji.load(700, draw(2))).data.some((value, i) => value !== first.data[i]));
});

Deno.test("fluentEmoji() comes to batches the same with and without workers", async () => {
  const emoji = await fluentEmoji();
  const values: Float32Array[] = [];
  for (const workers of [0, 2]) {
    for await (const { images } of batches(emoji, { size: [64, 96], batchSize: 8, seed: 5, steps: 1, workers })) {
      values.push(await images.data() as Float32Array);
    }
  }
  deepStrictEqual(values[0], values[1]);
});

Deno.test("sprites() lays an object with soft edges over its background", async () => {
  const side = 32;
  const data = new Uint8Array(side * side * 4);
  for (let i = 0; i < side * side; i++) data.set([255, 0, 0, i % side < 16 ? 255 : 0], i * 4);
  await withFolder({ "half.png": encodePng({ width: side, height: side, channels: 4, data }) }, async (path) => {
    const dataset = sprites({ name: "half", files: [`${path}/half.png`], canvas: 32, scale: [1, 1] });
    const image = await dataset.load(0, drawsOf(dataKey(1)));
    const background = paintBackground(32, drawsOf(dataKey(1)));
    const at = (x: number, y: number) => [...image.data.subarray((y * 32 + x) * 3, (y * 32 + x) * 3 + 3)];
    deepStrictEqual(at(4, 4), [255, 0, 0]);
    deepStrictEqual(at(28, 4), [...background.data.subarray((4 * 32 + 28) * 3, (4 * 32 + 28) * 3 + 3)]);
    const below = (28 * 32 + 24) * 3;
    ok(image.data[below]! < background.data[below]!); // the shadow
  });
});

Deno.test("paintBackground() paints many different pictures, none of them nearly black or white", () => {
  const means = Array.from({ length: 200 }, (_, seed) => {
    const { data } = paintBackground(32, drawsOf(dataKey(seed)));
    return data.reduce((sum, value) => sum + value, 0) / data.length;
  });
  ok(means.every((mean) => mean > 30 && mean < 240), `${Math.min(...means)} ${Math.max(...means)}`);
  ok(new Set(means.map(Math.round)).size > 60);
});

import { deepStrictEqual, equal, match, ok, rejects } from "node:assert/strict";
import { cpuDevice } from "../../../tensor/mod.ts";
import { decodeImage } from "../../../data/mod.ts";
import { runHere } from "./command_here.ts";
import { figuresCommand } from "../../../spark/commands/figures/figures.ts";
import type { MaskRows } from "../../../spark/commands/shared/mask_file.ts";
import { shareOf, vanishingMaps, vanishingMasks } from "../../../spark/commands/figures/vanishing.ts";
import { withFolder } from "../../data/support.ts";

const device = cpuDevice({ threads: 1 }); // no workers to end

/** What is within a number of steps of an active pixel, diagonal ones included: by definition. */
function dilated(mask: MaskRows, steps: number): MaskRows {
  const near = (y: number, x: number) =>
    mask.some((row, r) => Math.abs(r - y) <= steps && row.some((cell, c) => cell !== 0 && Math.abs(c - x) <= steps));
  return mask.map((row, y) => row.map((_, x) => Number(near(y, x))));
}

Deno.test("masks grow by a pixel in each dense convolution and stay in sparse ones", async () => {
  const series = await vanishingMasks(device);
  equal(series.length, 3);
  for (const { dense, sparse } of series) {
    const mask = dense[0]!;
    ok(shareOf(mask) > 0 && shareOf(mask) < 0.5);
    deepStrictEqual(dense, [0, 1, 2, 4, 8].map((depth) => dilated(mask, depth)));
    deepStrictEqual(sparse, new Array(5).fill(mask));
  }
});

Deno.test("maps of a ResNet-18 know of visible patches as far as its windows reach; sparse ones where they are", async () => {
  const { dense, sparse } = await vanishingMaps(device);
  const mask = dense[0]!;
  const sides = [7, 56, 28, 14, 7];
  const enlarged = (side: number): MaskRows =>
    Array.from(
      { length: side },
      (_, y) => Array.from({ length: side }, (_, x) => mask[Math.floor(7 * y / side)]![Math.floor(7 * x / side)]!),
    );
  deepStrictEqual(sparse, sides.map(enlarged));
  // Windows of the first map are 43 pixels wide: 21 to each side of a position, of which there is one in 4 pixels.
  const reach = dilated(enlarged(56), 6);
  ok(dense[1]!.every((row, y) => row.every((cell, x) => cell <= reach[y]![x]!)));
  ok(shareOf(dense[1]!) > 0.85 && shareOf(dense[1]!) < 1);
  ok(shareOf(dense[2]!) > 0.99); // windows of 99 pixels
  deepStrictEqual(dense.slice(3).map(shareOf), [1, 1]);
});

Deno.test("figures writes an SVG that stands on its own and a PNG", () =>
  withFolder({ file: new Uint8Array(1) }, async (folder) => {
    const { code, out } = await runHere(figuresCommand, `--out ${folder}/a/b --device cpu`);
    equal(code, 0);
    // Tables fit a terminal, below their titles.
    ok(out.filter((line) => / %|convolutions$|^ +mask/.test(line)).every((line) => line.length < 80), out.join("\n"));
    const svg = await Deno.readTextFile(`${folder}/a/b/mask_vanishing.svg`);
    match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^]*<\/svg>\n$/);
    equal(svg.match(/<path /g)!.length, 4 * 2 * 5);
    ok(!/(href|src|url)\b/.test(svg), "nothing is fetched");
    const { width, height } = await decodeImage(await Deno.readFile(`${folder}/a/b/mask_vanishing.png`));
    deepStrictEqual([width, height], [5 * 120 + 8, 8 * 120 + 8]);
    await rejects(
      figuresCommand(["--out", `${folder}/file`]),
      /^Error: Cannot write figures as --out must be a folder/,
    );
  }));

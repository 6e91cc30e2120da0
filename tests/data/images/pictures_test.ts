import { deepStrictEqual, equal, match, ok, throws } from "node:assert/strict";
import { decodeImage, dropAlpha } from "../../../data/images/decode.ts";
import { imageGrid } from "../../../data/images/grid.ts";
import { lineChart } from "../../../data/images/line_chart.ts";
import { crop } from "../../../data/images/pixels.ts";
import { testImage } from "../support.ts";

Deno.test("imageGrid() lays out rows of images with gutters", async () => {
  const images = [1, 2, 3].map((seed) => testImage(6, 5, seed));
  const grid = dropAlpha(await decodeImage(imageGrid([[images[0]!, images[1]!], [images[2]!]], { gutter: 2 })));
  deepStrictEqual([grid.width, grid.height], [2 + 2 * 8, 2 + 2 * 7]);
  deepStrictEqual(crop(grid, { left: 2, top: 2, width: 6, height: 5 }), images[0]);
  deepStrictEqual(crop(grid, { left: 10, top: 2, width: 6, height: 5 }), images[1]);
  deepStrictEqual(crop(grid, { left: 2, top: 9, width: 6, height: 5 }), images[2]);
  ok(crop(grid, { left: 8, top: 0, width: 2, height: 16 }).data.every((value) => value === 255));
});

Deno.test("imageGrid() repeats pixels", async () => {
  const image = testImage(3, 2, 1);
  const grid = dropAlpha(await decodeImage(imageGrid([[image]], { gutter: 0, enlarge: 3 })));
  deepStrictEqual([grid.width, grid.height], [9, 6]);
  for (let i = 0; i < 54; i++) {
    const pixel = crop(grid, { left: i % 9, top: Math.floor(i / 9), width: 1, height: 1 });
    const source = { left: Math.floor((i % 9) / 3), top: Math.floor(i / 27), width: 1, height: 1 };
    deepStrictEqual(pixel, crop(image, source));
  }
});

Deno.test("imageGrid() refuses no images and odd ones", () => {
  throws(() => imageGrid([]), /there must be an image: current number is 0/);
  throws(() => imageGrid([[testImage(3, 2, 1), testImage(4, 2, 1)]]), /3x2 as the first: current one is 4x2/);
});

Deno.test("lineChart() draws each series and survives what is not finite", () => {
  const points = [[0, 1], [1, NaN], [2, 0.5], [3, 0]] as const;
  const series = [{ name: "loss <a>", points }, { name: "mean", points: points.slice(0, 1) }];
  const svg = lineChart({ title: "Loss & more", x: "step", y: "loss", series });
  match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  match(svg, /Loss &amp; more/);
  match(svg, /loss &lt;a(&gt;|>)/);
  ok(!svg.includes("NaN"));
  equal(lineChart({ title: "a", x: "x", y: "y", series: [], logarithmic: true }).startsWith("<svg"), true);
  ok(!lineChart({ title: "a", x: "x", y: "y", series, logarithmic: true }).includes("NaN"));
});

Deno.test("lineChart() of one value has an axis to its double, of few steps a tick each", () => {
  const ticksOf = (svg: string, label: string) =>
    [...svg.matchAll(new RegExp(`aria-label="${label}-axis tick label"[^]*?</g>`, "g"))]
      .flatMap(([part]) => [...part.matchAll(/>([^<>]+)<\/text>/g)].map(([, text]) => text));
  const flat = (y: number) => [{ name: "a", points: [[1, y], [2, y], [4, y]] as const }];
  const svg = lineChart({ title: "a", x: "step", y: "decay", series: flat(0.05) });
  deepStrictEqual([ticksOf(svg, "y").at(0), ticksOf(svg, "y").at(-1)], ["0.00", "0.10"]);
  deepStrictEqual(ticksOf(svg, "x"), ["1", "2", "3", "4"]);
  deepStrictEqual(ticksOf(lineChart({ title: "a", x: "x", y: "y", series: flat(0) }), "y").at(-1), "1.0");
  deepStrictEqual(ticksOf(lineChart({ title: "a", x: "x", y: "y", series: flat(-3) }), "y").at(0), "−6.0");
});

import { crc32 } from "node:zlib";
import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { denormalise, normalise } from "../../../data/images/normalise.ts";
import { crop } from "../../../data/images/pixels.ts";
import { resample } from "../../../data/images/resample.ts";
import { dataKey, drawsOf, shuffled } from "../../../data/batches/draws.ts";
import { applyTransform, flipHorizontal, randomCropRectangle } from "../../../data/images/transforms.ts";
import torchvision from "../../golden/crops_torchvision.json" with { type: "json" };
import { patterned, testImage } from "../support.ts";

Deno.test("drawsOf() gives uniform numbers, another stream for another key", () => {
  const draw = drawsOf(dataKey(1, 2));
  const values = Array.from({ length: 20_000 }, draw);
  ok(values.every((value) => value >= 0 && value < 1));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  ok(Math.abs(mean - 0.5) < 0.01, `mean ${mean}`);
  const bins = new Array(10).fill(0);
  values.forEach((value) => bins[Math.floor(value * 10)]++);
  ok(bins.every((count) => Math.abs(count - 2000) < 200), String(bins));
  equal(new Set([[1, 2], [2, 1], [1, 3], [1], [1, 2, 0]].map((words) => drawsOf(dataKey(...words))())).size, 5);
  throws(() => dataKey(-1), /integers of 0 or more: current word is -1/);
});

Deno.test("dataKey() is threefry-2x32 with 20 rounds", () => {
  // Known answer of Random123: key and counter 0.
  deepStrictEqual(dataKey(0), [0x6b200159, 0x99ba4efe]);
});

Deno.test("shuffled() gives every order equally often", () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed++) {
    const order = shuffled(dataKey(seed), 3).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  equal(counts.size, 6);
  ok([...counts.values()].every((count) => Math.abs(count - 1000) < 120), String([...counts]));
});

Deno.test("randomCropRectangle() draws areas, aspects and places as torchvision does", () => {
  const [width, height] = [400, 300];
  const crops = Array.from({ length: 4000 }, (_, i) => randomCropRectangle(width, height, drawsOf(dataKey(i))));
  for (const { left, top, width: w, height: h } of crops) {
    ok(left >= 0 && top >= 0 && left + w <= width && top + h <= height);
    const [area, aspect] = [w * h / width / height, w / h];
    ok(area > 0.66 && area < 1.001 && aspect > 0.74 && aspect < 1.345, `${area} ${aspect}`);
  }
  const lefts = crops.filter(({ width: w }) => w < width - 20).map(({ left, width: w }) => left / (width - w));
  const mean = lefts.reduce((sum, value) => sum + value, 0) / lefts.length;
  ok(Math.abs(mean - 0.5) < 0.03, `mean ${mean}`);
  // Logarithm of the aspect is uniform where nothing is refused: small crops.
  const options = { scale: [0.1, 0.1], ratio: [1 / 3, 3] } as const;
  const wide = crops.map((_, i) => randomCropRectangle(300, 300, drawsOf(dataKey(9, i)), options))
    .filter(({ width: w, height: h }) => w / h > Math.sqrt(3)).length;
  ok(Math.abs(wide / crops.length - 0.25) < 0.03, `part ${wide / crops.length}`);
});

/** Histogram in equal bins; what lies outside is in the outermost. */
function histogram(values: readonly number[], low: number, high: number, bins: number): readonly number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) {
    counts[Math.min(bins - 1, Math.max(0, Math.floor((value - low) / (high - low) * bins)))]! += 1;
  }
  return counts;
}

/** Two samples of one distribution have a chi-square of about its degrees of freedom; 5 deviations are allowed. */
function assertSameDistribution(got: readonly number[], expected: readonly number[], label: string): void {
  const [a, b] = [got, expected].map((counts) => counts.reduce((sum, count) => sum + count, 0)) as [number, number];
  const used = got.map((count, i) => [count, expected[i]!] as const).filter(([x, y]) => x + y > 0);
  const terms = used.map(([x, y]) => (x * Math.sqrt(b / a) - y * Math.sqrt(a / b)) ** 2 / (x + y));
  const statistic = terms.reduce((sum, term) => sum + term, 0);
  const freedom = Math.max(0, used.length - 1);
  ok(statistic <= freedom + 5 * Math.sqrt(2 * freedom), `${label}: chi-square ${statistic} of ${freedom} degrees`);
}

for (const [number, { size, scale, ratio, area, aspect, left, top }] of torchvision.draws.entries()) {
  const [width, height] = size as [number, number];
  Deno.test(`randomCropRectangle() draws as torchvision does: ${width}x${height}, area ${scale}`, () => {
    const options = { scale: scale as [number, number], ratio: ratio as [number, number] };
    const crops = Array.from(
      { length: torchvision.count },
      (_, i) => randomCropRectangle(width, height, drawsOf(dataKey(17, number, i)), options),
    );
    const compare = (name: string, values: readonly number[], { low, high, counts }: typeof area) =>
      assertSameDistribution(histogram(values, low, high, counts.length), counts, name);
    compare("area", crops.map((crop) => crop.width * crop.height / (width * height)), area);
    compare("aspect", crops.map((crop) => Math.log(crop.width / crop.height)), aspect);
    const across = crops.filter((crop) => crop.width < width);
    compare("left", across.map((crop) => crop.left / (width - crop.width)), left);
    const down = crops.filter((crop) => crop.height < height);
    compare("top", down.map((crop) => crop.top / (height - crop.height)), top);
  });
}

Deno.test("applyTransform() flips as often as torchvision does", () => {
  const image = patterned(2, 1);
  const whole = { kind: "randomResizedCrop", scale: [1, 1], ratio: [2, 2] } as const;
  const samples = Array.from(
    { length: torchvision.count },
    (_, i) => applyTransform(image, [1, 2], whole, drawsOf(dataKey(19, i))).data.join(),
  );
  const flipped = flipHorizontal(image).data.join();
  const counts = (flips: number) => [flips, torchvision.count - flips];
  deepStrictEqual(new Set(samples), new Set([image.data.join(), flipped]));
  const flips = samples.filter((sample) => sample === flipped).length;
  assertSameDistribution(counts(flips), counts(torchvision.flips), "flips");
});

Deno.test("the comparison of distributions notices small differences", () => {
  const [{ area }] = torchvision.draws as [typeof torchvision.draws[0]];
  const shifted = Array.from(
    { length: torchvision.count },
    (_, i) => randomCropRectangle(400, 300, drawsOf(dataKey(18, i)), { scale: [0.68, 1] }),
  ).map((crop) => crop.width * crop.height / 120_000);
  throws(
    () => assertSameDistribution(histogram(shifted, area.low, area.high, 20), area.counts, "area"),
    /area: chi-square/,
  );
});

for (const { source, rectangle, size, flip, crc32: expected, head } of torchvision.pixels) {
  Deno.test(`crop, resize, flip and normalise equal torchvision's in every bit: ${source} to ${size}`, () => {
    const [height, width] = size as [number, number];
    const resized = resample(crop(patterned(source[0]!, source[1]!), rectangle), { width, height, filter: "bicubic" });
    const values = normalise(flip ? flipHorizontal(resized) : resized);
    deepStrictEqual([...values.subarray(0, 6)], head);
    equal(crc32(new Uint8Array(values.buffer)), expected);
  });
}

Deno.test("randomCropRectangle() falls back to the centre where no try fits", () => {
  const draw = drawsOf(dataKey(1));
  deepStrictEqual(randomCropRectangle(1000, 10, draw, { scale: [1, 1] }), { left: 493, top: 0, width: 13, height: 10 });
  deepStrictEqual(randomCropRectangle(10, 1000, draw, { scale: [1, 1] }), { left: 0, top: 493, width: 10, height: 13 });
  deepStrictEqual(randomCropRectangle(1, 1, draw), { left: 0, top: 0, width: 1, height: 1 });
});

Deno.test("applyTransform() crops first and resizes then, and flips half of the images", () => {
  const image = testImage(50, 40, 3);
  let flipped = 0;
  for (let i = 0; i < 200; i++) {
    const draw = drawsOf(dataKey(i));
    const rectangle = randomCropRectangle(50, 40, draw);
    const plain = resample(crop(image, rectangle), { width: 16, height: 24 });
    const flips = draw() < 0.5;
    flipped += Number(flips);
    const sample = applyTransform(image, [24, 16], { kind: "randomResizedCrop" }, drawsOf(dataKey(i)));
    deepStrictEqual(sample, flips ? flipHorizontal(plain) : plain);
  }
  ok(flipped > 70 && flipped < 130, `${flipped} of 200`);
});

Deno.test("applyTransform() with centerCrop equals Resize and CenterCrop of torchvision", () => {
  const image = testImage(64, 48, 4);
  const draw = drawsOf(dataKey(0));
  const sample = applyTransform(image, [28, 28], { kind: "centerCrop", enlarge: 32 / 28 }, draw);
  // Shorter side 32, longer int(32 * 64 / 48) = 42; offsets round((42 - 28) / 2) = 7 and 2.
  const resized = resample(image, { width: 42, height: 32 });
  deepStrictEqual(sample, crop(resized, { left: 7, top: 2, width: 28, height: 28 }));
  const wide = applyTransform(testImage(30, 90, 4), [20, 60], { kind: "centerCrop" }, draw);
  deepStrictEqual([wide.height, wide.width], [20, 60]);
});

Deno.test("crop() refuses rectangles outside", () => {
  const image = testImage(5, 4, 1);
  throws(
    () => crop(image, { left: 3, top: 0, width: 3, height: 1 }),
    /5x4 image: current rectangle is 3x1 at \(3, 0\)/,
  );
  throws(() => crop(image, { left: 0, top: 0, width: 0, height: 1 }), RangeError);
});

Deno.test("normalise() rounds each step to float32 as torchvision does, denormalise() turns it back", () => {
  const image = {
    width: 16,
    height: 16,
    channels: 3,
    data: Uint8Array.from({ length: 768 }, (_, i) => i / 3),
  } as const;
  const values = normalise(image);
  // torch.tensor([0, 128, 255], dtype=torch.uint8).to(torch.float32).div(255).sub(mean).div(std)
  const f = Math.fround;
  equal(values[128 * 3], f(f(f(128 / 255) - f(0.485)) / f(0.229)));
  equal(values[2], f(-f(0.406) / f(0.225)));
  deepStrictEqual(denormalise(values, [16, 16]), image);
  deepStrictEqual(denormalise([99, -99, NaN], [1, 1]).data, Uint8Array.of(255, 0, 0));
  throws(() => denormalise([1], [1, 1]), /1 \* 1 \* 3 values: current number is 1/);
});

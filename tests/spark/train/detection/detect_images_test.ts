import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { openDevice, random, tensor } from "../../../../tensor/mod.ts";
import { detect, detector, resnet } from "../../../../nn/mod.ts";
import { IMAGENET_NORMALISATION, normalise, type Pixels } from "../../../../data/mod.ts";
import { imageDetector } from "../../../../spark/train/detection/detect_images.ts";

const model = detector({
  backbone: resnet({ block: "basic", depths: [1, 1, 1, 1], widths: [4, 4, 8, 8], stemWidth: 4 }),
  ...{ classes: 2, fpnChannels: 4, boxFcs: [8], maskConvs: [4], preNms: [50, 50], postNms: [20, 20], detections: 6 },
  scoreThreshold: 0,
});
const weights = model.init(random.key(3));
const noise = (height: number, width: number, seed: number): Pixels => ({
  ...{ width, height, channels: 3 },
  data: Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 7919 + seed * 104729 + (i >> 5) * 31) % 256),
});
const device = await openDevice("cpu");
const input = { short: 32, longest: 64, normalisation: IMAGENET_NORMALISATION };

Deno.test("imageDetector() finds what detect() finds, in any company, with one program for each filled size", async () => {
  const make = (normalisation: typeof input.normalisation & { blueFirst?: boolean } = IMAGENET_NORMALISATION) =>
    imageDetector(model, weights, { input: { ...input, normalisation }, categories: [5, 9], device });
  // The first comes as it is, the second is halved, the third is filled up from 40 to 64 columns.
  const images = [noise(32, 64, 1), noise(64, 128, 2), noise(32, 40, 3), noise(64, 32, 4)];
  const all = images.map((pixels, id) => ({ id, pixels }));
  const together = make();
  const found = await together.detect(all);
  deepStrictEqual(together.canvases(), [[32, 64], [64, 32]]);
  const alone = make();
  for (const [i, each] of all.entries()) {
    const [own] = await alone.detect([each]);
    const round = ({ detections }: typeof own & object) =>
      detections.map(({ box, category, score }) => [category, ...[...box, score].map((x) => x.toFixed(3))]);
    deepStrictEqual(round(own!), round(found[i]!));
    ok(own!.detections.length > 0);
  }
  const x = tensor(normalise(images[0]!), { shape: [1, 32, 64, 3] });
  const direct = detect(model, weights, { images: x, sizes: tensor([[32, 64]]) });
  const [boxes, classes] = [await direct.boxes.data({ device }), await direct.classes.data({ device })];
  found[0]!.detections.forEach(({ box: [left, top, width, height], category }, d) => {
    const corners = [left, top, left + width, top + height];
    corners.forEach((corner, c) => ok(Math.abs(corner - boxes[4 * d + c]!) < 1e-3, `${corner} ${boxes[4 * d + c]}`));
    equal(category, [5, 9][classes[d]!]);
  });
  deepStrictEqual(found[1]!.detections[0]!.mask!.size, [64, 128]);
});

Deno.test("imageDetector() gives networks of blue, green and red what they take", async () => {
  const { mean, std } = IMAGENET_NORMALISATION;
  const pixels = noise(32, 32, 5);
  const swapped = { ...pixels, data: pixels.data.map((_, i) => pixels.data[i - i % 3 + 2 - i % 3]!) };
  const turned = { mean: [...mean].reverse(), std: [...std].reverse(), blueFirst: true } as never;
  const run = async (normalisation: typeof input.normalisation, given: Pixels) => {
    const made = imageDetector(model, weights, { input: { ...input, normalisation }, categories: [0, 1], device });
    return (await made.detect([{ id: 1, pixels: given }]))[0]!.detections.map(({ box, score }) => [...box, score]);
  };
  deepStrictEqual(await run(turned, swapped), await run(IMAGENET_NORMALISATION, pixels));
});

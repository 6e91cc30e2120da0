import { deepStrictEqual, equal, ok, rejects } from "node:assert/strict";
import { decodeBoxes } from "../../../data/boxes/box_coder.ts";
import { placesOfPart } from "../../../data/batches/batch_part.ts";
import { type FieldBatch, fieldBatches } from "../../../data/batches/field_batches.ts";
import { sceneFields, type SceneFieldsOptions } from "../../../data/batches/scene_fields.ts";
import type { SceneTransform } from "../../../data/images/scenes/scene_transforms.ts";
import type { Canvas } from "../../../data/images/scenes/scene_transforms.ts";
import { anchorOptionsOf, detector, tinyResnet } from "../../../nn/mod.ts";
import { BRIGHT, type Kind, sceneSet } from "./scene_set.ts";

const MODEL = detector({ backbone: tinyResnet(), classes: 3, fpnChannels: 8, boxFcs: [8], maskConvs: [8] });
const PLAIN = { mean: [0, 0, 0], std: [1, 1, 1] } as const;
const TARGETS = { objects: 4, masks: true, anchors: anchorOptionsOf(MODEL), rpn: { batchSize: 64 } } as const;

const TRANSFORMS: Readonly<Record<string, readonly [SceneTransform, Canvas]>> = {
  "shortest edge": [{ kind: "shortestEdge", longest: 128, flip: 0 }, { size: [96, 128], shorts: [64, 96] }],
  "shortest edge, mirrored": [{ kind: "shortestEdge", longest: 128, flip: 1 }, { size: [96, 128], shorts: [96] }],
  "random part": [
    { kind: "shortestEdge", longest: 160, crop: { probability: 1, shorts: [80, 100], range: [40, 70] } },
    { size: [160, 160], shorts: [96] },
  ],
  "large-scale jitter": [{ kind: "jitter" }, { size: [96, 96], shorts: [] }],
  "jitter that only cuts": [{ kind: "jitter", scale: [1.6, 2], flip: 1 }, { size: [96, 96], shorts: [] }],
};

async function collect(options: SceneFieldsOptions, kind: Kind, more: object = {}): Promise<readonly FieldBatch[]> {
  const dataset = sceneSet({ sizes: [[60, 80], [60, 80], [60, 80]], objects: 3, kind });
  const found: FieldBatch[] = [];
  const run = { batchSize: 3, seed: 5, steps: 3, workers: 0, ...more };
  for await (const batch of fieldBatches(dataset, { fields: sceneFields(options), ...run })) found.push(batch);
  return found;
}

/** Numbers of the fields of a batch. */
async function numbersOf({ fields }: FieldBatch) {
  const entries = Object.entries(fields).map(async ([name, x]) => [name, [...await x.data()].map(Number)] as const);
  return Object.fromEntries(await Promise.all(entries)) as Readonly<Record<string, readonly number[]>>;
}

/** Whether the mask of a place of a batch has a pixel. */
const bitOf = (
  masks: readonly number[],
  place: number,
  [x, y]: readonly [number, number],
  [height, width]: readonly [number, number],
) => (masks[(place * height + y) * Math.ceil(width / 32) + (x >> 5)]! >> (x & 31)) & 1;

for (const [name, [transform, canvas]] of Object.entries(TRANSFORMS)) {
  for (const kind of ["polygons", "runs", "boxes"] as const) {
    Deno.test(`sceneFields(): ${name}, ${kind}: pixels, boxes and masks of an object go to the same place`, async () => {
      const [height, width] = canvas.size;
      const options = { canvases: [canvas], transform, normalisation: PLAIN, targets: TARGETS };
      let seen = 0;
      for (const batch of await collect(options, kind)) {
        const { images, boxes, classes, valid, masks, sizes } = await numbersOf(batch);
        for (let place = 0; place < 3 * TARGETS.objects; place++) {
          if (!valid![place]) {
            deepStrictEqual(boxes!.slice(place * 4, place * 4 + 4), [0, 0, 1, 1]);
            continue;
          }
          seen++;
          const [x1, y1, x2, y2] = boxes!.slice(place * 4, place * 4 + 4) as [number, number, number, number];
          const image = Math.floor(place / TARGETS.objects);
          const [h, w] = sizes!.slice(2 * image, 2 * image + 2) as [number, number];
          const shared = { both: 0, pixels: 0, mask: 0, inBox: 0 };
          for (let y = 0; y < h; y++) { // beyond the image its border stands once more: packMasks()
            for (let x = 0; x < w; x++) {
              // Objects of a scene have a class and a colour each.
              const light = images![((image * height + y) * width + x) * 3 + classes![place]!]! * 255;
              const isPixel = light > BRIGHT / 2;
              const isMask = bitOf(masks!, place, [x, y], [height, width]) === 1;
              const isBox = x + 0.5 > x1 && x + 0.5 < x2 && y + 0.5 > y1 && y + 0.5 < y2;
              shared.pixels += Number(isPixel);
              shared.mask += Number(isMask);
              shared.both += Number(isPixel && isMask);
              shared.inBox += Number(isMask && isBox);
            }
          }
          ok(shared.mask > 0);
          const border = 0.8 * (x2 - x1 + y2 - y1) + 4; // less than half a pixel all around, and the corners
          ok(shared.mask - shared.both <= border && shared.pixels - shared.both <= border, JSON.stringify(shared));
          ok(
            Math.abs(shared.mask - (x2 - x1) * (y2 - y1)) <= 1.2 * border && shared.mask - shared.inBox <= 1.2 * border,
            JSON.stringify([shared, x1, y1, x2, y2]),
          );
        }
      }
      ok(seen > 8);
    });
  }
}

Deno.test("sceneFields() learns from anchors that go back to the objects, and from the matcher's labels", async () => {
  const [transform, canvas] = TRANSFORMS["large-scale jitter"]!;
  const anchors = MODEL.anchors([96, 96]);
  let positives = 0;
  for (const batch of await collect({ canvases: [canvas], transform, targets: TARGETS }, "runs")) {
    const { boxes, valid, rpnIndex, rpnLabel, rpnTarget } = await numbersOf(batch);
    for (let image = 0; image < 3; image++) {
      const own = boxes!.slice(image * 16, image * 16 + 16).filter((_, i) => valid![image * 4 + (i >> 2)]);
      for (let row = 0; row < 32; row++) {
        if (!rpnLabel![image * 64 + row]) continue;
        positives++;
        const anchor = rpnIndex![image * 64 + row]!;
        const target = rpnTarget!.slice((image * 32 + row) * 4, (image * 32 + row) * 4 + 4);
        const box = decodeBoxes(anchors.slice(anchor * 4, anchor * 4 + 4), target);
        const errors = Array.from(
          { length: own.length / 4 },
          (_, g) => Math.max(...box.map((x, i) => Math.abs(x - own[4 * g + i]!))),
        );
        ok(Math.min(...errors) < 1e-3, `${[...box]} is none of ${own}`);
      }
    }
  }
  ok(positives > 9);
});

Deno.test("sceneFields() keeps the largest objects and counts the others; images alone need no objects", async () => {
  const canvas = { size: [96, 128], shorts: [96] } as const;
  const transform = { kind: "shortestEdge", longest: 128, flip: 0 } as const;
  const few = { ...TARGETS, objects: 1 };
  const [batch] = await collect({ canvases: [canvas], transform, targets: few }, "boxes", { steps: 1 });
  equal(batch!.leftOut, 6);
  const { classes } = await numbersOf(batch!);
  deepStrictEqual(classes, [0, 0, 0]); // object 0 is the highest
  const [bare] = await collect({ canvases: [canvas], transform }, "boxes", { steps: 1 });
  deepStrictEqual(Object.keys(bare!.fields), ["images", "sizes"]);
  equal(bare!.leftOut, 0);
  const grey = { ...sceneSet({ sizes: [[8, 8]], objects: 1, kind: "boxes" }), loadScene: undefined };
  const { loadScene: _, ...without } = grey;
  const fields = sceneFields({ canvases: [canvas], transform, targets: TARGETS });
  await rejects(fieldBatches(without, { fields, batchSize: 1, seed: 1, workers: 0 }).next(), /must know the objects/);
});

Deno.test("fieldBatches() of groups: a batch has one, each sample comes once an epoch, workers change nothing", async () => {
  const sizes = Array.from({ length: 11 }, (_, i) => i % 3 === 0 ? [80, 60] as const : [60, 80] as const);
  const dataset = sceneSet({ sizes, objects: 2, kind: "runs" });
  const options = {
    canvases: [[64, 96], [96, 128], [96, 64], [128, 96]].map((size) => ({
      size: size as [number, number],
      shorts: [Math.min(...size)],
    })),
    transform: { kind: "shortestEdge", longest: 128 },
    groups: Int32Array.from(sizes, ([height, width]) => height > width ? 1 : 0),
    variants: 2,
    targets: TARGETS,
  } as const;
  const collected = async (workers: number, startStep = 0) => {
    const found: unknown[] = [];
    for await (
      const { step, epoch, bucket, fields, indices } of fieldBatches(dataset, {
        ...{ fields: sceneFields(options), batchSize: 2, seed: 3, epochs: 3, workers, startStep },
      })
    ) {
      const { size } = options.canvases[bucket]!;
      deepStrictEqual(fields.images!.shape, [2, ...size, 3]);
      indices.forEach((index) => equal(options.groups[index], Math.floor(bucket / 2)));
      const sums = Object.values(fields).map(async (x) =>
        Array.from(await x.data(), Number).reduce((sum, value) => sum + value, 0)
      );
      found.push({ step, epoch, bucket, indices, sums: await Promise.all(sums) });
    }
    return found as { epoch: number; bucket: number; indices: number[] }[];
  };
  const all = await collected(0);
  equal(all.length, 3 * 6); // 7 landscapes and 4 portraits in pairs
  for (let epoch = 0; epoch < 3; epoch++) {
    const seen = all.filter((batch) => batch.epoch === epoch).flatMap(({ indices }) => indices);
    deepStrictEqual([...new Set(seen)].sort((a, b) => a - b), sizes.map((_, i) => i));
    equal(seen.length, 12);
  }
  deepStrictEqual([...new Set(all.map(({ bucket }) => bucket))].sort(), [0, 1, 2, 3]);
  deepStrictEqual(await collected(2, 5), all.slice(5));
});

Deno.test("fieldBatches() makes for a part of a batch what it makes at these places of the whole: order, flips, scales, sampled anchors", async () => {
  const canvases = [{ size: [64, 64], shorts: [] }] as const;
  const options = { canvases, transform: { kind: "jitter", flip: 0.5 }, targets: TARGETS } as const;
  const run = { batchSize: 8, steps: 3 }; // of three images, so that a batch is filled up
  const rowsOf = async (batches: readonly FieldBatch[], places: readonly number[]) => {
    const all = await Promise.all(batches.map(async (batch) => [batch, await numbersOf(batch)] as const));
    return all.map(([{ indices }, numbers]) => ({
      indices: places.map((place) => indices[place]),
      ...Object.fromEntries(
        Object.entries(numbers).map(([name, values]) => {
          const each = values.length / indices.length;
          return [name, places.map((place) => values.slice(place * each, (place + 1) * each))];
        }),
      ),
    }));
  };
  const whole = await collect(options, "runs", run);
  for (const part of [{ first: 2, count: 3 }, { first: 7, count: 1 }, { first: 1, count: 6, groups: 2 }]) {
    const own = await collect(options, "runs", { ...run, part });
    const all = Array.from({ length: part.count }, (_, i) => i);
    deepStrictEqual(await rowsOf(own, all), await rowsOf(whole, placesOfPart(part, 8)));
  }
  const beyond = { ...run, part: { first: 3, count: 4, groups: 2 } };
  await rejects(
    collect(options, "runs", beyond),
    /part must lie within the 8 images .* 4 from number 3 on, in 2 equal/,
  );
});

import { deepStrictEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { batches } from "../../../data/batches/batches.ts";
import { encodeNpy } from "../../../data/formats/npy.ts";
import { fitChannels } from "../../../data/images/raster.ts";
import { decodeRaster } from "../../../data/images/decode.ts";
import { encodePng } from "../../../data/images/png.ts";
import { transformRaster } from "../../../data/images/transform_raster.ts";
import { applyTransform, normalisationFor } from "../../../data/images/transforms.ts";
import { openImages } from "../../../data/sets/open_images.ts";
import golden from "../../golden/formats_pil.json" with { type: "json" };
import { testImage, withFolder } from "../support.ts";

const file = (name: string) =>
  new Uint8Array(Buffer.from(golden.images.find((row) => row.name === name)!.file, "base64"));

Deno.test("transformRaster() equals applyTransform() but for rounding to bytes", () => {
  const image = testImage(40, 30, 3);
  for (const transform of [{ kind: "centerCrop", enlarge: 1.1 }, { kind: "randomResizedCrop", flip: 1 }] as const) {
    const bytes = applyTransform(image, [17, 23], transform, () => 0.4);
    const floats = transformRaster(image, [17, 23], { channels: 3, transform, draw: () => 0.4 });
    ok(bytes.data.every((value, i) => Math.abs(value - Math.min(255, Math.max(0, floats[i]! * 255))) <= 1.01));
  }
});

Deno.test("batches() of one channel keep 16 bits, with and without threads", () =>
  withFolder(
    { "a.png": file("deep_1.png"), "b.tif": file("grey16.tif"), "c.png": encodePng(testImage(29, 21, 1)) },
    async (path) => {
      const set = await openImages(path);
      const read = async (workers: number) => {
        const options = { size: [21, 29], batchSize: 3, seed: 1, steps: 1, workers, channels: 1 } as const;
        for await (const { images, indices } of batches(set, { ...options, transform: { kind: "centerCrop" } })) {
          deepStrictEqual(images.shape, [3, 21, 29, 1]);
          const values = await images.data() as Float32Array;
          return [0, 1, 2].map((i) => values.slice(indices.indexOf(i) * 609, (indices.indexOf(i) + 1) * 609));
        }
      };
      const [deep, tiff] = await read(0) as Float32Array[];
      deepStrictEqual(await read(2), await read(0));
      const truth = fitChannels(await decodeRaster(file("deep_1.png")), 1).data;
      ok(deep!.every((value, i) => Math.abs(value - (truth[i]! - 0.449) / 0.226) < 1e-5));
      ok(new Set(tiff).size > 256, "more than bytes can tell");
    },
  ));

Deno.test("batches() of seven channels take arrays, and pass over what does not fit, by name", () => {
  const seven = (seed: number) =>
    encodeNpy({ dtype: "F32", shape: [9, 8, 7], data: Float32Array.from({ length: 504 }, (_, i) => (i * seed) % 1) });
  const three = encodeNpy({ dtype: "U8", shape: [9, 8, 3], data: new Uint8Array(216) });
  return withFolder({ "a.npy": seven(0.1), "b.npy": seven(0.3), "c.npy": three }, async (path) => {
    const set = await openImages(path);
    const normalisation = { mean: Array(7).fill(0.5), std: Array(7).fill(1) };
    const options = { size: [8, 8], batchSize: 2, seed: 1, epochs: 1, workers: 0, channels: 7 } as const;
    const skipped: string[] = [];
    for await (
      const { images } of batches(set, {
        ...options,
        normalisation,
        onSkip: ({ name, reason }) => skipped.push(`${name}: ${reason}`),
      })
    ) {
      deepStrictEqual(images.shape, [2, 8, 8, 7]);
    }
    equal(skipped.length, 1);
    match(skipped[0]!, /c\.npy: images must have 7 channels: current image has 3/);
    throws(
      () => batches(set, { ...options, normalisation: normalisationFor(3) }),
      /a deviation for each of 7 channels: current numbers are 3 and 3/,
    );
    const erase = { kind: "randomResizedCrop", erase: { probability: 1 } } as const;
    throws(() => batches(set, { ...options, normalisation, transform: erase }), /erase are for 8-bit colours/);
    const { loadRaster: _, ...plain } = set;
    await rejects(async () => {
      for await (const _ of batches(plain, { ...options, normalisation })) { /* none fits */ }
    }, /must decode/);
  });
});

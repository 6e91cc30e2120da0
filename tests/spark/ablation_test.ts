import { deepStrictEqual, equal, notDeepStrictEqual, ok, throws } from "node:assert/strict";
import { add, greater, mul, ones, random, type Tensor, valueAndGrad, where } from "../../tensor/mod.ts";
import { type Model, resnet } from "../../nn/mod.ts";
import { gather, patternFromIndices, type SparsePattern, toDense } from "../../sparse/mod.ts";
import {
  evaluate,
  forward,
  init,
  initParams,
  inputGrid,
  type LossOptions,
  patchLoss,
  patternMask,
  positionEmbedding,
  pretrainOptimizer,
  reconstruct,
  trainStep,
} from "../../spark/mod.ts";

import { assertClose } from "../support/assert_close.ts";
import { randomValues } from "../support/random_values.ts";
import { float64, read } from "../nn/support.ts";

const PATTERN: SparsePattern = patternFromIndices([[0, 0, 1], [0, 1, 0], [1, 1, 2], [1, 0, 0]], [2, 2, 3]);
const MODEL: Model = resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4, stem: "light" });
const SIDE = 4;
const images = (seed: number) => float64(randomValues(seed, 2 * 2 * SIDE * 3 * SIDE * 3), [2, 2 * SIDE, 3 * SIDE, 3]);
const weightsOf = (scales?: number) =>
  initParams(MODEL, random.key(3), { decoderWidth: 8, dtype: "float64", ...(scales ? { scales } : {}) });

/** 1 at visible pixels. */
const visiblePixels = (x: Tensor) => toDense(gather(mul(add(mul(x, 0), 1), 1), PATTERN));

Deno.test("masking zero encodes dense images whose masked pixels are zero, and the decoder reads the visible patches", async () => {
  const weights = weightsOf();
  const x = images(1);
  const zeroed = mul(x, visiblePixels(x));
  const dense = MODEL.features(weights.params.encoder, weights.state.encoder, zeroed, { train: true });
  const out = forward(MODEL, weights, { images: x, pattern: PATTERN }, { train: true, masking: "zero" });
  for (const [i, map] of dense.features.entries()) {
    assertClose(await read(out.features[i]!.values), Array.from(await read(gather(map, PATTERN).values)), {});
  }
  const sparse = forward(MODEL, weights, { images: x, pattern: PATTERN }, { train: true });
  notDeepStrictEqual(await read(out.pixels), await read(sparse.pixels));
  const noise = add(zeroed, mul(images(2), add(mul(visiblePixels(x), -1), 1)));
  const other = forward(MODEL, weights, { images: noise, pattern: PATTERN }, { train: true, masking: "zero" });
  deepStrictEqual(await read(other.pixels), await read(out.pixels));
});

Deno.test("one scale: the decoder has one token and reads the coarsest map alone", async () => {
  const weights = weightsOf(1);
  deepStrictEqual(weights.params.densify.maskTokens.map(({ shape }) => shape), [[8]]);
  const input = { images: images(1), pattern: PATTERN };
  const { maps, pixels } = forward(MODEL, weights, input, { train: true });
  deepStrictEqual([maps.length, pixels.shape], [1, [2, 2 * SIDE, 3 * SIDE, 3]]);
  const both = weightsOf(2);
  notDeepStrictEqual(await read(pixels), await read(forward(MODEL, both, input, { train: true }).pixels));
  throws(() => weightsOf(3), /scales must be from 1 to 2, the maps of the model: current number is 3/);
});

Deno.test("positionEmbedding() has sines and cosines of the row, then of the column", async () => {
  const [height, width, channels] = [3, 5, 8];
  const expected: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (const place of [y, x]) {
        const angles = [0, 1].map((k) => place / 10_000 ** (k / 2));
        expected.push(...angles.map(Math.sin), ...angles.map(Math.cos));
      }
    }
  }
  assertClose(await read(positionEmbedding([height, width, channels], { dtype: "float64" })), expected, {
    absolute: 1e-12,
  });
  throws(() => positionEmbedding([2, 2, 6]), /multiple of 4: current number is 6/);
});

Deno.test("positions are added to the mask tokens of every scale, at masked sites alone", async () => {
  const weights = weightsOf();
  const plain = { ...weights.params.densify, projections: [{}, {}] };
  const bare = { ...weights, params: { ...weights.params, densify: plain } };
  const { densify } = await import("../../spark/mod.ts");
  const input = { images: images(1), pattern: PATTERN };
  const { features } = forward(MODEL, weights, input);
  const run = (positions: boolean) => densify(bare.params.densify, bare.state.densify, features, { positions }).maps;
  for (const [i, map] of run(true).entries()) {
    const [, h, w, c] = map.shape as [number, number, number, number];
    const without = run(false)[i]!;
    const isVisible = toDense(gather(add(mul(map, 0), 1), PATTERN));
    const moved = where(
      greater(isVisible, 0),
      without,
      add(without, positionEmbedding([h, w, c], { dtype: "float64" })),
    );
    assertClose(await read(map), Array.from(await read(moved)), { absolute: 1e-12 });
  }
});

/** Loss by the definition, patch by patch. */
async function lossByDefinition(x: Tensor, y: Tensor, { lossOn, distance, target }: LossOptions): Promise<number> {
  const [truth, predicted, visible] = [await read(x), await read(y), await read(patternMask(PATTERN))];
  const terms: number[] = [];
  for (let patch = 0; patch < 12; patch++) {
    if (visible[patch] && lossOn !== "all") continue;
    const [b, row, column] = [Math.floor(patch / 6), Math.floor(patch / 3) % 2, patch % 3];
    const at = Array.from({ length: SIDE * SIDE * 3 }, (_, k) => {
      const [p, q, c] = [Math.floor(k / 3 / SIDE), Math.floor(k / 3) % SIDE, k % 3];
      return ((b * 2 * SIDE + row * SIDE + p) * 3 * SIDE + column * SIDE + q) * 3 + c;
    });
    const mean = at.reduce((sum, i) => sum + truth[i]!, 0) / at.length;
    const deviation = Math.sqrt(at.reduce((sum, i) => sum + (truth[i]! - mean) ** 2, 0) / (at.length - 1) + 1e-6);
    const size = truth.length / 2;
    const colour = [0, 1, 2].map((c) => {
      const values = Array.from({ length: size / 3 }, (_, k) => truth[b * size + 3 * k + c]!);
      return values.reduce((sum, v) => sum + v, 0) / values.length;
    });
    const errors = at.map((i) => {
      if (target === "raw") return predicted[i]! - truth[i]!;
      if (target === "centred") return predicted[i]! + colour[i % 3]! - truth[i]!;
      return predicted[i]! - (truth[i]! - mean) / deviation;
    });
    terms.push(errors.reduce((sum, e) => sum + (distance === "l1" ? Math.abs(e) : e * e), 0) / errors.length);
  }
  return terms.reduce((sum, term) => sum + term, 0) / terms.length;
}

for (const lossOn of ["masked", "all"] as const) {
  for (const distance of ["l2", "l1"] as const) {
    for (const target of ["normalised", "raw", "centred"] as const) {
      Deno.test(`patchLoss() on ${lossOn} patches, ${distance}, ${target}, follows its definition`, async () => {
        const options = { lossOn, distance, target };
        const [x, y] = [images(1), images(2)];
        const expected = await lossByDefinition(x, y, options);
        assertClose(await read(patchLoss(x, y, PATTERN, options)), [expected], { relative: 1e-12 });
        const [, slope] = valueAndGrad((pixels: Tensor) => patchLoss(x, pixels, PATTERN, options))(y);
        const zeros = Array.from(await read(slope)).filter((v) => v === 0).length;
        equal(zeros, lossOn === "all" ? 0 : 4 * SIDE * SIDE * 3);
      });
    }
  }
}

Deno.test("reconstruct() undoes each target: perfect predictions give the image back", async () => {
  const x = images(1);
  const patches = await read(x);
  const raw = reconstruct(x, x, PATTERN, { target: "raw" });
  deepStrictEqual(await read(raw.composite), patches);
  const loss = (target: "centred" | "normalised") => patchLoss(x, images(2), PATTERN, { target });
  ok((await read(loss("centred")))[0]! > 0);
  // Gradient descent to the bottom of a quadratic: the minimiser is prediction - slope · half of the count.
  for (const target of ["centred", "normalised"] as const) {
    const count = 8 * SIDE * SIDE * 3;
    const [, slope] = valueAndGrad((p: Tensor) => patchLoss(x, p, PATTERN, { target }))(images(2));
    const best = add(images(2), mul(slope, -count / 2));
    assertClose(await read(reconstruct(x, best, PATTERN, { target }).composite), Array.from(patches), {
      absolute: 1e-9,
    });
  }
});

Deno.test("reconstruct() from visible moments knows nothing of masked pixels", async () => {
  const [x, pixels] = [images(1), images(2)];
  const shown = visiblePixels(x);
  const other = add(mul(x, shown), mul(add(images(7), 5), add(mul(shown, -1), 1)));
  for (const target of ["normalised", "centred"] as const) {
    const run = (given: Tensor, moments: "true" | "visible") =>
      read(reconstruct(given, pixels, PATTERN, { moments, target }).composite);
    deepStrictEqual(await run(x, "visible"), await run(other, "visible"));
    notDeepStrictEqual(await run(x, "true"), await run(other, "true"));
  }
  const flat = add(mul(x, 0), 3); // every patch has mean 3 and deviation 1e-3
  const composite = await read(reconstruct(flat, add(mul(x, 0), 1), PATTERN, { moments: "visible" }).composite);
  assertClose(composite, Array.from(await read(add(mul(add(mul(shown, -1), 1), 1e-3), 3))), { absolute: 1e-9 });
});

Deno.test("a patch of several strides encodes as so many patches of one", async () => {
  const weights = weightsOf();
  const x = float64(randomValues(4, 8 * 16 * 3), [1, 8, 16, 3]);
  const large = patternFromIndices([[0, 0, 1]], [1, 1, 2]);
  const small = patternFromIndices([[0, 0, 2], [0, 0, 3], [0, 1, 2], [0, 1, 3]], [1, 2, 4]);
  const run = (pattern: SparsePattern) => forward(MODEL, weights, { images: x, pattern }, { train: true });
  const [one, other] = [run(large), run(small)];
  assertClose(await read(one.pixels), Array.from(await read(other.pixels)), { absolute: 1e-10 });
  deepStrictEqual(one.features.map((map) => map.blockShape), [[4, 4], [2, 2]]);
  const optimizer = pretrainOptimizer({ learningRate: 1e-3 });
  const train = init(MODEL, optimizer, random.key(0), { decoderWidth: 8 });
  const { loss } = trainStep(MODEL, optimizer, { patchSize: 8, maskRatio: 0.5 })(train, {
    images: ones([2, 16, 16, 3]),
  });
  deepStrictEqual(loss.shape, []);
  deepStrictEqual(inputGrid({ name: "m", stride: 4 }, [16, 32], 8), [2, 4]);
  throws(
    () => inputGrid({ name: "m", stride: 4 }, [16, 32], 6),
    /multiple of 4, the stride of m: current patch size is 6/,
  );
  throws(() => inputGrid({ name: "m", stride: 4 }, [12, 32], 8), /multiples of 8, the patch size of m: .* 8×32, 16×32/);
});

Deno.test("evaluate() takes the options of the ablations", async () => {
  const weights = weightsOf(1);
  const input = { images: images(1), pattern: PATTERN };
  const options = { masking: "zero", lossOn: "all", distance: "l1", target: "raw" } as const;
  const { pixels } = forward(MODEL, weights, input, options);
  deepStrictEqual(
    await read(evaluate(MODEL, weights, input, options).loss),
    await read(patchLoss(input.images, pixels, PATTERN, options)),
  );
});

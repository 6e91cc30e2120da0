import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { ones, random, ShapeError, type Tensor, tensor, treeLeaves, valueAndGrad } from "../../tensor/mod.ts";
import { type Model, resnet, tinyResnet } from "../../nn/mod.ts";
import { patternFromIndices, type SparsePattern, sparseTensor } from "../../sparse/mod.ts";
import {
  checkModel,
  decode,
  densify,
  evaluate,
  forward,
  initDecoder,
  initDensify,
  initParams,
  inputGrid,
  lossAndGradients,
  patchLoss,
  reconstruct,
} from "../../spark/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { randomValues } from "../support/random_values.ts";
import { float64, read } from "../nn/support.ts";

const PATTERN: SparsePattern = patternFromIndices([[0, 0, 1], [0, 1, 0], [1, 1, 2]], [2, 2, 3]);
const MODEL: Model = resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4, stem: "light" });

/** Images of 2×3 patches of `side` pixels. */
const images = (seed: number, side: number) =>
  float64(randomValues(seed, 2 * 2 * side * 3 * side * 3), [2, 2 * side, 3 * side, 3]);

/** Loss and composite by the definition, patch by patch. */
async function definition(x: Tensor, y: Tensor, side: number) {
  const [truth, predicted] = [await read(x), await read(y)];
  const composite = Float64Array.from(truth);
  const visible = new Set(["0,0,1", "0,1,0", "1,1,2"]);
  const losses: number[] = [];
  for (let b = 0; b < 2; b++) {
    for (let row = 0; row < 2; row++) {
      for (let column = 0; column < 3; column++) {
        if (visible.has(`${b},${row},${column}`)) continue;
        const at: number[] = [];
        for (let p = 0; p < side; p++) {
          for (let q = 0; q < side; q++) {
            const pixel = (b * 2 * side + row * side + p) * 3 * side + column * side + q;
            at.push(3 * pixel, 3 * pixel + 1, 3 * pixel + 2);
          }
        }
        const mean = at.reduce((sum, i) => sum + truth[i]!, 0) / at.length;
        const variance = at.reduce((sum, i) => sum + (truth[i]! - mean) ** 2, 0) / (at.length - 1);
        const deviation = Math.sqrt(variance + 1e-6);
        losses.push(
          at.reduce((sum, i) => sum + (predicted[i]! - (truth[i]! - mean) / deviation) ** 2, 0) / at.length,
        );
        at.forEach((i) => composite[i] = predicted[i]! * deviation + mean);
      }
    }
  }
  return { loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length, composite };
}

Deno.test("patchLoss() and reconstruct() follow their definitions, on rectangular images", async () => {
  const [x, y] = [images(1, 4), images(2, 4)];
  const expected = await definition(x, y, 4);
  assertClose(await read(patchLoss(x, y, PATTERN)), [expected.loss], { relative: 1e-12 });
  const { masked, composite } = reconstruct(x, y, PATTERN);
  assertClose(await read(composite), expected.composite, { absolute: 1e-12 });
  const [kept, truth] = [await read(masked), await read(x)];
  equal(Array.from(kept).filter((v) => v !== 0).length, 3 * 4 * 4 * 3);
  ok(Array.from(kept).every((v, i) => v === 0 || v === truth[i]));
});

Deno.test("patchLoss() does not look at predictions of visible patches", async () => {
  const [x, y] = [images(1, 2), images(2, 2)];
  const [, gradient] = valueAndGrad((pixels: Tensor) => patchLoss(x, pixels, PATTERN))(y);
  const { composite } = reconstruct(x, ones(x.shape, { dtype: "float64" }), PATTERN);
  const [slopes, pictures, truth] = [await read(gradient), await read(composite), await read(x)];
  ok(Array.from(slopes).every((slope, i) => (slope === 0) === (pictures[i] === truth[i])));
});

Deno.test("patchLoss() refuses images that do not divide by the grid", () => {
  throws(() => patchLoss(images(1, 2), images(1, 2), patternFromIndices([[0, 0, 0]], [2, 3, 3])), ShapeError);
});

Deno.test("densify() puts tokens at masked sites before the projection", async () => {
  const { params, state } = initDensify(random.key(0), { channels: [2, 4], densifyNorm: "none" }, {
    width: 4,
    dtype: "float64",
  });
  deepStrictEqual([params.norms, params.projections[0]], [[{}, {}], {}]);
  deepStrictEqual((params.projections[1] as { weight: Tensor }).weight.shape, [3, 3, 2, 2]);
  const coarse = sparseTensor(PATTERN, [1, 1], ones([3, 1, 1, 4], { dtype: "float64" }));
  const fine = sparseTensor(PATTERN, [2, 2], ones([3, 2, 2, 2], { dtype: "float64" }));
  const { maps } = densify(params, state, [fine, coarse]);
  deepStrictEqual(maps.map((map) => map.shape), [[2, 2, 3, 4], [2, 4, 6, 2]]);
  const [token, sites] = [await read(params.maskTokens[0]!), await read(maps[0]!)];
  deepStrictEqual(Array.from(sites).slice(0, 4), Array.from(token)); // [0, 0, 0] is masked
  deepStrictEqual(Array.from(sites).slice(4, 8), [1, 1, 1, 1]); // [0, 0, 1] is visible
});

Deno.test("initDensify() draws tokens from N(0, 0.02²) cut at one deviation", async () => {
  const { params } = initDensify(random.key(1), { channels: [4096], densifyNorm: "none" }, { width: 4096 });
  const token = Array.from(await read(params.maskTokens[0]!));
  assertClose([Math.sqrt(token.reduce((sum, x) => sum + x * x, 0) / token.length)], [0.01078], { relative: 0.03 });
  ok(token.every((x) => Math.abs(x) <= 0.02));
});

Deno.test("decode() doubles as often as the stride says, and takes fewer maps than that", () => {
  const { params, state } = initDecoder(random.key(0), { stride: 16, width: 32 });
  const pixels = (maps: readonly Tensor[]) => decode(params, state, maps, { train: true }).pixels.shape;
  deepStrictEqual(pixels([ones([1, 2, 3, 32])]), [1, 32, 48, 3]);
  deepStrictEqual(pixels([ones([1, 2, 3, 32]), ones([1, 4, 6, 16])]), [1, 32, 48, 3]);
  throws(() => pixels([ones([1, 2, 3, 32]), ones([1, 8, 6, 16])]), ShapeError);
  throws(() => initDecoder(random.key(0), { stride: 32, width: 48 }), /current stride is 32, width is 48/);
});

Deno.test("inputGrid() names the nearest sizes that fit", () => {
  deepStrictEqual(inputGrid({ name: "m", stride: 32 }, [224, 160]), [7, 5]);
  throws(
    () => inputGrid({ name: "m", stride: 32 }, [200, 224]),
    /multiples of 32.*current size is 200×224, nearest sizes that fit are 192×224, 224×224/,
  );
  throws(() => inputGrid({ name: "m", stride: 32 }, [16, 32]), /nearest sizes that fit are 32×32/);
});

Deno.test("checkModel() says what a model of one's own lacks", () => {
  const { params, state } = MODEL.init(random.key(0));
  checkModel(MODEL, params, state);
  throws(() => checkModel({ ...MODEL, stride: 6 }, params, state), /power of two: current stride is 6/);
  throws(() => checkModel({ ...MODEL, channels: [1, 2, 3] }, params, state), /1 to 2 feature maps/);
  throws(() => checkModel({ ...MODEL, channels: [4, 9] }, params, state), ShapeError);
  throws(() => checkModel({ ...MODEL, stride: 8 }, params, state), ShapeError);
});

Deno.test("no pixel of a masked patch reaches predictions of visible context", async () => {
  const weights = initParams(MODEL, random.key(0), { decoderWidth: 8, dtype: "float64" });
  const x = images(5, 4);
  const { masked } = reconstruct(x, x, PATTERN);
  const run = (given: Tensor) => forward(MODEL, weights, { images: given, pattern: PATTERN }, { train: true }).pixels;
  deepStrictEqual(await read(run(x)), await read(run(masked)));
});

Deno.test("evaluate() gives the loss by the running statistics and changes nothing", async () => {
  const weights = initParams(MODEL, random.key(0), { decoderWidth: 8, dtype: "float64" });
  const input = { images: images(6, 4), pattern: PATTERN };
  const { loss, composite } = evaluate(MODEL, weights, input);
  const out = forward(MODEL, weights, input);
  assertClose(await read(loss), await read(patchLoss(input.images, out.pixels, PATTERN)) as Float64Array);
  deepStrictEqual(composite.shape, [2, 8, 12, 3]);
  deepStrictEqual(treeLeaves(out.state), treeLeaves(weights.state));
});

Deno.test("lossAndGradients() points uphill", async () => {
  const weights = initParams(MODEL, random.key(1), { decoderWidth: 8, dtype: "float64" });
  const input = { images: images(7, 4), pattern: PATTERN };
  const { loss, gradients } = lossAndGradients(MODEL, weights, input, { train: true });
  const bias = weights.params.decoder.projection.bias!;
  const slope = await read(gradients.decoder.projection.bias!);
  const moved = (h: number) => {
    const decoder = {
      ...weights.params.decoder,
      projection: { ...weights.params.decoder.projection, bias: shifted(h) },
    };
    const out = forward(MODEL, { ...weights, params: { ...weights.params, decoder } }, input, { train: true });
    return patchLoss(input.images, out.pixels, PATTERN);
  };
  const shifted = (h: number) => tensor([h, 0, 0], { dtype: "float64" });
  deepStrictEqual(await read(bias), new Float64Array(3));
  const [up, down] = [(await read(moved(1e-4)))[0]!, (await read(moved(-1e-4)))[0]!];
  assertClose([slope[0]!], [(up - down) / 2e-4], { absolute: 1e-8 });
  ok((await read(loss))[0]! > 0.5);
});

Deno.test("a fresh model's loss is about one", async () => {
  const weights = initParams(tinyResnet(), random.key(0), { decoderWidth: 16, dtype: "float64" });
  const pattern = patternFromIndices([[0, 0, 0], [0, 1, 1]], [1, 2, 2]);
  const input = { images: float64(randomValues(1, 32 * 32 * 3), [1, 32, 32, 3]), pattern };
  const { loss } = evaluate(tinyResnet(), weights, input);
  assertClose(await read(loss), [1], { absolute: 0.1 });
});

import { deepStrictEqual, throws } from "node:assert/strict";
import { checkGrads, ones, random, type Tensor, vjp, zeros } from "../../../tensor/mod.ts";
import {
  avgPool2d,
  convTranspose2d,
  groupNorm,
  initLayerNorm,
  initSqueezeExcite,
  maxPool2d,
  squeezeExcite,
} from "../../../nn/mod.ts";
import { gather, patternFromIndices, toDense } from "../../../sparse/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { randomValues } from "../../support/random_values.ts";
import torch from "../../golden/group_torch.json" with { type: "json" };
import { float64, read } from "../support.ts";

const SHARP = { absolute: 1e-9, relative: 1e-9 };

const normal = (groups: number) => (x?: Tensor, weight?: Tensor, bias?: Tensor) =>
  groupNorm({ weight: weight!, bias: bias! }, x!, { groups });

const LAYERS: Readonly<Record<keyof typeof torch, (...inputs: Tensor[]) => Tensor>> = {
  groupNorm1: normal(1),
  groupNorm2: normal(2),
  groupNorm4: normal(4),
  squeezeExcite: (x, w1, b1, w2, b2) =>
    squeezeExcite({ reduce: { weight: w1!, bias: b1! }, expand: { weight: w2!, bias: b2! } }, x!),
};

for (const [name, layer] of Object.entries(LAYERS)) {
  Deno.test(`${name}: PyTorch's, with its gradients`, async () => {
    const trace = torch[name as keyof typeof torch];
    const inputs = trace.inputs.map(({ shape, values }) => float64(values, shape));
    const [output, pullback] = vjp(layer, ...inputs);
    assertClose(await read(output), trace.output, SHARP, "output");
    for (const [i, gradient] of pullback(float64(trace.cotangent, output.shape)).entries()) {
      assertClose(await read(gradient), trace.gradients[i]!, SHARP, `gradient ${i}`);
    }
  });
}

/** Two images of 2×2 cells of 2×2 pixels, one of them with a single visible cell, one with two. */
const PATTERN = patternFromIndices([[0, 0, 1], [1, 0, 0], [1, 1, 0]], [2, 2, 2]);
const IMAGES = float64(randomValues(3, 2 * 4 * 4 * 4), [2, 4, 4, 4]);
const WEIGHT = float64([1, 2, -1, 0.5]);
const BIAS = float64([0, 1, 2, 3]);

/** The visible pixels of an image as an image of its own, `[1, pixels, 1, 4]`. */
async function visible(x: Tensor, image: number): Promise<Tensor> {
  const shown = await read(toDense(gather(ones(x.shape, { dtype: "float64" }), PATTERN)));
  const values = Array.from(await read(x));
  const kept = values.filter((_, i) => shown[i]! > 0 && Math.floor(i / 64) === image);
  return float64(kept, [1, kept.length / 4, 1, 4]);
}

const params = initSqueezeExcite(random.key(1), { channels: 4, dtype: "float64" });
const SPARSE: readonly (readonly [string, <T extends Tensor | ReturnType<typeof gather>>(x: T) => T])[] = [
  ["groupNorm", (x) => groupNorm({ weight: WEIGHT, bias: BIAS }, x, { groups: 2 })],
  ["instance norm", (x) => groupNorm({ weight: WEIGHT, bias: BIAS }, x, { groups: 4 })],
  ["squeezeExcite", (x) => squeezeExcite(params, x)],
];

for (const [name, layer] of SPARSE) {
  Deno.test(`${name} of sparse features is that of the visible pixels alone, image by image`, async () => {
    const output = toDense(layer(gather(IMAGES, PATTERN)));
    for (const image of [0, 1]) {
      const expected = await read(layer(await visible(IMAGES, image)));
      assertClose(await read(await visible(output, image)), Array.from(expected), SHARP);
    }
  });

  Deno.test(`${name} of sparse features has the gradients of finite differences`, async () => {
    await checkGrads((x) => [layer(gather(x!, PATTERN)).values], [IMAGES], { order: 1 });
  });
}

Deno.test("groupNorm() leaves an image without visible sites alone, and refuses groups that do not divide", async () => {
  const pattern = patternFromIndices([[0, 0, 0]], [2, 1, 1]);
  const y = groupNorm(initLayerNorm(2), gather(ones([2, 2, 2, 2]), pattern), { groups: 1 });
  deepStrictEqual(Array.from(await read(toDense(y))), new Array(16).fill(0));
  throws(() => groupNorm(initLayerNorm(4), ones([1, 2, 2, 4]), { groups: 3 }), /must divide the 4 channels: .* is 3/);
});

Deno.test("pools of sparse features can leave inactive sites out", async () => {
  const x = gather(float64([-1, -2, -3, -4], [1, 2, 2, 1]), patternFromIndices([[0, 0, 0]], [1, 1, 1]));
  deepStrictEqual(Array.from(await read(maxPool2d(x, { kernel: 2, stride: 2, inactive: "ignore" }).values)), [-1]);
  const edge = gather(float64(randomValues(1, 16), [1, 4, 4, 1]), patternFromIndices([[0, 0, 0]], [1, 2, 2]));
  const [whole, active] = await Promise.all(
    (["window", "active"] as const).map((divisor) =>
      read(avgPool2d(edge, { kernel: 3, stride: 2, padding: 1, divisor }).values)
    ),
  );
  assertClose(active!, [whole![0]! * 9 / 4], SHARP); // 4 of 9 sites are active
});

Deno.test("convTranspose2d() refuses sparse maps", () => {
  const x = gather(zeros([1, 2, 2, 2]), patternFromIndices([[0, 0, 0]], [1, 1, 1]));
  throws(
    () => convTranspose2d({ weight: ones([4, 4, 5, 2]) }, x as unknown as Tensor),
    /^TypeError: Cannot convTranspose2d as the maps must be dense.*current maps are sparse$/,
  );
});

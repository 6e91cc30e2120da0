import { ok } from "node:assert/strict";
import { openDevice, random, type Tensor, tensor, treeLeaves, valueAndGrad, zeros } from "../../../tensor/mod.ts";
import { type DetectionBatch, detectionLosses, detector, type DetectorParams, resnet } from "../../../nn/mod.ts";
import { packMasks, rpnTargets } from "../../../data/mod.ts";

const SIZE = 32;
const OBJECTS = [[2, 3, 20, 25], [10, 8, 30, 30], [0, 0, 9, 12]] as const;

/** One image, whose objects fill their boxes but for the left quarter. */
function batchOf(model: ReturnType<typeof detector>): DetectionBatch {
  const boxes = OBJECTS.flat();
  const masks = OBJECTS.map(([x1, y1, x2, y2]) =>
    Uint8Array.from({ length: SIZE * SIZE }, (_, i) => {
      const [x, y] = [i % SIZE, Math.floor(i / SIZE)];
      return Number(x >= x1 + (x2 - x1) / 4 && x < x2 && y >= y1 && y < y2);
    })
  );
  const { index, label, target } = rpnTargets(model.anchors([SIZE, SIZE]), boxes, () => 0, { batchSize: 16 });
  const int32 = (values: ArrayLike<number>, shape: readonly number[]) => tensor(Int32Array.from(values), { shape });
  return {
    images: tensor(Float32Array.from({ length: SIZE * SIZE * 3 }, (_, i) => Math.sin(i / 7)), {
      shape: [1, SIZE, SIZE, 3],
    }),
    sizes: tensor([[SIZE, SIZE]]),
    boxes: tensor(Float32Array.from(boxes), { shape: [1, 3, 4] }),
    classes: int32([0, 1, 1], [1, 3]),
    valid: int32([1, 1, 1], [1, 3]),
    masks: int32(packMasks(masks, [SIZE, SIZE]), [1, 3, SIZE, 1]),
    rpnIndex: int32(index, [1, 16]),
    rpnLabel: int32(label, [1, 16]),
    rpnTarget: tensor(Float32Array.from(target), { shape: [1, 8, 4] }),
  };
}

/** Losses and gradients, with room for as many rows. */
async function resultsOf(roiBatchSize: number, scale?: Tensor) {
  const model = detector({
    backbone: resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4 }),
    ...{ classes: 2, fpnChannels: 4, boxFcs: [8], maskConvs: [4], maskSize: 4, rpnBatchSize: 16 },
    ...{ preNms: [60, 60] as const, postNms: [40, 40] as const, roiBatchSize, anchorSizes: [[8], [16], [32]] },
  });
  const weights = model.init(random.key(2));
  const batch = batchOf(model);
  const loss = (params: DetectorParams) => {
    const uniform = (candidates: number) => zeros([1, candidates]);
    const out = detectionLosses(model, { params, state: weights.state }, batch, {
      ...{ key: random.key(0), uniform },
      ...scale && { scale },
    });
    return [out.losses.mask!, out.inside] as const;
  };
  const [[value, inside], gradient] = valueAndGrad(loss, { hasAux: true })(weights.params);
  const device = await openDevice("reference");
  const numbers = async (x: Tensor) => Array.from(await x.data({ device }) as Float32Array);
  const leaves = await Promise.all(treeLeaves(gradient as never).map((x) => numbers(x as Tensor)));
  return {
    value: await value.item({ device }),
    gradient: leaves.flat(),
    positives: (await numbers(inside.targets.positive)).filter(Boolean).length,
    rows: inside.masks!.shape[0]!,
  };
}

Deno.test("losses and gradients of masks are the same in parts as in one, with or without a scale", async () => {
  const one = await resultsOf(124); // 31 rows, not divided
  ok(one.positives >= 3 && one.positives < 31, `${one.positives} rows of objects`);
  ok(one.gradient.some((x) => x !== 0));
  for (const parts of [await resultsOf(132), await resultsOf(128, tensor(4096))]) {
    ok(parts.rows === 33 || parts.rows === 32);
    ok(Math.abs(parts.value - one.value) < 1e-6 * one.value, `${parts.value} ${one.value}`);
    const worst = parts.gradient.reduce((most, x, i) => Math.max(most, Math.abs(x - one.gradient[i]!)), 0);
    const largest = one.gradient.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    ok(worst < 1e-6 * largest, `${worst} of ${largest}`);
  }
});

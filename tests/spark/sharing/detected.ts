/** @file Steps of training a small detector on images that are shared, one of which has no object. */
import { chain, clipByGlobalNorm, detector, type DetectorVariant, resnet, sgd } from "../../../nn/mod.ts";
import { dataKey, drawsOf, packMasks, placesOfPart, rpnTargets } from "../../../data/mod.ts";
import {
  addDetectionGradients,
  applyDetectionSums,
  detectionOptimizer,
  type DetectionState,
  detectionStep,
  zeroDetectionSums,
} from "../../../spark/mod.ts";
import { sharingOf } from "../../../spark/commands/shared/shared_run.ts";
import { partOfRank } from "../../../spark/train/ranks/open_ranks.ts";
import {
  add,
  type Collective,
  jit,
  mul,
  random,
  stack,
  type Tensor,
  tensor,
  type Tree,
  treeFlatten,
  treeUnflatten,
} from "../../../tensor/mod.ts";
import { inSmallBatches } from "./in_small_batches.ts";

/** What is trained, and how. */
export interface DetectedHow {
  /** Images of each step; the second has no object. */
  readonly images: number;
  /** Norms of all, of whole batches; else those of the backbone are frozen, and there are no others. */
  readonly sync: boolean;
  /** Small batches of a step. */
  readonly accumulate: number;
  readonly steps: number;
  readonly variant: DetectorVariant;
}

const [SIZE, ANCHORS, OBJECTS] = [32, 12, 3];

const modelOf = ({ sync, variant }: Pick<DetectedHow, "sync" | "variant">) =>
  detector({
    backbone: resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4 }),
    ...{ classes: 2, fpnChannels: 4, boxFcs: [8], maskConvs: [4], maskSize: 4, variant, rpnBatchSize: ANCHORS },
    ...{ preNms: [40, 40] as const, postNms: [20, 20] as const, roiBatchSize: 12, anchorSizes: [[8], [16], [32]] },
    ...sync
      ? { headNorm: "batch" as const, boxConvs: [4], backboneNorm: "live" as const }
      : { headNorm: "none" as const, backboneNorm: "frozen" as const },
  });

/** The image of a number, with as many objects as it says; some anchors of each are left out. */
function imageOf(model: ReturnType<typeof detector>, number: number, isEmpty: boolean) {
  const draw = drawsOf(dataKey(5, number));
  const count = isEmpty ? 0 : 1 + number % OBJECTS;
  const boxes = Array.from({ length: OBJECTS }, (_, i) => {
    if (i >= count) return [0, 0, 1, 1];
    const [x, y, width, height] = [14 * draw(), 14 * draw(), 6 + 11 * draw(), 6 + 11 * draw()];
    return [x, y, x + width, y + height];
  });
  const masks = boxes.map(([x1, y1, x2, y2]) =>
    Uint8Array.from({ length: SIZE ** 2 }, (_, i) => {
      const [x, y] = [i % SIZE, Math.floor(i / SIZE)];
      return Number(x >= x1! && x < x2! && y >= y1! && y < (y1! + 2 * y2!) / 3);
    })
  );
  const of = { batchSize: ANCHORS, match: model.settings.rpnMatch };
  const { index, label, target } = rpnTargets(model.anchors([SIZE, SIZE]), boxes.slice(0, count).flat(), draw, of);
  const int32 = (values: ArrayLike<number>, shape: readonly number[]) => tensor(Int32Array.from(values), { shape });
  const float64 = (values: ArrayLike<number>, shape: readonly number[]) =>
    tensor(Float64Array.from(values), { shape, dtype: "float64" });
  return {
    images: float64(Array.from({ length: SIZE ** 2 * 3 }, () => 2 * draw() - 1), [SIZE, SIZE, 3]),
    sizes: float64([SIZE, SIZE], [2]),
    boxes: float64(boxes.flat(), [OBJECTS, 4]),
    classes: int32(boxes.map((_, i) => (number + i) % 2), [OBJECTS]),
    valid: int32(boxes.map((_, i) => Number(i < count)), [OBJECTS]),
    masks: int32(packMasks(masks, [SIZE, SIZE]), [OBJECTS, SIZE, SIZE / 32]),
    rpnIndex: int32(Array.from(index, (x, i) => i < ANCHORS - number % 3 ? x : -1), [ANCHORS]),
    rpnLabel: int32(label, [ANCHORS]),
    rpnTarget: float64(target, [ANCHORS / 2, 4]),
  };
}

/** Images of a step at some places, the first of all of them. */
function batchOf(model: ReturnType<typeof detector>, places: readonly number[], first: number) {
  const all = places.map((place) => imageOf(model, first + place, place === 1));
  const of = (name: keyof typeof all[number]) => stack(all.map((image) => image[name]), { axis: 0 });
  return {
    ...{ images: of("images"), sizes: of("sizes"), boxes: of("boxes"), classes: of("classes"), valid: of("valid") },
    ...{ masks: of("masks"), rpnIndex: of("rpnIndex"), rpnLabel: of("rpnLabel"), rpnTarget: of("rpnTarget") },
  };
}

/** AdamW divides gradients of shifts that norms take out again, which are rounding alone, by themselves: with norms SGD. */
const optimizerOf = ({ sync }: Pick<DetectedHow, "sync">) =>
  sync
    ? chain(clipByGlobalNorm(0.5), sgd({ learningRate: 0.05, momentum: 0.9 }))
    : detectionOptimizer({ learningRate: 0.01, weightDecay: 0.01, layerDecay: 0.8, maxGradientNorm: 0.5 });

/** Parameters none of which is 0. */
function shifted<T extends Tree>(params: T): T {
  const { leaves, structure } = treeFlatten(params);
  const moved = (leaves as readonly Tensor[]).map((x, i) => add(x, mul(random.normal(random.key(i), x.shape), 0.1)));
  return treeUnflatten(structure, moved) as T;
}

/** State, losses and norms after some steps. */
export function detected({ images, steps, accumulate, ...how }: DetectedHow, collective: Collective): object {
  const model = modelOf(how);
  const places = placesOfPart(partOfRank(images, collective, accumulate), images);
  const shared = sharingOf({ batchSize: images, accumulate, bucketMb: 25, syncBn: how.sync }, collective);
  const method = { dropPath: 0.3, ...shared };
  const optimizer = optimizerOf(how);
  const { state, ...fresh } = model.init(random.key(3), { dtype: "float64" });
  const params = shifted(fresh.params);
  const whole = detectionStep(model, optimizer, method);
  const [more, apply] = [addDetectionGradients(model, method), applyDetectionSums(optimizer, method)];
  const step = jit((train: DetectionState, batch: ReturnType<typeof batchOf>) => {
    if (accumulate === 1) return whole(train, batch);
    const zero = zeroDetectionSums(model, train.params);
    return apply(...inSmallBatches(train, batch, { count: accumulate, zero, add: more }));
  });
  const found: object[] = [];
  let train: DetectionState = { params, state, optimizer: optimizer.init(params), key: random.key(4) };
  for (let at = 0; at < steps; at++) {
    const { train: next, loss, parts, gradientNorm } = step(train, batchOf(model, places, at * images));
    found.push({ loss, parts, gradientNorm });
    train = next;
  }
  return { found, params: train.params, state: train.state };
}

import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { openDevice, random, type Tensor, tensor, treeLeaves, valueAndGrad, zeros } from "../../../tensor/mod.ts";
import {
  applyUpdates,
  convnextTiny,
  detectionLosses,
  detector,
  type DetectorParams,
  isFrozen,
  namesOf,
  resnet,
  totalOf,
} from "../../../nn/mod.ts";
import { detectionOptimizer } from "../../../spark/mod.ts";
import { rpnTargets } from "../../../data/mod.ts";

const BACKBONE = resnet({ block: "basic", depths: [1, 1, 1], widths: [4, 8, 8], stemWidth: 4 });
const SIZES = { classes: 2, masks: false, fpnChannels: 4, boxFcs: [8], rpnBatchSize: 8, roiBatchSize: 8 } as const;
const MORE = { preNms: [20, 20], postNms: [8, 8], anchorSizes: [[8], [16], [32], [64]] } as const;
const BOX = [2, 3, 28, 25];

/** One step at a large rate and decay: which parameters and running statistics of the backbone change. */
async function changedBy(freezeAt: number): Promise<readonly string[]> {
  const model = detector({ backbone: BACKBONE, ...SIZES, ...MORE, freezeAt });
  const { params, state } = model.init(random.key(1));
  const { index, label, target } = rpnTargets(model.anchors([32, 32]), BOX, () => 0, { batchSize: 8 });
  const int32 = (values: ArrayLike<number>, shape: readonly number[]) => tensor(Int32Array.from(values), { shape });
  const batch = {
    images: tensor(Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => Math.sin(i / 7)), { shape: [1, 32, 32, 3] }),
    ...{ sizes: tensor([[32, 32]]), boxes: tensor([[BOX]]), classes: int32([1], [1, 1]), valid: int32([1], [1, 1]) },
    ...{ rpnIndex: int32(index, [1, 8]), rpnLabel: int32(label, [1, 8]) },
    rpnTarget: tensor(Float32Array.from(target), { shape: [1, 4, 4] }),
  };
  const loss = (own: DetectorParams) => {
    const draws = { key: random.key(0), uniform: (n: number) => zeros([1, n]) };
    const { losses, state: next } = detectionLosses(model, { params: own, state }, batch, draws);
    return [totalOf(losses), next] as const;
  };
  const [[, next], gradient] = valueAndGrad(loss, { hasAux: true })(params);
  const optimizer = detectionOptimizer({ learningRate: 0.1, weightDecay: 0.1, without: "norms", freezeAt });
  const [updates] = optimizer.update(gradient, optimizer.init(params), params);
  const device = await openDevice("reference");
  const differ = async (before: object, after: object) => {
    const [old, now] = [before, after].map((tree) => treeLeaves(tree as never) as readonly Tensor[]);
    const names = namesOf(before);
    const pairs = old!.map((x, i) => Promise.all([x.data({ device }), now![i]!.data({ device })]));
    return (await Promise.all(pairs)).flatMap(([a, b], i) => a.every((x, k) => x === b[k]) ? [] : [names[i]!]);
  };
  const moved = applyUpdates(params, updates);
  return [...await differ(params.backbone, moved.backbone), ...await differ(state.backbone, next.backbone)];
}

Deno.test("frozen parts of a backbone keep weights, in spite of weight decay, and statistics; all others learn", async () => {
  const [all, parts] = [await changedBy(0), await changedBy(2)];
  const still = all.filter((name) => /^(conv1|bn1|layer1)\./.test(name));
  ok(still.includes("conv1.weight") && still.includes("layer1.0.bn1.runningMean"));
  deepStrictEqual(parts, all.filter((name) => !still.includes(name)));
  ok(parts.includes("layer2.0.conv1.weight") && parts.includes("layer2.0.bn1.runningVar"));
});

Deno.test("isFrozen() tells the parts of ResNets and ConvNeXts, and refuses other names", () => {
  const names = namesOf(convnextTiny().init(random.key(0)).params);
  const frozen = (parts: number) => names.filter((name) => isFrozen(name, parts));
  ok(frozen(1).every((name) => name.startsWith("downsampleLayers.0.")) && frozen(1).length > 0);
  deepStrictEqual(frozen(2), names.filter((name) => /^(downsampleLayers|stages)\.0\./.test(name)));
  deepStrictEqual(frozen(3), names.filter((name) => /^(downsampleLayers|stages)\.[01]\./.test(name)));
  equal(frozen(5).length, names.length);
  equal(isFrozen("blocks.0.weight", 0), false);
  throws(() => isFrozen("blocks.0.weight", 1), /named as those of a ResNet or ConvNeXt: current name is blocks/);
  throws(() => detector({ backbone: BACKBONE, classes: 1, freezeAt: 5 }), /whole number of parts, from 0 to 4/);
});

import { deepStrictEqual, throws } from "node:assert/strict";
import { random } from "../../../tensor/mod.ts";
import {
  adamw,
  chain,
  convnextBase,
  convnextTiny,
  lamb,
  layerGroups,
  layerScales,
  namesOf,
  type Optimizer,
  resnet101,
  resnet152,
  resnet200,
  resnet50,
  scaleByLayer,
  tinyResnet,
} from "../../../nn/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { float64, read } from "../support.ts";

/** Block sizes and last group, as the official fine-tuning code has them in a table: second and third stage. */
const RESNETS = [
  [resnet50, [2, 3], 6],
  [resnet101, [2, 3], 12],
  [resnet152, [4, 4], 13],
  [resnet200, [4, 4], 17],
] as const;

for (const [make, [k2, k3], last] of RESNETS) {
  Deno.test(`layerGroups() of ${make().name} are the official ones`, () => {
    const names = namesOf(make().init(random.key(0)).params);
    const groups = layerGroups(names);
    deepStrictEqual(groups.last, last);
    const n2 = Math.ceil(names.filter((name) => /^layer2\.\d+\.conv1/.test(name)).length / k2);
    const official = (name: string): number => {
      const block = Number(name.split(".")[1]);
      if (name.startsWith("layer1.")) return 1;
      if (name.startsWith("layer2.")) return 2 + Math.floor(block / k2);
      if (name.startsWith("layer3.")) return 2 + n2 + Math.floor(block / k3);
      return name.startsWith("layer4.") ? last : 0;
    };
    deepStrictEqual(groups.ids, names.map(official));
  });
}

for (const [make, last] of [[convnextTiny, 6], [convnextBase, 12]] as const) {
  Deno.test(`layerGroups() of ${make().name} are the official ones`, () => {
    const names = namesOf(make().init(random.key(0)).params);
    const official = (name: string): number => {
      const [part, first, second] = name.split(".");
      if (part === "downsampleLayers") return [0, 2, 3, last][Number(first)]!;
      return [1, 2, 3 + Math.floor(Number(second) / 3), last][Number(first)]!;
    };
    deepStrictEqual(layerGroups(names), { ids: names.map(official), last });
  });
}

Deno.test("layerGroups() of small and of unknown models rise from the input to the head", () => {
  const names = namesOf(tinyResnet().init(random.key(0)).params); // depths 1, 1, 2, 2
  const { ids, last } = layerGroups(names);
  deepStrictEqual([Math.min(...ids), Math.max(...ids), last], [0, 4, 4]);
  deepStrictEqual(layerGroups(["stem.w", "body.0.w", "body.1.w", "neck.w"]), { ids: [0, 1, 1, 2], last: 2 });
  deepStrictEqual(layerScales(["encoder.a", "encoder.b", "head.w"], 0.5), [0.25, 0.5, 1]);
});

Deno.test("scaleByLayer() makes the step of a scaled rate, with its weight decay and trust ratio", async () => {
  const params = { encoder: { w: float64([1, 2, 3, 4], [2, 2]) }, head: { w: float64([5, 6], [1, 2]) } };
  const gradients = { encoder: { w: float64([1, -1, 2, 0.5], [2, 2]) }, head: { w: float64([0.5, 1], [1, 2]) } };
  for (const make of [adamw, lamb]) {
    const step = (optimizer: Optimizer) => optimizer.update(gradients, optimizer.init(params), params)[0];
    const updates = step(chain(make({ weightDecay: 0.3, learningRate: 0.1 }), scaleByLayer(0.7)));
    for (const [part, rate] of [["encoder", 0.07], ["head", 0.1]] as const) {
      const expected = step(make({ weightDecay: 0.3, learningRate: rate }));
      assertClose(await read(updates[part].w), await read(expected[part].w), { absolute: 1e-12, relative: 1e-12 });
    }
  }
  throws(() => scaleByLayer(0), /must lie in \(0, 1\]: current factor is 0/);
});

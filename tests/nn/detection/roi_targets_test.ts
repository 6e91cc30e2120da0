import { deepStrictEqual } from "node:assert/strict";
import { jit, tensor, webgpuDevice, zeros } from "../../../tensor/mod.ts";
import { detector, tinyResnet } from "../../../nn/mod.ts";
import { type Objects, roiTargets } from "../../../nn/detection/roi_targets.ts";
import type { Proposals } from "../../../nn/detection/proposals.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

testWebgpu(
  "objects of more pixels than float16 has numbers belong to themselves where activations are float16",
  async () => {
    const device = await webgpuDevice({ precision: "f16" });
    const { settings } = detector({ backbone: tinyResnet(), classes: 2, roiBatchSize: 12 });
    const proposals: Proposals = {
      boxes: tensor([[[12, 22, 290, 300], [0, 0, 30, 30], [41, 51, 90, 120], [100.25, 0, 130, 9.75], [7, 7, 15, 19]]]),
      ...{ logits: tensor([[5, 4, 3, 2, 1]]), valid: tensor([[true, true, true, true, true]]) },
    };
    const objects: Objects = {
      boxes: tensor([[[10, 20, 300, 310], [40, 50, 90, 120]]]), // 84,100 pixels, 3,500
      ...{ classes: tensor([[1, 0]], { dtype: "int32" }), valid: tensor([[true, true]]) },
    };
    const run = jit((p: Proposals, o: Objects) => roiTargets(p, o, zeros([1, 7]), settings), { device });
    const { boxes, classes, positive } = run(proposals, objects);
    deepStrictEqual(Array.from(await positive.data(), Number), [1, 1, 1, 0, 0, 0, 0]);
    deepStrictEqual(Array.from(await classes.data()).slice(0, 3), [1, 0, 1]);
    deepStrictEqual(Array.from(await boxes.data()).slice(0, 4), [12, 22, 290, 300]);
    device.close();
  },
);

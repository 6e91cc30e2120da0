import { deepStrictEqual, ok } from "node:assert/strict";
import { alone, cpuDevice, type Device, full, jit, random, type Tensor, zeros } from "../../../tensor/mod.ts";
import { adamw, type DetectionBatch, detector } from "../../../nn/mod.ts";
import {
  detectionStep,
  finetuneStep,
  init,
  initDetection,
  initFinetune,
  pretrainOptimizer,
  type TrainState,
  trainStep,
} from "../../../spark/mod.ts";
import { MODELS } from "../../../spark/train/model_table.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

/** Launches of a training step of mini_resnet8 on eight images of 64², as planned on a device; nothing is computed. */
function launchesOf(device: Device): number {
  const model = MODELS.mini_resnet8!.make();
  const optimizer = pretrainOptimizer({ learningRate: 1e-4 });
  const inner = trainStep(model, optimizer);
  const step = jit((train: TrainState, images: Tensor) => inner(train, { images }), { donate: [0], device });
  const train = init(model, optimizer, random.key(0), { inputSize: [64, 64], decoderWidth: 64 });
  const { launches } = step.stats(train, random.normal(random.key(1), [8, 64, 64, 3]));
  return launches;
}

// The numbers are those of a count; a program that needs more has lost a fusion. Adapters differ in a few kernels.

Deno.test("A small training step is at most 402 launches on cpu", () => {
  const device = cpuDevice({ threads: 1 });
  const launches = launchesOf(device);
  device.close();
  ok(launches <= 402, `${launches}`);
});

testWebgpu("A small training step is at most 382 launches on webgpu", (device) => {
  const launches = launchesOf(device);
  ok(launches <= 382, `${launches}`);
  return Promise.resolve();
});

/** Scenes of which only the shapes count. */
function emptyScenes(images: Tensor): DetectionBatch {
  const int32 = (...shape: number[]) => zeros(shape, { dtype: "int32" });
  return {
    ...{ images, sizes: full([2, 2], 32), boxes: zeros([2, 3, 4]), classes: int32(2, 3), valid: int32(2, 3) },
    ...{ masks: int32(2, 3, 32, 1), rpnIndex: int32(2, 8), rpnLabel: int32(2, 8), rpnTarget: zeros([2, 4, 4]) },
  };
}

/** Launches and planned bytes of a step of each kind, by how it is shared. */
function costsOf(device: Device, shared: object) {
  const [key, optimizer, model] = [random.key(0), adamw({ learningRate: 1e-4 }), MODELS.tiny_resnet8!.make()];
  const images = random.normal(random.key(1), [2, 32, 32, 3]);
  const found = detector({
    ...{ backbone: model, classes: 2, fpnChannels: 8, boxFcs: [8], boxConvs: [8], maskConvs: [8], headNorm: "batch" },
    ...{ rpnBatchSize: 8, roiBatchSize: 8, variant: "mmdetection" },
  });
  const costs = <State, Batch>(step: (state: State, batch: Batch) => unknown, state: State, batch: Batch) => {
    const { launches, plannedBytes } = jit(step as never, { donate: [0], device }).stats(
      state as never,
      batch as never,
    );
    return { launches, plannedBytes };
  };
  const targets = full([2, 3], 1 / 3);
  const start = init(model, optimizer, key, { decoderWidth: 16 });
  return {
    pretrain: costs(trainStep(model, optimizer, shared), start, { images }),
    finetune: costs(finetuneStep(model, optimizer, shared), initFinetune(model, optimizer, key, { classes: 3 }), {
      ...{ images, targets },
    }),
    detect: costs(detectionStep(found, optimizer, shared), initDetection(found, optimizer, key), emptyScenes(images)),
  };
}

Deno.test("A step that is shared with nobody has the launches and the planned bytes of one that knows of no group", () => {
  const device = cpuDevice({ threads: 1 });
  const shared = { collective: alone(), batchSize: 2, first: 0, bucketBytes: 2 ** 20 };
  deepStrictEqual(costsOf(device, { ...shared, statistics: { collective: alone() } }), costsOf(device, {}));
  device.close();
});

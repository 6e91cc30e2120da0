import { ok } from "node:assert/strict";
import { cpuDevice, type Device, jit, random, type Tensor } from "../../../tensor/mod.ts";
import { init, pretrainOptimizer, type TrainState, trainStep } from "../../../spark/mod.ts";
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

Deno.test("A small training step is at most 507 launches on cpu", () => {
  const device = cpuDevice({ threads: 1 });
  const launches = launchesOf(device);
  device.close();
  ok(launches <= 507, `${launches}`);
});

testWebgpu("A small training step is at most 530 launches on webgpu", (device) => {
  const launches = launchesOf(device);
  ok(launches <= 530, `${launches}`);
  return Promise.resolve();
});

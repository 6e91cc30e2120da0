import { equal, ok } from "node:assert/strict";
import { findSubgroup, requestWithSubgroups } from "../../../../tensor/devices/webgpu/runtime/subgroup.ts";
import { gpuTest } from "../webgpu_kernels/harness.ts";

gpuTest("findSubgroup() finds none on a device that was opened without them", async () => {
  const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
  equal(await findSubgroup(device), undefined);
  device.destroy();
});

gpuTest("findSubgroup() finds the size that the adapter tells, if it finds one", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await requestWithSubgroups(adapter!, {});
  const found = await findSubgroup(device);
  const { subgroupMinSize, subgroupMaxSize } = adapter!.info as unknown as Record<string, number>;
  if (found && subgroupMinSize === subgroupMaxSize) equal(found.size, subgroupMinSize);
  if (adapter!.info.isFallbackAdapter && device.features.has("subgroups")) ok(found, "the software adapter has them");
  device.destroy();
});

gpuTest("requestWithSubgroups() opens a device where the adapter refuses the feature", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const refusing = {
    requestDevice(descriptor: GPUDeviceDescriptor) {
      const names = [...descriptor.requiredFeatures ?? []] as string[];
      return names.includes("subgroups") ? Promise.reject(new TypeError("no such feature")) : adapter!.requestDevice();
    },
  } as unknown as GPUAdapter;
  const device = await requestWithSubgroups(refusing, {});
  equal(device.features.has("subgroups" as GPUFeatureName), false);
  device.destroy();
});

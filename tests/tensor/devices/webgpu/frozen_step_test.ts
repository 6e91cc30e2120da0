import { deepStrictEqual, equal, ok, rejects, throws } from "node:assert/strict";
import {
  add,
  cpuDevice,
  type Device,
  type DeviceCounters,
  DeviceError,
  jit,
  mul,
  sum,
  type Tensor,
  tensor,
  webgpuDevice,
  zeros,
} from "../../../../tensor/mod.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { smallImages, type SmallResult, smallStep, smallWeights } from "../../../support/small_step.ts";
import { spyAdapter } from "../../../support/spy_adapter.ts";

/** What a device did during a call. */
function counted(device: Device, run: () => void): DeviceCounters {
  const before = device.counters!();
  run();
  const after = device.counters!();
  const names = ["submits", "launches", "readBacks", "waits", "bytes"] as const;
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as unknown as DeviceCounters;
}

testWebgpu(
  "A replayed step is one submit, reads nothing back, waits for nothing and takes no more memory",
  async (device) => {
    const step = smallStep(device);
    const { launches } = await step.prepare(smallWeights(), smallImages(0));
    const state = step(smallWeights(), smallImages(0));
    const last = { ...state, loss: state.loss };
    for (let i = 1; i < 5; i++) {
      const images = smallImages(i);
      last.loss[Symbol.dispose]();
      const counters = counted(device, () => Object.assign(last, step(last.weights, images)));
      deepStrictEqual(counters, { submits: 1, launches, readBacks: 0, waits: 0, bytes: 0 });
    }
    const before = device.counters!().readBacks;
    ok(await last.loss.item() < 1);
    equal(device.counters!().readBacks, before + 1);
  },
);

testWebgpu("A step gives the losses of the cpu device, and the same bits in a second run", async (device) => {
  const lossesOn = async (where: Device) => {
    const step = smallStep(where);
    const losses: number[] = [];
    let weights = smallWeights();
    for (let i = 0; i < 20; i++) {
      const result: SmallResult = step(weights, smallImages(i % 3));
      weights = result.weights;
      losses.push(await result.loss.item());
    }
    return losses;
  };
  const cpu = cpuDevice({ threads: 1 });
  const [first, second, expected] = [await lossesOn(device), await lossesOn(device), await lossesOn(cpu)];
  cpu.close();
  deepStrictEqual(second, first);
  ok(first.at(-1)! < first[0]!);
  first.forEach((loss, i) => ok(Math.abs(loss - expected[i]!) < 1e-4 * expected[i]!, `${i}: ${loss}, ${expected[i]}`));
});

testWebgpu("Under the limits that every adapter has, a step is the same to the bit", async (device) => {
  const limits = {
    maxStorageBufferBindingSize: 128 * 2 ** 20,
    maxBufferSize: 256 * 2 ** 20,
    maxStorageBuffersPerShaderStage: 8,
  };
  const small = await webgpuDevice({ limits });
  const losses = [];
  for (const each of [device, small]) {
    const step = smallStep(each);
    const first = step(smallWeights(), smallImages(0));
    losses.push([await first.loss.item(), await step(first.weights, smallImages(1)).loss.item()]);
  }
  small.close();
  deepStrictEqual(losses[1], losses[0]);
});

testWebgpu("Without prepare() the first run hands kernels over in parts, the second in one", (device) => {
  const inputs = Array.from({ length: 40 }, (_, i) => tensor(new Float32Array(i + 2)));
  // Forty kernels that differ, each of which reads what the one before has written.
  const f = jit((...parts: Tensor[]) => parts.reduce((total, x) => sum(add(x, total)), zeros([])), { device });
  equal(counted(device, () => void f(...inputs)).submits, 2);
  equal(counted(device, () => void f(...inputs)).submits, 1);
  return Promise.resolve();
});

testWebgpu("A loop that never awaits is held back by launches and by bytes", (device) => {
  const double = jit((x: Tensor) => mul(x, 2), { device });
  const waits = (values: number, runs: number) =>
    counted(device, () => {
      for (let i = 0; i < runs; i++) double(tensor(new Float32Array(values)))[Symbol.dispose]();
    }).waits;
  equal(waits(4, 10), 0);
  equal(waits(4, 31), 1); // 41 launches, bound 30
  const bytes = waits(2 ** 18, 9); // 1 MiB each, bound 4 MiB
  ok(bytes === 1 || bytes === 2, `${bytes}`);
  return Promise.resolve();
}, { backlog: { launches: 30, bytes: 4 * 2 ** 20 } });

testWebgpu(
  "A device that is destroyed in mid-run is a DeviceError at the next step and at the next reading",
  async () => {
    const spy = await spyAdapter();
    const device = await webgpuDevice({ adapter: spy.adapter });
    const step = smallStep(device);
    const { loss, weights } = step(smallWeights(), smallImages(0));
    ok(await loss.item() > 0);
    const next = step(weights, smallImages(1));
    spy.gpu().destroy();
    await rejects(
      () => next.loss.data(),
      /^DeviceError: Cannot use webgpu as its device must not be lost: current reason is /,
    );
    throws(() => step(next.weights, smallImages(2)), DeviceError);
    await rejects(() => device.synchronize(), DeviceError);
    device.close();
  },
);

testWebgpu(
  "Memory that the device does not have is a DeviceError that names the size, and the next run works",
  async () => {
    const spy = await spyAdapter();
    const device = await webgpuDevice({ adapter: spy.adapter });
    const double = jit((x: Tensor) => mul(x, 2), { device });
    const small = jit((x: Tensor) => add(x, 2), { device });
    spy.refuseAbove(2 ** 20);
    const large = double(tensor(new Float32Array(2 ** 19)));
    await rejects(
      () => large.data(),
      /^DeviceError: Cannot allocate on webgpu as .* memory left: current request is 2 MiB; /,
    );
    deepStrictEqual(await small(tensor([1])).data(), new Float32Array([3]));
    spy.refuseAbove(Infinity);
    equal((await double(tensor(new Float32Array(2 ** 19).fill(1))).data())[7], 2);
    device.close();
  },
);

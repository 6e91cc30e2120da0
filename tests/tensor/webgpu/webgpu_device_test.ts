import { deepStrictEqual, equal, ok, rejects, throws } from "node:assert/strict";
import {
  add,
  arange,
  DeviceError,
  jit,
  key,
  matmul,
  mul,
  normal,
  reshape,
  sum,
  type Tensor,
  tensor,
  webgpuDevice,
} from "../../../tensor/mod.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

const PORTABLE = {
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxBufferSize: 256 * 2 ** 20,
  maxStorageBuffersPerShaderStage: 8,
};

testWebgpu("A donated argument is updated in place, and reading it afterwards throws", async (device) => {
  const step = jit((state: Tensor, x: Tensor) => add(mul(state, 2), x), { device, donate: [0] });
  const first = step(tensor([1, 2]), tensor([10, 20]));
  const second = step(first, tensor([1, 1]));
  deepStrictEqual(await second.data(), new Float32Array([25, 49]));
  await rejects(() => first.data(), DeviceError);
});

testWebgpu("A program with more operands than bindings is cut into kernels that fit", async (device) => {
  const f = jit((...parts: Tensor[]) => parts.reduce((total, part) => add(total, part)), { device });
  const parts = Array.from({ length: 20 }, (_, i) => tensor([i, 1]));
  deepStrictEqual(await f(...parts).data(), new Float32Array([190, 20]));
}, { limits: PORTABLE });

testWebgpu("A tensor larger than a binding is refused with the limit and what fits", async (device) => {
  await rejects(() => add(normal(key(0), [64, 2 ** 20]), 1).data({ device }), (error) => {
    ok(error instanceof DeviceError);
    ok(
      /must fit into a binding of 128 MiB: current size is 256 MiB; a batch of at most 50 %/.test(error.message),
      error.message,
    );
    return true;
  });
}, { limits: PORTABLE });

testWebgpu("Two runs give the same bits", async (device) => {
  const f = jit((k: Tensor) => sum(matmul(normal(k, [65, 130]), normal(k, [130, 67])), { axis: 0 }), { device });
  deepStrictEqual(await f(key(3)).data(), await f(key(3)).data());
});

testWebgpu("Repeated runs take no more memory", async (device) => {
  const f = jit((x: Tensor) => reshape(add(x, 1), [4, 4]), { device });
  for (let i = 0; i < 300; i++) {
    using _ = f(tensor(new Float32Array(16)));
  }
  equal((await f(arange(0, 16, 1, { dtype: "float32" })).data())[15], 16);
});

testWebgpu("A closed device says so", async (device) => {
  const x = add(tensor([1]), 1);
  await x.data({ device });
  device.close();
  await new Promise((done) => setTimeout(done, 50));
  throws(() => jit((y: Tensor) => mul(y, 2), { device })(tensor([1])), DeviceError);
});

Deno.test("Without an adapter the error says what to install", async () => {
  const none = {
    requestDevice: () => Promise.reject(new Error("no such device")),
    limits: {},
  } as unknown as GPUAdapter;
  await rejects(() => webgpuDevice({ adapter: none }), /Cannot open webgpu .*mesa-vulkan-drivers/);
});

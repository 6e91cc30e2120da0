import { deepStrictEqual, equal, ok, rejects, throws } from "node:assert/strict";
import {
  add,
  arange,
  concat,
  conv2d,
  type Device,
  DeviceError,
  fmod,
  jit,
  matmul,
  mul,
  random,
  reshape,
  slice,
  sum,
  type Tensor,
  tensor,
  webgpuDevice,
} from "../../../../tensor/mod.ts";
import { assertClose } from "../../../support/assert_close.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { spyAdapter } from "../../../support/spy_adapter.ts";

const PORTABLE = {
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxBufferSize: 256 * 2 ** 20,
  maxStorageBuffersPerShaderStage: 8,
};

/** What lies in one bind group, as ranges of bytes of buffers. */
type Ranges = readonly { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number }[];

/** True if two of them share bytes: all may be written, so browsers refuse that. */
function overlaps(ranges: Ranges): boolean {
  return ranges.some((a, i) =>
    ranges.slice(0, i).some((b) =>
      a.buffer === b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size
    )
  );
}

testWebgpu("A tensor that is given twice is bound once", async () => {
  const spy = await spyAdapter();
  const device = await webgpuDevice({ adapter: spy.adapter });
  const groups: Ranges[] = [];
  const createBindGroup = spy.gpu().createBindGroup.bind(spy.gpu());
  Object.defineProperty(spy.gpu(), "createBindGroup", {
    value: (descriptor: GPUBindGroupDescriptor) => {
      groups.push([...descriptor.entries].map(({ resource }) => resource as Ranges[number]));
      return createBindGroup(descriptor);
    },
  });
  for (const donate of [[], [0], [0, 1]]) {
    const x = jit(() => tensor([1, 2, 3]), { device })();
    const step = jit((x: Tensor, y: Tensor, z: Tensor) => [add(mul(x, y), z), mul(y, 2)] as const, { device, donate });
    const [sum, twice] = step(x, x, x);
    deepStrictEqual([[...await sum.data()], [...await twice.data()]], [[2, 6, 12], [2, 4, 6]]);
  }
  ok(groups.length >= 3 && !groups.some(overlaps));
  device.close();
});

testWebgpu("A donated argument is updated in place, and reading it afterwards throws", async (device) => {
  const step = jit((state: Tensor, x: Tensor) => add(mul(state, 2), x), { device, donate: [0] });
  const first = step(tensor([1, 2]), tensor([10, 20]));
  const second = step(first, tensor([1, 1]));
  deepStrictEqual(await second.data(), new Float32Array([25, 49]));
  await rejects(() => first.data(), DeviceError);
});

testWebgpu("A buffer donated twice serves both results", async (device) => {
  const f = jit((x: Tensor, y: Tensor) => [add(x, 1), mul(y, 3)], { device, donate: [0, 1] });
  const [given] = f(tensor([1, 2]), tensor([0, 0])) as [Tensor, Tensor];
  const [sum, product] = f(given, given) as [Tensor, Tensor];
  deepStrictEqual(await sum.data(), new Float32Array([3, 4]));
  deepStrictEqual(await product.data(), new Float32Array([6, 9]));
});

testWebgpu("A donated argument whose memory no result can take gives it back", async (device) => {
  const widen = jit((x: Tensor) => concat([x, x], { axis: 0 }), { device, donate: [0] });
  const narrow = jit((x: Tensor) => slice(x, { start: [500], size: [1000] }), { device, donate: [0] });
  const around = (x: Tensor) => narrow(widen(x));
  const bytes: number[] = [];
  let x: Tensor = around(around(arange(1000)));
  for (let i = 0; i < 8; i++) {
    const before = x;
    x = around(x);
    bytes.push(device.counters!().bytes);
    await rejects(() => before.data(), DeviceError);
  }
  deepStrictEqual(bytes, bytes.map(() => bytes[0]));
  equal((await x.data())[0], 0);
});

testWebgpu("A donated argument that is a result keeps its memory", async (device) => {
  const f = jit((x: Tensor, y: Tensor) => [x, add(x, y), x], { device, donate: [0] });
  const x = arange(2);
  await x.data({ device });
  const { bytes } = device.counters!();
  const [same, sum, again] = f(x, tensor([1, 1], { dtype: "int32" })) as [Tensor, Tensor, Tensor];
  equal(device.counters!().bytes - bytes, 3 * 256); // y, the sum, and the second copy
  deepStrictEqual(await same.data(), await again.data());
  deepStrictEqual(await again.data(), Int32Array.of(0, 1));
  deepStrictEqual(await sum.data(), Int32Array.of(1, 2));
  await rejects(() => x.data(), DeviceError);
});

testWebgpu("A host tensor that is donated again and again keeps its values", async (device) => {
  const f = jit((x: Tensor) => add(x, 1), { device, donate: [0] });
  const x = tensor([1, 2]);
  for (let i = 0; i < 4; i++) deepStrictEqual(await f(x).data(), new Float32Array([2, 3]));
});

testWebgpu("Temporaries of several buffers hold what one would", async (device) => {
  const f = (x: Tensor) => matmul(matmul(matmul(x, x), x), matmul(x, x));
  const x = random.normal(random.key(1), [64, 64]);
  const small = await webgpuDevice({ limits: { maxBufferSize: 20_000, maxStorageBufferBindingSize: 20_000 } });
  deepStrictEqual(await f(x).data({ device: small }), await f(random.normal(random.key(1), [64, 64])).data({ device }));
  small.close();
});

testWebgpu("A program with more operands than bindings is cut into kernels that fit", async (device) => {
  const f = jit((...parts: Tensor[]) => parts.reduce((total, part) => add(total, part)), { device });
  const parts = Array.from({ length: 20 }, (_, i) => tensor([i, 1]));
  deepStrictEqual(await f(...parts).data(), new Float32Array([190, 20]));
}, { limits: PORTABLE });

testWebgpu("A tensor larger than a binding is refused with the limit and what fits", async (device) => {
  await rejects(() => add(random.normal(random.key(0), [64, 2 ** 20]), 1).data({ device }), (error) => {
    ok(error instanceof DeviceError);
    ok(
      /\[64, 1048576\] .* a binding of 128 MiB: current size is 256 MiB; a first axis of at most 32 fits/.test(
        error.message,
      ),
      error.message,
    );
    return true;
  });
}, { limits: PORTABLE });

testWebgpu("Two runs give the same bits", async (device) => {
  const f = jit((k: Tensor) => sum(matmul(random.normal(k, [65, 130]), random.normal(k, [130, 67])), { axis: 0 }), {
    device,
  });
  deepStrictEqual(await f(random.key(3)).data(), await f(random.key(3)).data());
});

testWebgpu("A map of more than 65,535 groups reaches every element", async (device) => {
  const size = 65_536 * 256 + 77;
  const values = await fmod(arange(size), 7).data({ device });
  equal(values.length, size);
  ok(values.every((value: number, i: number) => value === i % 7));
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
  throws(() => jit((y: Tensor) => mul(y, 2), { device })(tensor([1])), DeviceError);
});

Deno.test("Without an adapter the error says what to install", async () => {
  const none = {
    requestDevice: () => Promise.reject(new Error("no such device")),
    limits: {},
  } as unknown as GPUAdapter;
  await rejects(() => webgpuDevice({ adapter: none }), /Cannot open webgpu .*mesa-vulkan-drivers/);
});

testWebgpu("close() waits for what is queued, once, and not for a device that is lost", async () => {
  const spy = await spyAdapter();
  for (const isLost of [false, true]) {
    const device = await webgpuDevice({ adapter: spy.adapter });
    const double = jit((x: Tensor) => add(x, x), { device });
    double(double(tensor([1, 2, 3])));
    if (isLost) {
      spy.gpu().destroy();
      await spy.gpu().lost;
    }
    equal(device.counters!().waits, 0);
    device.close();
    device.close();
    equal(device.counters!().waits, isLost ? 0 : 1);
  }
});

testWebgpu("A process that closes its device and ends at once ends well", async () => {
  const script = new URL("./close_and_exit.ts", import.meta.url).pathname;
  for (let run = 0; run < 6; run++) {
    const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", "--no-lock", script] });
    const { code, signal, stderr } = await command.output();
    deepStrictEqual([code, signal], [0, null], new TextDecoder().decode(stderr));
  }
});

testWebgpu("Convolutions are direct on demand, and near those by Winograd's method", async (device) => {
  const direct = await webgpuDevice({ winograd: false });
  const [x, w] = [random.normal(random.key(1), [2, 32, 32, 64]), random.normal(random.key(2), [3, 3, 64, 64])];
  const launches = (device: Device) =>
    jit((x: Tensor, w: Tensor) => conv2d(x, w, { padding: 1 }), { device }).stats(x, w).launches;
  deepStrictEqual([launches(device), launches(direct)], [4, 1]);
  const convolve = async (device: Device) =>
    await conv2d(random.normal(random.key(1), [2, 32, 32, 64]), w, { padding: 1 }).data({ device });
  const [fast, slow] = [await convolve(device), await convolve(direct)];
  ok(fast.some((value, i) => value !== slow[i]), "the methods round differently");
  assertClose(fast, slow, { absolute: 1e-3, relative: 1e-5 });
  direct.close();
});

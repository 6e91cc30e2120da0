import { deepStrictEqual, equal, ok, rejects, throws } from "node:assert/strict";
import process from "node:process";
import { cpuDevice, type CpuOptions, DeviceError, jit, type Tensor } from "../../../../tensor/mod.ts";
import * as t from "../../../../tensor/mod.ts";
import { assertClose } from "../../../support/assert_close.ts";
import { randomValues } from "../../../support/random_values.ts";

type Cpu = ReturnType<typeof cpuDevice>;

async function withCpu(options: CpuOptions, test: (device: Cpu) => void | Promise<void>): Promise<void> {
  const device = cpuDevice(options);
  try {
    await test(device);
  } finally {
    device.close();
  }
}

function floats(shape: readonly number[], seed = 1): Tensor {
  return t.tensor(Float32Array.from(randomValues(seed, t.sizeOf(shape))), { shape });
}

Deno.test("Values of each dtype go to the device and come back", () =>
  withCpu({ threads: 1 }, async (device) => {
    const same = async (x: Tensor) => await t.reshape(t.expandDims(x, { axis: 0 }), x.shape).data({ device });
    deepStrictEqual(await same(t.tensor([1.5, -2])), new Float32Array([1.5, -2]));
    deepStrictEqual(await same(t.tensor([1, -2], { dtype: "int32" })), new Int32Array([1, -2]));
    deepStrictEqual(await same(t.tensor([1, 4294967295], { dtype: "uint32" })), new Uint32Array([1, 4294967295]));
    deepStrictEqual(await same(t.tensor([1, 0, 1], { dtype: "bool" })), new Uint8Array([1, 0, 1]));
    deepStrictEqual(await t.less(floats([0]), 1).data({ device }), new Uint8Array(0));
  }));

Deno.test("A program of many launches gives the same bits at every run and for any number of threads", async () => {
  const f = (x: Tensor) => {
    let y = x;
    for (let i = 0; i < 8; i++) {
      const mean = t.mean(y, { axis: 0, keepDims: true });
      y = t.tanh(t.add(t.sub(y, mean), t.max(y, { axis: 1, keepDims: true })));
    }
    return [y, t.sum(y)];
  };
  const results: Float32Array[] = [];
  for (const threads of [1, 2, 3]) {
    await withCpu({ threads }, async (device) => {
      const compiled = jit(f, { device });
      for (let i = 0; i < 30; i++) {
        const [y, total] = compiled(floats([300, 77])) as [Tensor, Tensor];
        results.push(await y.data() as Float32Array, await total.data() as Float32Array);
      }
    });
  }
  results.forEach((result, i) => deepStrictEqual(result, results[i % 2]));
});

Deno.test("Every launch sees all that was written before, by whichever thread", async () => {
  const f = (x: Tensor) => {
    let y = x;
    for (let i = 0; i < 12; i++) {
      y = t.sub(t.transpose(t.tanh(y)), t.max(y, { axis: i % 2, keepDims: true }));
    }
    return y;
  };
  const results: Float32Array[] = [];
  for (const threads of [1, 2, 4]) {
    await withCpu({ threads }, async (device) => {
      const compiled = jit(f, { device });
      for (let i = 0; i < 10; i++) results.push(await compiled(floats([211, 211])).data() as Float32Array);
    });
  }
  results.forEach((result) => deepStrictEqual(result, results[0]));
});

Deno.test("A sum of ten million elements is right to 2e-7", () =>
  withCpu({ threads: 2 }, async (device) => {
    const values = Float32Array.from(randomValues(1, 10_000_000, [0, 1]));
    const exact = values.reduce((sum, value) => sum + value, 0);
    const tolerance = { absolute: 0, relative: 2e-7 };
    for (const shape of [[10_000_000], [2500, 4000]]) {
      const x = t.tensor(values, { shape });
      assertClose([await t.sum(x).item({ device })], [exact], tolerance);
    }
    const gap = t.slice(t.tensor(values, { shape: [2, 5_000_000] }), { start: [0, 1], size: [2, 4_999_998] });
    const outside = [0, 4_999_999, 5_000_000, 9_999_999].reduce((sum, i) => sum + values[i]!, 0);
    assertClose([await t.sum(gap).item({ device })], [exact - outside], tolerance);
  }));

Deno.test("A donated buffer becomes the result, and may not be read any more", () =>
  withCpu({ threads: 1 }, async (device) => {
    const step = jit((x: Tensor) => t.add(x, 1), { device, donate: [0] });
    const host = floats([100]);
    const first = step(host);
    const again = step(host); // host values are never written
    const third = step(step(host));
    deepStrictEqual(await again.data(), await first.data());
    const second = step(first);
    deepStrictEqual(await second.data(), await third.data());
    await rejects(() => first.data(), (error: Error) => error instanceof DeviceError && /donated/.test(error.message));
    throws(() => step(first), DeviceError);
  }));

Deno.test("Results may be inputs, stand twice, or both", () =>
  withCpu({ threads: 1 }, async (device) => {
    const f = jit((x: Tensor) => {
      const y = t.mul(x, 2);
      return [x, y, y, x];
    }, { device });
    const results = f(t.tensor([1, 2])) as Tensor[];
    results[1]![Symbol.dispose]();
    deepStrictEqual(await results[2]!.data(), new Float32Array([2, 4]));
    deepStrictEqual(await results[0]!.data(), new Float32Array([1, 2]));
    results[0]![Symbol.dispose]();
    deepStrictEqual(await results[3]!.data(), new Float32Array([1, 2]));
  }));

Deno.test("Memory that is not enough is an error that says what to do, and the device goes on", () =>
  withCpu({ threads: 1, maxBytes: 16 << 20 }, async (device) => {
    const large = () => t.exp(t.ones([4 << 20])).data({ device });
    await rejects(large, (error: Error) => {
      return error instanceof DeviceError && /Cannot allocate 16 MiB .*use a smaller batch/.test(error.message);
    });
    const wide = (seed: number) => t.exp(t.broadcastTo(floats([750_000], seed), [5, 750_000]));
    for (let seed = 0; seed < 5; seed++) await rejects(() => wide(seed).data({ device }), DeviceError);
    for (let i = 0; i < 20; i++) {
      using x = t.exp(t.zeros([1 << 20]));
      equal((await x.data({ device }))[7], 1);
    }
  }));

Deno.test("A closed device refuses to run", async () => {
  const device = cpuDevice({ threads: 2 });
  device.close();
  await rejects(() => t.add(t.tensor([1]), 1).data({ device }), /Cannot run as the device must be open/);
});

Deno.test("float64 is refused with the device that has it", () =>
  withCpu({ threads: 1 }, async (device) => {
    const wide = t.add(t.tensor([1], { dtype: "float64" }), 1);
    await rejects(() => wide.data({ device }), /float64 exists on the reference device only/);
  }));

Deno.test("Without relaxed SIMD the values are the same within rounding", () =>
  withCpu({ threads: 1, relaxedSimd: false }, async (device) => {
    const product = () => t.matmul(floats([33, 65]), floats([65, 17], 2));
    assertClose(await product().data({ device }), await product().data({ device: t.referenceDevice() }));
  }));

Deno.test("Memory of disposed tensors is used again", () =>
  withCpu({ threads: 2, maxBytes: 20 << 20 }, async (device) => {
    const step = jit((x: Tensor) => t.mul(x, 1.5), { device });
    let x = t.ones([1 << 20]);
    for (let i = 0; i < 20; i++) {
      const next = step(x);
      if (i > 0) x[Symbol.dispose]();
      x = next;
    }
    assertClose((await x.data()).slice(0, 1), [1.5 ** 20]);
  }));

Deno.test("Workers are started once there is work to share, and not before", async () => {
  const threads = process.getBuiltinModule("node:worker_threads");
  const { Worker } = threads;
  const started = { count: 0 };
  threads.Worker = class extends Worker {
    constructor(...given: ConstructorParameters<typeof Worker>) {
      super(...given);
      started.count++;
    }
  };
  try {
    await withCpu({ threads: 3 }, async (device) => {
      deepStrictEqual(await t.mul(t.tensor([1, 2]), 3).data({ device }), Float32Array.of(3, 6));
      equal(started.count, 0);
      for (const at of [1, 2]) {
        const values = await t.exp(t.full([1 << 20], at)).data({ device });
        assertClose([values[0]!, values.at(-1)!], [Math.exp(at), Math.exp(at)]);
        equal(started.count, 2);
      }
    });
  } finally {
    threads.Worker = Worker;
  }
});

/** Runs a script in a process of its own, as nothing is loaded there yet, and returns what it prints. */
async function runScript(script: string): Promise<string> {
  const config = new URL("../../../../deno.json", import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", config, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => process.kill(), 300_000);
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(script));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  clearTimeout(timer);
  ok(success, `the script did not end well: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim();
}

const LIBRARY = new URL("../../../../tensor/mod.ts", import.meta.url);

Deno.test("A script ends by itself while its workers wait", async () => {
  const printed = await runScript(`import { cpuDevice, sum, exp, ones } from "${LIBRARY}";
    const device = cpuDevice({ threads: 2 });
    console.log(await sum(exp(ones([300000]))).item({ device }));`);
  assertClose([Number(printed)], [300000 * Math.E]);
});

Deno.test("What a script asks for at once, before its threads have started, is done in order, in memory that is used again", async () => {
  const printed = await runScript(`import { add, cpuDevice, jit, mul, sum, tensor } from "${LIBRARY}";
    const device = cpuDevice({ threads: 2, maxBytes: 64 * 2 ** 20 });
    const step = jit((x, i) => add(mul(x, 0.5), i), { device });
    const donating = jit((x) => add(x, 1), { device, donate: [0] });
    let x = step(tensor(new Float32Array(1e6)), tensor(0)); // 4 MB each: 200 of them do not fit side by side
    for (let i = 1; i < 200; i++) {
      const next = donating(step(x, tensor(i)));
      x[Symbol.dispose]();
      x = next;
    }
    let expected = 0;
    for (let i = 1; i < 200; i++) expected = expected * 0.5 + i + 1;
    const values = await x.data({ device });
    console.log(values.every((value) => Math.abs(value - expected) < 1e-3));
    device.close();`);
  equal(printed, "true");
});

Deno.test("A constant that stands twice among results is written twice, into memory of its own each time", () =>
  withCpu({ threads: 2 }, async (device) => {
    const start = t.jit(() => {
      const zero = t.zeros([3, 5]);
      const half = t.cast(t.ones([3, 5]), "float16");
      return [zero, t.add(floats([3, 5]), 1), zero, t.zeros([3, 5]), half, half];
    }, { device });
    const results = start();
    deepStrictEqual(device.counters!().launches, 3); // a zero beside the sum and the halves, which are copied; two by themselves
    const values = await Promise.all(results.map((x) => x.data({ device })));
    [0, 2, 3].forEach((i) => deepStrictEqual(values[i], new Float32Array(15)));
    [4, 5].forEach((i) => deepStrictEqual([...values[i]!], Array(15).fill(1)));
    const grow = t.jit((x: Tensor) => t.add(x, 1), { device, donate: [0] });
    deepStrictEqual(await grow(results[0]!).data({ device }), new Float32Array(15).fill(1));
    deepStrictEqual(await results[2]!.data({ device }), new Float32Array(15));
  }));

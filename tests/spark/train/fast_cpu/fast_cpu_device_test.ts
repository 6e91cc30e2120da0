/** @file A cpu device in a process of its own: the same bits, refusals that say why, and no process that stays behind. */
import { deepStrictEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { fastCpuDevice } from "../../../../spark/train/fast_cpu/fast_cpu_device.ts";
import { kernelCache } from "../../../../spark/train/fast_cpu/kernel_cache.ts";
import type { Modules } from "../../../../tensor/devices/cpu/runtime/assemble.ts";
import { customKernel, realize } from "../../../../tensor/kernel.ts";
import {
  add,
  conv2d,
  cpuDevice,
  type Device,
  grad,
  jit,
  less,
  matmul,
  mul,
  random,
  scan,
  slice,
  sum,
  tanh,
  type Tensor,
  tensor,
  where,
  whileLoop,
  zeros,
} from "../../../../tensor/mod.ts";
import { alive, childrenOf } from "../../../support/processes.ts";

/** Programs of every kind of step: products, convolutions with gradients, loops with and without an end, bools, nothing. */
const PROGRAMS: Readonly<Record<string, () => readonly Tensor[]>> = {
  products: () => [matmul(random.normal(random.key(0), [70, 33]), random.normal(random.key(1), [33, 41]))],
  gradients: () => {
    const [x, w] = [random.normal(random.key(2), [2, 24, 24, 32]), random.normal(random.key(3), [3, 3, 32, 40])];
    return [grad((w: Tensor) => sum(tanh(conv2d(x, w, { padding: "SAME" }))))(w)];
  },
  scan: () => {
    const step = (carry: Tensor, x: Tensor) => [tanh(add(mul(carry, 0.5), x)), mul(carry, x)] as const;
    const [carry, rows] = scan(step, zeros([5]), random.normal(random.key(4), [9, 5]));
    return [carry, rows];
  },
  whileLoop: () => [whileLoop((x: Tensor) => less(x, 100), (x: Tensor) => mul(x, 3), tensor(1))],
  bools: () => [less(tensor([1, 2, 3]), 2)],
  hostBools: () => [where(tensor([true, false, true]), tensor([1, 2, 3]), 0)],
  twice: () => {
    const x = tanh(tensor([1, 2, 3])); // a result that stands twice gets memory of its own, by a copy
    return [x, x];
  },
  nothing: () => [zeros([0, 3])],
};

async function valuesOn(device: Device, make: () => readonly Tensor[]): Promise<readonly unknown[]> {
  return await Promise.all(jit(make, { device })().map((x) => x.data({ device })));
}

Deno.test("A device in a process of its own gives the bits of the device of this one", async () => {
  const { device } = await fastCpuDevice({ threads: 2 });
  const local = cpuDevice({ threads: 1, tiles: "4x8" });
  for (const [name, make] of Object.entries(PROGRAMS)) {
    deepStrictEqual(await valuesOn(device, make), await valuesOn(local, make), name);
  }
  await device.synchronize();
  ok(device.counters!().launches > 0);
  [device, local].forEach((each) => each.close());
});

Deno.test("A device in a process of its own keeps tensors there: steps go on from each other, donated or not", async () => {
  const { device } = await fastCpuDevice({ threads: 1 });
  const step = jit((x: Tensor) => mul(x, 1.5), { device, donate: [0] });
  let x: Tensor = tensor([1, 2]);
  for (let i = 0; i < 5; i++) x = step(x);
  deepStrictEqual(await x.data({ device }), Float32Array.of(1.5 ** 5, 2 * 1.5 ** 5));
  device.close();
  throws(() => step(tensor([1, 2])), /Cannot run as the device must be open/);
});

/** Ticks of the clock that a process has computed for. */
const ticksOf = (pid: number) => Number(Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ")[11]);

Deno.test("What was flushed is computed while this thread does not yield", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const { device, pid } = await fastCpuDevice({ threads: 1 });
  const before = ticksOf(pid);
  realize([random.normal(random.key(0), [2 ** 24])], device);
  await device.flush!();
  const end = performance.now() + 120_000;
  while (ticksOf(pid) < before + 10) ok(performance.now() < end, "the process was told nothing");
  device.close();
});

Deno.test("What came next is compiled ahead where it is known, and has the same bits", async () => {
  const folder = await Deno.makeTempDir();
  const cache = kernelCache(folder);
  const found: number[] = [];
  const next = (program: Modules) => {
    const modules = cache.next!(program);
    found.push(modules.length);
    return modules;
  };
  const values: unknown[] = [];
  for (let start = 0; start < 2; start++) {
    const { device } = await fastCpuDevice({ threads: 2, kernels: { ...cache, next } });
    const x = random.normal(random.key(5), [1000]);
    realize([x], device);
    await device.flush!();
    const parts = (x: Tensor) => Array.from({ length: 70 }, (_, i) => tanh(slice(x, { start: [i] }))); // a kernel each
    values.push(await Promise.all(jit(parts, { device })(x).map((y) => y.data({ device }))));
    device.close();
  }
  ok(found[0] === 0 && found.some((count) => count >= 64), `${found}`);
  deepStrictEqual(values[0], values[1]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Kernels of others are refused where nothing checks their addresses", async () => {
  const { device } = await fastCpuDevice({ threads: 1 });
  const twice = customKernel({
    name: "twice",
    reference: ([x]) => Float64Array.from(x!.data, (v) => 2 * v),
    wat: () => ({ passes: [], scratchBytes: 0, localBytes: 0 }),
  });
  await rejects(
    async () => await twice(tensor([1])).data({ device }),
    /Cannot compute twice in a process without checks/,
  );
  device.close();
});

/** A script that opens a device, computes, says so and does as it is told. */
const script = (rest: string) => `
  import { add, tensor } from "${new URL("../../../../tensor/mod.ts", import.meta.url)}";
  import { fastCpuDevice } from "${new URL("../../../../spark/train/fast_cpu/fast_cpu_device.ts", import.meta.url)}";
  const { device } = await fastCpuDevice({ threads: 2 });
  console.log((await add(tensor([1]), 1).data({ device }))[0]);
  ${rest}`;

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 120_000;
  while (!isSo()) {
    ok(performance.now() < end, "it takes too long");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const deno = (text: string, options: Deno.CommandOptions = {}) =>
  new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", text],
    stdout: "piped",
    stderr: "piped",
    ...options,
  });

Deno.test("A script ends by itself, and its engine with it", async () => {
  const { code, stdout, stderr } = await deno(script("")).output();
  equal(new TextDecoder().decode(stdout).trim(), "2", new TextDecoder().decode(stderr));
  equal(code, 0);
});

Deno.test("An engine that is killed is told in one line; a script that is killed leaves none behind", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const waits = `
    setInterval(() => {}, 1000);
    for await (const _ of Deno.stdin.readable) {
      try { await add(tensor([1]), 2).data({ device }); } catch (error) { console.log(error.message); Deno.exit(3); }
    }`;
  const start = async () => {
    const child = deno(script(waits), { stdin: "piped" }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    return { child, reader, engine: childrenOf(child.pid)[0]! };
  };
  const first = await start();
  Deno.kill(first.engine, "SIGKILL");
  await until(() => !alive(first.engine));
  await first.child.stdin.getWriter().write(Uint8Array.of(10));
  const { value } = await first.reader.read();
  ok(/^Cannot compute on cpu as its process must run: current process has ended/.test(new TextDecoder().decode(value)));
  equal((await first.child.status).code, 3);
  await first.child.stderr.cancel();
  await first.reader.cancel();

  const second = await start();
  second.child.kill("SIGKILL");
  await second.child.status;
  await until(() => !alive(second.engine));
  await second.child.stderr.cancel();
  await second.reader.cancel();
  await second.child.stdin.abort().catch(() => {});
});

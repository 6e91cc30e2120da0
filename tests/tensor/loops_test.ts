/** @file Loops that await, donate nothing and drop their results: the memory comes back. Those that cannot be helped say what helps. */
import { ok, rejects, throws } from "node:assert/strict";
import { LOOPS } from "../../bench/long_loops.ts";
import { add, cpuDevice, type Device, DeviceError, jit, mul, ones, sum, type Tensor } from "../../tensor/mod.ts";
import { testWebgpu } from "../support/device_or_skip.ts";

const MIB = 2 ** 20;

/** Runs steps of 4 MiB each on a device that has room for a part of them, and tells how much it took. */
async function largestUse(device: Device, steps: number): Promise<number> {
  let params = LOOPS.jitted.start(device);
  let most = 0;
  for (let i = 0; i < steps; i++) {
    params = await LOOPS.jitted.step(params, device);
    most = Math.max(most, device.counters!().bytes);
  }
  return most;
}

Deno.test("cpu: 3,000 jitted steps on 4 MiB of parameters, each loss awaited, nothing donated, fit into 320 MiB", async () => {
  const device = cpuDevice({ threads: 1, maxBytes: 320 * MIB });
  try {
    const most = await largestUse(device, 3000);
    ok(most < 320 * MIB, `${most / MIB} MiB`);
  } finally {
    device.close();
  }
});

testWebgpu("webgpu: 300 jitted steps on 4 MiB of parameters fit into 256 MiB", async (device) => {
  const most = await largestUse(device, 300);
  ok(most < 256 * MIB, `${most / MIB} MiB`);
}, { maxBytes: 256 * MIB });

/** Other shapes of loops, each of which drops what it makes: 1 GiB in all on a device of 512 MiB. */
const SHAPES: Readonly<Record<string, (device: Device) => Promise<void>>> = {
  async "many small results"(device) {
    const f = jit((x: Tensor) => add(x, 1), { device });
    let x: Tensor = ones([4096]);
    for (let i = 0; i < 65_536; i++) {
      x = f(x);
      if (i % 64 === 0) await device.synchronize();
    }
  },
  async "large results"(device) {
    const f = jit((x: Tensor) => [mul(x, 0.5), sum(x)] as const, { device });
    let x: Tensor = ones([16 * MIB]);
    for (let i = 0; i < 16; i++) {
      const [next, total] = f(x);
      await total.item({ device });
      x = next;
    }
  },
  async "results kept for some steps"(device) {
    const f = jit((x: Tensor) => mul(x, 0.5), { device });
    const kept: Tensor[] = [ones([MIB])];
    for (let i = 0; i < 256; i++) {
      kept.push(f(kept.at(-1)!));
      if (kept.length > 10) kept.shift();
      await device.synchronize();
    }
  },
  async "reads side by side"(device) {
    const f = jit((x: Tensor) => [mul(x, 0.5), sum(x)] as const, { device });
    let x: Tensor = ones([MIB]);
    for (let i = 0; i < 32; i++) {
      const totals = Array.from({ length: 8 }, () => {
        const [next, total] = f(x);
        x = next;
        return total.item({ device });
      });
      await Promise.all(totals);
    }
  },
};

for (const [name, run] of Object.entries(SHAPES)) {
  Deno.test(`cpu: the memory of ${name} comes back`, async () => {
    const device = cpuDevice({ threads: 1, maxBytes: 512 * MIB });
    try {
      await run(device);
    } finally {
      device.close();
    }
  });
}

function neverAwaits(device: Device): void {
  const f = jit((x: Tensor) => mul(x, 0.5), { device });
  let x: Tensor = ones([MIB]);
  for (let i = 0; i < 64; i++) x = f(x);
}

Deno.test("cpu: a loop that never awaits ends in an error that says what helps", () => {
  const device = cpuDevice({ threads: 1, maxBytes: 64 * MIB });
  try {
    throws(() => neverAwaits(device), (error: Error) => {
      return error instanceof DeviceError && /await.*using.*donate/.test(error.message);
    });
  } finally {
    device.close();
  }
});

testWebgpu("webgpu: a loop that never awaits ends in an error that says what helps", async (device) => {
  await rejects(async () => await neverAwaits(device), (error: Error) => {
    return error instanceof DeviceError && /await.*using.*donate/.test(error.message);
  });
}, { maxBytes: 64 * MIB });

Deno.test("cpu: 200 shapes leave no more behind than a bounded number of programs", async () => {
  const args = ["run", "-A", "--no-check", new URL("./many_shapes.ts", import.meta.url).pathname]; // resident is all of a process
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  const resident = JSON.parse(new TextDecoder().decode(stdout)) as readonly number[];
  ok(resident[2]! - resident[1]! < 64 * MIB, `resident ${resident.map((bytes) => Math.round(bytes / MIB))} MiB`);
});

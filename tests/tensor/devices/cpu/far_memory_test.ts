/** @file Operands and results in memories that kernels do not reach: the same bits, and errors that say what does not fit. */
import { deepStrictEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { processEngine } from "../../../../spark/train/fast_cpu/process_engine.ts";
import { planBatch } from "../../../../spark/train/largest_batch.ts";
import {
  add,
  allGather,
  allReduce,
  alone,
  type Collective,
  conv2d,
  cpuDevice,
  type Device,
  exp,
  grad,
  jit,
  less,
  matmul,
  mul,
  reshape,
  scan,
  sub,
  sum,
  tanh,
  type Tensor,
  tensor,
  toDevice,
  whileLoop,
  zeros,
} from "../../../../tensor/mod.ts";
import { cpuDeviceOn } from "../../../../tensor/devices/cpu/cpu_device.ts";
import type { Engine } from "../../../../tensor/devices/cpu/runtime/engine.ts";
import { localEngine } from "../../../../tensor/devices/cpu/runtime/local_engine.ts";
import { crowdedDevice, memoryOfTensor } from "../../../support/crowded_device.ts";
import { inputsOf, ROWS } from "../../../support/op_table.ts";
import { randomValues } from "../../../support/random_values.ts";

function floats(shape: readonly number[], seed: number): Tensor {
  return tensor(Float32Array.from(randomValues(seed, shape.reduce((a, b) => a * b, 1))), { shape });
}

/** Runs something beside a device with one memory, and closes both. */
async function beside(devices: readonly Device[], run: (plain: Device) => Promise<void>): Promise<void> {
  const plain = cpuDevice({ threads: 1, tiles: "4x8" });
  try {
    await run(plain);
  } finally {
    [...devices, plain].forEach((device) => device.close());
  }
}

Deno.test("The bits of each operation do not depend on the memories that hold operands and results", async (test) => {
  const { device, spread } = crowdedDevice(localEngine(2));
  await beside([device], async (plain) => {
    for (const { name, f, cases } of ROWS) {
      const testCase = cases.find(({ large = false }) => !large);
      if (!testCase) continue;
      await test.step(name, async () => {
        const run = jit(f, { device });
        run(...inputsOf(testCase))[Symbol.dispose](); // takes the room for what is computed on the way
        const inputs = await spread(inputsOf(testCase));
        deepStrictEqual(inputs.map(memoryOfTensor), inputs.map((_, i) => i % 2));
        using result = run(...inputs);
        equal(memoryOfTensor(result), 1);
        deepStrictEqual(await result.data(), await jit(f, { device: plain })(...inputsOf(testCase)).data());
        inputs.forEach((x) => x[Symbol.dispose]());
      });
    }
  });
});

type State = readonly [w: Tensor, moment: Tensor, k: Tensor];

/** A step in place on weights of more than one part of a copy, the last of which is short. */
function trainStep([w, moment, k]: State, x: Tensor): readonly [State, Tensor] {
  const loss = (w: Tensor, k: Tensor) => sum(tanh(matmul(sum(tanh(conv2d(x, k)), { axis: [1, 2] }), w)));
  const [dw, dk] = [grad(loss)(w, k), grad((k: Tensor) => loss(w, k))(k)];
  const next = add(mul(moment, 0.9), dw);
  return [[sub(w, mul(next, 0.01)), next, sub(k, mul(dk, 0.01))], loss(w, k)];
}

/** Runs steps; the values of the last state, and of all losses. */
async function train(device: Device, state: State, steps = 3): Promise<readonly unknown[]> {
  const step = jit(trainStep, { device, donate: [0] });
  const losses: Tensor[] = [];
  let current = state;
  for (let i = 0; i < steps; i++) {
    const [next, loss] = step(current, floats([2, 8, 8, 5], 20 + i));
    losses.push(loss);
    current = next;
  }
  return await Promise.all([...current, ...losses].map((x) => x.data({ device })));
}

const startState = (): State => [floats([60, 6007], 1), floats([60, 6007], 2), floats([3, 3, 5, 60], 3)];

const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  "threads of this process": () => Promise.resolve(localEngine(2)),
  "a process of its own": async () => (await processEngine(2)).engine,
};
for (const [name, open] of Object.entries(ENGINES)) {
  Deno.test(`Steps in place on a state beside the first memory have the same bits: ${name}`, async () => {
    const { device, fill } = crowdedDevice(await open(), 2 ** 25);
    await beside([device], async (plain) => {
      const wanted = await train(plain, startState());
      deepStrictEqual(await train(device, startState()), wanted); // the room that it takes is kept
      fill();
      const state = await toDevice(startState(), device);
      deepStrictEqual(state.map(memoryOfTensor), [1, 1, 1]);
      deepStrictEqual(await train(device, state), wanted);
    });
  });
}

Deno.test("Loops read and write what lies beside the first memory", async () => {
  const { device, spread } = crowdedDevice(localEngine(2));
  const f = (w: Tensor, rows: Tensor, start: Tensor) => {
    const step = (carry: Tensor, x: Tensor) => {
      const next = tanh(add(matmul(carry, w), x));
      return [next, mul(next, x)] as const;
    };
    const [last, all] = scan(step, start, rows);
    return [
      last,
      all,
      whileLoop((x: Tensor) => less(sum(x), 1e6), (x: Tensor) => add(mul(x, 2), 1), exp(last)),
    ] as const;
  };
  const inputs = () => [floats([9, 9], 1), floats([7, 3, 9], 2), floats([3, 9], 3)] as const;
  await beside([device], async (plain) => {
    jit(f, { device })(...inputs());
    const [w, rows, start] = await spread(inputs()) as [Tensor, Tensor, Tensor];
    const far = jit(f, { device })(w, rows, start);
    deepStrictEqual([w, rows, start, ...far].map(memoryOfTensor), [0, 1, 0, 1, 1, 1]);
    for (const [i, x] of jit(f, { device: plain })(...inputs()).entries()) {
      deepStrictEqual(await far[i]!.data(), await x.data());
    }
  });
});

/** Two processes of which both are this one. */
const TWINS: Collective = {
  ...{ ...alone(), name: "twins", rank: 0, size: 2 },
  allReduce(values) {
    values.forEach((x, i) => values[i] = 2 * x);
    return { poll: () => true, wait: () => {} };
  },
  allGather: (values, all) => [0, 1].forEach((i) => all.set(values as never, i * values.length)),
};

Deno.test("The host exchanges what lies beside the first memory", async () => {
  const { device, spread } = crowdedDevice(localEngine(2));
  const f = (x: Tensor, y: Tensor) => {
    const [a, b] = [allReduce(x, TWINS), allReduce(mul(y, 3), TWINS)];
    return [a, add(b, 1), allGather(y, TWINS), allReduce(y, TWINS)] as const;
  };
  const inputs = () => [floats([70, 300], 1), floats([5], 2)] as const;
  await beside([device], async (plain) => {
    const run = jit(f, { device });
    run(...inputs());
    const [y, x] = await spread([inputs()[1], inputs()[0]]) as [Tensor, Tensor];
    const far = run(x, y);
    ok([x, ...far].every((each) => memoryOfTensor(each) === 1));
    for (const [i, each] of jit(f, { device: plain })(...inputs()).entries()) {
      deepStrictEqual(await far[i]!.data(), await each.data());
    }
  });
});

Deno.test("Tensors are moved where a program needs their room, and keep their values", async () => {
  const device = cpuDeviceOn(localEngine(1), { nearBytes: 7 * 2 ** 20, maxBytes: 2 ** 32 });
  try {
    const values = [1, 2, 3].map((seed) => floats([768, 512], seed)); // of 1.5 MiB
    const tensors = await toDevice(values, device);
    deepStrictEqual(tensors.map(memoryOfTensor), [0, 0, 0]);
    const total = jit((x: Tensor) => sum(x), { device });
    const before = await Promise.all(tensors.map((x) => total(x).item()));
    await jit((x: Tensor) => sum(tanh(matmul(x, reshape(x, [512, 768])))), { device })(tensors[0]!).item();
    ok(tensors.some((x) => memoryOfTensor(x) === 1));
    deepStrictEqual(await Promise.all(tensors.map((x) => x.data())), await Promise.all(values.map((x) => x.data())));
    deepStrictEqual(await Promise.all(tensors.map((x) => total(x).item())), before);
    tensors[0]![Symbol.dispose]();
    await rejects(() => tensors[0]!.data(), /memory must not be given back/);
  } finally {
    device.close();
  }
});

Deno.test("A program that the first memory cannot hold is planned with what lies beside it, or refused with the largest batch", () => {
  const device = cpuDeviceOn(localEngine(1), { nearBytes: 2 ** 23, maxBytes: 2 ** 24 });
  try {
    const step = jit((x: Tensor, w: Tensor) => [sum(matmul(tanh(matmul(x, w)), w)), add(w, 1)], { device });
    const plan = (batch: number) => step.stats(zeros([batch, 512]), zeros([512, 512]));
    const [small, large] = [plan(16), plan(1100)];
    ok(small.plannedBytes < 2 ** 23 && large.plannedBytes > 2 ** 23);
    ok(large.launches > small.launches, "copies are launches");
    throws(
      () => planBatch(device, plan, 4096),
      /what it computes on its way must fit into 8 MiB: current plan takes \d+ MiB for that; the largest --batch-size that fits is \d+;/,
    );
    throws(
      () => planBatch({ ...device, maxBytes: large.plannedBytes - 1 }, plan, 1100),
      /the largest --batch-size that fits/,
    );
  } finally {
    device.close();
  }
});

Deno.test("More memory than there can be is refused", () => {
  throws(
    () => cpuDevice({ maxBytes: 2 ** 35 }),
    /maxBytes must be at most 17179869184: current maxBytes is 34359738368/,
  );
});

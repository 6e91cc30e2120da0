/** @file A recurrent network by `scan` costs the same to compile whatever the length of its text. */
import { deepStrictEqual, ok } from "node:assert/strict";
import {
  add,
  cpuDevice,
  type Device,
  type ExecutableStats,
  expandDims,
  grad,
  jit,
  makeProgram,
  oneHot,
  random,
  reshape,
  scan,
  tanh,
  type Tensor,
  tensor,
  zeros,
} from "../../tensor/mod.ts";
import { crossEntropy, initLinear, linear } from "../../nn/mod.ts";
import { testWebgpu } from "../support/device_or_skip.ts";

const [CHARACTERS, HIDDEN] = [11, 8];
const LENGTHS = [50, 100, 200] as const;

const [first, second, third] = random.split(random.key(0), 3);
const params = {
  input: initLinear(first, { inChannels: CHARACTERS, outChannels: HIDDEN }),
  hidden: initLinear(second, { inChannels: HIDDEN, outChannels: HIDDEN }),
  head: initLinear(third, { inChannels: HIDDEN, outChannels: CHARACTERS }),
};

function loss({ input, hidden, head }: typeof params, text: Tensor, next: Tensor): Tensor {
  const step = (h: Tensor, x: Tensor) => {
    const following = tanh(add(x, linear(hidden, h)));
    return [following, following] as const;
  };
  const [, outputs] = scan(step, zeros([1, HIDDEN]), expandDims(linear(input, oneHot(text, CHARACTERS)), { axis: 1 }));
  return crossEntropy(linear(head, reshape(outputs, [-1, HIDDEN])), next);
}

type Stats = ExecutableStats;

const textsOf = (length: number): [Tensor, Tensor] => {
  const text = () => tensor(new Int32Array(length));
  return [text(), text()];
};

/** The numbers of a step of training. */
function statsOf(length: number, device: Device): Stats {
  return jit(grad(loss), { device }).stats(params, ...textsOf(length));
}

/** Bytes that a step keeps: up to fourteen rows each of what is carried and of characters, with their cotangents. */
const KEPT_BYTES = 4 * 14 * (HIDDEN + CHARACTERS);
/** Sums over all steps, such as those of weights, may take a few passes more where there are more of them. */
const PASSES = 10;

function checkGrowth(device: Device): void {
  const [few, some, many] = LENGTHS.map((length) => statsOf(length, device)) as [Stats, Stats, Stats];
  const body = (some.launches - few.launches) / (LENGTHS[1] - LENGTHS[0]);
  const more = many.launches - some.launches - body * (LENGTHS[2] - LENGTHS[1]);
  ok(body <= 40 && Math.abs(more) <= PASSES, `launches ${few.launches}, ${some.launches}, ${many.launches}`);
  const bytes = (many.plannedBytes - few.plannedBytes) / (LENGTHS[2] - LENGTHS[0]);
  ok(bytes <= KEPT_BYTES, `${bytes} planned bytes a step`);
}

Deno.test("Nodes of a recurrent program do not depend on its length", () => {
  const programs = LENGTHS.map((length) => String(makeProgram(grad(loss))(params, ...textsOf(length))));
  const lines = programs.map((program) => program.split("\n").length);
  deepStrictEqual(lines, lines.map(() => lines[0]));
  ok(lines[0]! > 20, `${lines[0]} lines`);
});

Deno.test("On cpu launches grow by those of the body, planned bytes by what is kept", () => {
  const device = cpuDevice({ threads: 1 });
  checkGrowth(device);
  device.close();
});

testWebgpu("On webgpu 200 steps compile the kernels of 50 and are one submit, nothing is read", async (device) => {
  checkGrowth(device);
  const made: number[] = [];
  for (const length of [50, 200]) {
    const create = GPUDevice.prototype.createComputePipeline;
    const count = { pipelines: 0 };
    GPUDevice.prototype.createComputePipeline = function (...given) {
      count.pipelines++;
      return create.apply(this, given);
    };
    try {
      const [step, texts] = [jit(grad(loss), { device }), textsOf(length)];
      const run = async () => {
        await step(params, ...texts).hidden.weight.data();
      };
      await run(); // compiles
      const before = device.counters!();
      step(params, ...texts);
      const after = device.counters!();
      deepStrictEqual([after.submits - before.submits, after.readBacks - before.readBacks], [1, 0]);
    } finally {
      GPUDevice.prototype.createComputePipeline = create;
    }
    made.push(count.pipelines);
  }
  ok(made[0]! > 5, `${made[0]} pipelines`);
  ok(made[1]! <= made[0]!, `${made} pipelines`);
});

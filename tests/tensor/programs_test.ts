/** @file Programs of any length, loops of any length: the same cost for every step, whatever came before. */
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import {
  add,
  checkpoint,
  cpuDevice,
  type Device,
  grad,
  jit,
  matmul,
  mean,
  mul,
  pad,
  referenceDevice,
  reshape,
  slice,
  square,
  sub,
  sum,
  tanh,
  type Tensor,
  tensor,
  transpose,
  treeMap,
  valueAndGrad,
  vjp,
  zeros,
} from "../../tensor/mod.ts";
import { testWebgpu } from "../support/device_or_skip.ts";

/** Registers a test on each device; `scale` sizes it for a software GPU. */
function onDevices(name: string, run: (device: Device, scale: number) => Promise<void>): void {
  Deno.test(`reference: ${name}`, () => run(referenceDevice(), 1));
  Deno.test(`cpu: ${name}`, async () => {
    const device = cpuDevice({ threads: 1 });
    try {
      await run(device, 1);
    } finally {
      device.close();
    }
  });
  testWebgpu(`webgpu: ${name}`, (device) => run(device, 0.2));
}

function repeated(f: (x: Tensor) => Tensor, count: number): (x: Tensor) => Tensor {
  return (x) => {
    let y = x;
    for (let i = 0; i < count; i++) y = f(y);
    return y;
  };
}

async function near(actual: Tensor, expected: number, device: Device): Promise<void> {
  const [first] = await actual.data({ device });
  ok(Math.abs(first! - expected) <= 1e-3 * Math.abs(expected), `${first} is not ${expected}`);
}

/** x ← 0.999 x + 0.001, which goes to 1. */
const step = (x: Tensor) => add(mul(x, 0.999), 0.001);
const after = (count: number, x: number) => 1 + (x - 1) * 0.999 ** count;

onDevices("100,000 operations in a row are computed, without jit and in one jit", async (device, scale) => {
  const steps = 50_000 * scale;
  await near(repeated(step, steps)(tensor([5])), after(steps, 5), device);
  await near(jit(repeated(step, steps), { device })(tensor([5])), after(steps, 5), device);
});

onDevices("a gradient goes back through 20,000 operations", async (device, scale) => {
  const steps = 10_000 * scale;
  const loss = (x: Tensor) => mul(sum(repeated((y) => add(mul(y, 0.9999), 0.0001), steps)(x)), 1);
  await near(grad(loss)(tensor([5])), 0.9999 ** steps, device);
});

/** Chains that are cut elsewhere: by views, by reductions, by products, by what is read twice. */
const CHAINS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  "transposed": (x) => transpose(x, [1, 0]),
  "reshaped there and back": (x) => reshape(reshape(x, [8, 2]), [4, 4]),
  "padded and cut": (x) => slice(pad(x, [[1, 0], [0, 0]]), { start: [1, 0] }),
  "centred": (x) => sub(x, mean(x)),
  "symmetric": (x) => mul(add(x, transpose(x, [1, 0])), 0.5),
  "multiplied": (x) => matmul(x, tensor([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]])),
  "read twice": (x) => mul(add(x, x), 0.5),
  "dear": (x) => tanh(x),
};

for (const [name, f] of Object.entries(CHAINS)) {
  onDevices(`1,000 times ${name}`, async (device, scale) => {
    const x = tensor(Array.from({ length: 4 }, (_, i) => [0.1 * i, 0.2, -0.3, 0.4]));
    const chain = repeated(f, 1000 * scale);
    const expected = await chain(x).data({ device: referenceDevice() });
    const actual = await chain(x).data({ device });
    expected.forEach((value, i) => ok(Math.abs(value - actual[i]!) < 1e-4, `element ${i}: ${actual[i]}, not ${value}`));
  });
}

/** Launches and seconds of one step, once the loop has begun. */
async function descent(device: Device, readFirst: boolean): Promise<readonly number[]> {
  const x = tensor([[1, 2], [3, 4], [5, 7]]);
  const y = tensor([[1], [2], [4]]);
  const loss = ({ w, b }: { w: Tensor; b: Tensor }) => mean(square(sub(add(matmul(x, w), b), y)));
  let params = { w: zeros([2, 1]), b: zeros([1]) };
  const sizes: number[] = [];
  const counted: Device = {
    ...device,
    evaluate(tensors) {
      const program = device.compile({ inputs: [], outputs: tensors, donated: new Set() });
      sizes.push(program.stats.launches);
      return device.evaluate(tensors);
    },
  };
  for (let i = 0; i < 30; i++) {
    const [before, gradients] = valueAndGrad(loss)(params);
    if (readFirst) await before.item({ device: counted });
    params = treeMap((p, g) => sub(p, mul(g, 0.01)), params, gradients);
    if (!readFirst) await loss(params).item({ device: counted });
  }
  return sizes;
}

for (const readFirst of [true, false]) {
  onDevices(
    `a descent whose loss alone is read, ${readFirst ? "before" : "after"} the update, costs the same at every step`,
    async (device) => {
      const sizes = await descent(device, readFirst);
      deepStrictEqual(new Set(sizes.slice(5)).size, 1, `launches ${sizes}`);
    },
  );
}

onDevices("what was computed is not computed again, but differentiated as before", async (device) => {
  const f = (x: Tensor) => sum(mul(tanh(x), x));
  const at = tensor([0.5, -1]);
  const [value, pullback] = vjp(f, at);
  const expected = await grad(f)(at).data({ device });
  await value.data({ device });
  equal(value.inputs.length <= 1, true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  (globalThis as { gc?: () => void }).gc?.();
  deepStrictEqual(await pullback(tensor(1))[0].data({ device }), expected);
  deepStrictEqual(await pullback(tensor(1))[0].data({ device }), expected);
});

onDevices("a checkpointed part is computed again for each pullback, also after values were read", async (device) => {
  const f = (x: Tensor) => sum(checkpoint((y: Tensor) => mul(tanh(y), y))(x));
  const at = tensor([0.5, -1]);
  const [value, pullback] = vjp(f, at);
  const [first] = pullback(tensor(1));
  const expected = await first.data({ device });
  await value.data({ device });
  await add(first, value).data({ device });
  await new Promise((resolve) => setTimeout(resolve, 0));
  (globalThis as { gc?: () => void }).gc?.();
  deepStrictEqual(await pullback(tensor(1))[0].data({ device }), expected);
});

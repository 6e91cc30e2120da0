/**
 * @file Gradients of each example, by `vmap(grad(loss))` and by a loop over the examples, beside the gradient of the batch.
 *
 *     deno task bench:per-example [--device webgpu] [--rounds 15]
 *
 * Both ways are compared before anything is timed. They take turns; medians are printed, and launches of one run.
 */
import { ok } from "node:assert/strict";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  type Device,
  grad,
  jit,
  matmul,
  mean,
  openDevice,
  random,
  reshape,
  square,
  sub,
  type Tensor,
  tensor,
  treeLeaves,
  vmap,
} from "../tensor/mod.ts";
import { leaf, realize } from "../tensor/kernel.ts";
import { gelu } from "../nn/mod.ts";
import { median } from "./statistics.ts";

const { values: args } = parseArgs({
  options: { device: { type: "string", default: "cpu" }, rounds: { type: "string", default: "15" } },
});
const [INPUTS, HIDDEN] = [64, 128];

interface Params {
  readonly up: Tensor;
  readonly down: Tensor;
}

function loss({ up, down }: Params, x: Tensor, y: Tensor): Tensor {
  return mean(square(sub(reshape(matmul(gelu(matmul(reshape(x, [-1, INPUTS]), up)), down), y.shape), y)));
}

/** A tensor whose values lie on the device. */
function placed(x: Tensor, device: Device): Tensor {
  return leaf({ shape: x.shape, dtype: x.dtype }, { buffer: realize([x], device)[0]! });
}

/** Everything that a run made is computed; nothing is read. */
async function timed(run: () => readonly unknown[], device: Device): Promise<number> {
  const start = performance.now();
  const made = run().flatMap((tree) => treeLeaves(tree as Params));
  await device.synchronize!();
  const milliseconds = performance.now() - start;
  made.forEach((x) => (x as Tensor)[Symbol.dispose]());
  return milliseconds;
}

/** Refuses a gradient of an example that the two ways do not agree on. */
async function requireEqual(all: Params, each: readonly Params[], device: Device): Promise<void> {
  const mapped = await all.up.data({ device });
  for (const [i, gradient] of each.entries()) {
    const wanted = await gradient.up.data({ device });
    const at = i * wanted.length;
    ok(wanted.every((value, j) => Math.abs(value - mapped[at + j]!) <= 1e-4 * (1 + Math.abs(value))), `example ${i}`);
  }
}

async function compare(size: number, device: Device): Promise<void> {
  const keys = random.split(random.key(size), 4);
  const params = {
    up: placed(random.normal(keys[0], [INPUTS, HIDDEN]), device),
    down: placed(random.normal(keys[1], [HIDDEN, 1]), device),
  };
  const [x, y] = [
    placed(random.normal(keys[2], [size, INPUTS]), device),
    placed(random.normal(keys[3], [size]), device),
  ];
  const rows = await x.data({ device });
  const targets = await y.data({ device });
  const examples = Array.from({ length: size }, (_, i) =>
    [
      placed(tensor(rows.slice(i * INPUTS, (i + 1) * INPUTS)), device),
      placed(tensor(targets[i]!), device),
    ] as const);
  const one = jit(grad(loss), { device });
  const all = jit(vmap(grad(loss), { inAxes: [null, 0, 0] }), { device });
  const loop = () => examples.map(([x, y]) => one(params, x, y));
  await requireEqual(all(params, x, y), loop(), device);
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < Number(args.rounds); round++) {
    ours.push(await timed(() => [all(params, x, y)], device));
    theirs.push(await timed(loop, device));
  }
  const launches = {
    batch: one.stats(params, x, y).launches,
    each: all.stats(params, x, y).launches,
    loop: size * one.stats(params, ...examples[0]!).launches,
  };
  const [a, b] = [median(ours), median(theirs)];
  process.stdout.write(
    `${size} examples on ${device.name}: vmap ${a.toFixed(2)} ms, loop ${b.toFixed(2)} ms: ${
      (b / a).toFixed(1)
    } times as ` +
      `long; launches: batch ${launches.batch}, vmap ${launches.each}, loop ${launches.loop}\n`,
  );
}

const device = await openDevice(args.device);
for (const size of [4, 64]) await compare(size, device);
device.close();

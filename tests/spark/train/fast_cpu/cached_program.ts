/**
 * @file A program with a loop, long enough to be kept, whose kernels are cached: prints its values, whether any kernel was
 * assembled and whether any was written, and how many programs were planned.
 */
// deno-lint-ignore-file no-console
import { kernelCache } from "../../../../spark/train/fast_cpu/kernel_cache.ts";
import { add, cpuDevice, jit, matmul, random, scan, sum, tanh, type Tensor } from "../../../../tensor/mod.ts";
import { idOf } from "../../../../tensor/text_of.ts";

const [folder, objects] = Deno.args;
for (let i = 0; i < Number(objects); i++) idOf({}); // records get other numbers then
const cache = kernelCache(folder!);
const [made, written, planned]: [string[], string[], string[]] = [[], [], []];
const kernels: typeof cache = {
  ...cache,
  get(text) {
    written.push(text);
    return cache.get(text);
  },
  keep: (content, kept) => {
    if (content.startsWith("program ")) planned.push(content);
    cache.keep!(content, kept);
  },
  set: (text, module) => {
    made.push(text);
    cache.set(text, module);
  },
};
const device = cpuDevice({ threads: 2, kernels, tiles: "4x8" }); // named: trials in two processes may choose two
/** Many operations that are not one. */
const chain = (x: Tensor) => Array.from({ length: 200 }).reduce((y: Tensor, _, i) => tanh(add(y, i)), x);
const program = jit(
  (x: Tensor) =>
    scan((carry: Tensor) => [tanh(matmul(carry, x)), sum(carry)] as const, chain(x), null, { length: 3 })[1],
  { device },
);
const values = await program(random.normal(random.key(0), [40, 40])).data();
console.log(
  JSON.stringify({
    values: [...values],
    assembled: made.length > 0,
    written: written.length > 0,
    planned: planned.length,
  }),
);
device.close();

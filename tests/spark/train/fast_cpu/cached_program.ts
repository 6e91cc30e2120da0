/** @file A program with a loop whose kernels are cached: prints its values, whether any was assembled, and whether any was written. */
// deno-lint-ignore-file no-console
import { kernelCache } from "../../../../spark/train/fast_cpu/kernel_cache.ts";
import { cpuDevice, jit, matmul, random, scan, sum, tanh, type Tensor } from "../../../../tensor/mod.ts";

const cache = kernelCache(Deno.args[0]!);
const [made, written]: [string[], string[]] = [[], []];
const kernels: typeof cache = {
  ...cache,
  get(text) {
    written.push(text);
    return cache.get(text);
  },
  set: (text, module) => {
    made.push(text);
    cache.set(text, module);
  },
};
const device = cpuDevice({ threads: 2, kernels, tiles: "4x8" }); // named: trials in two processes may choose two
const program = jit(
  (x: Tensor) => scan((carry: Tensor) => [tanh(matmul(carry, x)), sum(carry)] as const, x, null, { length: 3 })[1],
  { device },
);
const values = await program(random.normal(random.key(0), [40, 40])).data();
console.log(JSON.stringify({ values: [...values], assembled: made.length > 0, written: written.length > 0 }));
device.close();

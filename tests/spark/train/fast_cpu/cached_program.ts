/** @file A program with a loop whose kernels are cached: prints its values, and whether the assembler was needed. */
// deno-lint-ignore-file no-console
import { kernelCache } from "../../../../spark/train/fast_cpu/kernel_cache.ts";
import { loadAssembler } from "../../../../tensor/devices/cpu/runtime/assemble.ts";
import { cpuDevice, jit, matmul, random, scan, sum, tanh, type Tensor } from "../../../../tensor/mod.ts";

const device = cpuDevice({ threads: 2, kernels: kernelCache(Deno.args[0]!) });
const program = jit(
  (x: Tensor) => scan((carry: Tensor) => [tanh(matmul(carry, x)), sum(carry)] as const, x, null, { length: 3 })[1],
  { device },
);
const values = await program(random.normal(random.key(0), [40, 40])).data();
const needed = loadAssembler() === null;
console.log(JSON.stringify({ values: [...values], assembled: needed }));
device.close();

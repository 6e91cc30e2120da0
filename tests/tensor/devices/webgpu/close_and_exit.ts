/** @file Queues programs that were never compiled before, closes the device and ends the process at once. */
import { jit, matmul, mul, random, sum, type Tensor, webgpuDevice } from "../../../../tensor/mod.ts";

const device = await webgpuDevice();
const fresh = Math.random(); // in no cache of the driver
const programs = Array.from(
  { length: 12 },
  (_, i) => jit((x: Tensor) => mul(sum(matmul(mul(x, fresh + i), x), { axis: 1 }), fresh + i), { device }),
);
const x = random.normal(random.key(0), [96, 96]);
programs.forEach((program) => program(x));
device.close();
Deno.exit(0);

/** @file A program of 600 shapes, in a process of its own: prints the resident bytes after 200, 400 and 600 of them. */
// deno-lint-ignore-file no-console
import { cpuDevice, jit, mul, ones, sum, type Tensor } from "../../tensor/mod.ts";

const device = cpuDevice({ threads: 1 });
const f = jit((x: Tensor) => sum(mul(x, 0.5)), { device });
const resident: number[] = [];
for (let i = 1; i <= 600; i++) {
  await f(ones([i])).item({ device });
  if (i % 200 === 0) resident.push(Deno.memoryUsage().rss);
}
console.log(JSON.stringify(resident));
device.close();

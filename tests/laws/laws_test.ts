import { rejects } from "node:assert/strict";
import fc from "fast-check";
import { cpuDevice, grad, mul, sum, type Tensor, vjp } from "../../tensor/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { testWebgpu } from "../support/device_or_skip.ts";
import { functions, matrices, valuesOf } from "./functions.ts";
import { compiledLaw, LAWS } from "./laws.ts";

/** Few runs here, many by `deno task laws`. */
const FEW = { numRuns: 12, seed: 20_26 };

for (const [name, law] of Object.entries(LAWS)) Deno.test(name, () => fc.assert(law, FEW));

Deno.test("What the cpu compiles is the function, its gradient too", async () => {
  const device = cpuDevice({ threads: 1 });
  await fc.assert(compiledLaw(device), FEW);
  device.close();
});

testWebgpu("What webgpu compiles is the function, its gradient too", async (device) => {
  await fc.assert(compiledLaw(device), { ...FEW, numRuns: 2 });
});

Deno.test("A law that does not hold fails, with the smallest example", async () => {
  const wrong = fc.asyncProperty(functions, matrices(2), async ({ f }, [x, u]) => {
    const [, pull] = vjp(f, x!);
    assertClose(await valuesOf(pull(u!)[0]), await valuesOf(grad((x: Tensor) => sum(mul(f(x), 2)))(x!)));
  });
  await rejects(fc.assert(wrong, FEW) as Promise<void>, /Property failed after/);
});

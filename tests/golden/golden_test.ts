import { deepStrictEqual, equal, ok, rejects } from "node:assert/strict";
import { referenceDevice } from "../../tensor/mod.ts";
import { compareCase } from "./compare.ts";
import { type Case, hashUniform } from "./format.ts";
import { toleranceOf } from "./tolerance.ts";
import golden from "./golden.json" with { type: "json" };

const CASES = golden.cases as unknown as readonly Case[];

Deno.test("the filling hash gives the published numbers", () => {
  deepStrictEqual(
    [hashUniform(0, 0), hashUniform(1, 0), hashUniform(5, 3), hashUniform(100000, 999)],
    [-0.9844697332009673, 0.2446391824632883, 0.46005844231694937, 0.9518210738897324],
  );
});

Deno.test("a case without a float64 trace is refused by name", async () => {
  const float32 = CASES[0]!.expected.filter(({ dtype }) => dtype === "float32");
  await rejects(compareCase({ ...CASES[0]!, expected: float32 }, referenceDevice()), /float64 trace.*identity-projection/);
});

Deno.test("float32 runs may lie three official spreads apart, and never less than the floor", () => {
  const tolerance = toleranceOf("float32", { gradientSamples: 0.1, loss: 1e-9 });
  deepStrictEqual(["gradientSamples", "loss", "losses"].map(tolerance), [0.1 * 3, 1e-5, 1e-3]);
  deepStrictEqual(["gradientSamples", "losses"].map(toleranceOf("float64", { losses: 1 })), [1e-8, 1e-7]);
});

Deno.test("the smallest case agrees with the official implementation on the reference device", async () => {
  const smallest = CASES.find(({ name }) => name === "convnext-mini-1x1-projection")!;
  const measurements = await compareCase(smallest, referenceDevice());
  equal(measurements.length, 13);
  for (const { quantity, error, tolerance, worst } of measurements) ok(error <= tolerance, `${quantity} at ${worst}: ${error}`);
});

for (const through of ["pth", "safetensors"] as const) {
  Deno.test(`the smallest case agrees after weights and moments went through ${through}`, async () => {
    const smallest = CASES.find(({ name }) => name === "convnext-mini-1x1-projection")!;
    const measurements = await compareCase(smallest, referenceDevice(), through);
    equal(measurements.length, 15);
    equal(measurements.filter(({ quantity }) => quantity.startsWith(through)).length, 2); // no bit may change
    for (const { quantity, error, tolerance, worst } of measurements) ok(error <= tolerance, `${quantity} at ${worst}: ${error}`);
  });
}

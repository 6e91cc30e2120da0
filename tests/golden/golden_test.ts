import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { referenceDevice } from "../../tensor/mod.ts";
import { compareCase, expectedFor } from "./compare.ts";
import { type Case, hashUniform } from "./format.ts";
import golden from "./golden.json" with { type: "json" };

const CASES = golden.cases as unknown as readonly Case[];

Deno.test("the filling hash gives the published numbers", () => {
  deepStrictEqual(
    [hashUniform(0, 0), hashUniform(1, 0), hashUniform(5, 3), hashUniform(100000, 999)],
    [-0.9844697332009673, 0.2446391824632883, 0.46005844231694937, 0.9518210738897324],
  );
});

Deno.test("cases without a float64 entry are not for the reference device", () => {
  const names = CASES.filter((one) => expectedFor(one, "reference") === undefined).map(({ name }) => name);
  deepStrictEqual(names, ["resnet50", "convnext-small"]);
  ok(CASES.every((one) => expectedFor(one, "cpu") !== undefined));
});

Deno.test("the smallest case agrees with the official implementation on the reference device", async () => {
  const smallest = CASES.find(({ name }) => name === "convnext-mini-1x1-projection")!;
  const measurements = await compareCase(smallest, expectedFor(smallest, "reference")!, referenceDevice());
  equal(measurements.length, 13);
  for (const { quantity, error, tolerance, worst } of measurements) ok(error <= tolerance, `${quantity} at ${worst}: ${error}`);
});

for (const through of ["pth", "safetensors"] as const) {
  Deno.test(`the smallest case agrees after weights and moments went through ${through}`, async () => {
    const smallest = CASES.find(({ name }) => name === "convnext-mini-1x1-projection")!;
    const measurements = await compareCase(smallest, expectedFor(smallest, "reference")!, referenceDevice(), through);
    equal(measurements.length, 15);
    equal(measurements.filter(({ quantity }) => quantity.startsWith(through)).length, 2); // no bit may change
    for (const { quantity, error, tolerance, worst } of measurements) ok(error <= tolerance, `${quantity} at ${worst}: ${error}`);
  });
}

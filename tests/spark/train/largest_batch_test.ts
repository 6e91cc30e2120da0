import { deepStrictEqual, throws } from "node:assert/strict";
import { planBatch } from "../../../spark/train/largest_batch.ts";
import { DeviceError } from "../../../tensor/mod.ts";

const MIB = 2 ** 20;
const plan = (batch: number) => ({ plannedBytes: (10 + 3 * batch) * MIB, launches: 7, flops: 0 });

/** As a device that refuses single tensors. */
function refusing(batch: number) {
  if (batch > 21) throw new DeviceError("webgpu", "Cannot allocate [64, 4] on webgpu as it must fit");
  return plan(batch);
}

Deno.test("planBatch() returns the plan of a batch that fits, exactly to the byte", () => {
  deepStrictEqual(planBatch({ name: "cpu", maxBytes: 100 * MIB }, plan, 30), plan(30));
  deepStrictEqual(planBatch({ name: "webgpu" }, plan, 5000), plan(5000));
});

Deno.test("planBatch() names the largest batch that fits, whether the plan or the device refuses", () => {
  const limited = () => planBatch({ name: "cpu", maxBytes: 100 * MIB }, plan, 31);
  throws(
    limited,
    /^DeviceError: Cannot plan a step on cpu as all of it must fit into 100 MiB: current plan takes 103 MiB; the largest --batch-size that fits is 30$/,
  );
  throws(() => planBatch({ name: "webgpu" }, refusing, 64), /must fit; the largest --batch-size that fits is 21$/);
  throws(() => planBatch({ name: "cpu", maxBytes: MIB }, plan, 1), /no --batch-size fits; lower --input-size$/);
  throws(() => planBatch({ name: "cpu", maxBytes: MIB }, plan, 64), /no --batch-size fits; lower --input-size$/);
});

Deno.test("planBatch() lets errors that are not of the device through", () => {
  const broken = () => {
    throw new TypeError("Cannot trace");
  };
  throws(() => planBatch({ name: "cpu" }, broken, 2), TypeError);
});

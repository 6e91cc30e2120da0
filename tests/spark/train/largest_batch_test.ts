import { deepStrictEqual, ok, throws } from "node:assert/strict";
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
    /^DeviceError: Cannot plan a step of 31 images on cpu as all of it must fit into 100 MiB: current plan takes 103 MiB; the largest --batch-size that fits is 30; --accumulate makes a step of several small ones$/,
  );
  throws(() => planBatch({ name: "webgpu" }, refusing, 64), /must fit; the largest --batch-size that fits is 21; /);
  throws(
    () => planBatch({ name: "cpu", maxBytes: 100 * MIB }, plan, 30, { beside: (batch) => batch * MIB }),
    /current plan takes 130 MiB; the largest --batch-size that fits is 22;/,
  );
  throws(() => planBatch({ name: "cpu", maxBytes: MIB }, plan, 1), /no --batch-size fits; lower --input-size$/);
  throws(() => planBatch({ name: "cpu", maxBytes: MIB }, plan, 64), /no --batch-size fits; lower --input-size$/);
});

Deno.test("planBatch() finds the exact bound in few plans, for any curve that rises, and says that it looks", () => {
  const curves: readonly (readonly [string, (batch: number) => number, number])[] = [
    ["a line", (batch) => 10 + 3 * batch, 6],
    ["weights first, then a line", (batch) => Math.max(830, 610 + 91.37 * batch), 7],
    ["steps of eight", (batch) => 100 + 40 * Math.ceil(batch / 8), 24],
    ["a bend", (batch) => 50 + batch + batch ** 2 / 500, 24],
    ["nothing but images", (batch) => batch, 6],
  ];
  for (const [name, mib, most] of curves) {
    for (const multiple of [1, 4, 6]) {
      for (const maxBytes of [900, 4096, 5000].map((size) => size * MIB)) {
        const notes: string[] = [];
        let plans = 0;
        const counted = (batch: number) => {
          plans++;
          if (batch > 60_000) throw new RangeError("Cannot take as a result must have fewer elements");
          return { plannedBytes: mib(batch) * MIB, launches: 1, flops: 0 };
        };
        let bound = 0;
        while (mib(bound + multiple) * MIB <= maxBytes) bound += multiple;
        throws(
          () => planBatch({ name: "cpu", maxBytes }, counted, 65_520, { multiple, note: (line) => notes.push(line) }),
          bound > 0
            ? new RegExp(`a result that alone is too large; the largest --batch-size that fits is ${bound};`)
            : /no --batch-size fits; lower --input-size/,
          name,
        );
        ok(plans <= most, `${name}, ${multiple}: ${plans} plans`);
        deepStrictEqual(notes.length, 1);
      }
    }
  }
});

Deno.test("planBatch() lets errors that are not of the device through", () => {
  const broken = () => {
    throw new TypeError("Cannot trace");
  };
  throws(() => planBatch({ name: "cpu" }, broken, 2), TypeError);
  const narrow = () => {
    throw new RangeError("Cannot pool as there must be rows");
  };
  throws(() => planBatch({ name: "cpu", maxBytes: MIB }, narrow, 32), /^RangeError: Cannot pool/); // of any batch
});

import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { resnet } from "../../nn/mod.ts";
import { cpuDevice } from "../../tensor/mod.ts";
import { compareTraces, trainTrace } from "./train_trace.ts";

const MODEL = resnet({ block: "basic", depths: [1], widths: [4], stemWidth: 4, stem: "light" });
const OPTIONS = { size: 16, batchSize: 2, decoderWidth: 8, steps: 3 };

Deno.test("trainTrace() tells what a run computed: equal runs have equal digests", async () => {
  const [a, b] = [
    await trainTrace(MODEL, cpuDevice({ threads: 1 }), OPTIONS),
    await trainTrace(MODEL, cpuDevice({ threads: 1 }), OPTIONS),
  ];
  equal(a.digest, b.digest);
  equal(new Set(a.losses).size, 3);
  deepStrictEqual(compareTraces(a, b).map(({ error }) => error), [0, 0, 0, 0]);
  const shifted = { ...b, losses: b.losses.map((loss, i) => i === 1 ? 1.01 * loss : loss) };
  ok(Math.abs(compareTraces(shifted, a)[0]!.error - 0.01) < 1e-9);
  const scaled = new Map([...b.state].map(([name, values]) => [name, values.map((x) => 1.5 * x)]));
  ok(Math.abs(compareTraces({ ...b, state: scaled }, a)[2]!.error - 0.5) < 1e-6);
  ok((await trainTrace(MODEL, cpuDevice({ threads: 1 }), { ...OPTIONS, steps: 2 })).digest !== a.digest);
});

import { deepStrictEqual, equal } from "node:assert/strict";
import { appendStepLog, readStepLog, stepLines, type StepRecord } from "../../../spark/scripts/step_log.ts";

const record = (step: number): StepRecord => ({
  step,
  epoch: step / 2,
  loss: 1 / step,
  learningRate: 1e-3,
  weightDecay: 0.04,
  gradientNorm: 2,
  imagesPerSecond: 10,
});

Deno.test("readStepLog() returns what was appended up to a step, and passes over an unfinished line", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/log.jsonl`;
    deepStrictEqual(readStepLog(path, 9), []);
    appendStepLog(path, [record(1), record(2)]);
    appendStepLog(path, []);
    appendStepLog(path, [record(3)]);
    Deno.writeTextFileSync(path, stepLines([record(4)]).slice(0, 20), { append: true });
    deepStrictEqual(readStepLog(path, 2), [record(1), record(2)]);
    deepStrictEqual(readStepLog(path, 9), [record(1), record(2), record(3)]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("stepLines() writes losses in full", () => {
  equal(JSON.parse(stepLines([record(3)])).loss, 1 / 3);
});

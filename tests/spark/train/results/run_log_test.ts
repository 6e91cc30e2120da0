import { deepStrictEqual, equal } from "node:assert/strict";
import type { StepRecord } from "../../../../spark/train/metrics.ts";
import { logWriter, readRunLog, stepLines } from "../../../../spark/train/results/run_log.ts";

const record = (step: number): StepRecord => ({
  step,
  epoch: step / 3,
  loss: 1 / step,
  learningRate: 1e-3,
  weightDecay: 0.04,
  gradientNorm: 2,
  imagesPerSecond: 10,
});

const LENGTHS = { stepsPerEpoch: 3, total: 7, batchSize: 600 };

Deno.test("logWriter() ends each epoch, and the run, with a line of the official names", () => {
  const write = logWriter(LENGTHS, [], () => 0);
  const { lines, epochs } = write([1, 2, 3, 4, 5, 6, 7].map(record));
  const near = (x: number) => x.toFixed(12);
  deepStrictEqual(epochs.map((epoch) => [epoch.cur_ep, near(epoch.last_L)]), [
    ["1/3", near((1 + 1 / 2 + 1 / 3) / 3)],
    ["2/3", near((1 / 4 + 1 / 5 + 1 / 6) / 3)],
    ["3/3", near(1 / 7)],
  ]);
  // 4 steps of 60 seconds are left after the third.
  deepStrictEqual([epochs[0]!.rema, epochs[0]!.fini], ["0:04:00", "1970-01-01T00:04:00.000Z"]);
  deepStrictEqual(lines.trimEnd().split("\n").map((line) => Object.keys(JSON.parse(line))[0]), [
    ...["step", "step", "step", "cur_ep"],
    ...["step", "step", "step", "cur_ep", "step", "cur_ep"],
  ]);
});

Deno.test("logWriter() goes on in the middle of an epoch, or at its end", () => {
  const whole = logWriter(LENGTHS, [], () => 0)([1, 2, 3, 4, 5, 6, 7].map(record));
  for (const done of [1, 2, 3, 5, 6]) {
    const steps = [1, 2, 3, 4, 5, 6, 7].map(record);
    const rest = logWriter(LENGTHS, steps.slice(0, done), () => 0)(steps.slice(done));
    deepStrictEqual(rest.epochs, whole.epochs.slice(Math.floor(done / 3)), `${done}`);
    equal(whole.lines.endsWith(rest.lines), true);
  }
});

Deno.test("readRunLog() returns what was written up to a step, and passes over an unfinished line", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/log.jsonl`;
    deepStrictEqual(readRunLog(path, 9), { text: "", records: [], damaged: 0 });
    const head = '{"name":"a"}\n';
    const { lines } = logWriter(LENGTHS, [], () => 0)([1, 2, 3, 4].map(record));
    Deno.writeTextFileSync(path, head + lines + stepLines([record(5)]).slice(0, 20));
    deepStrictEqual(readRunLog(path, 9), {
      ...{ text: head + lines, records: [1, 2, 3, 4].map(record), damaged: 0 },
    });
    // The line of an epoch belongs to the step before it.
    const { text, records } = readRunLog(path, 3);
    deepStrictEqual([text, records.length], [head + lines.slice(0, lines.indexOf(stepLines([record(4)]))), 3]);
    equal(readRunLog(path, 2).text.includes("cur_ep"), false);
    // What has no number where one must be is no record: a page drawn of it would fail.
    const bad = [
      '{"step":1,"loss":[[1]]}',
      '{"heldOut":2,"val":{"loss":{"toString":1}}}',
      '{"last_L":"x"}',
      '{"val":null}',
      "]",
    ];
    Deno.writeTextFileSync(path, `${head}${bad.join("\n")}\n${lines}`);
    deepStrictEqual(readRunLog(path, 9), { text: head + lines, records: [1, 2, 3, 4].map(record), damaged: 5 });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

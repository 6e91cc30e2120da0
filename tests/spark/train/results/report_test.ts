import { deepStrictEqual, equal } from "node:assert/strict";
import { reportHtml } from "../../../../spark/train/results/report.ts";
import type { StepRecord } from "../../../../spark/train/metrics.ts";

const record = (step: number, epoch: number, loss = 1 / step): StepRecord => ({
  ...{ step, epoch, loss, learningRate: 0.1, weightDecay: 0.04, gradientNorm: 1, imagesPerSecond: 10 },
});

/** The rows of all tables, as text. */
function rowsOf(html: string): readonly (readonly string[])[] {
  return [...html.matchAll(/<tr><th>(.*?)<\/th><td>(.*?)<\/td><\/tr>/g)].map(([, name, value]) => [name!, value!]);
}

const OPTIONS = { model: "mini_resnet8", epochs: null, steps: 51, ema: undefined, scales: null, target: "<raw>" };

Deno.test("a report says how often the images were seen, and lists no options without a value", () => {
  for (
    const [records, passes] of [[[record(50, 6.25), record(51, 6.375)], "6.38"], [[record(1, 0.125)], "0.13"]] as const
  ) {
    const html = reportHtml({ title: "r", records, heldOut: [], total: 51, configuration: OPTIONS, pictures: [] });
    const rows = rowsOf(html);
    deepStrictEqual(rows.filter(([name]) => /pass|epoch/.test(name!)), [["passes over the images", passes]]);
    deepStrictEqual(rows.slice(-3), [["model", "mini_resnet8"], ["steps", "51"], ["target", "&lt;raw&gt;"]]);
    equal(/null|undefined|NaN/.test(rows.flat().join(" ")), false);
  }
});

Deno.test("reconstructions of a report have titles of their columns", () => {
  const pictures = [{ step: 51, png: new Uint8Array(4) }];
  const html = reportHtml({ title: "r", records: [], heldOut: [], total: 51, configuration: {}, pictures });
  deepStrictEqual([...html.matchAll(/<span>(.*?)<\/span>/g)].map(([, name]) => name), [
    "input",
    "masked",
    "reconstruction",
  ]);
});

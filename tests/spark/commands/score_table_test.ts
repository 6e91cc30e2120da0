import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { COCO_METRICS } from "../../../data/mod.ts";
import { scoreTable } from "../../../spark/commands/detect_evaluate/score_table.ts";

const ROWS = ["box", "cat, box"].map((name, k) => ({
  name,
  metrics: COCO_METRICS.map((_, i) => i === 3 ? -1 : (i + k) / 16),
}));
const words = (lines: readonly string[]) => lines.join(" ").split(/\s+/).filter(Boolean).sort();

Deno.test("scoreTable() fits the terminal: all numbers beside each other, or tables below each other", () => {
  const whole = scoreTable(ROWS);
  equal(whole.length, 3);
  deepStrictEqual(scoreTable(ROWS, 118), whole);
  for (const [columns, tables] of [[116, 2], [80, 2], [63, 2], [62, 4], [40, 4], [30, 6], [20, 12], [5, 12]] as const) {
    const lines = scoreTable(ROWS, columns);
    equal(lines.length, 4 * tables - 1, `${columns}`);
    ok(columns < 18 || lines.every((line) => line.length < columns), `${columns}`);
    const repeated = Array.from({ length: tables - 1 }, () => ["box", "cat,", "box"]).flat();
    deepStrictEqual(words(lines), [...words(whole), ...repeated].sort(), `${columns}`);
  }
});

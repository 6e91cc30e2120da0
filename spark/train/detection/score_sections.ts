/** @file Scores of a detector as parts of a page: COCO's twelve numbers, and precision over recall, of all classes and of each. */
import { COCO_METRICS, type CocoCategory, type CocoEvaluation, precisionCurve } from "../../../data/mod.ts";
import { lineChart, type LineSeries } from "../../../data/images/line_chart.ts";
import { escaped } from "../results/page.ts";

/** What was scored, by kind. */
export type DetectionScores = Readonly<Partial<Record<"box" | "mask", CocoEvaluation>>>;

const kindsOf = (scores: DetectionScores): readonly (readonly [string, CocoEvaluation])[] => Object.entries(scores);

function seriesOf(scores: DetectionScores, category?: number): readonly LineSeries[] {
  const of = category === undefined ? {} : { category };
  return kindsOf(scores).flatMap(([kind, evaluation]) => [
    { name: `${kind} 0.5`, points: precisionCurve(evaluation, { ...of, threshold: 0.5 }) },
    { name: `${kind} 0.75`, points: precisionCurve(evaluation, { ...of, threshold: 0.75 }) },
    { name: `${kind} 0.5 to 0.95`, points: precisionCurve(evaluation, of) },
  ]);
}

/**
 * Draws precision over recall at two overlaps, and the mean over all ten.
 *
 * @param scores Evaluations of boxes, masks or both.
 * @returns SVG.
 */
export function precisionChart(scores: DetectionScores): string {
  const title = "Precision over recall, by overlap";
  return lineChart({ title, x: "recall", y: "precision", series: seriesOf(scores) });
}

const cellOf = (value: number) => value < 0 ? "–" : value.toFixed(4);

function numbersTable(rows: readonly (readonly [name: string, metrics: readonly number[]])[]): string {
  const head = ["", ...COCO_METRICS].map((name) => `<th>${name}</th>`).join("");
  const lines = rows.map(([name, metrics]) =>
    `<tr><th>${escaped(name)}</th>${metrics.map((value) => `<td>${cellOf(value)}</td>`).join("")}</tr>`
  );
  return `<div class="wide"><table class="numbers scores"><thead><tr>${head}</tr></thead><tbody>${
    lines.join("\n")
  }</tbody></table></div>`;
}

/** Precision over recall of a class, folded up under its name and averages. */
function classSection(scores: DetectionScores, { id, name }: CocoCategory, k: number): string {
  const averages = kindsOf(scores).map(([kind, { categoryMetrics }]) => `${kind} ${cellOf(categoryMetrics[k]![0]!)}`);
  const chart = lineChart({ title: name, x: "recall", y: "precision", series: seriesOf(scores, id) });
  return `<details><summary>${escaped(name)}: ${averages.join(", ")}</summary>\n${chart}</details>`;
}

/**
 * Writes scores as parts of a page: a table of the twelve numbers of all classes and of each, and a chart a class.
 *
 * @param scores Evaluations of boxes, masks or both.
 * @param categories The classes, by ascending id.
 * @returns HTML. Classes without an object have a row, and no chart.
 */
export function scoreSections(scores: DetectionScores, categories: readonly CocoCategory[]): readonly string[] {
  const kinds = kindsOf(scores);
  const all = kinds.map(([kind, { metrics }]) => [kind, metrics] as const);
  const each = categories.flatMap(({ name }, k) =>
    kinds.map(([kind, { categoryMetrics }]) => [`${name}, ${kind}`, categoryMetrics[k]!] as const)
  );
  const counted = categories.map((category, k) => ({ category, k }))
    .filter(({ k }) => kinds.some(([, { categoryMetrics }]) => categoryMetrics[k]!.some((value) => value >= 0)));
  return [
    `<h2>Scores</h2>${numbersTable(all)}`,
    `<h2>Scores of each class</h2>${numbersTable(each)}`,
    `<h2>Precision over recall of each class</h2>${
      counted.map(({ category, k }) => classSection(scores, category, k)).join("\n")
    }`,
  ];
}

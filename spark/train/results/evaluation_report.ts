/** @file The report of fine-tuning. */
import { lineChart, type LineSeries } from "../../../data/images/line_chart.ts";
import { classAccuracies, type ClassAccuracy, type Confusion, mistakesOf } from "../scores/confusion.ts";
import { bestText, type EvaluationRecord } from "./evaluation_record.ts";
import { readText } from "../scores/evaluation.ts";
import { commonCurves, escaped, pageHtml, type Row, type RunReport, stepCurve, stepSummary, table } from "./page.ts";
import { rankCurves, rankSections } from "./rank_report.ts";

/** What a report shows. */
export interface EvaluationReport extends RunReport {
  /** Evaluations so far. */
  readonly evaluations: readonly EvaluationRecord[];
  /** Classes as they are and as they were last predicted. */
  readonly confusion: Confusion;
  /** Names of the classes. */
  readonly classes: readonly string[];
}

/** A share in per cent. */
export const percent = (share: number): string => Number.isNaN(share) ? "—" : `${(100 * share).toFixed(2)} %`;

/** Of more classes no whole table is shown: nobody reads it. */
const SHOWN_CLASSES = 24;

/** Pairs of classes that are listed. */
const SHOWN_MISTAKES = 20;

/** True classes in rows, predicted ones in columns; the more, the darker. */
function confusionTable({ classes, counts }: Confusion, names: readonly string[]): string {
  const cell = (count: number, total: number, isRight: boolean) => {
    const share = total > 0 ? count / total : 0;
    const colour = isRight ? "59, 111, 182" : "217, 130, 43";
    return `<td style="background: rgba(${colour}, ${(0.85 * share).toFixed(3)})">${count}</td>`;
  };
  const rows = names.map((name, i) => {
    const row = [...counts.subarray(i * classes, (i + 1) * classes)];
    const total = row.reduce((sum, count) => sum + count, 0);
    return `<tr><th>${escaped(name)}</th>${row.map((count, k) => cell(count, total, i === k)).join("")}</tr>`;
  });
  const head = `<tr><th>true \\ predicted</th>${names.map((name) => `<th>${escaped(name)}</th>`).join("")}</tr>`;
  return `<div class="wide"><table class="counts"><thead>${head}</thead><tbody>${
    rows.join("\n")
  }</tbody></table></div>`;
}

function mistakeTable(confusion: Confusion, names: readonly string[]): string {
  const rows = mistakesOf(confusion, names, SHOWN_MISTAKES)
    .map(({ truth, predicted, images }): Row => [`${truth} taken for ${predicted}`, String(images)]);
  return rows.length === 0 ? "<p>none</p>" : table(rows);
}

function accuracyTable(rows: readonly ClassAccuracy[]): string {
  const lines = rows.map(({ name, images, recall, precision }) =>
    `<tr><th>${escaped(name)}</th><td>${images}</td><td>${percent(recall)}</td><td>${percent(precision)}</td></tr>`
  );
  const head = "<tr><th>class</th><th>images</th><th>right of them</th><th>right of predicted</th></tr>";
  return `<div class="wide"><table class="numbers"><thead>${head}</thead><tbody>${
    lines.join("\n")
  }</tbody></table></div>`;
}

/**
 * Writes how often each class was right and what was taken for what, as parts of a page.
 *
 * @param confusion Counts.
 * @param classes Names of the classes.
 * @returns HTML: of few classes the whole table, of many the most frequent mistakes.
 */
export function classSections(confusion: Confusion, classes: readonly string[]): readonly string[] {
  const accuracies = classAccuracies(confusion, classes);
  const isLarge = classes.length > SHOWN_CLASSES;
  const worst = accuracies.toSorted((a, b) => a.recall - b.recall).slice(0, SHOWN_MISTAKES);
  return isLarge
    ? [
      `<h2>Classes that are right least often</h2>${accuracyTable(worst)}`,
      `<h2>Most frequent mistakes</h2>${mistakeTable(confusion, classes)}`,
    ]
    : [
      `<h2>Accuracy by class</h2>${accuracyTable(accuracies)}`,
      `<h2>What was taken for what</h2>${confusionTable(confusion, classes)}`,
    ];
}

/** Lines of an evaluated quantity: of the weights and of their average. */
function linesOf(
  evaluations: readonly EvaluationRecord[],
  valueOf: (scores: EvaluationRecord["val"]) => number,
): readonly LineSeries[] {
  const own = evaluations.map(({ evaluated, val }) => [evaluated, valueOf(val)] as const);
  const averaged = evaluations.flatMap(({ evaluated, ema }) => ema ? [[evaluated, valueOf(ema)] as const] : []);
  return [
    { name: "validation images", points: own },
    ...averaged.length > 0 ? [{ name: "validation images, average of the weights", points: averaged }] : [],
  ];
}

/**
 * Writes the report of a run: curves of loss, accuracy and schedules, accuracy by class, mistakes, configuration.
 *
 * @param report What it shows.
 * @returns The HTML file.
 */
export function evaluationReportHtml(
  { title, records, evaluations, total, configuration, confusion, classes }: EvaluationReport,
): string {
  const last = evaluations.at(-1);
  const scores: readonly Row[] = last
    ? [
      ["images evaluated on", readText({ ...last.val, unread: last.val.unread ?? [] })],
      ["top-1, top-5", `${percent(last.val.top1)}, ${percent(last.val.top5)}`],
      ...last.ema
        ? [["top-1, top-5 of the average", `${percent(last.ema.top1)}, ${percent(last.ema.top5)}`] as const]
        : [],
      ["best top-1", `${percent(last.best.top1)}, ${bestText(last.best)}`],
    ]
    : [];
  const top1 = lineChart({
    ...{ title: "Accuracy", x: "step", y: "top-1, %" },
    series: linesOf(evaluations, (each) => 100 * each.top1),
  });
  const loss = stepCurve(records, {
    ...{ title: "Loss", y: "loss", valueOf: (record) => record.loss },
    more: linesOf(evaluations, (each) => each.loss),
  });
  return pageHtml({
    ...{ title, configuration },
    summary: [...scores, ...stepSummary(records, total)],
    curves: records.length < 2
      ? []
      : [...evaluations.length > 1 ? [top1] : [], loss, ...commonCurves(records), ...rankCurves(records)],
    sections: [...classSections(confusion, classes), ...rankSections(records)],
  });
}

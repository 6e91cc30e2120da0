/** @file The report of training a detector. */
import { COCO_METRICS } from "../../../data/mod.ts";
import { lineChart, type LineSeries } from "../../../data/images/line_chart.ts";
import type { StepRecord } from "../metrics.ts";
import type { DetectionScores } from "../detection/evaluate_detector.ts";
import type { BestDetector } from "./best_detector.ts";
import { commonCurves, escaped, pageHtml, type Row, type RunReport, stepCurve, stepSummary, thinned } from "./page.ts";
import { rankCurves, rankSections } from "./rank_report.ts";
import { scoreText } from "./score_text.ts";
import { pictureSection, type ReportPicture } from "./pictures_kept.ts";

/** An evaluation, as the log has it. */
interface Evaluated {
  readonly evaluated: number;
  readonly scores: Readonly<Record<string, DetectionScores>>;
  readonly best: BestDetector;
}

/** What a report shows. */
export interface DetectionReport extends RunReport {
  /** Evaluations so far. */
  readonly evaluations: readonly Evaluated[];
  /** Pictures of what is found, oldest first. */
  readonly pictures: readonly ReportPicture[];
}

/** Curves of a score over time: of each set of images, boxes and masks. */
function scoreChart(evaluations: readonly Evaluated[], metric: number): string {
  const names = Object.keys(evaluations.at(-1)!.scores);
  const series = names.flatMap((name): readonly LineSeries[] =>
    (["box", "mask"] as const).flatMap((kind) => {
      const points = evaluations.flatMap(({ evaluated, scores }) => {
        const value = scores[name]?.[kind]?.[metric];
        return value === undefined || value < 0 ? [] : [[evaluated, value] as const];
      });
      return points.length === 0 ? [] : [{ name: `${kind}, ${name}`, points }];
    })
  );
  const y = COCO_METRICS[metric]!;
  return lineChart({ title: y, x: "step", y, series });
}

/** At most so many points of each loss are drawn. */
const POINTS = 400;

/** The losses that the loss is the sum of. */
function lossChart(records: readonly StepRecord[]): string {
  const names = Object.keys(records.at(-1)?.parts ?? {});
  const series = names.map((name) => ({
    name,
    points: thinned(
      records.flatMap(({ step, parts }) => {
        const value = parts?.[name] ?? NaN;
        return Number.isFinite(value) ? [[step, value] as const] : [];
      }),
      POINTS,
    ),
  }));
  return lineChart({ title: "Parts of the loss", x: "step", y: "loss", series });
}

function scoreTable(scores: Readonly<Record<string, DetectionScores>>): string {
  const rows = Object.entries(scores).flatMap(([name, { box, mask }]) =>
    ([["box", box], ["mask", mask]] as const).flatMap(([kind, numbers]) =>
      numbers
        ? [`<tr><th>${kind}, ${escaped(name)}</th>${numbers.map((x) => `<td>${scoreText(x)}</td>`).join("")}</tr>`]
        : []
    )
  );
  const head = `<tr><th></th>${COCO_METRICS.map((name) => `<th>${escaped(name)}</th>`).join("")}</tr>`;
  return `<div class="wide"><table class="numbers scores"><thead>${head}</thead><tbody>${
    rows.join("\n")
  }</tbody></table></div>`;
}

function classTable(scores: Readonly<Record<string, DetectionScores>>): string {
  const names = Object.keys(scores);
  const classes = Object.keys(scores[names[0]!]!.classes);
  const head = `<tr><th>class</th>${names.map((name) => `<th>${escaped(name)}</th>`).join("")}</tr>`;
  const rows = classes.map((name) =>
    `<tr><th>${escaped(name)}</th>${
      names.map((each) => `<td>${scoreText(scores[each]!.classes[name])}</td>`).join("")
    }</tr>`
  );
  return `<div class="wide"><table class="numbers"><thead>${head}</thead><tbody>${
    rows.join("\n")
  }</tbody></table></div>`;
}

/**
 * Writes the report of a detector's training: scores over time, losses, what it finds in some images, configuration.
 *
 * @param report What it shows.
 * @returns The HTML file.
 */
export function detectionReportHtml(
  { title, records, evaluations, total, configuration, pictures }: DetectionReport,
): string {
  const last = evaluations.at(-1);
  const scores: readonly Row[] = last
    ? [
      ["box AP, AP50", Object.values(last.scores)[0]!.box.slice(0, 2).map(scoreText).join(", ")],
      ["best box AP", `${scoreText(last.best.ap)} after step ${last.best.step}`],
    ]
    : [];
  const loss = stepCurve(records, { title: "Loss", y: "loss", valueOf: (record) => record.loss });
  const overTime = evaluations.length > 1 ? [scoreChart(evaluations, 0), scoreChart(evaluations, 1)] : [];
  return pageHtml({
    ...{ title, configuration },
    summary: [...scores, ...stepSummary(records, total)],
    curves: records.length < 2
      ? []
      : [...overTime, loss, lossChart(records), ...commonCurves(records), ...rankCurves(records)],
    sections: [
      pictureSection(pictures, {
        ...{ title: "What is found", alt: "objects found after {step} steps" },
        below: "Images that are not trained on: above what is there, below what is found with a score of 0.5 and more.",
      }),
      ...last
        ? [`<h2>Scores</h2>${scoreTable(last.scores)}`, `<h2>Box AP by class</h2>${classTable(last.scores)}`]
        : [],
      ...rankSections(records),
    ],
  });
}

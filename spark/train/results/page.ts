/** @file A report: one HTML file that needs nothing else. */
import { lineChart, type LineSeries } from "../../../data/images/line_chart.ts";
import { counted } from "../../../data/mod.ts";
import type { StepRecord } from "../metrics.ts";

/** A row of a table: its name, and text or plain data. */
export type Row = readonly [name: string, value: unknown];

/** What a page shows. */
export interface Page {
  /** Name of the run. */
  readonly title: string;
  /** Numbers that sum the run up. */
  readonly summary: readonly Row[];
  /** Charts, SVG. */
  readonly curves: readonly string[];
  /** What else there is, HTML. */
  readonly sections: readonly string[];
  /** Options and whatever else is to be listed; what is null or absent is left out. */
  readonly configuration: Readonly<Record<string, unknown>>;
}

/** What the report of every kind of run is made of. */
export interface RunReport extends Pick<Page, "title" | "configuration"> {
  /** Records of all steps so far. */
  readonly records: readonly StepRecord[];
  /** Steps of the run. */
  readonly total: number;
}

/** At most so many points are drawn: more cannot be told apart. */
const POINTS = 1000;

/** Every so manieth item, and the last. */
export function thinned<T>(items: readonly T[], most: number): readonly T[] {
  const stride = Math.max(1, Math.ceil(items.length / most));
  return items.filter((_, i) => i % stride === 0 || i === items.length - 1);
}

/** What a curve is drawn of. */
export interface CurveOptions {
  /** Above the chart. */
  readonly title: string;
  /** Label of the vertical axis. */
  readonly y: string;
  /** The value of a step. */
  readonly valueOf: (record: StepRecord) => number;
  /** Whether a mean of the steps around is drawn too, where there are many. */
  readonly isNoisy?: boolean;
  /** Lines beside that of the steps. */
  readonly more?: readonly LineSeries[];
}

/**
 * Draws a curve of the steps.
 *
 * @param records Records of the steps.
 * @param options What is drawn.
 * @returns SVG.
 */
export function stepCurve(
  records: readonly StepRecord[],
  { title, y, valueOf, isNoisy = true, more = [] }: CurveOptions,
): string {
  const known = records.filter((record) => Number.isFinite(valueOf(record))); // steps that overflowed are left out
  const values = known.map(valueOf);
  const smooth = isNoisy && values.length >= SMOOTHED ? runningMean(values, Math.round(values.length / 40)) : [];
  const pointsOf = (of: readonly number[]) => thinned(of.map((value, i) => [known[i]!.step, value] as const), POINTS);
  const mean = smooth.length > 0 ? [{ name: "mean of steps around", points: pointsOf(smooth) }] : [];
  const isFaint = mean.length + more.length > 0;
  return lineChart({
    ...{ title, x: "step", y },
    series: [{ name: "each step", points: pointsOf(values), isFaint }, ...mean, ...more],
  });
}

/** Shorter curves are read well as they are. */
const SMOOTHED = 80;

/** Mean of each value and those around it: up to `reach` to each side, and as many to one as to the other. */
function runningMean(values: readonly number[], reach: number): readonly number[] {
  const sums = new Float64Array(values.length + 1);
  values.forEach((value, i) => sums[i + 1] = sums[i]! + value);
  return values.map((_, i) => {
    const side = Math.min(reach, i, values.length - 1 - i);
    return (sums[i + side + 1]! - sums[i - side]!) / (2 * side + 1);
  });
}

/** Curves that every run has, after that of its loss. */
export function commonCurves(records: readonly StepRecord[]): readonly string[] {
  const steady = { isNoisy: false };
  return [
    stepCurve(records, { title: "Learning rate", y: "rate", valueOf: ({ learningRate }) => learningRate, ...steady }),
    stepCurve(records, { title: "Weight decay", y: "decay", valueOf: ({ weightDecay }) => weightDecay, ...steady }),
    stepCurve(records, {
      ...{ title: "Norm of the gradient before clipping", y: "norm" },
      valueOf: ({ gradientNorm }) => gradientNorm,
    }),
    stepCurve(records, { title: "Speed", y: "images per second", valueOf: ({ imagesPerSecond }) => imagesPerSecond }),
  ];
}

/** Text as HTML. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** A table of names and values; what is null or absent is left out. */
export function table(rows: readonly Row[]): string {
  const cell = (value: unknown) => escaped(typeof value === "string" ? value : JSON.stringify(value) ?? "");
  const lines = rows.filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `<tr><th>${escaped(name)}</th><td>${cell(value)}</td></tr>`);
  return `<table>${lines.join("\n")}</table>`;
}

/**
 * Numbers that sum up the steps of a run.
 *
 * @param records Records of all steps so far.
 * @param total Steps of the run.
 * @returns Rows; of losses and speeds those of the last steps too.
 */
export function stepSummary(records: readonly StepRecord[], total: number): readonly Row[] {
  const last = records.at(-1);
  if (!last) return [["steps", `0 of ${total}`]];
  const finite = records.filter(({ loss }) => Number.isFinite(loss));
  const recent = finite.slice(-100);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  // The mean of times, not of speeds: a step that takes twice as long counts twice.
  const speed = 1 / mean(records.map(({ imagesPerSecond }) => 1 / imagesPerSecond));
  return [
    ["steps", `${last.step} of ${total}`],
    ["passes over the images", last.epoch.toFixed(2)],
    [`loss, mean of the last ${counted(recent.length, "step")}`, mean(recent.map(({ loss }) => loss)).toFixed(4)],
    ["smallest loss of a step", Math.min(...thinned(finite, 50_000).map(({ loss }) => loss)).toFixed(4)],
    ["images per second, whole run", speed.toFixed(2)],
    [
      `images per second, last ${counted(recent.length, "step")}`,
      (1 / mean(recent.map((r) => 1 / r.imagesPerSecond))).toFixed(2),
    ],
  ];
}

const STYLE = `
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1180px; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; margin-bottom: 0.6rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 500; color: #555; padding-right: 2rem; }
td { overflow-wrap: anywhere; min-width: 6.5em; } .numbers td, .counts td { min-width: 0; } th, td { border-bottom: 1px solid #eee; padding: 0.2rem 2rem 0.2rem 0; vertical-align: top; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(520px, 100%), 1fr)); gap: 1rem; }
.curves svg { width: 100%; height: auto; } figure { margin: 0; } figure img { max-width: 100%; display: block; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); column-gap: 3rem; }
.heads { display: grid; color: #555; font-size: 0.9rem; text-align: center; max-width: 100%; }
.wide { overflow-x: auto; } .counts td, .counts th { padding: 0.25rem 0.5rem; text-align: right; border: 1px solid #fff; }
.counts thead th { vertical-align: bottom; } .numbers td, .numbers thead th { text-align: right; } .numbers td, .numbers th { white-space: nowrap; }
.numbers thead th:first-child { text-align: left; } .numbers th + th, .numbers td { padding: 0.2rem 0 0.2rem 1.2rem; }
.beside > section:has(.scores) { grid-column: 1 / -1; } .numbers.scores th + th, .numbers.scores td { padding-left: 0.9rem; }
@media (max-width: 640px) { .curves { overflow-x: auto; } .curves svg { min-width: 560px; } th { padding-right: 1rem; } }
figure[hidden] { display: none; } input[type="range"] { width: min(320px, 60%); vertical-align: middle; }`;

/** Shows the picture that the slider is at; without scripts all pictures are shown. */
const SCRIPT = `
const figures = [...document.querySelectorAll("figure.picture")];
const slider = document.querySelector("#time");
const show = () => figures.forEach((figure, i) => { figure.hidden = i !== Number(slider.value); });
if (slider && figures.length > 1) { slider.closest("p").hidden = false; slider.addEventListener("input", show); show(); }`;

/**
 * Writes a page. It opens from the file system and asks for nothing else.
 *
 * @param page What it shows.
 * @returns The HTML file.
 */
export function pageHtml({ title, summary, curves, sections, configuration }: Page): string {
  const charts = curves.length === 0 ? "" : `<h2>Curves</h2>\n<div class="curves">\n${curves.join("\n")}\n</div>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${table(summary)}
${charts}
<div class="beside">
${sections.map((section) => `<section>${section}</section>`).join("\n")}
<section><h2>Configuration</h2>
${table(Object.entries(configuration))}</section>
</div>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

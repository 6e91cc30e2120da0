/** @file The report of a run: one HTML file that needs nothing else. */
import { Buffer } from "node:buffer";
import { lineChart } from "../../../data/mod.ts";
import type { StepRecord } from "../metrics.ts";

/** A picture of the reconstructions after a number of steps. */
export interface ReportPicture {
  /** Steps done. */
  readonly step: number;
  /** PNG file. */
  readonly png: Uint8Array;
}

/** What a report shows. */
export interface Report {
  /** Name of the run. */
  readonly title: string;
  /** Records of all steps so far. */
  readonly records: readonly StepRecord[];
  /** Steps of the run. */
  readonly total: number;
  /** Options and whatever else is to be listed, by name. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Pictures, oldest first. */
  readonly pictures: readonly ReportPicture[];
}

/** At most so many points are drawn: more cannot be told apart. */
const POINTS = 1000;

function thinned<T>(items: readonly T[], most: number): readonly T[] {
  const stride = Math.max(1, Math.ceil(items.length / most));
  return items.filter((_, i) => i % stride === 0 || i === items.length - 1);
}

/**
 * Draws the loss curve of a run.
 *
 * @param records Records of its steps.
 * @returns An SVG file that stands on its own.
 */
export function lossCurve(records: readonly StepRecord[]): string {
  return curve("Loss on masked patches", "loss", records, (record) => record.loss);
}

function curve(
  title: string,
  y: string,
  records: readonly StepRecord[],
  valueOf: (record: StepRecord) => number,
  isNoisy = true,
): string {
  const known = records.filter((record) => Number.isFinite(valueOf(record))); // steps that overflowed are left out
  const values = known.map(valueOf);
  const smooth = isNoisy && values.length >= SMOOTHED ? runningMean(values, Math.round(values.length / 40)) : [];
  const pointsOf = (of: readonly number[]) => thinned(of.map((value, i) => [known[i]!.step, value] as const), POINTS);
  const mean = smooth.length > 0 ? [{ name: "mean of steps around", points: pointsOf(smooth) }] : [];
  return lineChart({
    title,
    x: "step",
    y,
    series: [{ name: "each step", points: pointsOf(values), isFaint: mean.length > 0 }, ...mean],
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

type Curve = readonly [title: string, y: string, valueOf: (record: StepRecord) => number, isNoisy?: boolean];

const CURVES: readonly Curve[] = [
  ["Loss on masked patches", "loss", ({ loss }) => loss],
  ["Learning rate", "rate", ({ learningRate }) => learningRate, false],
  ["Weight decay", "decay", ({ weightDecay }) => weightDecay, false],
  ["Norm of the gradient before clipping", "norm", ({ gradientNorm }) => gradientNorm],
  ["Speed", "images per second", ({ imagesPerSecond }) => imagesPerSecond],
];

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function table(rows: readonly (readonly [string, unknown])[]): string {
  const cell = (value: unknown) => escaped(typeof value === "string" ? value : JSON.stringify(value) ?? "");
  const lines = rows.map(([name, value]) => `<tr><th>${escaped(name)}</th><td>${cell(value)}</td></tr>`);
  return `<table>${lines.join("\n")}</table>`;
}

/** Numbers that sum the run up. */
function summary({ records, total }: Report): readonly (readonly [string, unknown])[] {
  const last = records.at(-1);
  if (!last) return [["steps", `0 of ${total}`]];
  const finite = records.filter(({ loss }) => Number.isFinite(loss));
  const recent = finite.slice(-100);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  // The mean of times, not of speeds: a step that takes twice as long counts twice.
  const speed = 1 / mean(records.map(({ imagesPerSecond }) => 1 / imagesPerSecond));
  return [
    ["steps", `${last.step} of ${total}`],
    ["epochs", last.epoch.toFixed(2)],
    ["loss, mean of the last 100 steps", mean(recent.map(({ loss }) => loss)).toFixed(4)],
    ["smallest loss of a step", Math.min(...thinned(finite, 50_000).map(({ loss }) => loss)).toFixed(4)],
    ["images per second, whole run", speed.toFixed(2)],
    ["images per second, last 100 steps", (1 / mean(recent.map((r) => 1 / r.imagesPerSecond))).toFixed(2)],
  ];
}

const STYLE = `
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1180px; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 500; color: #555; padding-right: 2rem; }
td { overflow-wrap: anywhere; } th, td { border-bottom: 1px solid #eee; padding: 0.2rem 2rem 0.2rem 0; vertical-align: top; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(520px, 100%), 1fr)); gap: 1rem; }
.curves svg { width: 100%; height: auto; } figure { margin: 0; } figure img { max-width: 100%; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); column-gap: 3rem; }
figure[hidden] { display: none; } input[type="range"] { width: min(320px, 60%); vertical-align: middle; }`;

/** Shows the picture that the slider is at; without scripts all pictures are shown. */
const SCRIPT = `
const figures = [...document.querySelectorAll("figure.picture")];
const slider = document.querySelector("#time");
const show = () => figures.forEach((figure, i) => { figure.hidden = i !== Number(slider.value); });
if (slider && figures.length > 1) { slider.closest("p").hidden = false; slider.addEventListener("input", show); show(); }`;

function pictureSection(pictures: readonly ReportPicture[]): string {
  if (pictures.length === 0) return "";
  const figures = pictures.map(({ step, png }) =>
    `<figure class="picture"><figcaption>after ${step} steps: input, masked, reconstruction</figcaption>` +
    `<img alt="reconstructions after ${step} steps" src="data:image/png;base64,${
      Buffer.from(png).toString("base64")
    }"></figure>`
  );
  const last = pictures.length - 1;
  return `<h2>Reconstructions</h2>
<p hidden><label>time <input id="time" type="range" min="0" max="${last}" value="${last}" step="1"></label></p>
${figures.join("\n")}
<p>Masked patches are given the mean and the deviation of the true ones, as in the paper's figures.</p>`;
}

/**
 * Writes the report of a run: curves of loss and schedules, reconstructions over time, configuration, speed. It opens
 * from the file system and asks for nothing else.
 *
 * @param report What it shows.
 * @returns The HTML file.
 */
export function reportHtml(report: Report): string {
  const { title, records, configuration, pictures } = report;
  const curves = records.length < 2
    ? ""
    : CURVES.map(([name, y, valueOf, isNoisy]) => curve(name, y, records, valueOf, isNoisy)).join("\n");
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
${table(summary(report))}
<h2>Curves</h2>
<div class="curves">
${curves}
</div>
<div class="beside">
<section>${pictureSection(pictures)}</section>
<section><h2>Configuration</h2>
${table(Object.entries(configuration))}</section>
</div>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

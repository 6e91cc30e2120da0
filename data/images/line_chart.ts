/**
 * Line charts as SVG, by Observable Plot: apart from the other functions of `data`, as what draws them is larger than all else.
 *
 * @module
 */
import { requireOptions } from "../../tensor/errors.ts";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** One line of a chart. */
export interface LineSeries {
  /** What the legend calls it. */
  readonly name: string;
  /** Points, in the order of x. Points that are not finite leave a gap. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** True for a line that stands back behind the others; false if not given. */
  readonly isFaint?: boolean;
}

/** What a line chart shows. */
export interface LineChartOptions {
  /** Above the chart. */
  readonly title: string;
  /** Label of the horizontal axis. */
  readonly x: string;
  /** Label of the vertical axis. */
  readonly y: string;
  /** Lines; a legend names them if there is more than one. */
  readonly series: readonly LineSeries[];
  /** True for a logarithmic vertical axis, which leaves out what is not positive; false if not given. */
  readonly logarithmic?: boolean;
}

const SIZE = { width: 776, height: 420, marginLeft: 76, marginRight: 24, marginTop: 56, marginBottom: 44 };
const COLOURS = ["#3b6fb6", "#d9822b", "#4a9d5b", "#b8405e", "#7a5ea8", "#6b7280"];
const colourOf = (series: number): string => COLOURS[series % COLOURS.length]!;

/**
 * Draws lines, such as the loss over the steps of a run.
 *
 * @param options Texts and points.
 * @returns An SVG file that stands on its own.
 *
 * @example Usage
 * ```ts
 * import { match } from "node:assert/strict";
 * import { lineChart } from "@tessera/tessera/data/line_chart";
 *
 * const series = [{ name: "training", points: [[0, 1], [1, 0.5], [2, 0.4]] as const }];
 * match(lineChart({ title: "Loss", x: "step", y: "loss", series }), /^<svg .*Loss/s);
 * ```
 */
export function lineChart(options: LineChartOptions): string {
  requireOptions("lineChart", options, { title: true, x: true, y: true, series: true, logarithmic: true });
  const { title, x, y, series, logarithmic = false } = options;
  const shown = (value: number) => Number.isFinite(value) && (!logarithmic || value > 0);
  const rowsOf = ({ points }: LineSeries) => points.map(([px, py]) => ({ x: px, y: shown(py) ? py : NaN }));
  // Types of a browser are not there; what Plot uses of a document is.
  const { document } = parseHTML("<html><body></body></html>") as unknown as {
    readonly document: NonNullable<Plot.PlotOptions["document"]>;
  };
  const svg = Plot.plot({
    document,
    ...SIZE,
    style: { background: "white", color: "#222", fontFamily: "system-ui, sans-serif", fontSize: "12px" },
    x: { label: x, labelAnchor: "center", labelArrow: "none", ...wholeTicks(series) },
    y: {
      ...{ label: y, labelAnchor: "center", labelArrow: "none", grid: true, nice: true },
      ...logarithmic ? { type: "log" } : { type: "linear", ...flatDomain(series) },
    },
    marks: [
      Plot.frame({ stroke: "#ddd" }),
      ...series.map((one, i) =>
        Plot.line(rowsOf(one), {
          x: "x",
          y: "y",
          stroke: colourOf(i),
          strokeWidth: 1.6,
          strokeOpacity: one.isFaint ? 0.4 : 1,
        })
      ),
      Plot.text([title], { frameAnchor: "top-left", dy: -42, fontSize: 16, fontWeight: "bold" }),
      ...legend(series),
    ],
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return svg.outerHTML;
}

/** Few steps have a tick each: there is none between two of them. */
function wholeTicks(series: readonly LineSeries[]): { readonly ticks?: number } {
  const ends = series.flatMap(({ points }) => points.length > 0 ? [points[0]![0], points.at(-1)![0]] : []);
  const range = Math.max(...ends) - Math.min(...ends);
  return ends.every(Number.isInteger) && range > 1 && range < 10 ? { ticks: range } : {};
}

/** Where all values are one, an axis from 0 to its double: of itself it would have one tick of many digits. */
function flatDomain(series: readonly LineSeries[]): { readonly domain?: readonly [number, number] } {
  const values = new Set(series.flatMap(({ points }) => points.map(([, y]) => y).filter(Number.isFinite)));
  const [value] = values;
  if (values.size !== 1) return {};
  return { domain: value === 0 ? [0, 1] : value! > 0 ? [0, 2 * value!] : [2 * value!, 0] };
}

/** Names in their colours along the upper edge. */
function legend(series: readonly LineSeries[]): readonly Plot.Markish[] {
  if (series.length < 2) return [];
  return series.map(({ name }, i) => {
    const before = series.slice(0, i).reduce((width, other) => width + other.name.length * 7 + 24, 0);
    return Plot.text([`— ${name}`], {
      frameAnchor: "top-left",
      dx: before,
      dy: -18,
      fill: colourOf(i),
    });
  });
}

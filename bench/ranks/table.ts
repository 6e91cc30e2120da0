/** @file What two ranks lost to the line between them, as a table. */
import { median } from "../statistics.ts";
import type { Network } from "./network.ts";
import { type SideResult, type Way, WAYS } from "./ways.ts";

const sum = (values: readonly number[]): number => values.reduce((total, x) => total + x, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;

/** Seconds of the small or of the large exchanges of a step: that even the rank waited that came last, and that the other waited for it. */
function waitsOf({ isSmall, waits }: SideResult, small: boolean): { readonly line: number; readonly other: number } {
  const rows = waits.map((row) => row.filter((_, i) => isSmall[i] === small));
  const line = sum(rows[0]!.map((_, i) => Math.min(...rows.map((row) => row[i]!))));
  return { line, other: mean(rows.map(sum)) - line };
}

const COLUMNS = [
  ...["batch norm", "sums", "s a step", "efficiency", "MB a step", "line busy", "waited s"],
  ...["for sums", "small ones", "they took ms", "besides for the other ms"],
];

function rowOf(network: Network, way: Way, results: readonly SideResult[], alone: number): readonly string[] {
  const seconds = median(results.map(({ seconds }) => Math.max(...seconds)));
  const bytes = mean(results.flatMap(({ bytes }) => bytes));
  const small = results.map((result) => waitsOf(result, true));
  const large = results.map((result) => waitsOf(result, false));
  const waited = mean(results.map(({ waits }) => mean(waits.map(sum))));
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  const milliseconds = (values: readonly number[]) => (1000 * mean(values)).toFixed(1);
  return [
    ...[way.syncBn ? "of both" : "of each", way.overlap ? "meanwhile" : "at the end", seconds.toFixed(2)],
    ...[percent(alone / seconds), (bytes / 1e6).toFixed(1), percent(8 * bytes / network.rate / seconds)],
    ...[waited.toFixed(2), mean(large.map(({ line }) => line)).toFixed(2)],
    ...[`${results[0]!.isSmall.filter(Boolean).length}`, milliseconds(small.map(({ line }) => line))],
    milliseconds(small.map(({ other }) => other)),
  ];
}

/**
 * Tells what was measured on a line. Efficiency is the speed of two ranks that work together over that of two that do not, side
 * by side.
 *
 * @param network The line.
 * @param results Steps of all ways.
 * @returns Lines of text.
 */
export function tableOf(network: Network, results: readonly SideResult[]): string {
  const of = (way: Way) => results.filter((result) => JSON.stringify(result.way) === JSON.stringify(way));
  const [apart, ...others] = WAYS;
  const alone = median(of(apart!).map(({ seconds }) => mean(seconds)));
  const rows = [COLUMNS, ...others.map((way) => rowOf(network, way, of(way), alone))];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) => row.map((text, i) => text.padStart(widths[i]!)).join("  "));
  return [`${network.name}: each by itself ${alone.toFixed(2)} s a step`, ...lines].join("\n");
}

/** @file What two ranks lost to the line between them, as a table. */
import { median } from "../statistics.ts";
import type { Network } from "./network.ts";
import { type SideResult, type Way, WAYS } from "./ways.ts";

const mean = (values: readonly number[]): number => values.reduce((total, x) => total + x, 0) / values.length;

const COLUMNS = [
  ...["batch norm", "sums", "s a step", "efficiency", "MB a step", "line busy", "waited for sums s"],
  ...["small ones", "waited for them ms", "back to back ms"],
];

function rowOf(network: Network, way: Way, results: readonly SideResult[], alone: number): readonly string[] {
  const seconds = median(results.map(({ seconds }) => Math.max(...seconds)));
  const ofBoth = (read: (result: SideResult) => readonly number[]) => mean(results.flatMap(read));
  const bytes = ofBoth((result) => result.bytes);
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  return [
    ...[way.syncBn ? "of both" : "of each", way.overlap ? "meanwhile" : "at the end", seconds.toFixed(2)],
    ...[percent(alone / seconds), (bytes / 1e6).toFixed(1), percent(8 * bytes / network.rate / seconds)],
    ...[ofBoth(({ waitedForSums }) => waitedForSums).toFixed(2), `${results[0]!.small}`],
    ...[({ waitedForSmall }: SideResult) => waitedForSmall, ({ backToBack }: SideResult) => backToBack]
      .map((read) => (1000 * ofBoth(read)).toFixed(0)),
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

/** @file Scores of a detector as text: a row a kind, or a class and kind, and a column each of COCO's twelve numbers. */
import { COCO_METRICS } from "../../../data/mod.ts";

/** A row of a table. */
export interface ScoreRow {
  /** Before its numbers. */
  readonly name: string;
  /** The twelve numbers; -1 where nothing counts. */
  readonly metrics: readonly number[];
}

const WIDTH = 9;

/**
 * Writes a table.
 *
 * @param rows Names and numbers.
 * @returns A line of headings, and one a row; `-` where nothing counts.
 */
export function scoreTable(rows: readonly ScoreRow[]): readonly string[] {
  const widest = Math.max(...rows.map(({ name }) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    name.padEnd(widest) + cells.map((cell) => cell.padStart(WIDTH)).join("");
  const cellOf = (value: number) => value < 0 ? "-" : value.toFixed(4);
  return [line("", COCO_METRICS), ...rows.map(({ name, metrics }) => line(name, metrics.map(cellOf)))];
}

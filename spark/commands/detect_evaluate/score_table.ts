/** @file Scores of a detector as text: a row a kind, or a class and kind, and a column each of COCO's twelve numbers. */
import { COCO_METRICS } from "../../../data/mod.ts";
import { widthOf } from "../cli/wrap.ts";

/** A row of a table. */
export interface ScoreRow {
  /** Before its numbers. */
  readonly name: string;
  /** The twelve numbers; -1 where nothing counts. */
  readonly metrics: readonly number[];
}

const WIDTH = 9;
/** How many numbers stand beside each other: of twelve, precisions and recalls apart, fewer. */
const BESIDE = [12, 6, 3, 2, 1];

/**
 * Writes a table.
 *
 * @param rows Names and numbers.
 * @param columns Width of the terminal: where not all numbers have room, they stand in tables below each other.
 * @returns Of each table a line of headings, and one a row, `-` where nothing counts; an empty line between tables.
 */
export function scoreTable(rows: readonly ScoreRow[], columns: number = Infinity): readonly string[] {
  const widest = Math.max(...rows.map(({ name }) => widthOf(name)));
  const line = (name: string, cells: readonly string[]) =>
    name + " ".repeat(widest - widthOf(name)) + cells.map((cell) => cell.padStart(WIDTH)).join("");
  const cellOf = (value: number) => value < 0 ? "-" : value.toFixed(4);
  const beside = BESIDE.find((count) => widest + count * WIDTH < columns) ?? 1;
  return Array.from({ length: COCO_METRICS.length / beside }, (_, k) => k * beside).flatMap((from) => [
    ...from > 0 ? [""] : [],
    line("", COCO_METRICS.slice(from, from + beside)),
    ...rows.map(({ name, metrics }) => line(name, metrics.slice(from, from + beside).map(cellOf))),
  ]);
}

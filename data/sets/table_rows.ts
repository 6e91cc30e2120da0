/** @file Rows of tables in text: CSV (RFC 4180), TSV, and JSON lines. */
import { endingOf } from "../formats/file_endings.ts";

/** A table: names of its columns, and as many fields in each row. */
export interface TextTable {
  /** Names. */
  readonly columns: readonly string[];
  /** Fields of each row, without blanks around them; empty where there is none. */
  readonly rows: readonly (readonly string[])[];
}

/** Tables that tell classes are not larger. */
export const MAX_TABLE_BYTES: number = 2 ** 26;

const ENDINGS = [".csv", ".tsv", ".jsonl"];

/** Whether a file is a table in text, by its ending. */
export function isTextTablePath(path: string): boolean {
  return ENDINGS.includes(endingOf(path));
}

/**
 * Reads a table.
 *
 * @param path Its file: the ending says how fields are parted.
 * @param text Its content.
 * @returns Columns and rows; undefined where rows have other numbers of fields than the first, or the text is no table.
 */
export function tableOf(path: string, text: string): TextTable | undefined {
  const plain = text.replace(/^\uFEFF/, "");
  if (endingOf(path) === ".jsonl") return recordsTable(plain);
  const [head, ...rows] = fieldsOf(plain, delimiterOf(path, plain));
  if (!head || rows.length === 0 || rows.some((row) => row.length !== head.length)) return undefined;
  return { columns: head, rows };
}

/** Of CSV the sign that parts the names of columns: Europe's spreadsheets write semicolons. */
function delimiterOf(path: string, text: string): string {
  if (endingOf(path) === ".tsv") return "\t";
  const end = text.indexOf("\n");
  const line = end < 0 ? text : text.slice(0, end);
  return [",", ";", "\t"].reduce((best, sign) => line.split(sign).length > line.split(best).length ? sign : best);
}

/** Rows of fields; quoted ones may hold line ends. Empty lines are none. */
function fieldsOf(text: string, delimiter: string): string[][] {
  const plain = new RegExp(`[^${delimiter}\\r\\n]*`, "y");
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at <= text.length) {
    const quoted = text[at] === '"' ? quotedAt(text, at) : undefined;
    plain.lastIndex = quoted?.end ?? at;
    const [rest] = plain.exec(text)!;
    row.push((quoted?.value ?? rest).trim());
    at = plain.lastIndex;
    if (text[at++] === delimiter) continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
    if (text.startsWith("\r\n", at - 1)) at++;
  }
  return rows;
}

/** The field in quotes that begins there, and where it ends; undefined if it does not. */
function quotedAt(text: string, start: number): { readonly value: string; readonly end: number } | undefined {
  let value = "";
  for (let from = start + 1;;) {
    const close = text.indexOf('"', from);
    if (close < 0) return undefined;
    value += text.slice(from, close);
    if (text[close + 1] !== '"') return { value, end: close + 1 };
    value += '"';
    from = close + 2;
  }
}

/** A record a line; a column for each key. */
function recordsTable(text: string): TextTable | undefined {
  try {
    const records = text.split("\n").filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
    if (records.length === 0 || records.some((each) => typeof each !== "object" || each === null)) return undefined;
    const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
    const fieldOf = (value: unknown) => typeof value === "object" || value === undefined ? "" : String(value).trim();
    return { columns, rows: records.map((record) => columns.map((name) => fieldOf(record[name]))) };
  } catch {
    return undefined; // no JSON lines
  }
}

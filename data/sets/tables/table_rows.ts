/** @file Rows of tables in text: CSV (RFC 4180), TSV, JSON, JSON lines, and lists of names with a class after each. */
import { endingOf } from "../../formats/file_endings.ts";

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

/** Endings of files that may be a table, or the notes of one image: as many as images are no tables. */
const SELDOM = [".txt", ".json", ".lst"];

/** Whether a file is a table in text, by its ending. */
export function isTextTablePath(path: string): boolean {
  return ENDINGS.includes(endingOf(path));
}

/** Whether a file may be a table in text, if there are few of its kind, by its ending. */
export function mayBeTextTable(path: string): boolean {
  return SELDOM.includes(endingOf(path));
}

/** Text of a file: UTF-8, UTF-16 by its mark, else the letters of Western Europe, as spreadsheets write them. */
export function textOfTable(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
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
  const ending = endingOf(path);
  if (ending === ".jsonl") {
    return recordsTable(() => plain.split("\n").filter((line) => line.trim() !== "").map(parsed));
  }
  if (ending === ".json") return recordsTable(() => recordsOf(JSON.parse(plain)));
  if (SELDOM.includes(ending) && !/[,;\t]/.test(plain.slice(0, plain.search(/\n|$/)))) return listTable(plain);
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

const parsed = (line: string): unknown => JSON.parse(line);

/** Records of JSON: a list of them, or of pairs; a dictionary from names to classes; either of them under one key. */
function recordsOf(value: unknown): readonly unknown[] {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = isRecord ? Object.entries(value) : [];
  const [only] = entries.filter(([, inner]) => typeof inner === "object");
  if (only && entries.length === 1) return recordsOf(only[1]);
  const list: readonly unknown[] = isRecord ? entries : Array.isArray(value) ? value : [];
  return list.map((each) => Array.isArray(each) ? { name: each[0], label: each[1] } : each);
}

/** A column for each key of the records. */
function recordsTable(read: () => readonly unknown[]): TextTable | undefined {
  try {
    const records = read() as readonly Readonly<Record<string, unknown>>[];
    if (records.length === 0 || records.some((each) => typeof each !== "object" || each === null)) return undefined;
    const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
    const fieldOf = (value: unknown) => typeof value === "object" || value === undefined ? "" : String(value).trim();
    return { columns, rows: records.map((record) => columns.map((name) => fieldOf(record[name]))) };
  } catch {
    return undefined; // no JSON
  }
}

/** A name and its class in each line, with blanks between: lists of Caffe. Names may have blanks in them. */
function listTable(text: string): TextTable | undefined {
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  const fields = lines.map((line) => line.split(/\s+/));
  const isEven = fields.every((row) => row.length === fields[0]!.length);
  const rows = isEven ? fields : lines.map((line) => /^(.*\S)\s+(\S+)$/.exec(line)?.slice(1) ?? []);
  const count = rows[0]?.length ?? 0;
  if (count < 2 || rows.some((row) => row.length !== count)) return undefined;
  return { columns: rows[0]!.map(() => ""), rows };
}

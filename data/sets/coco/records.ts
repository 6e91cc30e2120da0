/** @file Records of annotation files: those that are read, what is to be said of them, and those that are left out. */
import type { Problem } from "./coco_set.ts";
import { shown } from "./shown.ts";

/** A record of a file, of which nothing is known. */
export type Json = Readonly<Record<string, unknown>>;

/** The reason for which a record is left out. */
class Refused extends Error {}

/** Leaves out the record that is being read. */
export function refuse(reason: string): never {
  throw new Refused(reason);
}

/**
 * Reads something.
 *
 * @param read May `refuse`.
 * @returns What is read; a text is why it is refused.
 */
export function refusal<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return error.message;
  }
}

/** Says how the record that is being read is used otherwise than it stands: `with a box beyond its image`. */
export type Remark = (reason: string) => void;

/** Records of one kind. */
export interface RecordsRead<T> {
  /** In the order of the file. */
  readonly read: readonly T[];
  /** What is left out. */
  readonly problems: readonly Problem[];
  /** What is used otherwise than it stands. */
  readonly remarks: readonly Problem[];
}

/** Whether a value is a record. */
export const isRecord = (x: unknown): x is Json => typeof x === "object" && x !== null && !Array.isArray(x);

/** Whether a value is a finite number. */
export const isFinite = (x: unknown): x is number => typeof x === "number" && Number.isFinite(x);

/**
 * Reads each record.
 *
 * @param list Records.
 * @param kind What they are, such as `image`.
 * @param read Reads one; `refuse` within leaves it out, and `remark` says something of it.
 * @returns Those that are read; of several with one id the first.
 */
export function readRecords<T extends { readonly id: number }>(
  list: readonly unknown[],
  kind: string,
  read: (record: Json, remark: Remark) => T,
): RecordsRead<T> {
  const seen = new Set<number>();
  const [problems, remarks]: [Problem[], Problem[]] = [[], []];
  const found = list.flatMap((record, i) => {
    const what = isRecord(record) && record.id !== undefined
      ? `${kind} ${shown(record.id)}`
      : `${kind} number ${i + 1}`;
    const own = new Set<string>();
    try {
      const value = isRecord(record) ? read(record, (reason) => own.add(reason)) : refuse("it must be a record");
      if (seen.has(value.id)) refuse("its id stands twice");
      seen.add(value.id);
      own.forEach((reason) => remarks.push({ kind, what, reason }));
      return [value];
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problems.push({ kind, what, reason: error.message });
      return [];
    }
  });
  return { read: found, problems, remarks };
}

/**
 * Reads an id: a whole number, or the text of one, as some tools write it.
 *
 * @param id The value.
 * @returns The number; `null` if it is none.
 */
export function idIn(id: unknown): number | null {
  if (typeof id === "string" && /^\d{1,15}$/.test(id)) return Number(id);
  return isFinite(id) && Number.isInteger(id) ? id : null;
}

/** Says that an id is a text, if it is one. */
export function remarkText(id: unknown, remark: Remark): void {
  if (typeof id === "string") remark("with ids as text, read as numbers");
}

/** The id of a record itself. */
export function ownId({ id }: Json, remark: Remark): number {
  const number = idIn(id) ?? refuse(`its id must be a whole number: it is ${shown(id)}`);
  remarkText(id, remark);
  return number;
}

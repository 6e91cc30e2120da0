/** @file The answers of NumPy, SciPy and PyTorch, as `answers.py` wrote them. */
import type { Shape } from "../../tensor/mod.ts";
import { TRIED, variedIn, writtenOperands } from "./inputs.ts";
import type { ConformanceRow } from "./row.ts";

/** One array of an answer. */
export interface AnswerArray {
  readonly shape: Shape;
  readonly values: readonly number[];
}

interface Recorded {
  readonly truth: string;
  readonly answers: Readonly<Record<string, readonly WrittenArray[] | null>>;
}

interface WrittenArray {
  readonly shape: Shape;
  readonly values: readonly (number | string)[];
}

const FILE = new URL("../golden/conformance.json", import.meta.url);
const recorded = JSON.parse(await Deno.readTextFile(FILE).catch(() => "{}")) as Readonly<Record<string, Recorded>>;

const NOT_FINITE: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN };

/** What a row is asked about: its operands as they stand, and those of each dtype that they may have. */
export type Form = "given" | (typeof TRIED)[number];

const formsOf = (row: ConformanceRow): readonly Form[] => ["given", ...(variedIn(row).length > 0 ? TRIED : [])];

/**
 * The recorded answer to a row.
 *
 * @param row The row.
 * @param form Of which operands.
 * @returns Arrays; null where the other library has none.
 * @throws {RangeError} If it was recorded of another expression, or not at all.
 */
export function answerOf(row: ConformanceRow, form: Form): readonly AnswerArray[] | null {
  const found = recorded[row.name];
  if (found?.truth !== row.truth) {
    throw new RangeError(
      `Cannot check ${row.name} as its answer must be recorded (deno task conformance --record): current expression is ` +
        `${row.truth}, recorded is ${found?.truth}`,
    );
  }
  return found.answers[form]?.map(({ shape, values }) => ({
    shape,
    values: values.map((value) => typeof value === "string" ? NOT_FINITE[value]! : value),
  })) ?? null;
}

/** Asks the script of Python about rows, and writes its answers down. */
export async function record(rows: readonly ConformanceRow[]): Promise<void> {
  const questions = await Promise.all(rows.map(async (row) => ({
    name: row.name,
    truth: row.truth,
    varied: variedIn(row),
    inputs: Object.fromEntries(
      await Promise.all(formsOf(row).map(async (form) => [form, await writtenOperands(row, form)])),
    ),
  })));
  const script = new URL("./answers.py", import.meta.url).pathname;
  const python = new Deno.Command("/usr/bin/python3", {
    args: [script],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = python.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(questions)));
  await writer.close();
  const { success, stdout } = await python.output();
  if (!success) throw new Error("Cannot record as the script must end well: current exit is a failure");
  await Deno.writeFile(FILE, stdout);
}

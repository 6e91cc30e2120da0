/** @file The table as a document. */
import type { Cell } from "./columns.ts";
import { type Column, COLUMNS, type ConformanceRow, type Reason, REASONS } from "./row.ts";

/** What was found of a row, column by column. */
export interface Tested {
  readonly row: ConformanceRow;
  readonly cells: Readonly<Record<Column, Cell>>;
}

/** Columns that a device has: nothing else may be left empty in more than a twentieth of them. */
export const DEVICE_COLUMNS: readonly Column[] = ["reference", "cpu", "webgpu"];

/** The document. */
export const DOCUMENT: URL = new URL("../../docs/conformance.md", import.meta.url);

/** What a cell shows. */
export const textOf = (cell: Cell): string => "passed" in cell ? cell.passed : cell.reason;

const escaped = (text: string) => text.replaceAll("|", "\\|");
const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

function head(tested: readonly Tested[]): readonly string[] {
  const all = tested.flatMap(({ cells }) => Object.values(cells));
  const empty = all.filter((cell) => "reason" in cell).length;
  return [
    "# Conformance",
    "",
    "What `deno task conformance` found when it ran: every public operation of `@tessera/tessera/tensor`, its namespaces, the",
    "operations of `tensor/kernel` and the functions of `nn` and `sparse` on tensors, each beside an expression of NumPy, SciPy",
    "or PyTorch that gives the same (`tests/conformance/answers.py` records the answers). Every ✓ is a test that ran and passed.",
    "",
    `${tested.length} operations, ${all.length} cells: ${
      all.length - empty
    } tests passed, ${empty} cells hold a reason.`,
    "",
  ];
}

const MEANINGS: Readonly<Record<Column, string>> = {
  shape: "shapes are told before anything is computed; a number counts calls that must be refused by `ShapeError`",
  reference: "values of float64 on the reference device",
  cpu: "values of float32, and gradients where there are any, in WebAssembly",
  webgpu: "the same on the GPU",
  grad: "pullbacks equal differences, in float64",
  "grad of grad": "pullbacks of pullbacks do",
  jvp: "pushforwards do",
  vmap: "a map over three examples is a loop over them",
  jit: "compiled values, on cpu and reference",
  dtypes: "dtypes that are taken, values as NumPy's of that dtype (`*`: NumPy refuses it); others are refused by name",
};

function legend(tested: readonly Tested[]): readonly string[] {
  const count = (reason: Reason) =>
    tested.flatMap(({ cells }) => Object.values(cells)).filter((cell) => "reason" in cell && cell.reason === reason)
      .length;
  return [
    ...COLUMNS.map((column) => `- **${column}**: ${MEANINGS[column]}`),
    "",
    "A cell without a test of its own holds one of these reasons, and there are no others:",
    "",
    ...(Object.keys(REASONS) as Reason[]).map((reason) => `- **${reason}** (${count(reason)}): ${REASONS[reason]}`),
    "",
  ];
}

/** The document of a run. */
export function documentOf(tested: readonly Tested[]): string {
  const rows = tested.map(({ row, cells }) =>
    line([`\`${row.name}\``, ...COLUMNS.map((column) => textOf(cells[column])), `\`${escaped(row.truth)}\``])
  );
  const names = ["operation", ...COLUMNS, "the same in Python"];
  return [...head(tested), ...legend(tested), line(names), line(names.map(() => "---")), ...rows, ""].join("\n");
}

/** The cells of a document: by operation, the texts of its columns. */
export function cellsOf(text: string): ReadonlyMap<string, readonly string[]> {
  const rows = text.split("\n").filter((each) => each.startsWith("| `"));
  return new Map(rows.map((each) => {
    const [name, ...cells] = each.split(/(?<!\\)\|/).slice(1, 2 + COLUMNS.length).map((cell) => cell.trim());
    return [name!.slice(1, -1), cells];
  }));
}

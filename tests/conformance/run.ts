/**
 * @file Tests every cell of the table and writes `docs/conformance.md`: `deno task conformance`. With `--record` it asks NumPy,
 * SciPy and PyTorch for their answers first; with `--only TEXT` it tests the operations of such names and writes nothing.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { cpuDevice, webgpuDevice } from "../../tensor/mod.ts";
import { record } from "./answers.ts";
import { type Cell, type Devices, testCell } from "./columns.ts";
import { DOCUMENT, documentOf, type Tested, textOf } from "./document.ts";
import { type Column, COLUMNS, type ConformanceRow } from "./row.ts";
import { TABLE } from "./table.ts";

const { values: options } = parseArgs({
  options: { record: { type: "boolean", default: false }, only: { type: "string", default: "" } },
});
const write = (text: string) => process.stdout.write(`${text}\n`);

async function testRow(row: ConformanceRow, devices: Devices, failures: string[]): Promise<Tested> {
  const cells: Partial<Record<Column, Cell>> = {};
  for (const column of COLUMNS) {
    try {
      cells[column] = await testCell(row, column, devices);
    } catch (error) {
      failures.push(`${row.name}, ${column}: ${(error as Error).message}`);
      cells[column] = { passed: "✗" };
    }
  }
  return { row, cells: cells as Record<Column, Cell> };
}

if (options.record) await record(TABLE);
const devices: Devices = { cpu: cpuDevice(), webgpu: await webgpuDevice() };
const rows = TABLE.filter(({ name }) => name.includes(options.only));
const failures: string[] = [];
const tested: Tested[] = [];
const start = performance.now();
for (const row of rows) {
  tested.push(await testRow(row, devices, failures));
  write(`${row.name.padEnd(24)} ${COLUMNS.map((column) => textOf(tested.at(-1)!.cells[column])).join("  ")}`);
}
devices.cpu.close();
devices.webgpu!.close();
failures.forEach(write);
const seconds = ((performance.now() - start) / 1000).toFixed(0);
write(`${rows.length} operations, ${rows.length * COLUMNS.length} cells, ${failures.length} failures (${seconds} s)`);
if (failures.length === 0 && options.only === "") {
  await Deno.writeTextFile(DOCUMENT, documentOf(tested));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", DOCUMENT.pathname] }).output();
}
process.exitCode = failures.length > 0 ? 1 : 0;

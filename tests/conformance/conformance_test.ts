import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { cpuDevice, type Device, mul, type Tensor } from "../../tensor/mod.ts";
import { testWebgpu } from "../support/device_or_skip.ts";
import { testCell } from "./columns.ts";
import { cellsOf, DEVICE_COLUMNS, DOCUMENT, textOf } from "./document.ts";
import { type Column, COLUMNS, type ConformanceRow, REASONS } from "./row.ts";
import { OTHERS, OTHERS_OF_NN, OTHERS_OF_SPARSE, publicFunctions, TABLE } from "./table.ts";

const documented = cellsOf(await Deno.readTextFile(DOCUMENT));
const names = TABLE.map(({ name }) => name);

Deno.test("Every public function is one row of the table, or named among what is no operation", () => {
  const ofNn = Object.values(OTHERS_OF_NN).flat().map((name) => `nn.${name}`);
  const known = [...names, ...[OTHERS, OTHERS_OF_SPARSE].flatMap((others) => Object.values(others).flat()), ...ofNn];
  deepStrictEqual(known.filter((name, i) => known.indexOf(name) !== i), [], "named twice");
  const functions = publicFunctions();
  deepStrictEqual(functions.filter((name) => !known.includes(name)), [], "in no row");
  deepStrictEqual(known.filter((name) => !functions.includes(name)), [], "not exported");
});

Deno.test("The document shows every row; what is empty has a reason, and few cells of a device are", () => {
  deepStrictEqual([...documented.keys()], names);
  for (const [name, cells] of documented) {
    deepStrictEqual(cells.length, COLUMNS.length, name);
    for (const cell of cells) ok(cell in REASONS || /^(✓|[fiub]\w+\*?)/.test(cell), `${name}: ${cell}`);
  }
  for (const column of DEVICE_COLUMNS) {
    const cells = [...documented.values()].map((all) => all[COLUMNS.indexOf(column)]!);
    const empty = cells.filter((cell) => cell in REASONS && cell !== "H").length;
    ok(empty <= 0.05 * cells.length, `${empty} of ${cells.length} cells of ${column} are empty`);
  }
});

async function checkCells(rows: readonly ConformanceRow[], columns: readonly Column[], webgpu: Device | null) {
  const cpu = cpuDevice({ threads: 1 });
  try {
    for (const row of rows) {
      for (const column of columns) {
        const shown = documented.get(row.name)?.[COLUMNS.indexOf(column)];
        deepStrictEqual(textOf(await testCell(row, column, { cpu, webgpu })), shown, `${row.name}, ${column}`);
      }
    }
  } finally {
    cpu.close();
  }
}

/** Every so many rows, beginning at one of them. */
const some = (every: number, from: number) => TABLE.filter((_, i) => i % every === from);

Deno.test("Shapes, values in float64 and dtypes of every operation are those of the document", () =>
  checkCells(TABLE, ["shape", "reference", "dtypes"], null));

Deno.test("Derivatives of every fourth operation are", () =>
  checkCells(some(4, 1), ["grad", "grad of grad", "jvp"], null));

Deno.test("Maps, compiled values and the cpu's of every twelfth operation are", () =>
  checkCells(some(12, 5), ["vmap", "jit", "cpu"], null));

testWebgpu("Values of every fiftieth operation on webgpu are", async (device) => {
  await checkCells(some(50, 7), ["webgpu"], device);
});

Deno.test("A cell fails if the values, the shape or the derivative are others", async () => {
  const cpu = cpuDevice({ threads: 1 });
  const row = TABLE.find(({ name }) => name === "sin")!;
  const wrong = { ...row, f: (x: Tensor) => mul(row.f(x) as Tensor, 1.0001) };
  for (const column of ["reference", "cpu", "jit", "dtypes"] as const) {
    await rejects(testCell(wrong, column, { cpu, webgpu: null }), /element 0 is/, column);
  }
  await rejects(testCell({ ...row, truth: "np.cos(a)" }, "reference", { cpu, webgpu: null }), /must be recorded/);
  cpu.close();
});

import { deepStrictEqual, throws } from "node:assert/strict";
import { madeOf, placeholder, type Tensor } from "../../tensor/tensor.ts";
import { checkGrads, DTYPES, referenceDevice, ShapeError, sizeOf, vjp, zeros } from "../../tensor/mod.ts";
import { topologicalOrder } from "../../tensor/order.ts";
import { inputsOf, type OpRow, ROWS } from "../support/op_table.ts";

const device = referenceDevice();

/** Conventions of the reference: as many values as the shape says, each of the dtype. */
async function checkReference({ f, cases }: OpRow): Promise<void> {
  for (const testCase of cases.filter(({ large }) => !large)) {
    const inputs = inputsOf(testCase);
    const output = f(...inputs);
    const program = topologicalOrder([output]).map((node) => ({ node, made: madeOf(node) }));
    const values = await output.data({ device });
    deepStrictEqual(values.length, sizeOf(output.shape));
    const traced = f(...inputs.map(placeholder));
    deepStrictEqual([traced.shape, traced.dtype], [output.shape, output.dtype], "traced and untraced specs differ");
    for (const { node, made } of program) {
      if (node.primitive.lowering.kind === "leaf") continue;
      const operands = await Promise.all(made.inputs.map(async (x) => ({
        shape: x.shape,
        dtype: x.dtype,
        data: Float64Array.from(await x.data({ device })),
      })));
      const result = node.primitive.reference(operands, made.params, node);
      deepStrictEqual(result.length, sizeOf(node.shape), `${node.primitive.name} does not fill its shape`);
      deepStrictEqual(result.find((x) => !holds(x, node)), undefined, `${node.primitive.name} leaves its dtype`);
    }
  }
}

function holds(x: number, { dtype }: Tensor): boolean {
  if (dtype === "bool") return x === 0 || x === 1;
  if (dtype === "int32") return x === (x | 0);
  return dtype === "uint32" ? x === x >>> 0 : true;
}

for (const row of ROWS) {
  Deno.test(`${row.name}: the reference fills the shape and keeps the dtype`, () => checkReference(row));

  if (row.order > 0) {
    Deno.test(`${row.name}: pullbacks equal finite differences up to order ${row.order}`, async () => {
      await checkGrads(row.f, inputsOf(row.cases[0]!, "float64"), { order: row.order });
    });
  }

  if (row.rejects.length > 0) {
    Deno.test(`${row.name}: shapes that do not fit are refused`, () => {
      row.rejects.forEach((call) => throws(call, ShapeError));
    });
  }
}

/** Names of the records in the sources: the first name in each constant of type `Primitive`. */
function declaredNames(): ReadonlySet<string> {
  const folder = new URL("../../tensor/", import.meta.url);
  const filesIn = (path: string): readonly string[] =>
    [...Deno.readDirSync(new URL(path, folder))].flatMap(({ name, isDirectory }) =>
      isDirectory ? filesIn(`${path}${name}/`) : [`${path}${name}`]
    );
  const files = filesIn("primitives/");
  const names = [...files, "functions/random/words.ts"].flatMap((file) => {
    const source = Deno.readTextFileSync(new URL(file, folder));
    const records = source.replaceAll("/* @__PURE__ */ ", "").matchAll(
      /^const [A-Z0-9_]+(?:: Primitive[^=]*)? = (?:\w+\(\s*"(\w+)"|\{[\s\S]*?"(\w+)")/gm,
    );
    return [...records].map(([, made, written]) => (made ?? written)!);
  });
  return new Set(names);
}

/** Names of the records in the programs of the rows and of their pullbacks. */
function reachedNames(): ReadonlySet<string> {
  const programs = ROWS.flatMap(({ f, cases, order }) => {
    const inputs = inputsOf(cases[0]!);
    if (order === 0) return [f(...inputs)];
    const [output, pullback] = vjp(
      (...primals: Tensor[]) => f(...inputs.map((x) => DTYPES[x.dtype].floating ? primals.shift()! : x)),
      ...inputs.filter((x) => DTYPES[x.dtype].floating),
    );
    return [output, ...pullback(zeros(output.shape, { dtype: output.dtype }))] as Tensor[];
  });
  return new Set(topologicalOrder(programs).map((x) => x.primitive.name));
}

Deno.test("Every primitive is reached by a row of the table", () => {
  const reached = reachedNames();
  const declared = declaredNames();
  const others = ["recomputed", "name"]; // `checkpoint` and its policies have tests of their own
  deepStrictEqual([...declared].filter((name) => !reached.has(name) && !others.includes(name)), []);
  deepStrictEqual(declared.size > 45, true, `only ${declared.size} records were found`);
});

Deno.test("Rows have names of their own", () => {
  const names = ROWS.map(({ name }) => name);
  deepStrictEqual(names.filter((name, i) => names.indexOf(name) !== i), []);
});

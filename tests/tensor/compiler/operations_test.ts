import { deepStrictEqual, ok, throws } from "node:assert/strict";
import * as composed from "../../../tensor/compiler/expansions/composed.ts";
import { expanded, type FunctionName } from "../../../tensor/compiler/expansions/expanded.ts";
import type { ComposedOp } from "../../../tensor/compiler/expansions/words.ts";
import { namedOp } from "../../../tensor/compiler/expansions/named_op.ts";
import { operationOf, OPERATIONS, type ScalarOp, takes } from "../../../tensor/compiler/operations.ts";
import { literal, op, visitScalars } from "../../../tensor/compiler/scalar.ts";
import { type DType, DTYPES } from "../../../tensor/mod.ts";

const NAMES = Object.keys(OPERATIONS) as ScalarOp[];

Deno.test("Expansions use operations as the table has them: operands, dtypes", () => {
  const functions = NAMES.flatMap((name) =>
    (operationOf(name).composed ?? []).map((dtype): FunctionName => {
      namedOp(name, literal(1, dtype), literal(1, dtype));
      return `${name}_${dtype}`;
    })
  );
  for (const name of functions) {
    const { result, parameters } = expanded(name);
    deepStrictEqual(result.dtype, parameters[0]!.dtype, name);
    visitScalars([result], (x) => {
      if (x.kind !== "op") return;
      deepStrictEqual(x.args.length, operationOf(x.op).arity, `${name} gives ${x.op} ${x.args.length} operands`);
      const operands = x.op === "select" || x.op === "rarely" ? x.args.slice(1) : x.args;
      operands.forEach(({ dtype }) => ok(takes(x.op, dtype), `${name} gives ${x.op} ${dtype}`));
      ok(operands.every(({ dtype }) => dtype === operands[0]!.dtype), `${name} gives ${x.op} operands of two dtypes`);
    });
  }
});

Deno.test("What is dear to repeat costs more than what is not", () => {
  const costs = (repeat: boolean) =>
    NAMES.map(operationOf).filter((each) => (each.repeat !== "cheap") === repeat).map(({ cost }) => cost);
  ok(Math.min(...costs(true)) > Math.max(...costs(false)));
});

Deno.test("An operation takes bits, numbers or any dtype", () => {
  const taken = (name: ScalarOp) => Object.keys(DTYPES).filter((dtype) => takes(name, dtype as keyof typeof DTYPES));
  const [floats, whole] = [["float32", "float64", "float16"], ["int32", "uint32", "int8", "uint8"]];
  deepStrictEqual(taken("exp"), floats);
  deepStrictEqual(taken("shiftLeft"), whole);
  deepStrictEqual(taken("xor"), [...whole, "bool"]);
  deepStrictEqual(taken("mul"), [...floats, ...whole]);
  deepStrictEqual(taken("eq"), Object.keys(DTYPES));
});

Deno.test("The table and the composed operations agree, and each brings what its expansions name", () => {
  const table = NAMES.flatMap((name) => (operationOf(name).composed ?? []).map((dtype) => `${name}_${dtype}`));
  const withCalls = (each: ComposedOp): ComposedOp[] => [each, ...(each.calls ?? []).flatMap(withCalls)];
  const all = [...new Set(Object.values(composed).flatMap(withCalls))];
  const made = all.flatMap(({ name, expand }) => Object.keys(expand).map((dtype) => `${name}_${dtype}`));
  deepStrictEqual(made.toSorted(), table.toSorted());
  for (const operation of all) {
    const named = new Set<string>();
    for (const dtype of Object.keys(operation.expand) as DType[]) {
      op(operation, literal(1, dtype), literal(1, dtype));
      visitScalars([expanded(`${operation.name}_${dtype}`).result], (x) => {
        if (x.kind === "op" && operationOf(x.op).composed?.includes(x.args.at(-1)!.dtype)) named.add(x.op);
      });
    }
    deepStrictEqual([...named].toSorted(), (operation.calls ?? []).map(({ name }) => name).toSorted(), operation.name);
  }
});

Deno.test("What a device writes itself has no expansion", () => {
  throws(() => expanded("add_float32"), TypeError);
});

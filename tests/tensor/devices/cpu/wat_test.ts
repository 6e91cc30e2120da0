import { match, throws } from "node:assert/strict";
import * as wat from "../../../../tensor/devices/cpu/emit/wat.ts";

Deno.test("A variable that is read and never set is an error that names function and variable", () => {
  const body = wat.set("sum", wat.add(wat.get("rwos"), wat.get("columns")));
  throws(() => wat.func("count", ["rows", "columns"], body), {
    name: "ReferenceError",
    message: "Cannot write function count as each variable must be set or a parameter: current text only reads rwos",
  });
});

Deno.test("Variables that are set, also by loops, become locals of their type; parameters do not", () => {
  const text = wat.func("fill", ["end"], wat.loop("i", wat.int(0), wat.get("end"), wat.set("v", "(f32.const 1)")), {
    v: "f32",
  });
  match(text, /\(param \$end i32\)\n\(local \$i i32\)\n\(local \$v f32\)/);
});

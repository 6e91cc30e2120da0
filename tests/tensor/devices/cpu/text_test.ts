import { match, throws } from "node:assert/strict";
import { add, func, get, int, loop, set } from "../../../../tensor/devices/cpu/emit/text.ts";

Deno.test("A variable that is read and never set is an error that names function and variable", () => {
  const body = set("sum", add(get("rwos"), get("columns")));
  throws(() => func("count", ["rows", "columns"], body), {
    name: "ReferenceError",
    message: "Cannot write function count as each variable must be set or a parameter: current text only reads rwos",
  });
});

Deno.test("Variables that are set, also by loops, become locals of their type; parameters do not", () => {
  const text = func("fill", ["end"], loop("i", int(0), get("end"), set("v", "(f32.const 1)")), { v: "f32" });
  match(text, /\(param \$end i32\)\n\(local \$i i32\)\n\(local \$v f32\)/);
});

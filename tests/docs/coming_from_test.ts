/** @file What the table for those who come from elsewhere names is there, and can be called as it is written. */
import { deepStrictEqual, ok } from "node:assert/strict";
import * as tessera from "../../mod.ts";

const ROWS = (await Deno.readTextFile(new URL("../../docs/coming_from.md", import.meta.url))).split("\n")
  .filter((line) => line.startsWith("| `")).map((line) => line.split("|")[1]!.trim());

/** Names of values that a table's cell calls or lists: those before a bracket, and those that stand alone. */
function namesIn(cell: string): readonly string[] {
  const code = [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);
  return code.flatMap((text) =>
    /^\w[\w.]*$/.test(text) ? [text] : [...text.matchAll(/(?<![.\w])([a-z][\w.]*)\(/g)].map(([, name]) => name!)
  );
}

function isThere(path: string): boolean {
  const found = path.split(".").reduce<unknown>(
    (at, name) => (at as Record<string, unknown> | undefined)?.[name],
    tessera,
  );
  return typeof found === "function";
}

Deno.test("every function that the table names is exported", () => {
  const names = ROWS.flatMap(namesIn).filter((name) => !["x.data", "x.item", "f", "using"].includes(name));
  ok(names.length > 60, `${names.length} names`);
  deepStrictEqual(names.filter((name) => !isThere(name)), []);
});

import { equal } from "node:assert/strict";
import { ones } from "../../tensor/mod.ts";
import { textOf } from "../../tensor/text_of.ts";

/** Values of which JSON takes some for one another, each with the key of no other. */
const DIFFERENT: readonly unknown[] = [
  ...[
    Infinity,
    -Infinity,
    NaN,
    0,
    -0,
    1,
    1n,
    "1",
    "1n",
    true,
    "true",
    null,
    "null",
    undefined,
    "undefined",
    "Infinity",
  ],
  ...["#Infinity", "-0", "", [], [null], [undefined], [[]], ["", ""], [","], {}, { a: undefined }, { a: null }, {
    "": 0,
  }],
  ...[[1, [2]], [[1], 2], { a: [1], b: 2 }, { a: 1, b: [2] }, new Uint8Array([1]), new Float32Array([1]), [1], ["1"]],
  ...[() => 1, () => 1, ones([1]), ones([1]), Symbol.iterator],
];

Deno.test("keys of values that differ differ", () => {
  equal(new Set(DIFFERENT.map((x) => textOf(x))).size, DIFFERENT.length);
  equal(new Set(DIFFERENT.map((x) => textOf({ x: [x, x] }))).size, DIFFERENT.length);
});

Deno.test("keys of one value are one", () => {
  DIFFERENT.forEach((x) => equal(textOf(x), textOf(x)));
  equal(textOf({ a: 1, b: { c: 2, d: [3] } }), textOf({ b: { d: [3], c: 2 }, a: 1 }));
});

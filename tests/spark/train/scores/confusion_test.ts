import { deepStrictEqual, equal } from "node:assert/strict";
import { classAccuracies, confusionCsv, emptyConfusion, mistakesOf } from "../../../../spark/train/scores/confusion.ts";
import { classSections } from "../../../../spark/train/results/evaluation_report.ts";

/** Rows are true classes: 3 of 4 cats right, 1 of 3 dogs, no bird. Made by scikit-learn's definition, by hand. */
const NAMES = ["cat", "dog", 'b"ird, small'];
const CONFUSION = { classes: 3, counts: Uint32Array.of(3, 1, 0, 2, 1, 0, 0, 0, 0) };

Deno.test("classAccuracies() are recall and precision; of classes without images they are not a number", () => {
  deepStrictEqual(classAccuracies(CONFUSION, NAMES), [
    { name: "cat", images: 4, recall: 3 / 4, precision: 3 / 5 },
    { name: "dog", images: 3, recall: 1 / 3, precision: 1 / 2 },
    { name: NAMES[2], images: 0, recall: NaN, precision: NaN },
  ]);
  equal(emptyConfusion(3).counts.length, 9);
});

Deno.test("mistakesOf() lists pairs, the most frequent first", () => {
  deepStrictEqual(mistakesOf(CONFUSION, NAMES, 5), [
    { truth: "dog", predicted: "cat", images: 2 },
    { truth: "cat", predicted: "dog", images: 1 },
  ]);
  equal(mistakesOf(CONFUSION, NAMES, 1).length, 1);
});

Deno.test("confusionCsv() quotes names as RFC 4180 has it", () => {
  equal(
    confusionCsv(CONFUSION, NAMES),
    'true \\ predicted,cat,dog,"b""ird, small"\ncat,3,1,0\ndog,2,1,0\n"b""ird, small",0,0,0\n',
  );
});

Deno.test("classSections() show the table of few classes, the worst of many, and no name as HTML", () => {
  const few = classSections(CONFUSION, ["<b>", "dog", "bird"]).join("");
  equal(few.includes("<b>"), false);
  equal(few.match(/<td style/g)!.length, 9);
  const names = Array.from({ length: 30 }, (_, i) => `class ${i}`);
  const many = classSections({ classes: 30, counts: new Uint32Array(900).fill(1) }, names).join("");
  equal(many.includes("<td style"), false);
  equal(many.match(/taken for/g)!.length, 20);
});

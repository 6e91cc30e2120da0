import { deepStrictEqual, throws } from "node:assert/strict";
import { add, argmax, ones, random, tensor } from "../../tensor/mod.ts";
import { classificationScores, confusionMatrix } from "../../nn/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { read } from "./support.ts";

const int32 = (values: number[]) => tensor(values, { dtype: "int32" });

Deno.test("confusionMatrix() counts pairs, adds up, and leaves out what is out of range", async () => {
  const first = confusionMatrix(int32([0, 2, 2, 1]), int32([0, 1, 2, 1]), 3);
  const second = confusionMatrix(int32([0, -100, 1, 5]), int32([2, 0, 9, 1]), 3);
  deepStrictEqual(Array.from(await read(add(first, second))), [1, 0, 1, 0, 1, 0, 0, 1, 1]);
  throws(() => confusionMatrix(int32([0]), int32([0, 1]), 2), /labels and predictions must both be \[B\]/);
});

Deno.test("classificationScores() are those of their definitions, counted one by one", async () => {
  const count = 200;
  const labels = random.permutation(random.key(0), count);
  const said = argmax(random.uniform(random.key(1), [count, 4]), { axis: 1 });
  const right = tensor(Int32Array.from(await read(labels), (label) => label % 4));
  const scores = classificationScores(confusionMatrix(right, said, 4));
  const [truth, answers] = [Array.from(await read(right)), Array.from(await read(said))];
  const share = (part: (i: number) => boolean, whole: (i: number) => boolean) => {
    const all = [...truth.keys()].filter(whole);
    return all.filter(part).length / all.length;
  };
  const same = (i: number) => truth[i] === answers[i];
  assertClose(await read(scores.accuracy), [share(same, () => true)], { absolute: 1e-6 });
  for (const c of [0, 1, 2, 3]) {
    const [p, r] = [share(same, (i) => answers[i] === c), share(same, (i) => truth[i] === c)];
    const pick = async (x: typeof said) => (await read(x))[c]!;
    assertClose([await pick(scores.precision), await pick(scores.recall)], [p, r], { absolute: 1e-6 });
    assertClose([await pick(scores.f1)], [2 * p * r / (p + r)], { absolute: 1e-6 });
  }
  const empty = classificationScores(confusionMatrix(int32([0]), int32([0]), 2));
  deepStrictEqual(Array.from(await read(empty.recall), Number.isNaN), [false, true]);
  deepStrictEqual((await read(ones([1])))[0], 1);
});

import { deepStrictEqual, ok } from "node:assert/strict";
import { checkCompositions } from "../support/check_compositions.ts";
import { compositionsOf, type Meaning } from "../support/compositions.ts";
import { testWebgpu } from "../support/device_or_skip.ts";
import { randomValues } from "../support/random_values.ts";

/** A tenth of all compositions, by a seed. */
function tenth(seed: number): readonly Meaning[] {
  const all = compositionsOf();
  const count = all.reduce((sum, { compositions }) => sum + compositions.length, 0);
  const draws = randomValues(seed, count, [0, 1]);
  const bound = [...draws].sort((a, b) => a - b)[Math.ceil(count / 10)]!;
  let next = 0;
  const drawn = all.map((meaning) => ({
    ...meaning,
    compositions: meaning.compositions.filter(() => draws[next++]! < bound),
  }));
  return drawn.filter(({ compositions }) => compositions.length > 0);
}

testWebgpu("a tenth of the compositions of transformations: webgpu", async (device) => {
  const { count, failures } = await checkCompositions(tenth(10), [device]);
  ok(count > 400);
  deepStrictEqual(failures, []);
});

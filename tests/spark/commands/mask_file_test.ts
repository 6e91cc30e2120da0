import { deepStrictEqual, throws } from "node:assert/strict";
import { parseMasks } from "../../../spark/commands/shared/mask_file.ts";

const parse = (value: unknown, count = 1) =>
  parseMasks(typeof value === "string" ? value : JSON.stringify(value), { path: "m.json", grid: [2, 3], count });

Deno.test("parseMasks() lists visible or masked patches, for all images or for each", () => {
  const one = [[1, 0, 0], [0, 0, 1]];
  deepStrictEqual(parse({ visible: [[0, 0], [1, 2]] }), [one]);
  deepStrictEqual(parse({ grid: [2, 3], masked: [[0, 1], [0, 2], [1, 0], [1, 1]] }, 2), [one, one]);
  deepStrictEqual(parse([{ visible: [[0, 0], [1, 2]] }, { masked: [[1, 1]] }], 2), [one, [[1, 1, 1], [1, 0, 1]]]);
});

Deno.test("parseMasks() names file, requirement and value", () => {
  const all = [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]];
  const cases: readonly (readonly [value: unknown, message: RegExp])[] = [
    ["{", /^RangeError: Cannot read m.json as masks as it must be JSON such as .*: current error is /],
    [7, /it must be \{"visible": .*: current value is 7/],
    [{ visible: [[0, 0]], shown: 1 }, /its keys must be grid and visible or masked: current key is shown/],
    [{}, /must list visible patches or masked ones: current lists are none/],
    [{ visible: [[0, 0]], masked: [] }, /current lists are both/],
    [{ visible: 3 }, /patches must be a list of \[row, column\]: current value is 3/],
    [{ visible: [[2, 0]] }, /\[row, column\] in a grid of 2 by 3: current patch is \[2,0\]/],
    [{ visible: [[0, 0.5]] }, /current patch is \[0,0.5\]/],
    [{ visible: [[0]] }, /current patch is \[0\]/],
    [{ visible: [[0, 1], [0, 1]] }, /a patch must be listed once: current patch is again \[0,1\]/],
    [{ grid: [3, 3], visible: [[0, 0]] }, /that of the images, \[2,3\]: current grid is \[3,3\]/],
    [{ visible: [] }, /visible and one masked: current number of visible ones is 0 of 6/],
    [{ visible: all }, /current number of visible ones is 6 of 6/],
    [{ masked: all }, /current number of visible ones is 0 of 6/],
    [[{ visible: [[0, 0]] }], /must have one for each of the 2 images: current number is 1/],
    [[{ visible: [[0, 0]] }, null], /m.json, mask 1 as masks as it must be/],
  ];
  for (const [value, message] of cases) throws(() => parse(value, 2), message);
});

/** @file Which passes become one, and of how many groups. */
import { deepStrictEqual, equal } from "node:assert/strict";
import { type BoundPass, joinPasses } from "../../../../tensor/devices/webgpu/emit/join_passes.ts";

/** A pass that binds some slots. */
interface Given {
  readonly slots: readonly number[];
  readonly size: number;
  readonly groups?: number;
  readonly short?: boolean;
  readonly enable?: string;
  readonly type?: "f32" | "vec4f";
}

function passOf({ slots, size, groups = 1, short = false, enable, type = "f32" }: Given): BoundPass {
  return {
    slots,
    inPlace: false,
    short,
    pass: {
      buffers: slots.map((_, i) => ({ name: `x${i}`, type, buffer: i })),
      workgroups: groups,
      workgroupSize: size,
      ...enable !== undefined && { enable },
      write: () => ({ body: "" }),
    },
  };
}

const joined = (given: readonly Given[], maxStorageBuffers = 8) => joinPasses(given.map(passOf), { maxStorageBuffers });

Deno.test("Passes of groups of one size are one, a group of a short one for each sixteen", () => {
  const passes = joined([
    { slots: [0, 1], size: 256, groups: 40, short: true },
    { slots: [2, 1], size: 256, groups: 3, short: true },
  ]);
  deepStrictEqual(passes.map(({ slots, pass: { workgroups, workgroupSize } }) => [slots, workgroups, workgroupSize]), [
    [[0, 1, 2], 3 + 1, 256],
  ]);
});

Deno.test("A short pass of few groups goes with one of smaller groups, in as many pieces", () => {
  const passes = (groups: number) =>
    joined([{ slots: [0, 1], size: 256, groups, short: true }, { slots: [2, 3], size: 64, groups: 5 }])
      .map(({ pass: { workgroups, workgroupSize } }) => [workgroups, workgroupSize]);
  deepStrictEqual(passes(12), [[4 * 12 / 16 + 5, 64]]);
  deepStrictEqual(passes(40), [[40, 256], [5, 64]]);
});

Deno.test("Passes whose invocations work together keep their groups", () => {
  equal(joined([{ slots: [0], size: 256 }, { slots: [1], size: 64 }]).length, 2);
  equal(joined([{ slots: [0], size: 96, short: true }, { slots: [1], size: 64 }]).length, 2);
  const three = [{ slots: [0], size: 256 }, { slots: [1], size: 64 }, { slots: [2], size: 256, short: true }];
  deepStrictEqual(joined(three).map(({ slots }) => slots), [[0, 2], [1]]); // beside what has groups as large, if there is such
});

Deno.test("A buffer is bound once, and as one type; what a device enables is enabled for all", () => {
  equal(joined([{ slots: [0], size: 64 }, { slots: [0], size: 64, type: "vec4f" }]).length, 2);
  const enabled = joined([{ slots: [0], size: 64 }, { slots: [1], size: 64, enable: "enable subgroups;" }]);
  deepStrictEqual(enabled.map(({ pass: { enable } }) => enable), ["enable subgroups;"]);
  equal(joined(["a", "b"].map((enable, i) => ({ slots: [i], size: 64, enable }))).length, 2);
});

Deno.test("Passes go where there is room first", () => {
  const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
  const given = [range(0, 5), range(10, 5), range(20, 2), range(30, 4)].map((slots): Given => ({ slots, size: 64 }));
  deepStrictEqual(joined(given).map(({ slots }) => slots.length), [7, 5, 4]);
});

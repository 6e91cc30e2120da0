import { deepStrictEqual, equal, ok } from "node:assert/strict";
import type { ScheduledProgram, Value } from "../../../../tensor/kernel.ts";
import { planArena } from "../../../../tensor/devices/webgpu/runtime/arena.ts";

/** A chain of steps over values of 1,024 bytes, each of which reads the two before it. */
function chain(length: number): ScheduledProgram {
  const values = Array.from({ length }, (_, i): Value => ({
    shape: [256],
    dtype: "float32",
    role: i === 0 ? "input" : i === length - 1 ? "output" : "temporary",
  }));
  const kernel = { kind: "map", shape: [256], values: [] } as const;
  const steps = values.slice(1).map((_, i) => ({ kernel, inputs: i > 0 ? [i - 1, i] : [i], outputs: [i + 1] }));
  return { values, steps, inputs: [0], outputs: [length - 1], aliases: new Map(), spent: new Set() };
}

Deno.test("planArena() puts temporaries that live at once side by side, in one buffer", () => {
  const { chunks, places } = planArena(chain(8), [], 2 ** 30);
  deepStrictEqual(chunks, [3 * 1024]);
  for (let value = 1; value < 6; value++) {
    const offsets = [value, value + 1].map((i) => places.get(i)!.offset);
    ok(offsets[0] !== offsets[1]);
  }
});

Deno.test("planArena() takes more buffers where one would be too large", () => {
  const { chunks, places } = planArena(chain(8), [], 2048);
  ok(chunks.every((bytes) => bytes <= 2048));
  equal(new Set([1, 2, 3].map((value) => `${places.get(value)!.chunk}:${places.get(value)!.offset}`)).size, 3);
});

Deno.test("planArena() of several buffers never lets values that live at once share bytes", () => {
  const schedule = chain(30);
  const { chunks, places } = planArena(schedule, [], 1024);
  ok(chunks.length > 2 && chunks.every((bytes) => bytes <= 1024));
  for (let value = 1; value < 28; value++) {
    const others = [value + 1, value + 2].filter((other) => other < 29).map((other) => places.get(other)!);
    const { chunk, offset } = places.get(value)!;
    ok(others.every((other) => other.chunk !== chunk || Math.abs(other.offset - offset) >= 1024), `${value}`);
  }
});

Deno.test("planArena() puts the scratch of a step where no value lives at that step", () => {
  // Three values live at steps 2 to 4, fewer at the first and the last: there a scratch of their size costs nothing.
  const { chunks, places } = planArena(chain(8), [1000, 0, 0, 300, 0, 0, 1024], 2 ** 30);
  deepStrictEqual(chunks, [3 * 1024 + 512]);
  equal(places.size, 6 + 3);
  const scratch = places.get(8 + 3)!;
  for (const value of [2, 3, 4]) {
    const { offset } = places.get(value)!;
    ok(scratch.offset >= offset + 1024 || offset >= scratch.offset + 512, `${value}`);
  }
});

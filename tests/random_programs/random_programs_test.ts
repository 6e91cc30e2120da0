import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { cpuDevice } from "../../tensor/mod.ts";
import { testWebgpu } from "../support/device_or_skip.ts";
import { checkSeed } from "./check.ts";
import { drawProgram } from "./generate.ts";
import { OPERATIONS } from "./operations.ts";
import type { RandomProgram } from "./program.ts";
import { shrink } from "./shrink.ts";

const [PROGRAMS, ON_WEBGPU] = [300, 30];

Deno.test(`${PROGRAMS} random programs and their gradients agree on reference and cpu`, async () => {
  const device = cpuDevice();
  const failures: string[] = [];
  for (let seed = 0; seed < PROGRAMS; seed++) failures.push(...[await checkSeed(seed, [device]) ?? []].flat());
  device.close();
  equal(failures.slice(0, 5).join("\n\n"), "");
});

testWebgpu(`${ON_WEBGPU} random programs and their gradients agree on reference and webgpu`, async (device) => {
  const failures: string[] = [];
  for (let i = 0; i < ON_WEBGPU; i++) failures.push(...[await checkSeed(10 * i + 1, [device]) ?? []].flat());
  equal(failures.slice(0, 5).join("\n\n"), "");
});

Deno.test("every operation is drawn, and shapes with 0 and 1", () => {
  const programs = Array.from(
    { length: PROGRAMS },
    (_, seed) => drawProgram(seed, { nonFinite: seed % 3 === 1, differentiable: seed % 3 === 0 }),
  );
  const drawn = new Set(programs.flatMap(({ lines }) => lines.map(({ name }) => name)));
  deepStrictEqual(Object.keys(OPERATIONS).filter((name) => !drawn.has(name)), []);
  const sizes = new Set(programs.flatMap(({ inputs }) => inputs.flatMap(({ shape }) => shape)));
  ok(sizes.has(0) && sizes.has(1));
  ok(programs.some(({ inputs }) => inputs.some(({ values }) => values.some(Number.isNaN))));
});

Deno.test("a failing program is made as small as what fails", async () => {
  const fails = (program: RandomProgram) =>
    Promise.resolve(program.lines.some(({ name }) => name === "tanh") ? "it has a tanh" : null);
  const seed = [...Array(500).keys()].find((seed) => {
    const { lines } = drawProgram(seed, { nonFinite: false, differentiable: false });
    return lines.length > 8 && lines.some(({ name }) => name === "tanh");
  })!;
  const small = await shrink(drawProgram(seed, { nonFinite: false, differentiable: false }), fails);
  equal(small.outputs.length, 1);
  equal(small.lines.at(-1)!.name, "tanh");
  ok(small.lines.length <= 4, `${small.lines.length} lines are left`);
});

import { deepStrictEqual, equal, throws } from "node:assert/strict";
import { joinedMemory, plainMemory } from "../../../../tensor/devices/webgpu/emit/memory.ts";
import { itemPass, shaderOf } from "../../../../tensor/devices/webgpu/emit/shader.ts";

const BUFFERS = [{ name: "x", type: "f32", buffer: 0 }, { name: "y", type: "f32", buffer: 1 }] as const;

Deno.test("joinedMemory() computes one buffer where it is read, or hands it over where it is written", () => {
  const memory = plainMemory(BUFFERS, new Set());
  const begun = joinedMemory(memory, "x", { load: (_, index) => `begin(${index})` });
  deepStrictEqual([begun.load("x", "i"), begun.load("y", "i")], ["begin(i)", "y[i]"]);
  const finished = joinedMemory(memory, "y", { store: (_, index, value) => `finish(${index}, ${value});` });
  deepStrictEqual([finished.store("y", "i", "v"), finished.store("x", "i", "v")], ["finish(i, v);", "x[i] = v;"]);
  equal(joinedMemory(finished, "x", { load: () => "one()" }).store("y", "i", "v"), "finish(i, v);");
});

Deno.test("joinedMemory() refuses what nothing is put in place of", () => {
  const memory = plainMemory(BUFFERS, new Set());
  const begun = joinedMemory(memory, "x", { load: () => "" });
  const finished = joinedMemory(memory, "y", { store: () => "" });
  throws(
    () => begun.store("x", "i", "v"),
    /^TypeError: Cannot join .* must not write its operand: current buffer is x$/,
  );
  throws(() => finished.load("y", "i"), /must not read its result: current buffer is y$/);
  throws(() => begun.place("x", "i"), /must load and store elements only: current buffer is x$/);
});

Deno.test("shaderOf() writes texts that several parts bring once", () => {
  const pass = itemPass(BUFFERS, { items: 3, body: ({ load, store }) => store("y", "item", load("x", "item")) });
  const twice = { ...pass, write: () => ({ functions: ["fn f() {}", "fn g() {}", "fn f() {}"], body: "f();" }) };
  equal(shaderOf(twice).code.split("fn f()").length, 2);
});

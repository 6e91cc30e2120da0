import { deepStrictEqual, ok } from "node:assert/strict";
import { makePressure } from "../../../tensor/compiler/pressure.ts";

const MIB = 2 ** 20;

/** Memory that comes back in the turn after the collector has looked: what is young at any look, what is old at the `need`th at all. */
function fakeMemory({ held = 0, need = 1, litters = true } = {}) {
  const memory = { held: held * MIB, young: 0, old: 0, blocks: 0, looks: { young: 0, all: 0 } };
  const later = (free: () => void) => void setImmediate(free);
  const collector = {
    young() {
      memory.looks.young++;
      const found = memory.young;
      later(() => memory.young -= found);
    },
    all() {
      if (++memory.looks.all >= need) {
        const found = memory.old;
        later(() => memory.old -= found);
      }
      return () => {};
    },
  };
  const inUse = () => memory.held + memory.young + memory.old;
  const watched = { bytesInUse: inUse, blocksInUse: () => memory.blocks, litters, collector };
  return { memory, inUse, pressure: makePressure(watched) };
}

Deno.test("The collector looks at young objects after every 32 MiB, and reading waits for what it found", async () => {
  const { memory, inUse, pressure } = fakeMemory({ held: 8 });
  for (let i = 0; i < 160; i++) {
    memory.young += 4 * MIB;
    pressure.took();
    await pressure.turn();
    ok(inUse() <= (8 + 32) * MIB, `${inUse() / MIB} MiB after ${i}`);
  }
  deepStrictEqual(memory.looks, { young: 20, all: 0 });
});

Deno.test("What a look has missed does not make the most in use more", async () => {
  const { memory, inUse, pressure } = fakeMemory({ held: 8, need: Infinity });
  const most = async () => {
    let seen = 0;
    for (let i = 0; i < 40; i++) {
      memory.young += 4 * MIB;
      seen = Math.max(seen, inUse());
      pressure.took();
      await pressure.turn();
    }
    return seen;
  };
  const before = await most();
  memory.old += 8 * MIB;
  deepStrictEqual(await most(), before);
});

Deno.test("What is given back by hand, and taken again, is no reason to look", async () => {
  const { memory, pressure } = fakeMemory({ held: 8 });
  for (let i = 0; i < 200; i++) {
    memory.held = 24 * MIB;
    pressure.took();
    await pressure.turn();
    memory.held = 8 * MIB;
  }
  deepStrictEqual(memory.looks, { young: 0, all: 0 });
});

Deno.test("Small handles count too: thousands of them make the collector look", () => {
  const { memory, pressure } = fakeMemory();
  for (let i = 0; i < 4096; i++) {
    memory.blocks++;
    pressure.took();
  }
  deepStrictEqual(memory.looks, { young: 4, all: 0 });
});

Deno.test("Small handles that are given back by hand do not", () => {
  const { memory, pressure } = fakeMemory();
  for (let i = 0; i < 10_000; i++) {
    memory.blocks = 1;
    pressure.took();
    memory.blocks = 0;
  }
  deepStrictEqual(memory.looks, { young: 0, all: 0 });
});

Deno.test("What became old comes back before more is in use than is held, a half of that, and some", async () => {
  const { memory, inUse, pressure } = fakeMemory({ held: 100, need: 3 });
  for (let i = 0; i < 20; i++) {
    memory.old += 8 * MIB;
    memory.young += 24 * MIB;
    pressure.took();
    await pressure.turn();
    // Held are the 100 MiB, and the 8 that were there at the first look.
    ok(inUse() <= (1.5 * 108 + 16) * MIB, `${inUse() / MIB} MiB after ${i}`);
  }
  ok(memory.looks.all >= 3, `${memory.looks.all}`);
});

Deno.test("Memory that is held is waited for once, not at every reading", async () => {
  const { memory, pressure } = fakeMemory({ held: 10, need: Infinity });
  const look = async () => {
    memory.young += 64 * MIB;
    pressure.took();
    await pressure.turn();
    return memory.looks.all;
  };
  deepStrictEqual(await look(), 0);
  memory.held = 200 * MIB;
  const waited = await look();
  ok(waited > 0);
  for (let i = 0; i < 50; i++) deepStrictEqual(await look(), waited);
});

Deno.test("After two thousand runs and readings by a driver the collector looks at everything, whatever is in use", async () => {
  const { memory, pressure } = fakeMemory();
  for (let i = 0; i < 1023; i++) {
    pressure.ran();
    await pressure.turn();
  }
  deepStrictEqual(memory.looks.all, 0);
  pressure.ran();
  await pressure.turn();
  ok(memory.looks.all > 0);
});

Deno.test("Where no driver leaves anything behind, runs and readings alone are no reason to look", async () => {
  const { memory, pressure } = fakeMemory({ litters: false });
  for (let i = 0; i < 5000; i++) {
    pressure.ran();
    await pressure.turn();
  }
  deepStrictEqual(memory.looks, { young: 0, all: 0 });
});

Deno.test("Where nobody reads, the collector looks at everything each time that use has grown by a half", () => {
  const { memory, pressure } = fakeMemory();
  for (let i = 0; i < 256; i++) {
    memory.held += 64 * MIB;
    pressure.took();
  }
  ok(memory.looks.all > 2 && memory.looks.all < 12, `${memory.looks.all}`);
});

Deno.test("V8 finds young objects when it is made to look, and calls finalizers in the next turns", async () => {
  const live = { count: 0 };
  const registry = new FinalizationRegistry<null>(() => live.count--);
  const pressure = makePressure({ bytesInUse: () => live.count * MIB, blocksInUse: () => live.count });
  let most = 0;
  for (let i = 0; i < 2000; i++) {
    const handle = {};
    registry.register(handle, null);
    live.count++;
    pressure.took();
    await pressure.turn();
    most = Math.max(most, live.count);
  }
  ok(most <= 192, `${most} of 2000 at once`);
});

Deno.test("Memory that is held is waited for until V8 has looked at everything twice, and no longer", async () => {
  const memory = { bytes: 40 * MIB, asked: 0 };
  const pressure = makePressure({ bytesInUse: () => (memory.asked++, memory.bytes), blocksInUse: () => 1 });
  for (const bytes of [40 * MIB, 300 * MIB]) {
    Object.assign(memory, { bytes, asked: 0 });
    pressure.took();
    await pressure.turn();
  }
  ok(memory.asked < 30, `${memory.asked} times`); // once in each turn, of which there would be 24 and 8
});

import { deepStrictEqual, rejects } from "node:assert/strict";
import { makeTurns } from "../../../../tensor/devices/cpu/runtime/turns.ts";

Deno.test("Tasks are done at once where there is nothing to wait for", async () => {
  const turns = makeTurns(null);
  const done: number[] = [];
  turns.take(() => done.push(1));
  deepStrictEqual([done, turns.open], [[1], true]);
  await turns.done();
});

Deno.test("Tasks that wait are done in order, and before what comes later", async () => {
  const turns = makeTurns(Promise.resolve());
  const done: number[] = [];
  turns.take(() => done.push(1));
  turns.take(() => done.push(2));
  deepStrictEqual([[...done], turns.open], [[], false]);
  await turns.done();
  turns.take(() => done.push(3));
  deepStrictEqual([done, turns.open], [[1, 2, 3], true]);
});

Deno.test("A task that fails is told to whoever waits", async () => {
  const turns = makeTurns(Promise.resolve());
  turns.take(() => {
    throw new RangeError("no memory");
  });
  await rejects(turns.done(), /no memory/);
});

Deno.test("Tasks can be made to wait later on, once at a time", async () => {
  const turns = makeTurns(null);
  const done: number[] = [];
  turns.take(() => done.push(1));
  turns.hold(Promise.resolve());
  turns.hold(new Promise(() => {})); // they wait already
  turns.take(() => done.push(2));
  deepStrictEqual([[...done], turns.open], [[1], false]);
  await turns.done();
  deepStrictEqual([done, turns.open], [[1, 2], true]);
});

import { equal, ok, throws } from "node:assert/strict";
import { makeHeap } from "../../../../tensor/devices/cpu/runtime/memory.ts";
import { DeviceError } from "../../../../tensor/errors.ts";
import { randomValues } from "../../../support/random_values.ts";

Deno.test("Blocks are aligned, do not overlap, and are found again after they were given back", () => {
  const heap = makeHeap();
  const blocks = new Map<number, number>();
  const sizes = randomValues(1, 3000, [0, 40_000]);
  const choices = randomValues(2, 3000, [0, 1]);
  for (const [i, size] of sizes.entries()) {
    if (choices[i]! < 0.45 && blocks.size > 0) {
      const address = [...blocks.keys()][Math.floor(size) % blocks.size]!;
      heap.free(address);
      blocks.delete(address);
      continue;
    }
    const bytes = Math.floor(size);
    const address = heap.allocate(bytes);
    ok(address >= 64 && address % 64 === 0 && address + bytes <= heap.memory.buffer.byteLength);
    for (const [other, length] of blocks) ok(address + bytes <= other || other + length <= address, "overlap");
    blocks.set(address, Math.max(bytes, 1));
  }
  for (const address of blocks.keys()) heap.free(address);
  equal(heap.used(), 0);
  const before = heap.memory.buffer.byteLength;
  heap.allocate(before - 64); // one gap again
  equal(heap.memory.buffer.byteLength, before);
});

Deno.test("The smallest gap that fits is taken", () => {
  const heap = makeHeap();
  const [a, , b] = [1024, 64, 256, 64].map((bytes) => heap.allocate(bytes));
  heap.free(a!);
  heap.free(b!);
  equal(heap.allocate(200), b);
  equal(heap.allocate(200), a);
});

Deno.test("A heap that is full says what was asked, what is used, and what to do; it goes on afterwards", () => {
  const heap = makeHeap(4 << 20);
  const address = heap.allocate(3 << 20);
  throws(() => heap.allocate(2 << 20), (error: Error) => {
    ok(error instanceof DeviceError);
    return /Cannot allocate 2 MiB on cpu .* 4 MiB.*: current use is 3 MiB; .*await.*use a smaller batch/.test(
      error.message,
    );
  });
  heap.free(address);
  heap.allocate(4 * (1 << 20) - 128);
});

Deno.test("A block is given back once", () => {
  const heap = makeHeap();
  const address = heap.allocate(10);
  heap.free(address);
  throws(() => heap.free(address), /Cannot free as the block must be taken/);
});

Deno.test("Addresses reach beyond 2 GiB", () => {
  const heap = makeHeap();
  heap.allocate(2 ** 31 + 2 ** 28);
  const address = heap.allocate(64);
  ok(address > 2 ** 31);
  new Float32Array(heap.memory.buffer, address, 16).fill(1);
});

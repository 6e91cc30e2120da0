import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { makeHeap } from "../../../../tensor/devices/cpu/runtime/memory.ts";
import { localEngine } from "../../../../tensor/devices/cpu/runtime/local_engine.ts";
import { DeviceError } from "../../../../tensor/errors.ts";
import { randomValues } from "../../../support/random_values.ts";

const PAGE = 65536;

/** A heap in a room that is only as large as it says, and its size. */
function heapOf(maxBytes?: number) {
  const room = { bytes: 16 * PAGE };
  const heap = makeHeap(
    { size: () => room.bytes, grow: (pages) => void (room.bytes += pages * PAGE) },
    maxBytes === undefined ? {} : { maxBytes },
  );
  return { ...heap, size: () => room.bytes };
}

Deno.test("Blocks are aligned, do not overlap, and are found again after they were given back", () => {
  const heap = heapOf();
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
    ok(address >= 64 && address % 64 === 0 && address + bytes <= heap.size());
    for (const [other, length] of blocks) ok(address + bytes <= other || other + length <= address, "overlap");
    blocks.set(address, Math.max(bytes, 1));
  }
  for (const address of blocks.keys()) heap.free(address);
  equal(heap.used(), 0);
  const before = heap.size();
  heap.allocate(before - 64); // one gap again
  equal(heap.size(), before);
});

Deno.test("The smallest gap that fits is taken", () => {
  const heap = heapOf();
  const [a, , b] = [1024, 64, 256, 64].map((bytes) => heap.allocate(bytes));
  heap.free(a!);
  heap.free(b!);
  equal(heap.allocate(200), b);
  equal(heap.allocate(200), a);
});

Deno.test("A heap that is full says what was asked, what is used, and what to do; it goes on afterwards", () => {
  const heap = heapOf(4 << 20);
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
  const heap = heapOf();
  const address = heap.allocate(10);
  heap.free(address);
  throws(() => heap.free(address), /Cannot free as the block must be taken/);
});

Deno.test("Addresses reach beyond 2 GiB", () => {
  const engine = localEngine(1);
  const heap = makeHeap(engine);
  heap.allocate(2 ** 31 + 2 ** 28);
  const address = heap.allocate(64);
  ok(address > 2 ** 31);
  engine.write(address, Uint32Array.of(7, 8));
  deepStrictEqual(engine.read(address, 2), Uint32Array.of(7, 8));
  engine.close();
});

Deno.test("A host without addresses is said, and what was taken stays", () => {
  const heap = makeHeap({
    size: () => PAGE,
    grow: () => {
      throw new RangeError("no addresses");
    },
  });
  throws(() => heap.allocate(PAGE), /Cannot allocate 1 MiB on cpu/);
  equal(heap.allocate(64), 64);
});

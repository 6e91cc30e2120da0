import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { makeHeap, memoryOf, placeOf } from "../../../../tensor/devices/cpu/runtime/heap.ts";
import { localEngine } from "../../../../tensor/devices/cpu/runtime/local_engine.ts";
import { DeviceError } from "../../../../tensor/errors.ts";
import { randomValues } from "../../../support/random_values.ts";

const PAGE = 65536;

/** A heap in memories that are only as large as they say, and the size of the first. */
function heapOf(options: Parameters<typeof makeHeap>[1] = {}) {
  const sizes = [16 * PAGE];
  const heap = makeHeap({
    size: (memory) => sizes[memory] ?? 0,
    grow: (memory, pages) => void (sizes[memory] = (sizes[memory] ?? 0) + pages * PAGE),
  }, options);
  return { ...heap, size: () => sizes[0]! };
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
  const heap = heapOf({ maxBytes: 4 << 20 });
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
  throws(() => heap.free(address), /Cannot use a block as it must be taken/);
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
    size: (memory) => memory === 0 ? PAGE : 0,
    grow: () => {
      throw new RangeError("no addresses");
    },
  });
  throws(() => heap.allocate(PAGE), /Cannot allocate 1 MiB on cpu/);
  equal(heap.allocate(64), 64);
});

Deno.test("What the first memory has no room for lies in the others, up to the bound of all", () => {
  const heap = heapOf({ nearBytes: 2 << 20, maxBytes: 2 ** 33 + (3 << 20) });
  const [near, far, whole, last] = [1 << 20, 3 << 20, 2 ** 32 - (3 << 20), 2 ** 32].map((bytes) =>
    heap.allocate(bytes)
  );
  deepStrictEqual([near, far, whole, last].map((address) => memoryOf(address!)), [0, 1, 1, 2]);
  deepStrictEqual([near, far, whole, last].map((address) => placeOf(address!)), [64, 0, 3 << 20, 0]);
  equal(heap.bytesOf(whole!), 2 ** 32 - (3 << 20));
  throws(() => heap.allocate(2 << 20), /must fit into 8195 MiB: current use is 8193 MiB/);
  equal(heap.allocateNear(2 << 20), null);
  equal(memoryOf(heap.allocate(1 << 19)), 0);
  heap.free(far!);
  equal(heap.allocateFar(1 << 20), far);
  equal(heap.count(), 5);
});

Deno.test("Values are written, copied and read in any memory", () => {
  const engine = localEngine(1);
  const heap = makeHeap(engine, { nearBytes: 1 << 20, maxBytes: 2 ** 32 });
  equal(engine.size(1), 0);
  const [near, far, other] = [1 << 19, 1 << 20, 1 << 20].map((bytes) => heap.allocate(bytes)) as [
    number,
    number,
    number,
  ];
  engine.write(far, Uint32Array.of(7, 8));
  engine.copy(far, near, 8);
  engine.write(far, Uint32Array.of(9, 10));
  engine.copy(far, other, 8);
  deepStrictEqual([near, other].map((at) => engine.read(at, 2)), [Uint32Array.of(7, 8), Uint32Array.of(9, 10)]);
  ok(engine.size(1) >= 2 << 20);
  engine.close();
});

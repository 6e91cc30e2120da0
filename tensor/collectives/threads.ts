import { type Collective, CollectiveError, type Exchanged } from "../collective.ts";
import { requireOptions } from "../errors.ts";

/** Bytes that a thread hands over at a time; longer arrays go in several turns. */
const SLOT = 1 << 20;
/** Numbers in the control block: threads that came to the meeting, and how many meetings there were. */
const [ARRIVED, MEETINGS] = [0, 1];

/** A place in a group of threads: plain data, to be handed to a worker. */
export interface ThreadSeat {
  /** Number of the thread. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
  /** Milliseconds after which the others give up on a thread that does not come. */
  readonly deadline: number;
  /** Memory that all of them see. */
  readonly memory: SharedArrayBuffer;
}

/**
 * Makes the places of a group of threads of this process. Each is handed to a worker, which takes it by `joinThreads`: then all
 * that many processes do can be tried in one, without any program to install.
 *
 * @param size How many threads, at least 1.
 * @param options `deadline`: milliseconds after which a thread that does not come is given up, a minute if not given.
 * @returns A place for each.
 * @throws {RangeError} If the size is no whole number of at least 1.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { joinThreads, threads } from "@tessera/tessera/tensor";
 *
 * const [seat] = threads(1); // postMessage(seat) to a worker
 * equal(joinThreads(seat!).size, 1);
 * ```
 */
export function threads(size: number, options: { readonly deadline?: number } = {}): ThreadSeat[] {
  requireOptions("threads", options, { deadline: true });
  const { deadline = 60_000 } = options;
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(
      `Cannot make a group of threads as size must be a whole number of at least 1: current size is ${size}`,
    );
  }
  const memory = new SharedArrayBuffer(64 + size * SLOT);
  return Array.from({ length: size }, (_, rank) => ({ rank, size, deadline, memory }));
}

/**
 * Takes a place in a group of threads. Sums are made in the order of the ranks.
 *
 * @param seat The place.
 * @returns The group, as this thread sees it. Where it waits, the thread waits: in a browser, workers only may.
 * @throws {CollectiveError} By its functions, if a thread does not come before the deadline.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { joinThreads, threads } from "@tessera/tessera/tensor";
 *
 * equal(joinThreads(threads(1)[0]!).rank, 0);
 * ```
 */
export function joinThreads(seat: ThreadSeat): Collective {
  requireOptions("joinThreads", seat, { rank: true, size: true, deadline: true, memory: true });
  const { rank, size } = seat;
  const handing = handOver(seat);
  return {
    name: "threads",
    rank,
    size,
    allReduce(values) {
      handing.inParts(values, (from, length) => {
        values.set(handing.slot(0, values, length), from);
        for (let of = 1; of < size; of++) {
          addTo(values.subarray(from, from + length), handing.slot(of, values, length));
        }
      });
      return { poll: () => true, wait: () => {} };
    },
    allGather(values, all) {
      handing.inParts(values, (from, length) => {
        for (let of = 0; of < size; of++) all.set(handing.slot(of, values, length), of * values.length + from);
      });
    },
    broadcast(bytes, root) {
      const words = new Uint32Array(Math.ceil(bytes.length / 4));
      new Uint8Array(words.buffer).set(bytes);
      handing.inParts(words, (from, length) => words.set(handing.slot(root, words, length), from));
      bytes.set(new Uint8Array(words.buffer, 0, bytes.length));
    },
    barrier: handing.meet,
    close: () => {},
  };
}

/** How threads hand numbers over: each has a slot that all of them see. */
function handOver(seat: ThreadSeat) {
  const { rank, memory } = seat;
  const meet = meeting(memory, seat);
  const slot = (of: number, like: Exchanged, length: number) => viewLike(like, memory, 64 + of * SLOT, length);
  return {
    meet,
    slot,
    /** Hands over part after part; `take` is called when all have handed theirs over. */
    inParts(values: Exchanged, take: (from: number, length: number) => void) {
      const most = SLOT / values.BYTES_PER_ELEMENT;
      for (let from = 0; from < values.length; from += most) {
        const length = Math.min(most, values.length - from);
        slot(rank, values, length).set(values.subarray(from, from + length));
        meet();
        take(from, length);
        meet();
      }
    },
  };
}

function addTo(sum: Exchanged, values: Exchanged): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
}

function viewLike(like: Exchanged, memory: SharedArrayBuffer, at: number, length: number): Exchanged {
  const Numbers = like.constructor as new (memory: SharedArrayBuffer, at: number, length: number) => Exchanged;
  return new Numbers(memory, at, length);
}

/** A function that returns when all threads have called it. */
function meeting(memory: SharedArrayBuffer, { rank, size, deadline }: Omit<ThreadSeat, "memory">): () => void {
  const control = new Int32Array(memory, 0, 16);
  return () => {
    const now = Atomics.load(control, MEETINGS);
    if (Atomics.add(control, ARRIVED, 1) === size - 1) {
      Atomics.store(control, ARRIVED, 0);
      Atomics.add(control, MEETINGS, 1);
      Atomics.notify(control, MEETINGS);
      return;
    }
    const until = performance.now() + deadline;
    while (Atomics.load(control, MEETINGS) === now) {
      const left = until - performance.now();
      if (left <= 0) throw new CollectiveError(lateText(rank, Atomics.load(control, ARRIVED), size, deadline));
      Atomics.wait(control, MEETINGS, now, left);
    }
  };
}

function lateText(rank: number, arrived: number, size: number, deadline: number): string {
  return `Cannot go on as all ${size} threads must come to an exchange within ${
    deadline / 1000
  } s: current number that ` +
    `thread ${rank} met is ${arrived}`;
}

/**
 * @file Device memory as the garbage collector of the host sees it. A tensor that nothing holds gives its memory back when the
 * collector has found it (it looks when much was allocated that it knows of) and the engine has called the finalizer (which
 * it does between turns of the event loop, not between awaits of what is there already). Both are helped here.
 */

/** Bytes that are taken between two turns of the event loop before reading waits for one. */
const TURN_AFTER = 64 * 2 ** 20;
/** Smallest array that stands for device memory: the system maps each by itself, and allows some ten thousand. */
const SMALLEST = 256 * 2 ** 10;
/** What may be in use beyond what is held, and a half of that, before reading waits longer. */
const SLACK = 96 * 2 ** 20;
/** Bytes of an array that is dropped at once, to make the collector look. */
const URGE = 64 * 2 ** 20;
/** The longest wait for a collector that works in steps: turns of so many milliseconds. */
const TURNS = 20;
const TURN_MILLISECONDS = 4;
/** What a tensor costs beside its values: handles, bookkeeping of the driver. */
const EACH = 1024;

/** What to do about memory that does not come back, for messages. */
export const HOW_MEMORY_COMES_BACK: string =
  "memory of dropped tensors comes back only where the program awaits, as `await loss.item()` or `await device.synchronize()` " +
  "now and then in a loop, or at once by `using`, `tensor[Symbol.dispose]()` or `donate`; else use a smaller batch or a " +
  "smaller input size";

/** Memory of one device. */
export interface Pressure {
  /**
   * Tells the collector of device memory: an array that nobody touches, which it counts and to which the system gives no pages.
   *
   * @param bytes What was taken.
   * @returns What the handle of the memory is to hold; `null` if the next one will count for it.
   */
  ballast(bytes: number): ArrayBuffer | null;
  /**
   * Waits for a turn of the event loop if much was taken since the last one; for some if more is in use than a while ago,
   * as the collector works in steps. What is held costs such a wait each time that it has grown by about a half.
   */
  turn(): Promise<void>;
}

/**
 * Starts to watch the memory of a device.
 *
 * @param bytesInUse Tells how much is taken and not given back.
 * @param maxBytes How much there is.
 * @returns Its account.
 */
export function makePressure(bytesInUse: () => number, maxBytes: number = Infinity): Pressure {
  const since = { turn: 0, ballast: 0 };
  const held = { bytes: 0 }; // the least that was in use since the collector was urged
  return {
    ballast(bytes) {
      since.turn += bytes + EACH;
      since.ballast += bytes + EACH;
      if (since.ballast < SMALLEST) return null;
      const made = untouched(since.ballast);
      since.ballast = 0;
      return made;
    },
    async turn() {
      if (since.turn < TURN_AFTER) return;
      since.turn = 0;
      const most = mostInUse(held.bytes, maxBytes);
      await nextTurn();
      const urged = bytesInUse() > most;
      for (let i = 0; i < TURNS && bytesInUse() > most; i++) {
        untouched(URGE); // a collector that is not told of more does not begin
        await turns(TURN_MILLISECONDS);
      }
      held.bytes = urged ? bytesInUse() : Math.min(held.bytes, bytesInUse());
    },
  };
}

/** What may be in use before reading waits longer. Of little memory no more than a half, but for what is held. */
function mostInUse(held: number, maxBytes: number): number {
  return Math.max(1.1 * held, Math.min(1.5 * held + SLACK, maxBytes / 2));
}

/** Ends the current turn of the event loop, at once where the engine can: the shortest timer takes milliseconds. */
function nextTurn(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (task: () => void) => void };
  return setImmediate ? new Promise((resolve) => setImmediate(resolve)) : turns(0);
}

function turns(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * An array of so many bytes, or none where the host has no addresses for it. One that could be resized is mapped by itself;
 * others come from an allocator that uses memory again, and writes zeros to it. But V8 looks at what it has counted only when
 * it makes one of the others: a small one makes it look.
 */
function untouched(bytes: number): ArrayBuffer | null {
  try {
    const made = new ArrayBuffer(bytes, { maxByteLength: bytes });
    new ArrayBuffer(64);
    return made;
  } catch {
    return null;
  }
}

/** Lets go of the ballast of memory that is given back before the collector finds its handle. */
export function dropBallast(handle: { ballast: ArrayBuffer | null }): void {
  handle.ballast?.transfer(0);
  handle.ballast = null;
}

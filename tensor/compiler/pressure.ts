/**
 * @file Device memory as the garbage collector of the host sees it: not at all. A tensor that nothing holds gives its memory
 * back when the collector has found its handle, and the engine has called the finalizer, which it does between turns of the
 * event loop, not between awaits of what is there already. So the collector is made to look at young objects each time that
 * so much was taken, and reading waits for a turn then; at all objects where more is in use than a while ago nonetheless.
 */

/**
 * Bytes that are taken before the collector looks at young objects, and reading waits for a turn; a quarter of less memory.
 * Half as many where as many are in use beyond what is held: what a look has missed does not make the most in use more.
 */
const LOOK_AFTER = 32 * 2 ** 20;
/** What may be in use after that, beyond what is held and a half of it, before the collector looks at everything. */
const SLACK = 16 * 2 ** 20;
/** The same where nobody reads, so that nothing can be said of what is held. */
const BLIND_SLACK = 256 * 2 ** 20;
/** What a handle that exists counts for beside its values: objects of the host, bookkeeping of the driver. */
const EACH = 32 * 2 ** 10;
/** Bytes of arrays that V8 lets be young: the next array makes it look at young objects. More would make it begin with all. */
const MOST_YOUNG = 64 * 2 ** 20;
/** Bytes of an array after which it begins to look at everything, which it does in steps. */
const TOO_MUCH = 512 * 2 ** 20;
/**
 * Runs and readings after which the collector looks at everything in any case where there is a driver: its encoders, command
 * buffers and the like are small to the collector, and large to the system.
 */
const LITTER = 2048;
/** Turns of the event loop within which finalizers are called. */
const TURNS = 8;
/**
 * The longest wait for memory: turns of so many milliseconds, of which the first are for a collector that is at it already;
 * and what it takes to look at everything.
 */
const WAIT = { turns: 24, milliseconds: 4, first: 2, all: 5 };

/** What to do about memory that does not come back, for messages. */
export const HOW_MEMORY_COMES_BACK: string =
  "memory of dropped tensors comes back only where the program awaits, as `await loss.item()` or `await device.synchronize()` " +
  "now and then in a loop, or at once by `using`, `tensor[Symbol.dispose]()` or `donate`; else use a smaller batch or a " +
  "smaller input size";

/** Makes the collector look. */
export interface Collector {
  /** At objects that were made a short while ago. */
  young(): void;
  /** At all of them: begins or goes on with it, as it does so in steps. Returns what to call when it is done. */
  all(): () => void;
}

/** The memory that is watched. */
export interface WatchedMemory {
  /** Bytes that are taken and not given back. */
  readonly bytesInUse: () => number;
  /** In how many blocks, of one handle each. */
  readonly blocksInUse: () => number;
  /** How much there is; no bound if not given. */
  readonly maxBytes?: number;
  /** True if runs and readings leave objects of a driver behind. */
  readonly litters?: boolean;
  /** That of the engine if not given. */
  readonly collector?: Collector;
}

/** Account of the memory of one device. */
export interface Pressure {
  /** Notes that a program was run. */
  ran(): void;
  /** Notes that a handle was made. */
  took(): void;
  /** Waits for a turn of the event loop if the collector has looked since the last one. */
  turn(): Promise<void>;
}

/**
 * Starts to watch the memory of a device.
 *
 * @param memory What of it is in use.
 * @returns Its account.
 */
export function makePressure({ bytesInUse, blocksInUse, ...options }: WatchedMemory): Pressure {
  const { maxBytes = Infinity, litters = false, collector = ENGINE } = options;
  // The least in use since the collector looked at everything, and the most just after.
  const state = { held: Infinity, proven: 0, litter: 0, looked: false };
  const meter = makeMeter(() => bytesInUse() + EACH * blocksInUse());
  const litter = () => void (state.litter += Number(litters));
  const begun: (() => void)[] = [];
  const witness = makeWitness();
  const most = (slack: number) => Math.max(1.1 * state.proven, Math.min(1.5 * state.held + slack, maxBytes / 2));
  return {
    ran: litter,
    took() {
      const inUse = bytesInUse();
      const due = Math.min(LOOK_AFTER, maxBytes / 4);
      if (!meter.isDue(inUse - state.held < due ? due : due / 2)) return;
      Object.assign(state, { looked: true, held: Math.min(state.held, inUse) });
      if (inUse <= most(BLIND_SLACK)) return collector.young();
      begun.push(collector.all());
      state.held = inUse; // memory comes back in turns to come: until then all of it counts as held
    },
    async turn() {
      litter();
      const isLittered = state.litter >= LITTER;
      if (!state.looked && !isLittered) return;
      Object.assign(state, { looked: false, litter: isLittered ? 0 : state.litter });
      const before = bytesInUse(); // one look at young objects, not two: what outlives the second counts as old
      for (let i = 0; i < TURNS && bytesInUse() === before; i++) await nextTurn();
      state.held = Math.min(state.held, bytesInUse());
      const bound = most(SLACK);
      await waitForMemory(() => bytesInUse() > bound, { collector, witness, begun, isLittered });
      begun.splice(0).forEach((end) => end());
      meter.settle();
      if (bytesInUse() > bound) state.held = state.proven = bytesInUse();
    },
  };
}

/** Meters what is taken. What was given back by hand does not count when it is taken again. */
function makeMeter(inUse: () => number) {
  const state = { taken: 0, last: 0 };
  return {
    /** Whether so much was taken since this was last true; to be asked whenever something was. */
    isDue(bytes: number): boolean {
      const now = inUse();
      state.taken += Math.max(0, now - state.last);
      state.last = now;
      const isDue = state.taken >= bytes;
      if (isDue) state.taken = 0;
      return isDue;
    },
    /** Notes that the collector gave back what it did. */
    settle: () => void (state.last = inUse()),
  };
}

/** How to wait for memory. */
interface WaitOptions {
  readonly collector: Collector;
  readonly witness: Witness;
  /** Ends of looks at everything. */
  readonly begun: (() => void)[];
  /** True to look at everything in any case. */
  readonly isLittered: boolean;
}

/** Waits while too much is in use, until all that died is found: the collector looks at everything in steps, while turns go by. */
async function waitForMemory(
  isMuch: () => boolean,
  { collector, witness, begun, isLittered }: WaitOptions,
): Promise<void> {
  let isProven = () => false;
  for (let i = 0; i < WAIT.turns && !isProven() && (isMuch() || (isLittered && i < WAIT.all)); i++) {
    if (i === WAIT.first / 2) collector.young();
    if (i === WAIT.first) isProven = witness.letGo();
    if (isLittered || i >= WAIT.first) begun.push(collector.all()); // one more each time: it goes by growth
    await turns(WAIT.milliseconds);
  }
  if (isProven()) await turns(WAIT.milliseconds); // finalizers of what was found last
}

/** Tells when the collector has looked at everything. */
interface Witness {
  /** Begins to watch. Returns what is true once all that had died by now is found. */
  letGo(): () => boolean;
}

/**
 * Two objects that are old, as they were made before, so that only a look at everything finds them when nothing holds them any
 * more. The second is let go when the first is found: what a look that was under way had passed by is found by the next.
 */
function makeWitness(): Witness {
  const registry = new FinalizationRegistry<object[]>((kept) => kept.shift());
  const make = () => {
    const kept: object[] = [{}, {}, {}]; // the last one only tells that the second is found
    kept.slice(0, 2).forEach((x) => registry.register(x, kept));
    return kept;
  };
  let next = make();
  return {
    letGo() {
      const kept = next;
      next = make(); // made old by the looks to come
      kept.shift();
      return () => kept.length === 0;
    },
  };
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
 * The collector of V8; others count arrays too, each in its way. What V8 has counted it looks at when it makes an ordinary
 * array: at young objects if they hold much, and at everything if much is there still after that.
 */
const ENGINE: Collector = {
  young() {
    weight(MOST_YOUNG); // dropped: nothing is there still
    weight(64, {});
  },
  all() {
    const made = weight(TOO_MUCH);
    weight(64, {});
    return () => void made?.transfer(0);
  },
};

/** An array that is counted. One that could be resized takes addresses only; others are written with zeros. */
function weight(bytes: number, options: { maxByteLength?: number } = { maxByteLength: bytes }): ArrayBuffer | null {
  try {
    return new ArrayBuffer(bytes, options);
  } catch {
    return null; // the host has no addresses for it; the engine has looked before it said so
  }
}

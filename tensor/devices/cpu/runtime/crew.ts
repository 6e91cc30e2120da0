/** @file Threads that run launch lists together: the caller and its workers. */

/** One pass of a loaded program: a module, what it reads and writes, and how many items to split. */
export interface Launch {
  readonly module: WebAssembly.Module;
  /** Positions in the address table of a run. */
  readonly slots: readonly number[];
  readonly items: number;
  /** False for passes too short to share. */
  readonly parallel: boolean;
}

/** Words of the control block, as positions in an Int32Array. */
const WORD = {
  /** Items handed out in the current launch. */
  next: 0,
  /** Threads that finished the current launch. */
  done: 1,
  /** Number of the launch that may run. */
  turn: 2,
  /** Set if a member failed. */
  failed: 3,
  /** Workers that have started. */
  joined: 4,
} as const;

/** Bytes of the control block. */
export const CONTROL_BYTES = 64;

/** How often a waiting thread looks before it sleeps. */
const SPINS = 2000;
/** Milliseconds after which workers that have not started are done without. */
const PATIENCE = 10_000;

/** What a thread knows: its number, all threads, memory, and scratch of its own. */
export interface Member {
  readonly index: number;
  readonly count: number;
  readonly memory: WebAssembly.Memory;
  readonly control: number;
}

type Entry = (...args: number[]) => void;

/** Instances by module, one set for each thread. Documented cache; weak: they go with the programs that hold the modules. */
export type Instances = WeakMap<WebAssembly.Module, Entry>;

function entryOf(module: WebAssembly.Module, member: Member, instances: Instances): Entry {
  const known = instances.get(module);
  if (known) return known;
  const instance = new WebAssembly.Instance(module, { env: { memory: member.memory } });
  const entry = instance.exports.run as Entry;
  instances.set(module, entry);
  return entry;
}

function wordsOf({ memory, control }: Member): Int32Array {
  return new Int32Array(memory.buffer, control, CONTROL_BYTES / 4);
}

/** Sleeps while a word holds a value, a second at most. False if this thread may not sleep: that of a page. */
function sleep(words: Int32Array, word: number, value: number): boolean {
  try {
    Atomics.wait(words, word, value, 1000);
    return true;
  } catch {
    return false;
  }
}

function waitUntil(words: Int32Array, word: number, value: number): void {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, word) === value) return;
  for (let now = Atomics.load(words, word); now !== value; now = Atomics.load(words, word)) {
    if (Atomics.load(words, WORD.failed) === 1) throw new Error("another thread failed");
    sleep(words, word, now);
  }
}

/** One run of a program: the same for every member. */
export interface Run {
  /** Byte address of each slot. */
  readonly table: readonly number[];
  /** How many launches were shared before this run: turns are never used twice. */
  readonly firstTurn: number;
}

/** How many launches of a list are shared between threads. */
export function sharedLaunches(launches: readonly Launch[]): number {
  return launches.filter(({ parallel, items }) => parallel && items > 0).length;
}

/**
 * Runs launches together with the other members. Every member calls it with the same list. Items are handed out in
 * parts as threads become free; kernels promise that the split does not change the result.
 *
 * @param launches The passes, in order, with a barrier after each shared one.
 * @param run Addresses and turn.
 * @param member Who is calling. Member 0 also does what is not shared.
 * @param scratch Address of this member's private scratch.
 * @param instances Instances of this member.
 * @param onLaunch Told the position of each launch after it is done, when it began, and how long it took.
 * @throws {Error} If another member failed.
 */
export function runLaunches(
  launches: readonly Launch[],
  run: Run,
  member: Member,
  scratch: number,
  instances: Instances,
  onLaunch?: (index: number, start: number, milliseconds: number) => void,
): void {
  let turn = run.firstTurn;
  launches.forEach(({ module, slots, items, parallel }, index) => {
    if (items === 0 || (!parallel && member.index > 0)) return;
    const from = onLaunch ? performance.now() : 0;
    const kernel = entryOf(module, member, instances);
    const addresses = slots.map((slot) => run.table[slot]! | 0);
    const work = (begin: number, end: number) => kernel(...addresses, scratch | 0, begin, end);
    if (parallel) shareOut(items, member, ++turn, work);
    else work(0, items);
    onLaunch?.(index, from, performance.now() - from);
  });
}

/** Takes some of the items that are left: fewer and fewer, so that all members end with the last single ones. Null if none are. */
function takePart(words: Int32Array, items: number, members: number): readonly [begin: number, end: number] | null {
  for (;;) {
    const begin = Atomics.load(words, WORD.next);
    if (begin >= items) return null;
    const end = begin + Math.max(1, Math.floor((items - begin) / (members * 4)));
    if (Atomics.compareExchange(words, WORD.next, begin, end) === begin) return [begin, end];
  }
}

/** Does a part of a launch, and returns when the other members may go on too. */
function shareOut(items: number, member: Member, turn: number, work: (begin: number, end: number) => void): void {
  const words = wordsOf(member);
  // Member 0 opens the launch once all that came before is done; the others wait for it.
  if (member.index === 0) {
    Atomics.store(words, WORD.next, 0);
    Atomics.store(words, WORD.done, 0);
    Atomics.store(words, WORD.turn, turn | 0);
    Atomics.notify(words, WORD.turn);
  } else waitUntil(words, WORD.turn, turn | 0);
  for (let part = takePart(words, items, member.count); part; part = takePart(words, items, member.count)) {
    work(...part);
  }
  Atomics.add(words, WORD.done, 1);
  Atomics.notify(words, WORD.done);
  // Nobody may touch the counters of the next launch before all have left this one.
  if (member.index === 0) waitUntil(words, WORD.done, member.count);
}

/** Tells the caller that a worker has started. */
export function join(member: Member): void {
  const words = wordsOf(member);
  Atomics.add(words, WORD.joined, 1);
  Atomics.notify(words, WORD.joined);
}

/**
 * Waits for the workers to start.
 *
 * @param member The caller.
 * @returns False if they do not: the caller works alone.
 */
export function allJoined(member: Member): boolean {
  const words = wordsOf(member);
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const joined = Atomics.load(words, WORD.joined);
    if (joined === member.count - 1) return true;
    if (!sleep(words, WORD.joined, joined) || performance.now() > deadline) return false;
  }
}

/** Tells the other members that this one will never be done. */
export function reportFailure(member: Member): void {
  const words = wordsOf(member);
  Atomics.store(words, WORD.failed, 1);
  for (const word of Object.values(WORD)) Atomics.notify(words, word);
}

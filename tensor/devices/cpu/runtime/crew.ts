/** @file Threads that run launch lists together: the caller and its workers. */

/** One pass of a loaded program: a module, what it reads and writes, and how many items to split. */
export interface Part {
  readonly module: WebAssembly.Module;
  /** Positions in the address table of a run. */
  readonly slots: readonly number[];
  readonly items: number;
  /** Items that a thread takes together. */
  readonly grain: number;
}

/** Passes that depend on none of each other. */
export interface Launch {
  readonly parts: readonly Part[];
  /** False for what is too short to share. */
  readonly parallel: boolean;
}

/** What a thread knows: its number, all threads, and memories. */
export interface Member {
  readonly index: number;
  readonly count: number;
  /** The first holds the control block; there may be no others. */
  readonly memories: readonly WebAssembly.Memory[];
  readonly control: number;
}

type Entry = (...args: number[]) => void;

/** Instances by module, one set for each thread. Documented cache; weak: they go with the programs that hold the modules. */
export type Instances = WeakMap<WebAssembly.Module, Entry>;

/** One run of a program: the same for every member. */
export interface Run {
  /** Byte address of each slot. */
  readonly table: readonly number[];
  /** How many launches were shared before this run: turns are never used twice. */
  readonly firstTurn: number;
}

/** What the device tells its workers. */
export type WorkerMessage =
  | { readonly kind: "join"; readonly member: Member }
  | { readonly kind: "memories"; readonly memories: Member["memories"] }
  /** What was compiled is held until the next program is loaded, or until others are to be held. */
  | {
    readonly kind: "compile";
    readonly binaries: readonly Uint8Array<ArrayBuffer>[];
    readonly until: "load" | "others";
  }
  | { readonly kind: "load"; readonly program: number; readonly launches: readonly Launch[] }
  | { readonly kind: "drop"; readonly program: number }
  | { readonly kind: "run"; readonly program: number; readonly run: Run; readonly scratch: number };

/** Bytes of the control block. */
export const CONTROL_BYTES = 64;

/** How many launches of a list are shared between threads. */
export function sharedLaunches(launches: readonly Launch[]): number {
  return launches.filter((launch) => launch.parallel && CREW.unitsOf(launch) > 0).length;
}

/**
 * What the threads of a crew do. Its functions refer to nothing but each other, so that its text is all that a worker needs:
 * a bundle of the library, in whatever form, has its workers in it.
 */
export const CREW = {
  /** Words of the control block: items handed out in the current launch. */
  next: 0,
  /** Threads that finished the current launch. */
  done: 1,
  /** Number of the launch that may run. */
  turn: 2,
  /** Set if a member failed. */
  failed: 3,
  /** Workers that have started. */
  joined: 4,
  /** Size of the control block. */
  words: 16,
  /** How often a waiting thread looks before it sleeps. */
  spins: 2000,
  /** Milliseconds after which workers that have not started are done without. */
  patience: 10_000,

  entryOf(module: WebAssembly.Module, member: Member, instances: Instances): Entry {
    const known = instances.get(module);
    if (known) return known;
    const memories = member.memories.map((memory, i) => [`memory${i || ""}`, memory] as const);
    const instance = new WebAssembly.Instance(module, { env: Object.fromEntries(memories) });
    const entry = instance.exports.run as Entry;
    instances.set(module, entry);
    return entry;
  },

  wordsOf({ memories, control }: Member): Int32Array {
    return new Int32Array(memories[0]!.buffer, control, this.words);
  },

  /** Sleeps while a word holds a value, a second at most. False if this thread may not sleep: that of a page. */
  sleep(words: Int32Array, word: number, value: number): boolean {
    try {
      Atomics.wait(words, word, value, 1000);
      return true;
    } catch {
      return false;
    }
  },

  waitUntil(words: Int32Array, word: number, value: number): void {
    for (let spin = 0; spin < this.spins; spin++) if (Atomics.load(words, word) === value) return;
    for (let now = Atomics.load(words, word); now !== value; now = Atomics.load(words, word)) {
      if (Atomics.load(words, this.failed) === 1) throw new Error("another thread failed");
      this.sleep(words, word, now);
    }
  },

  /**
   * Runs launches together with the other members. Every member calls it with the same list. Units are handed out in
   * portions as threads become free; kernels promise that the split does not change the result.
   *
   * @param launches In order, with a barrier after each shared one.
   * @param run Addresses and turn.
   * @param member Who is calling. Member 0 also does what is not shared.
   * @param scratch Address of this member's private scratch.
   * @param instances Instances of this member.
   * @param onLaunch Told the position of each launch after it is done, when it began, and how long it took.
   * @throws {Error} If another member failed.
   */
  runLaunches(
    launches: readonly Launch[],
    run: Run,
    member: Member,
    scratch: number,
    instances: Instances,
    onLaunch?: (index: number, start: number, milliseconds: number) => void,
  ): void {
    let turn = run.firstTurn;
    launches.forEach((launch, index) => {
      const units = this.unitsOf(launch);
      if (units === 0 || (!launch.parallel && member.index > 0)) return;
      const from = onLaunch ? performance.now() : 0;
      const calls = launch.parts.map(({ module, slots }) => {
        const kernel = this.entryOf(module, member, instances);
        const addresses = slots.map((slot) => run.table[slot]! | 0);
        return (first: number, last: number) => kernel(...addresses, scratch | 0, first, last);
      });
      const work = (begin: number, end: number) =>
        this.runUnits(launch, begin, end, (part, first, last) => calls[part]!(first, last));
      if (launch.parallel) this.shareOut(units, member, ++turn, work);
      else work(0, units);
      onLaunch?.(index, from, performance.now() - from);
    });
  },

  /** Items of all parts, in the portions that are handed out. */
  unitsOf({ parts }: Launch): number {
    return parts.reduce((sum, { items, grain }) => sum + Math.ceil(items / grain), 0);
  },

  /** Does some of the units of a launch: of each part the items that are among them. */
  runUnits(
    { parts }: Launch,
    begin: number,
    end: number,
    work: (part: number, first: number, last: number) => void,
  ): void {
    let before = 0;
    parts.forEach(({ items, grain }, part) => {
      const units = Math.ceil(items / grain);
      const [from, to] = [Math.max(begin - before, 0), Math.min(end - before, units)];
      if (from < to) work(part, from * grain, Math.min(to * grain, items));
      before += units;
    });
  },

  /** Takes some of the items that are left: fewer and fewer, so that all members end with the last single ones. Null if none are. */
  takePart(words: Int32Array, items: number, members: number): readonly [begin: number, end: number] | null {
    for (;;) {
      const begin = Atomics.load(words, this.next);
      if (begin >= items) return null;
      const end = begin + Math.max(1, Math.floor((items - begin) / (members * 4)));
      if (Atomics.compareExchange(words, this.next, begin, end) === begin) return [begin, end];
    }
  },

  /** Does a part of a launch, and returns when the other members may go on too. */
  shareOut(items: number, member: Member, turn: number, work: (begin: number, end: number) => void): void {
    const words = this.wordsOf(member);
    // Member 0 opens the launch once all that came before is done; the others wait for it.
    if (member.index === 0) {
      Atomics.store(words, this.next, 0);
      Atomics.store(words, this.done, 0);
      Atomics.store(words, this.turn, turn | 0);
      Atomics.notify(words, this.turn);
    } else this.waitUntil(words, this.turn, turn | 0);
    for (let part = this.takePart(words, items, member.count); part;) {
      work(part[0], part[1]);
      part = this.takePart(words, items, member.count);
    }
    Atomics.add(words, this.done, 1);
    Atomics.notify(words, this.done);
    // Nobody may touch the counters of the next launch before all have left this one.
    if (member.index === 0) this.waitUntil(words, this.done, member.count);
  },

  /** Tells the caller that a worker has started. */
  join(member: Member): void {
    const words = this.wordsOf(member);
    Atomics.add(words, this.joined, 1);
    Atomics.notify(words, this.joined);
  },

  /**
   * Waits for the workers to start.
   *
   * @param member The caller.
   * @returns False if they do not: the caller works alone.
   */
  allJoined(member: Member): boolean {
    const words = this.wordsOf(member);
    const deadline = performance.now() + this.patience;
    for (;;) {
      const joined = Atomics.load(words, this.joined);
      if (joined === member.count - 1) return true;
      if (!this.sleep(words, this.joined, joined) || performance.now() > deadline) return false;
    }
  },

  /** Tells the other members that this one will never be done. */
  reportFailure(member: Member): void {
    const words = this.wordsOf(member);
    Atomics.store(words, this.failed, 1);
    for (const word of [this.next, this.done, this.turn, this.failed, this.joined]) Atomics.notify(words, word);
  },

  /**
   * The life of a worker: does what it is told.
   *
   * @param listen Takes the handler of messages.
   */
  serve(listen: (handler: (message: WorkerMessage) => void) => void): void {
    const state: { member: Member | null; compiled: Record<"load" | "others", readonly WebAssembly.Module[]> } = {
      member: null,
      compiled: { load: [], others: [] },
    };
    const programs = new Map<number, { readonly launches: readonly Launch[]; readonly instances: Instances }>();
    listen((message) => {
      if (message.kind === "join") this.join(state.member = message.member);
      if (message.kind === "memories" && state.member) state.member = { ...state.member, memories: message.memories };
      if (message.kind === "compile") {
        state.compiled[message.until] = message.binaries.map((binary) => new WebAssembly.Module(binary));
      }
      if (message.kind === "load") {
        state.compiled.load = [];
        programs.set(message.program, { launches: message.launches, instances: new WeakMap() });
      }
      if (message.kind === "drop") programs.delete(message.program);
      if (message.kind !== "run" || !state.member) return;
      try {
        const { launches, instances } = programs.get(message.program)!;
        this.runLaunches(launches, message.run, state.member, message.scratch, instances);
      } catch (error) {
        this.reportFailure(state.member);
        throw error;
      }
    });
  },
};

/**
 * Writes the crew as text: an expression that is the same object in another thread. Names of its members are what minifiers
 * leave alone.
 *
 * @returns JavaScript.
 */
export function crewText(): string {
  const members = Object.entries(CREW).map(([name, member]) => {
    const text = String(member);
    return typeof member === "function" ? text : `${name}: ${text}`; // a method as text has its name
  });
  return `({ ${members.join(",\n")} })`;
}

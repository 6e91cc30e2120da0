/** @file The engine of this process: shared memories, and the threads of a crew. */
import { DeviceError } from "../../../errors.ts";
import { beginExchange, type Begun } from "../exchange.ts";
import { addressesOf, listsOf, type LoopImage, type PassList, type ProgramImage } from "../image.ts";
import {
  CONTROL_BYTES,
  CREW,
  type Instances,
  type Launch,
  type Member,
  type Part,
  sharedLaunches,
  type WorkerMessage,
} from "./crew.ts";
import type { Engine, PassTeller } from "./engine.ts";
import type { Modules } from "./assemble.ts";
import { type Memories, sharedMemories } from "./memories.ts";
import { type Thread, type Workers, workersOf } from "./threads.ts";

/** Pages at the start. */
export const INITIAL_PAGES = 16;

/** What the parts of an engine share. */
interface Local {
  readonly memories: Memories;
  /** The calling thread. */
  readonly member: Member;
  /** Those that it may have, and those that were started: all or none. */
  readonly possible: Workers;
  /** True if a module is compiled well as soon as it is made. */
  readonly eager: boolean;
  readonly instances: Instances;
  /** Launches by list; weak: they go with the programs. */
  readonly launches: WeakMap<PassList, readonly Launch[]>;
  readonly state: {
    turn: number;
    alone: boolean;
    closed: boolean;
    launches: number;
    workers: readonly Thread[];
    /** True once a program was made known. */
    loaded: boolean;
    /** Modules that may come, if their time has not come. */
    ahead: Modules | null;
  };
}

/**
 * Starts an engine. Where its calling thread can wait for them, its workers are started when there is work to share.
 *
 * @param threads How many, the calling one included.
 * @param options `eager`: true where modules are compiled well at once: the threads then share that work.
 * @returns The engine. The first 64 bytes of its first memory are its own.
 */
export function localEngine(threads: number, { eager = false }: { readonly eager?: boolean } = {}): Engine {
  const local = makeLocal(threads, eager);
  const { possible, memories, state } = local;
  if (!possible.canWait) startCrew(local);
  const close = () => closeLocal(local);
  return {
    threads: possible.count + 1,
    isHere: true,
    startThreads: () => startCrew(local),
    ...memories.access,
    load(image) {
      state.loaded = true;
      listsOf(image).forEach((list) => launchesOf(local, list));
    },
    ahead(modules) {
      state.ahead = eager ? modules : null;
      if (!state.loaded) compileAhead(local);
    },
    run(image, table, scratch, told = () => undefined) {
      run(local, image, { table, scratch, told });
      compileAhead(local);
    },
    drop: (list) => state.workers.forEach((worker) => tell(worker, { kind: "drop", program: list })),
    launches: () => state.launches,
    isOpen: () => !state.closed,
    done: () => Promise.resolve(),
    close,
  };
}

/** What an engine is made of, none of whose workers is started yet. */
function makeLocal(threads: number, eager: boolean): Local {
  const possible = workersOf(Math.max(1, threads) - 1);
  const alone = possible.count === 0;
  const state: Local["state"] = { turn: 0, alone, closed: false, launches: 0, workers: [], loaded: false, ahead: null };
  const memories = sharedMemories(INITIAL_PAGES, (all) => {
    state.workers.forEach((worker) => tell(worker, { kind: "memories", memories: all }));
  });
  return {
    ...{ memories, possible, eager, state, instances: new WeakMap(), launches: new WeakMap() },
    member: { index: 0, count: possible.count + 1, memories: memories.all, control: 0 },
  };
}

/** Bytes at the start of the memory that the threads use among themselves. */
export const OWN_BYTES: number = CONTROL_BYTES;

/** Sends a message to a worker. */
function tell(worker: Thread, message: WorkerMessage): void {
  worker.postMessage(message);
}

/** Starts the workers, once. */
function startCrew({ possible, member, state }: Local): void {
  if (state.workers.length === possible.count || state.closed) return;
  state.workers = possible.start();
  state.workers.forEach((worker, i) => tell(worker, { kind: "join", member: { ...member, index: i + 1 } }));
}

function closeLocal({ state }: Local): void {
  state.closed = true;
  state.workers.forEach((worker) => worker.terminate());
}

/**
 * Lets workers compile modules from the last one on, a part each, while this thread may compile them from the first: the
 * engine compiles equal bytes once.
 */
function compileOn(workers: readonly Thread[], modules: Modules, until: "load" | "others"): void {
  workers.forEach((worker, i) => {
    const binaries = modules.filter((_, at) => at % workers.length === i).reverse();
    tell(worker, { kind: "compile", binaries, until });
  });
}

/** Lets workers compile what may come, and hold it: they have nothing to do now. */
function compileAhead({ state }: Local): void {
  if (state.ahead) compileOn(state.workers, state.ahead, "others");
  state.ahead = null;
}

/** The launches of a list, which all threads that were started know from the first call on. */
function launchesOf(local: Local, list: PassList): readonly Launch[] {
  const { launches, possible, eager, state } = local;
  const known = launches.get(list);
  if (known) return known;
  if (eager) compileOn(state.workers, [...new Set(list.passes.map(({ kernel }) => kernel.binary))], "load");
  const parts = list.passes.map(({ kernel, slots, items, grain }): Part => (
    { module: kernel.module, slots, items, grain }
  ));
  const made = list.launches.map(({ passes, parallel }): Launch => (
    { parts: parts.splice(0, passes), parallel: parallel && possible.count > 0 }
  ));
  if (sharedLaunches(made) > 0) startCrew(local);
  state.workers.forEach((worker) => tell(worker, { kind: "load", program: list.number, launches: made }));
  launches.set(list, made);
  return made;
}

/** Where everything lies in one run, and who is told of it. */
interface RunOptions {
  readonly table: readonly number[];
  /** Address of the private scratch of the threads. */
  readonly scratch: number;
  readonly told: PassTeller;
}

function run(local: Local, image: ProgramImage, options: RunOptions): void {
  const open = new Map<number, Begun>();
  for (const segment of image.segments) {
    switch (segment.kind) {
      case "loop":
        runLoop(local, segment, options);
        break;
      case "exchange":
        open.set(segment.step, beginExchange(local.memories.bufferOf, segment, options.table));
        break;
      case "wait":
        for (const step of segment.steps) {
          open.get(step)!.wait();
          open.delete(step);
        }
        break;
      case "passes":
        runPasses(local, image, segment, { ...options, told: told(options.told, open) });
    }
  }
}

/** Who is told of launches; while exchanges are open they are moved on in between. */
function told(others: PassTeller, open: ReadonlyMap<number, Begun>): PassTeller {
  if (open.size === 0) return others;
  return (image) => {
    const listener = others(image);
    return (index, start, milliseconds) => {
      open.forEach((exchange) => exchange.poll());
      listener?.(index, start, milliseconds);
    };
  };
}

/**
 * Runs the body of a loop once for each row. What is carried on goes from one memory to another and back, and ends in that of
 * the result.
 */
function runLoop(local: Local, loop: LoopImage, { table, scratch, told }: RunOptions): void {
  const { constants, carries, runs, length, reverse, stops, results, body, spare } = loop;
  const { bytes, inputs, outputs } = body;
  const base = table[loop.slot]!;
  const operands = loop.inputs.map((value) => table[value]!);
  const written = outputs.map((_, i) => {
    const at = results.indexOf(i);
    return at < 0 ? undefined : table[loop.outputs[at]!]!;
  });
  const carried = (i: number, t: number): number => {
    if (t < 0) return operands[constants + i]!;
    const last = (runs - 1 - t) % 2 === 0;
    return last ? written[i] ?? base + spare[i]![0] : base + spare[i]![1];
  };
  const known = new Map<number, number>();
  const memory = new Uint8Array(local.memories.bufferOf(0)); // where steps have all that they read and write
  const goesOn = (t: number): boolean => {
    if (stops === null) return true;
    const at = stops < constants ? operands[stops]! : carried(stops - constants, t - 1);
    return memory.subarray(at, at + bytes[inputs[stops]!]!).some((x) => x !== 0);
  };
  let t = 0;
  for (; t < length && goesOn(t); t++) {
    const row = reverse ? length - 1 - t : t;
    inputs.forEach((value, i) => {
      const at = i < constants
        ? operands[i]!
        : i < constants + carries
        ? carried(i - constants, t - 1)
        : operands[i]! + row * bytes[value]!;
      known.set(value, at);
    });
    outputs.forEach((value, i) => known.set(value, i < carries ? carried(i, t) : written[i]! + row * bytes[value]!));
    const table = addressesOf(body, base, (value) => known.get(value));
    run(local, body, { table, scratch, told });
  }
  if (t < length) finishEarly(loop, memory, { runs: t, written, carried: (i) => carried(i, t - 1) });
}

/** What is left to do when a loop has ended before its last run: carries go to their results, rows that nothing wrote are zeros. */
function finishEarly(
  { carries, length, reverse, body: { bytes, outputs } }: LoopImage,
  memory: Uint8Array,
  { runs, written, carried }: {
    readonly runs: number;
    readonly written: readonly (number | undefined)[];
    carried(i: number): number;
  },
): void {
  outputs.forEach((value, i) => {
    const size = bytes[value]!;
    const to = written[i];
    if (to === undefined) return;
    if (i < carries) memory.copyWithin(to, carried(i), carried(i) + size);
    else if (reverse) memory.fill(0, to, to + (length - runs) * size);
    else memory.fill(0, to + runs * size, to + length * size);
  });
}

function runPasses(local: Local, image: ProgramImage, list: PassList, { table, scratch, told }: RunOptions): void {
  const { state, member, instances } = local;
  const launches = launchesOf(local, list);
  const shared = { table, firstTurn: state.turn };
  const turns = sharedLaunches(launches);
  state.turn += turns;
  state.launches += launches.length;
  const scratchOf = (index: number) => scratch + index * image.localBytes;
  if (turns > 0) state.alone ||= !CREW.allJoined(member);
  if (turns > 0 && !state.alone) {
    state.workers.forEach((worker, i) =>
      tell(worker, { kind: "run", program: list.number, run: shared, scratch: scratchOf(i + 1) })
    );
  }
  const listener = told(image);
  const each = listener && ((index: number, start: number, time: number) => listener(list.first + index, start, time));
  try {
    CREW.runLaunches(launches, shared, state.alone ? { ...member, count: 1 } : member, scratchOf(0), instances, each);
  } catch (cause) {
    // Threads no longer agree on where they are: nothing can run here any more.
    CREW.reportFailure(member);
    closeLocal(local);
    throw new DeviceError("cpu", `Cannot run a program as a kernel failed: current error is ${cause}`, { cause });
  }
}

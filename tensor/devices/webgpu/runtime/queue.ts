/** @file The queue of a device: what was submitted, how often it was waited for, and how far the host may run ahead. */
import type { DeviceCounters } from "../../../device.ts";

/** How much a host that never waits may have queued. */
export interface Backlog {
  /** Launches. */
  readonly launches: number;
  /** Bytes of host values on their way to the device, which the driver holds a second time. */
  readonly bytes: number;
}

/** About twenty steps of a large network; a wait adds some ten milliseconds in Deno. */
const BACKLOG: Backlog = { launches: 65536, bytes: 256 * 2 ** 20 };

/** The queue of a device. */
export interface Queue {
  readonly gpu: GPUDevice;
  /** Submits commands that hold so many launches. */
  submit(commands: GPUCommandBuffer, launches: number): void;
  /** Queues a copy of host values. */
  write(buffer: GPUBuffer, words: Float32Array | Int32Array | Uint32Array): void;
  /** Waits until all that is queued is done. */
  drain(): Promise<void>;
  /** Waits for a mapping, and with it for all that is queued. */
  map(buffer: GPUBuffer): Promise<void>;
  /** Keeps what comes from now on back until the host has done something with what is there by then. */
  hold(work: () => Promise<void>): void;
  /** Does something in the order of the queue, such as to destroy a buffer. */
  inOrder(task: () => void): void;
  /** Between runs: waits if the host is too far ahead, where the engine can wait inside a call. */
  holdBack(): void;
  /** What was done so far. */
  counters(): Pick<DeviceCounters, "submits" | "launches" | "readBacks" | "waits">;
}

/**
 * Makes the queue.
 *
 * @param gpu Its device.
 * @param backlog How far the host may run ahead.
 * @returns The queue, with counters at 0.
 */
export function makeQueue(gpu: GPUDevice, backlog: Backlog = BACKLOG): Queue {
  const count = { submits: 0, launches: 0, readBacks: 0, waits: 0 };
  const ahead = { launches: 0, bytes: 0 };
  const { inOrder, promised, hold } = makeOrder();
  const drain = () => {
    count.waits++;
    ahead.launches = ahead.bytes = 0;
    return promised(() => gpu.queue.onSubmittedWorkDone());
  };
  return {
    gpu,
    counters: () => ({ ...count }),
    drain: async () => void await drain(),
    submit(commands, launches) {
      inOrder(() => gpu.queue.submit([commands]));
      count.submits++;
      count.launches += launches;
      ahead.launches += launches;
    },
    write(buffer, words) {
      if (words.length === 0) return;
      inOrder(() => gpu.queue.writeBuffer(buffer, 0, words as Float32Array<ArrayBuffer>));
      ahead.bytes += words.byteLength;
    },
    async map(buffer) {
      count.readBacks++;
      ahead.launches = ahead.bytes = 0;
      await promised(() => buffer.mapAsync(GPUMapMode.READ));
    },
    hold,
    inOrder,
    holdBack() {
      if (ahead.launches <= backlog.launches && ahead.bytes <= backlog.bytes) return;
      // Deno waits inside this call; where engines do not, a loop that never awaits cannot be held back.
      drain().catch(() => {}); // a lost device is reported by the next call
    },
  };
}

/** Something that waits for its turn. */
interface Waiting {
  run(): void;
  /** Called in place of `run` if its turn never comes. */
  fail(cause: unknown): void;
}

/** The order of a queue: what comes while the host is at work waits, and is lost if that work fails. */
function makeOrder() {
  const state: { waiting: Waiting[] | null; failed: { readonly cause: unknown } | null } = {
    waiting: null,
    failed: null,
  };
  const take = (task: Waiting) => {
    if (state.failed) task.fail(state.failed.cause);
    else if (state.waiting) state.waiting.push(task);
    else task.run();
  };
  const goOn = () => {
    const tasks = state.waiting!;
    state.waiting = null;
    for (let task = tasks.shift(); task; task = tasks.shift()) {
      task.run();
      if (state.waiting) return void (state.waiting = tasks); // it holds the rest back in turn
    }
  };
  const fail = (cause: unknown) => {
    const tasks = state.waiting!;
    Object.assign(state, { waiting: null, failed: { cause } });
    tasks.forEach((task) => task.fail(cause));
  };
  const inOrder = (run: () => void) => take({ run, fail: () => {} });
  return {
    inOrder,
    promised: (run: () => Promise<void>) =>
      new Promise<void>((resolve, reject) => take({ run: () => void run().then(resolve, reject), fail: reject })),
    hold: (work: () => Promise<void>) =>
      inOrder(() => {
        state.waiting = [];
        work().then(goOn, fail);
      }),
  };
}

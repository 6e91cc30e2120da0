/**
 * @file An engine in a process of its own. V8 joins neighbouring vectors only where it need not check each address, and what
 * turns the checks off does so for a whole process: decoders of foreign files must not be in it. So the process that runs
 * kernels does nothing else.
 */
import type { TileKind } from "../../../tensor/contraction/tile.ts";
import { DeviceError } from "../../../tensor/errors.ts";
import { hasExchange, listsOf, numbered, type ProgramImage } from "../../../tensor/devices/cpu/image.ts";
import type { KernelStore, Modules } from "../../../tensor/devices/cpu/runtime/assemble.ts";
import type { Engine } from "../../../tensor/devices/cpu/runtime/engine.ts";
import { INITIAL_PAGES } from "../../../tensor/devices/cpu/runtime/local_engine.ts";
import { MAX_PAGES, PAGE } from "../../../tensor/devices/cpu/runtime/memory.ts";
import { type Answer, headOf, LENGTHS, lengthsOf, type Order } from "./frames.ts";
import { lookAhead } from "./look_ahead.ts";

/** Bytes of orders that are written together. */
const TOGETHER = 2 ** 20;

/** What makes V8 join vectors: the pass that does it, and no checks that stand between loads and stores. */
export const JOINING_FLAGS = "--experimental-wasm-revectorize,--no-wasm-bounds-checks";

/**
 * What makes V8 compile kernels well at once, when it gets them: it runs none in haste first, and does so while the command
 * still plans.
 */
export const EAGER_FLAGS = "--no-liftoff,--no-wasm-lazy-compilation";

/** Why a group of processes is refused. */
const NO_EXCHANGE =
  "Cannot exchange values with other processes as the memory of the device must be that of this one: current " +
  "device computes in a process of its own; open it with cpuDevice, or without --fast";

/** An engine in a process of its own, and what was found out about it. */
export interface ProcessEngine {
  readonly engine: Engine;
  /** The tiles that are fastest there. */
  readonly tiles: TileKind;
  /** Number of the process. */
  readonly pid: number;
}

/** A process and what it owes. */
interface Link {
  readonly child: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Bytes of each memory. */
  readonly sizes: number[];
  readonly asked: { resolve(answer: readonly [Answer, Uint8Array<ArrayBuffer>]): void; reject(error: Error): void }[];
  readonly state: { failure: Error | null; isOpen: boolean; launches: number; reading: boolean };
  /** Orders that are not written yet, and when they will be. */
  readonly queue: { parts: Uint8Array[]; written: Promise<void> | null };
  /** Bytes that were read and not used. */
  readonly rest: { chunks: Uint8Array[]; bytes: number };
}

/**
 * Starts the process.
 *
 * @param threads How many threads.
 * @param kernels Where it is kept which program comes next.
 * @returns The engine, once it has answered. The process ends with `close`, or with this one.
 * @throws {DeviceError} If it cannot be started.
 */
export async function processEngine(threads: number, kernels?: KernelStore): Promise<ProcessEngine> {
  const link = startProcess();
  const engine = engineOf(link, kernels); // looks ahead: its orders are written when the answer to the next is there
  const [{ tiles = "4x8", threads: together = 1 }] = await ask(link, { kind: "start", threads });
  return { engine: { ...engine, threads: together }, tiles, pid: link.child.pid };
}

function startProcess(): Link {
  if (typeof Deno === "undefined") {
    throw new DeviceError(
      "cpu",
      "Cannot open a fast cpu device as its process is one of Deno: current runtime is another; start it with " +
        "--experimental-wasm-revectorize instead, which is enough where the engine needs no checks",
    );
  }
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--no-prompt",
      `--v8-flags=${JOINING_FLAGS},${EAGER_FLAGS}`,
      new URL("./serve.ts", import.meta.url).href,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  child.unref();
  const state = { failure: null, isOpen: true, launches: 0, reading: false };
  return {
    sizes: [INITIAL_PAGES * PAGE],
    ...{ child, state, asked: [], queue: { parts: [], written: null }, rest: { chunks: [], bytes: 0 } },
    ...{ writer: child.stdin.getWriter(), reader: child.stdout.getReader() },
  };
}

function failed(link: Link, current: string): void {
  const message = `Cannot compute on cpu as its process must run: current process ${current}`;
  link.state.failure ??= new DeviceError("cpu", message);
  link.state.isOpen = false;
  link.queue.parts.length = 0;
  link.asked.splice(0).forEach(({ reject }) => reject(link.state.failure!));
}

function send(link: Link, order: Order, bytes: Uint8Array = new Uint8Array(0)): void {
  if (link.state.failure) throw link.state.failure;
  link.queue.parts.push(headOf(order, bytes.length), bytes);
  link.queue.written ??= write(link);
}

/** Writes what is queued, at the next turn: some thousand orders together, as each writing takes a turn of the event loop. */
async function write(link: Link): Promise<void> {
  const { queue, writer } = link;
  await null;
  try {
    while (queue.parts.length > 0) await writer.write(joined(queue.parts));
  } catch {
    failed(link, "has ended");
  }
  queue.written = null;
}

/** Takes the next parts out of a queue, as one: many small ones, or a large one as it is. */
function joined(parts: Uint8Array[]): Uint8Array {
  const sum = { count: 0, bytes: 0 };
  do sum.bytes += parts[sum.count++]!.length; while (
    sum.count < parts.length && sum.bytes + parts[sum.count]!.length <= TOGETHER
  );
  const taken = parts.splice(0, sum.count);
  if (taken.length === 1) return taken[0]!;
  const whole = new Uint8Array(sum.bytes);
  taken.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

function ask(link: Link, order: Order): Promise<readonly [Answer, Uint8Array<ArrayBuffer>]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly [Answer, Uint8Array<ArrayBuffer>]>();
  send(link, order);
  link.asked.push({ resolve, reject });
  void listen(link);
  return promise;
}

/** Reads answers as long as some are owed: only then does the process keep this one alive. */
async function listen(link: Link): Promise<void> {
  const { state, asked, child } = link;
  if (state.reading) return;
  state.reading = true;
  child.ref();
  while (asked.length > 0) {
    const answer = await nextAnswer(link).catch(() => null);
    if (answer?.[0].error !== undefined) failed(link, `failed: ${answer[0].error}`);
    else if (answer) asked.shift()!.resolve(answer);
    else failed(link, "has ended");
  }
  child.unref();
  state.reading = false;
}

async function nextAnswer(link: Link): Promise<readonly [Answer, Uint8Array<ArrayBuffer>] | null> {
  const lengths = await take(link, LENGTHS);
  if (!lengths) return null;
  const [head, rest] = lengthsOf(lengths);
  const [text, bytes] = [await take(link, head), await take(link, rest)];
  return text && bytes ? [JSON.parse(new TextDecoder().decode(text)) as Answer, bytes] : null;
}

/** So many bytes of what the process writes; null if it has ended. */
async function take({ reader, rest }: Link, bytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  while (rest.bytes < bytes) {
    const { value, done } = await reader.read();
    if (done) return null;
    rest.chunks.push(value);
    rest.bytes += value.length;
  }
  const whole = new Uint8Array(bytes);
  for (let at = 0; at < bytes;) {
    const chunk = rest.chunks[0]!;
    const part = chunk.subarray(0, bytes - at);
    whole.set(part, at);
    at += part.length;
    if (part.length < chunk.length) rest.chunks[0] = chunk.subarray(part.length);
    else rest.chunks.shift();
  }
  rest.bytes -= bytes;
  return whole;
}

/** Numbers of what the process knows. Kernels stay known: programs share them, and they are small. */
function numbering(link: Link) {
  const kernels = new WeakMap<Uint8Array, number>(); // by module
  const images = new WeakMap<ProgramImage, number>();
  const byList = new Map<number, number>();
  const next = { kernel: 0, image: 0 };
  const numberOf = (module: Uint8Array): number => {
    const known = kernels.get(module);
    if (known !== undefined) return known;
    kernels.set(module, next.kernel);
    send(link, { kind: "kernel", kernel: next.kernel }, module);
    return next.kernel++;
  };
  return {
    of: (image: ProgramImage): number => images.get(image)!,
    ahead: (modules: Modules) => send(link, { kind: "ahead", kernels: modules.map(numberOf) }),
    load(image: ProgramImage): void {
      if (hasExchange(image)) throw new DeviceError("cpu", NO_EXCHANGE);
      const number = next.image++;
      images.set(image, number);
      listsOf(image).forEach((list) => byList.set(list.number, number));
      send(link, { kind: "load", image: number, text: numbered(image, ({ binary }) => numberOf(binary)) });
    },
    drop(list: number): void {
      const image = byList.get(list);
      byList.delete(list);
      if (link.state.failure || !link.state.isOpen) return;
      send(link, { kind: "forget", images: image === undefined ? [] : [image], lists: [list] });
    },
  };
}

function engineOf(link: Link, kernels: KernelStore | undefined): Omit<Engine, "threads"> {
  const { state, sizes } = link;
  const known = numbering(link);
  const ahead = lookAhead(kernels, { send: known.ahead, written: () => Promise.resolve(link.queue.written) });
  return {
    isHere: false,
    size: (memory) => sizes[memory] ?? 0,
    grow(memory, pages) {
      const bytes = (sizes[memory] ?? 0) + pages * PAGE;
      if (bytes > MAX_PAGES * PAGE) throw new RangeError("4 GiB are all that a memory can have");
      send(link, { kind: "grow", memory, pages });
      sizes[memory] = bytes;
    },
    write: (address, values) => send(link, { kind: "write", address }, new Uint8Array(values.slice().buffer)),
    copy: (from, to, bytes) => send(link, { kind: "copy", from, to, bytes }),
    read: async (address, words) => {
      const [, bytes] = await ask(link, { kind: "read", address, words });
      return new Uint32Array(bytes.buffer);
    },
    load: (image) => (known.load(image), ahead(image)),
    run: (image, table, scratch) => send(link, { kind: "run", image: known.of(image), table, scratch }),
    drop: (list) => known.drop(list),
    isOpen: () => state.isOpen,
    launches: () => state.launches,
    flush: async () => void await link.queue.written,
    async done() {
      const [{ launches = 0 }] = await ask(link, { kind: "tell" });
      state.launches = launches;
    },
    close() {
      state.isOpen = false;
      void Promise.resolve(link.queue.written).then(() => link.writer.close()).catch(() => {}); // it ends when its input does
    },
  };
}

/**
 * @file The process of an engine: does what it is told on its standard input until that ends. It may be run without checks of
 * addresses: it reads no file, and runs no kernel but those that this library has written.
 */
import { imageOf, type ProgramImage } from "../../../tensor/devices/cpu/image.ts";
import { type Kernel, kernelOf, type Modules } from "../../../tensor/devices/cpu/runtime/assemble.ts";
import type { Engine } from "../../../tensor/devices/cpu/runtime/engine.ts";
import { localEngine } from "../../../tensor/devices/cpu/runtime/local_engine.ts";
import { fastestTiles } from "../../../tensor/devices/cpu/runtime/fastest_tiles.ts";
import { type Answer, headOf, LENGTHS, lengthsOf, type Order } from "./frames.ts";

/** Bytes that are read together: what a pipe holds. */
const TOGETHER = 65536;

/** Makes a reader of so many bytes of the input; null if it has ended. Short parts are read together. */
function inputReader(): (bytes: number) => Uint8Array<ArrayBuffer> | null {
  const ahead = new Uint8Array(TOGETHER);
  let rest = ahead.subarray(0, 0);
  return (bytes) => {
    const whole = new Uint8Array(bytes);
    for (let at = 0; at < bytes;) {
      if (rest.length === 0) rest = ahead.subarray(0, Deno.stdin.readSync(ahead) ?? 0);
      if (rest.length === 0) return null;
      const part = rest.subarray(0, bytes - at);
      whole.set(part, at);
      rest = rest.subarray(part.length);
      at += part.length;
    }
    return whole;
  };
}

function put(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

function answer(head: Answer, bytes: Uint8Array = new Uint8Array(0)): void {
  put(headOf(head, bytes.length));
  put(bytes);
}

/** What was told before. */
interface Known {
  engine: Engine | null;
  readonly kernels: Map<number, Kernel>;
  /** Modules that may come: of a command that was started before they are known before there is an engine. */
  ahead: Modules;
  readonly images: Map<number, ProgramImage>;
}

function obey(known: Known, order: Order, bytes: Uint8Array<ArrayBuffer>): void {
  if (order.kind === "start") {
    known.engine = localEngine(order.threads, { eager: true }); // as its flags say
    answer({ tiles: fastestTiles({ eager: true }), threads: known.engine.threads });
    known.engine.startThreads!(); // while nothing is to be done yet
    return known.engine.ahead!(known.ahead);
  }
  const { kernels, images } = known;
  const engine = known.engine!;
  if (order.kind === "grow") engine.grow(order.memory, order.pages);
  else if (order.kind === "kernel") kernels.set(order.kernel, kernelOf(bytes));
  else if (order.kind === "ahead") {
    known.ahead = order.kernels.map((kernel) => kernels.get(kernel)!.binary);
    known.engine?.ahead?.(known.ahead);
  } else if (order.kind === "load") {
    const image = imageOf(order.text, (number) => kernels.get(number)!);
    images.set(order.image, image);
    engine.load(image);
  } else if (order.kind === "forget") {
    order.images.forEach((image) => images.delete(image));
    order.lists.forEach((list) => engine.drop(list));
  } else if (order.kind === "run") engine.run(images.get(order.image)!, order.table, order.scratch);
  else if (order.kind === "write") engine.write(order.address, new Uint32Array(bytes.buffer));
  else if (order.kind === "copy") engine.copy(order.from, order.to, order.bytes);
  else if (order.kind === "read") {
    const words = engine.read(order.address, order.words) as Uint32Array;
    answer({}, new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  } else answer({ launches: engine.launches() });
}

/** Does one order after the other. */
function serve(): void {
  const take = inputReader();
  const known: Known = { engine: null, kernels: new Map(), ahead: [], images: new Map() };
  for (let lengths = take(LENGTHS); lengths; lengths = take(LENGTHS)) {
    const [head, rest] = lengthsOf(lengths);
    const [text, bytes] = [take(head), take(rest)];
    if (!text || !bytes) return;
    obey(known, JSON.parse(new TextDecoder().decode(text)), bytes);
  }
}

if (import.meta.main) {
  Deno.addSignalListener("SIGINT", () => {}); // of the whole group: who started it decides what to finish
  try {
    serve();
    Deno.exit(0);
  } catch (error) {
    answer({ error: error instanceof Error ? error.message : String(error) });
    Deno.exit(1);
  }
}

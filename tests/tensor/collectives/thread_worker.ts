/** @file A thread of a group: takes its seat, opens a device, computes the cases that it is told, and sends what it found. */
import { joinThreads, openDevice, setDefaultDevice, type ThreadSeat } from "../../../tensor/mod.ts";
import { casesOn, inputOf } from "./cases.ts";
import "../devices/interpreter_device.ts"; // registers it

/** What a thread is told. */
export interface Told {
  readonly seat: ThreadSeat;
  readonly device: string;
}

const thread = globalThis as unknown as {
  onmessage: (event: MessageEvent<Told>) => Promise<void>;
  postMessage(message: unknown): void;
  close(): void;
};

thread.onmessage = async ({ data: { seat, device: name } }) => {
  const device = await openDevice(name, name === "cpu" ? { threads: 1 } : {});
  setDefaultDevice(device);
  const collective = joinThreads(seat);
  try {
    const found: Record<string, ArrayLike<number>> = {};
    for (const [title, compute] of casesOn(name)) {
      found[title] = await compute(inputOf(seat.rank, name), collective).data();
    }
    thread.postMessage({ found });
  } catch (error) {
    thread.postMessage({ error: String(error instanceof Error ? error.stack : error) });
  } finally {
    device.close();
    thread.close();
  }
};

/** @file A thread that has a part of the images: normalises them with those of the others, or makes steps of training with them. */
import {
  joinThreads,
  openDevice,
  setDefaultDevice,
  type Tensor,
  type ThreadSeat,
  treeLeaves,
} from "../../../tensor/mod.ts";
import { COMPUTED, type How } from "./sharing.ts";

/** What a thread is told. */
export interface Told {
  readonly seat: ThreadSeat;
  readonly device: string;
  readonly what: keyof typeof COMPUTED;
  readonly how: How;
}

const thread = globalThis as unknown as {
  onmessage: (event: MessageEvent<Told>) => Promise<void>;
  postMessage(message: unknown): void;
  close(): void;
};

thread.onmessage = async ({ data: { seat, device: name, what, how } }) => {
  const device = await openDevice(name, name === "cpu" ? { threads: 1 } : {});
  setDefaultDevice(device);
  try {
    const tree = COMPUTED[what](how, joinThreads(seat));
    const found: number[][] = [];
    for (const leaf of treeLeaves(tree) as readonly Tensor[]) found.push([...await leaf.data()]);
    thread.postMessage({ found });
  } catch (error) {
    thread.postMessage({ error: String(error instanceof Error ? error.stack : error) });
  } finally {
    device.close();
    thread.close();
  }
};

/** @file Messages between processes: a head as JSON, then bytes. Numbers of lengths are little-endian. */
import type { TileKind } from "../../../tensor/contraction/tile.ts";
import type { Numbered } from "../../../tensor/devices/cpu/image.ts";

/** What an engine is told. */
export type Order =
  | { readonly kind: "start"; readonly threads: number }
  | { readonly kind: "grow"; readonly memory: number; readonly pages: number }
  | { readonly kind: "kernel"; readonly kernel: number }
  | { readonly kind: "ahead"; readonly kernels: readonly number[] }
  | { readonly kind: "load"; readonly image: number; readonly text: Numbered }
  | { readonly kind: "forget"; readonly images: readonly number[]; readonly lists: readonly number[] }
  | { readonly kind: "run"; readonly image: number; readonly table: readonly number[]; readonly scratch: number }
  | { readonly kind: "write"; readonly address: number }
  | { readonly kind: "copy"; readonly from: number; readonly to: number; readonly bytes: number }
  | { readonly kind: "read"; readonly address: number; readonly words: number }
  | { readonly kind: "tell" };

/** What an engine answers, in the order of the orders that ask: `start`, `read` and `tell`. */
export interface Answer {
  /** The tiles that are fastest in its engine; of `start`. */
  readonly tiles?: TileKind;
  /** Threads that run passes together; of `start`. */
  readonly threads?: number;
  /** Passes that were run; of `tell`. */
  readonly launches?: number;
  /** What went wrong: nothing is answered after it. */
  readonly error?: string;
}

/** Bytes of the two lengths that come first. */
export const LENGTHS = 8;

/**
 * Writes the beginning of a message; its bytes follow.
 *
 * @param head The message without its bytes.
 * @param bytes How many follow.
 * @returns Lengths and head.
 */
export function headOf(head: Order | Answer, bytes: number): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const whole = new Uint8Array(LENGTHS + text.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, text.length, true);
  view.setUint32(4, bytes, true);
  whole.set(text, LENGTHS);
  return whole;
}

/**
 * Reads the two lengths.
 *
 * @param bytes The first eight of a message.
 * @returns Bytes of the head, and of what follows it.
 */
export function lengthsOf(bytes: Uint8Array): readonly [head: number, rest: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTHS);
  return [view.getUint32(0, true), view.getUint32(4, true)];
}

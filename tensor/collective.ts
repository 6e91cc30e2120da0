/** @file A group of processes that compute one thing together, each with data of its own: a value, handed to what needs it. */

import type { TensorSpec } from "./spec.ts";

/** Numbers that are exchanged. */
export type Exchanged = Float32Array | Float64Array | Int32Array | Uint32Array;

/** Numbers of a dtype in memory of 32-bit words, from byte `at` on; bools and float64 are no such numbers. */
export function exchangedView(
  { dtype }: Pick<TensorSpec, "dtype">,
  memory: ArrayBufferLike,
  at: number,
  length: number,
): Exchanged {
  if (dtype === "int32") return new Int32Array(memory, at, length);
  return dtype === "uint32" ? new Uint32Array(memory, at, length) : new Float32Array(memory, at, length);
}

/** An exchange that was begun. */
export interface Pending {
  /** Moves it on without waiting; true once it is done. */
  poll(): boolean;
  /** Waits until it is done. */
  wait(): void;
}

/**
 * Processes of equal standing, numbered from 0, as MPI's communicators. All of them call the same functions in the same order
 * with arrays of the same kind and length; what they get is the same to the bit on each, and from run to run.
 */
export interface Collective {
  /** What joins them, such as `Open MPI 4.1.4`. */
  readonly name: string;
  /** Number of this process, in `[0, size)`. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
  /**
   * Begins to replace each number by its sum over all processes. The array belongs to the exchange until it is done.
   *
   * @throws {CollectiveError} Here or while waiting, if a process does not answer.
   */
  allReduce(values: Exchanged): Pending;
  /** Writes the arrays of all processes into `all`, one after the other in the order of their numbers. */
  allGather(values: Exchanged, all: Exchanged): void;
  /** Replaces the bytes by those of process `root`. */
  broadcast(bytes: Uint8Array, root: number): void;
  /** Waits for all. */
  barrier(): void;
  /** Seconds for which this process has waited for others so far, where that is counted. */
  waited?(): number;
  /** Leaves the group. */
  close(): void;
}

/** Processes no longer agree: one is lost, too slow, or does something else. None of them can go on. */
export class CollectiveError extends Error {
  /** What tells it from other errors. */
  override readonly name = "CollectiveError";
}

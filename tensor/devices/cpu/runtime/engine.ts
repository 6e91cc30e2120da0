import type { ProgramImage } from "../image.ts";
import type { Modules } from "./assemble.ts";

/** Told the position of each pass after it is done, when it began, and how long it took. */
export type PassListener = (index: number, start: number, milliseconds: number) => void;

/** Whom to tell of the passes of a program. */
export type PassTeller = (image: ProgramImage) => PassListener | undefined;

/**
 * Memories and the threads that run programs on the first of them: of this process, or of one of its own. What it is told it
 * does in order. Addresses are as `memoryOf` says.
 */
export interface Engine {
  /** Threads that run passes together. */
  readonly threads: number;
  /** True if reading needs no wait: then `read` and `run` return when they are done. */
  readonly isHere: boolean;
  /** Starts the threads, a tenth of a second each, which would else start with the first work that is worth sharing. */
  startThreads?(): void;
  /** Bytes of a memory; none of one that was not needed yet. */
  size(memory: number): number;
  /** Adds pages of 64 KiB; throws if the host has no addresses for them. */
  grow(memory: number, pages: number): void;
  /** Copies words from the host, or bytes that become a word each. */
  write(address: number, values: Uint32Array): void;
  /** Copies bytes from one place to another. */
  copy(from: number, to: number, bytes: number): void;
  /** Copies words to the host. */
  read(address: number, words: number): Uint32Array | Promise<Uint32Array>;
  /** Makes a program known to all threads, once. */
  load(image: ProgramImage): void;
  /** Compiles modules that may come, and holds them until it is told of others: now if no program is known yet, else after the next run. */
  ahead?(modules: Modules): void;
  /** Runs a program that was made known. */
  run(image: ProgramImage, table: readonly number[], scratch: number, told?: PassTeller): void;
  /** Forgets the list of passes of a number. */
  drop(list: number): void;
  /** False once it was closed or has failed. */
  isOpen(): boolean;
  /** Passes that were run. */
  launches(): number;
  /** Settles when all is on its way to another process, if that is where it is done. */
  flush?(): Promise<void>;
  /** Settles when all is done. */
  done(): Promise<void>;
  /** Ends the threads. */
  close(): void;
}

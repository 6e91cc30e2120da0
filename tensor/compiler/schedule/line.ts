/** @file Kernels in a line, in which those that share memory find each other however far apart they stand. */
import type { FusedStep } from "../fused_step.ts";
import type { GraphNode } from "../graph.ts";

/** How many kernels before its own place one looks at, and how many readers of what it reads. */
const REACH = 48;

/** Kernels in the order of execution; places are never given twice. */
export class Line<T extends { readonly step: FusedStep }> {
  readonly #places: (T | null)[] = [];
  /** Places that are taken, ascending. */
  readonly #taken: number[] = [];
  readonly #madeAt = new Map<GraphNode, number>();
  readonly #lastReadAt = new Map<GraphNode, number>();
  /** The latest places that read a node; some may be empty again. */
  readonly #readers = new Map<GraphNode, number[]>();

  /** Puts a kernel at the end. */
  push(entry: T): void {
    this.#taken.push(this.#places.length);
    this.replace(this.#places.length, entry);
  }

  /** Puts a kernel where another one was. */
  replace(at: number, entry: T): void {
    this.#places[at] = entry;
    entry.step.outputs.forEach((x) => this.#madeAt.set(x, at));
    for (const x of entry.step.inputs) {
      this.#lastReadAt.set(x, Math.max(at, this.#lastReadAt.get(x) ?? 0));
      const readers = this.#readers.get(x) ?? [];
      if (!this.#readers.has(x)) this.#readers.set(x, readers);
      if (!readers.includes(at)) readers.push(at);
      if (readers.length > REACH) readers.shift();
    }
  }

  /** Takes a kernel out. */
  remove(at: number): void {
    this.#places[at] = null;
    this.#taken.splice(this.#taken.lastIndexOf(at), 1);
  }

  /** True if all that a kernel reads is made at a place or before. */
  mayMoveUp({ step }: T, at: number): boolean {
    return step.inputs.every((x) => (this.#madeAt.get(x) ?? -1) <= at);
  }

  /** True if nobody behind a kernel reads what it makes. */
  mayMoveDown(at: number): boolean {
    return this.#places[at]!.step.outputs.every((x) => (this.#lastReadAt.get(x) ?? -1) <= at);
  }

  /**
   * Kernels that one at the end may be joined to.
   *
   * @param shared What it reads and would share with them.
   * @returns The last ones, then makers and readers of what is shared; the nearest first.
   */
  candidates(
    shared: readonly GraphNode[],
  ): readonly { readonly at: number; readonly entry: T; readonly isNear: boolean }[] {
    const near = this.#taken.slice(-REACH);
    const first = near[0] ?? 0;
    const far = new Set(shared.flatMap((x) => [this.#madeAt.get(x) ?? -1, ...this.#readers.get(x) ?? []]));
    const behind = [...far].filter((at) => at >= 0 && at < first && this.#places[at]).sort((a, b) => a - b);
    const entry = (at: number, isNear: boolean) => ({ at, entry: this.#places[at]!, isNear });
    return [...near.map((at) => entry(at, true)).reverse(), ...behind.map((at) => entry(at, false)).reverse()];
  }

  /** All of them, in order. */
  all(): readonly T[] {
    return this.#taken.map((at) => this.#places[at]!);
  }
}

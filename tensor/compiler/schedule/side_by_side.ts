/** @file Puts kernels that run over the same indices and read the same memory into one, so that the memory is read once. */
import { sizeOf } from "../../spec.ts";
import { bytesOf } from "./draft.ts";
import { NeedsBuffer, NotAtHand } from "../expand.ts";
import { type FusedStep, kernelOf, type Space, spaceOf } from "../fused_step.ts";
import type { GraphNode } from "../graph.ts";
import { Line } from "./line.ts";
import { factsOf, MAX_WORK, SHORT_NODES } from "../work.ts";

/** Maps and whole sums of at most so many elements join even if they share nothing: a launch costs more than they do. */
export const TINY = 4096;

/** What joining depends on. */
export interface JoinOptions {
  /** Buffers one kernel may read, and may read and write. */
  readonly maxInputs: number;
  readonly maxBuffers: number;
  /** Nodes that have buffers. */
  readonly buffers: ReadonlySet<GraphNode>;
  /** Nodes that are in memory all the time: inputs of the program, and its results, for which nothing is planned. */
  readonly lasting: ReadonlySet<GraphNode>;
}

/** The product of sizes, and the sizes of neighbouring axes of one kind together: equal for spaces that fit. */
function fits(a: Space, b: Space): boolean {
  if (a.reduced.length === 0 || b.reduced.length === 0) return sizeOf(a.shape) === sizeOf(b.shape);
  return runsOf(a) === runsOf(b);
}

function runsOf({ shape, reduced }: Space): string {
  const runs: { size: number; kept: boolean }[] = [];
  shape.forEach((size, axis) => {
    const kept = !reduced.includes(axis);
    const last = runs.at(-1);
    if (size === 1) return;
    if (last?.kept === kept) last.size *= size;
    else runs.push({ size, kept });
  });
  return runs.map(({ size, kept }) => `${kept ? "k" : "r"}${size}`).join();
}

/** What repeats in a kernel of so many elements, such as one value per channel, stays in cache. */
const isLarge = (x: GraphNode, size: number): boolean => 2 * sizeOf(x.shape) > size;

/** Bytes that both read, or that one makes and the other reads. */
function sharedBytes(a: FusedStep, b: FusedStep, size: number): number {
  const ofA = new Set([...a.inputs, ...a.outputs]);
  return b.inputs.filter((x) => ofA.has(x) && isLarge(x, size)).reduce((sum, x) => sum + bytesOf(x), 0);
}

/** A kernel, and what is asked of it again and again. */
interface Candidate {
  readonly step: FusedStep;
  readonly space: Space;
  readonly size: number;
  readonly work: number;
  /** Nodes of its expressions. */
  readonly nodes: number;
  /** Guards make an emitter go element by element: such kernels stay alone, as do templates. */
  readonly alone: boolean;
}

/** As guarded: it stays alone. */
const TEMPLATE = { nodes: 0, work: 0, guarded: true } as const;

function candidate(step: FusedStep): Candidate {
  const space = spaceOf(step.outputs[0]!);
  const { nodes, work, guarded } = step.kernel.kind === "template" ? TEMPLATE : factsOf(step.kernel);
  return { step, space, size: sizeOf(space.shape), work, nodes, alone: guarded };
}

/** True for a map, or a reduction to one place, of few elements. */
function isTiny({ size, step: { kernel } }: Candidate): boolean {
  return size <= TINY && (kernel.kind === "map" || (kernel.kind === "reduce" && sizeOf(kernel.shape) === 1));
}

/** True if a launch less is worth it, whatever two kernels read. */
function areTiny(a: Candidate, b: Candidate): boolean {
  const { kind } = a.step.kernel;
  return isTiny(a) && isTiny(b) && kind === b.step.kernel.kind &&
    (kind === "map" || a.nodes + b.nodes <= SHORT_NODES);
}

/** True if it pays to join two kernels, and nothing that is seen at once forbids it. */
function isWorthJoining(a: Candidate, b: Candidate, options: JoinOptions, tiny: boolean): boolean {
  const { maxInputs, maxBuffers } = options;
  if (a.alone || b.alone || a.size !== b.size || a.size === 0 || !fits(a.space, b.space)) return false;
  if (a.work + b.work > MAX_WORK) return false;
  const inputs = new Set([...a.step.inputs, ...b.step.inputs]).size;
  // One may make what the other reads.
  if (inputs - a.step.outputs.length > maxInputs) return false;
  if (inputs + b.step.outputs.length > maxBuffers) return false;
  return tiny ? areTiny(a, b) : sharedBytes(a.step, b.step, a.size) > 0;
}

/** The kernel of the nodes of both, or null. */
function join(a: FusedStep, b: FusedStep, { maxInputs, maxBuffers, buffers }: JoinOptions): FusedStep | null {
  const nodes = [...a.outputs, ...b.outputs];
  const reductions = nodes.filter(({ lowering }) => lowering.kind === "reduction");
  // Axes of a reduction stay; among maps either shape may be one that the other's reads fit.
  const spaces = (reductions.length > 0 ? reductions : nodes).map(spaceOf);
  const distinct = [...new Map(spaces.map((space) => [`${space.shape}|${space.reduced}`, space])).values()];
  for (const space of distinct.slice(0, 4)) {
    try {
      const joined = kernelOf(nodes, (x) => buffers.has(x), space);
      const { inputs, outputs } = joined;
      const scratch = Number(joined.kernel.kind === "reduce");
      return inputs.length <= maxInputs && inputs.length + outputs.length + scratch <= maxBuffers ? joined : null;
    } catch (error) {
      if (error instanceof NotAtHand) return null;
      if (!(error instanceof NeedsBuffer)) throw error;
    }
  }
  return null;
}

/**
 * Joins kernels. One moves up to another if all that it reads is there by then; or the other moves down to it if
 * nobody reads its results in between. Kernels far apart join if they share memory, and temporaries that would live
 * longer for it are tiny: in which order a program was written then makes no difference.
 *
 * @param steps Kernels in the order of execution.
 * @param options What a device allows.
 * @returns Fewer kernels in an order in which inputs come first.
 */
export function sideBySide(steps: readonly FusedStep[], options: JoinOptions): readonly FusedStep[] {
  // What shares memory is together before tiny kernels take the buffers of one another.
  const sharing = joinAll(steps.map(candidate), options, false);
  return joinAll(sharing, options, true).map(({ step }) => step);
}

function joinAll(steps: readonly Candidate[], options: JoinOptions, tiny: boolean): readonly Candidate[] {
  const line = new Line<Candidate>();
  for (const next of steps) {
    if (next.alone || (tiny && !isTiny(next)) || !placeJoined(line, next, options, tiny)) line.push(next);
  }
  return line.all();
}

/** Joins a step that would come last to an earlier one, if it can be. */
function placeJoined(line: Line<Candidate>, last: Candidate, options: JoinOptions, tiny: boolean): boolean {
  const shared = last.step.inputs.filter((x) => isLarge(x, last.size));
  for (const { at, entry, isNear } of line.candidates(shared)) {
    if (!isWorthJoining(entry, last, options, tiny)) continue;
    const may = (x: readonly GraphNode[]) => isNear || x.every((node) => isFree(node, options));
    const up = line.mayMoveUp(last, at) && may(last.step.outputs);
    const down = !up && line.mayMoveDown(at) &&
      may(entry.step.inputs.filter((x) => !last.step.inputs.includes(x)));
    const joined = up || down ? join(entry.step, last.step, options) : null;
    if (!joined) continue;
    if (up) line.replace(at, candidate(joined));
    else {
      line.remove(at);
      line.push(candidate(joined));
    }
    return true;
  }
  return false;
}

/** True if it costs nothing to keep a node in memory for longer. */
function isFree(node: GraphNode, { lasting }: JoinOptions): boolean {
  return lasting.has(node) || sizeOf(node.shape) <= TINY;
}

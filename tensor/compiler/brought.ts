/** @file What entries bring to the compiler beside what every page loads, so that pages that do without stay small. */
import type { ScheduledProgram } from "./kernel.ts";
import type { FusedStep } from "./fused_step.ts";
import type { Graph, GraphNode, Outside, WideGraph } from "./graph.ts";
import type { Draft } from "./schedule/draft.ts";
import type { LaunchLimits } from "./schedule/gather.ts";
import type { ProductReruns } from "./schedule/reruns.ts";
import type { SharedRange } from "./schedule/exchange_ranges.ts";

/** How programs exchange values with other processes: `exchange_step.ts` and what plans them. */
export interface ExchangeParts {
  exchangeGroups(nodes: readonly GraphNode[]): ReadonlyMap<GraphNode, readonly GraphNode[]>;
  exchangeStep(group: readonly GraphNode[]): FusedStep;
  soonest(
    nodes: readonly GraphNode[],
    groups: ReadonlyMap<GraphNode, readonly GraphNode[]>,
  ): readonly GraphNode[];
  sharedRanges(
    draft: Draft,
    before: ReadonlyMap<number, number>,
    round: (bytes: number) => number,
  ): readonly SharedRange[];
  exchangeWaits(schedule: Pick<ScheduledProgram, "steps">): ReadonlyMap<number, readonly number[]>;
}

/** What may be brought. */
export interface CompilerParts {
  /** Rewrites graphs of narrow dtypes. */
  readonly widen: (graph: Graph, outside: Outside) => WideGraph;
  /** Plans exchanges. */
  readonly exchanges: ExchangeParts;
  /** Makes values again where most memory is in use; programs compute without, in more memory. */
  readonly recompute: (draft: Draft, products?: ProductReruns) => Draft;
  /** Gathers what can share a launch; programs compute without, in more launches. */
  readonly gather: (draft: Draft, limits: LaunchLimits) => Draft;
}

/** What entries have brought. */
const brought: { parts: Partial<CompilerParts> } = { parts: {} };

/** Brings parts; called by the entry whose loading it belongs to. */
export function bringToCompiler(parts: Partial<CompilerParts>): void {
  brought.parts = { ...brought.parts, ...parts };
}

/**
 * A part that a program needs.
 *
 * @param name Of the part.
 * @param work What needs it, for the error.
 * @returns The part.
 * @throws {TypeError} If no entry has brought it.
 */
export function broughtPart<K extends keyof CompilerParts>(name: K, work: string): CompilerParts[K] {
  return brought.parts[name] as CompilerParts[K] | undefined ?? missing(work);
}

/** A program that needs less memory, if an entry has brought what makes values again. */
export function leaner(draft: Draft, products?: ProductReruns): Draft {
  return brought.parts.recompute?.(draft, products) ?? draft;
}

/** A program in fewer launches, if an entry has brought what gathers them. */
export function gathered(draft: Draft, limits: LaunchLimits): Draft {
  return brought.parts.gather?.(draft, limits) ?? draft;
}

/** What plans exchanges, where a program has some. */
export function exchangeParts(some: boolean): ExchangeParts | null {
  return some ? broughtPart("exchanges", "exchange values with other processes") : null;
}

/** Refuses what the entry that is loaded leaves out. */
export function missing(work: string): never {
  throw new TypeError(
    `Cannot ${work} as it must be loaded: current entry is core; import @tessera/tessera/tensor`,
  );
}

/** @file Ways to take a step, and what was measured of them: what both sides of `ranks:speed` know. */
/** How two ranks take a step. */
export interface Way {
  /** False: each by itself, side by side. */
  readonly together: boolean;
  /** Whether gradients are summed while others are computed. */
  readonly overlap: boolean;
  /** Whether batch norm takes its statistics over the images of both. */
  readonly syncBn: boolean;
}

/** All of them; the first is what the others are compared with. */
export const WAYS: readonly Way[] = [
  { together: false, overlap: false, syncBn: false },
  ...[false, true].flatMap((syncBn) => [true, false].map((overlap) => ({ together: true, overlap, syncBn }))),
];

/** One step of both ranks. */
export interface SideResult {
  readonly way: Way;
  /** Of each rank. */
  readonly seconds: readonly number[];
  /** That each rank has sent. */
  readonly bytes: readonly number[];
  /** Seconds for which each rank waited for sums of gradients. */
  readonly waitedForSums: readonly number[];
  /** How many small exchanges there were: moments of batch norm. */
  readonly small: number;
  /** Seconds for which each rank waited in them. */
  readonly waitedForSmall: readonly number[];
  /** Seconds that the same small exchanges take on each, one right after the other. */
  readonly backToBack: readonly number[];
}

/** Options of a rank, besides those of every step. */
export const RANK_OPTIONS = {
  batchSize: { kind: "whole", least: 1, help: "images of each rank", default: 4 },
  steps: { kind: "whole", least: 1, help: "steps that are timed, after one that warms up", default: 3 },
  bucketMb: {
    kind: "number",
    above: 0,
    help: "MiB of gradients that are summed together where sums overlap",
    default: 25,
  },
  deadline: { kind: "number", above: 0, help: "seconds after which a rank is given up", default: 60 },
} as const;

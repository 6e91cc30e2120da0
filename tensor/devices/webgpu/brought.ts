/** @file What entries bring to webgpu devices beside what every page loads, so that pages that do without stay small. */
import { missing } from "../../compiler/brought.ts";
import type { ScheduledProgram } from "../../compiler/kernel.ts";
import type { ConvolutionTexts } from "../../compiler/kernel_text.ts";
import type { emitFinishedWgsl } from "./emit/finish.ts";
import type { BoundPass, JoinLimits } from "./emit/join_passes.ts";
import type { Staged } from "./runtime/exchange.ts";
import type { Launches } from "./runtime/launch.ts";
import type { Pipelines } from "./runtime/pipelines.ts";
import type { Queue } from "./runtime/queue.ts";
import type { TellTime } from "./runtime/timed_launches.ts";

/** What may be brought. */
export interface WebgpuParts {
  /** Winograd's method, and windows of single channels: convolutions are computed directly without. */
  readonly convolutions: ConvolutionTexts;
  /** Times launches, where an engine can. */
  readonly times: {
    requireTimes(gpu: GPUDevice): void;
    runTimed(queue: Queue, pipelines: Pipelines, launches: Launches, tell: TellTime): Promise<void>;
  };
  /** Keeps activations in float16. */
  readonly half: {
    requireHalf(gpu: GPUDevice): Promise<void>;
    chooseHalf(schedule: ScheduledProgram): ScheduledProgram;
  };
  /** Queues exchanges with other processes. */
  readonly exchangeQueue: (queue: Queue) => (staged: Staged) => () => void;
  /** Writes reductions that end in maps. */
  readonly emitFinishedWgsl: typeof emitFinishedWgsl;
  /** Puts passes that depend on none of each other into fewer launches. */
  readonly joinPasses: (passes: readonly BoundPass[], limits: JoinLimits) => readonly BoundPass[];
}

/** What entries have brought. */
const brought: { parts: Partial<WebgpuParts> } = { parts: {} };

/** Brings parts; called by the entry whose loading it belongs to. */
export function bringToWebgpu(parts: Partial<WebgpuParts>): void {
  brought.parts = { ...brought.parts, ...parts };
}

/** What computes convolutions faster, if an entry has brought it. */
export function fasterConvolutions(): ConvolutionTexts | undefined {
  return brought.parts.convolutions;
}

/**
 * A part that a device needs.
 *
 * @param name Of the part.
 * @param work What needs it, for the error.
 * @returns The part.
 * @throws {TypeError} If no entry has brought it.
 */
export function webgpuPart<K extends keyof WebgpuParts>(name: K, work: string): WebgpuParts[K] {
  return brought.parts[name] as WebgpuParts[K] | undefined ?? missing(work);
}

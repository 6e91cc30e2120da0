import type { Draft } from "./draft.ts";
import { finishReductions } from "./finish_reductions.ts";
import { takeTurns } from "./take_turns.ts";

/** Limits of a device that shape the launches. */
export interface LaunchLimits {
  /** Buffers one kernel may read and write, scratch included. */
  readonly maxBuffers: number;
  /** True if templates of the device compute operands by maps, and templates and reductions finish results by maps. */
  readonly joins?: boolean;
  /** Set if steps that depend on none of each other run in one launch: bytes that each may keep in memory for it. */
  readonly turnBytes?: number;
  /** Programs of fewer steps launch each by itself. */
  readonly turnSteps?: number;
}

/**
 * Puts what can share a launch together, if the device runs it so.
 *
 * @param draft The program.
 * @param limits Of the device.
 * @returns The program, its reductions finished by maps, its steps in turns.
 */
export function gather(draft: Draft, limits: LaunchLimits): Draft {
  const { joins, turnBytes, turnSteps = 0 } = limits;
  if (turnBytes === undefined || draft.steps.length < turnSteps) return draft;
  return takeTurns(joins ? finishReductions(draft, limits) : draft, turnBytes);
}

/** @file What is assumed of GPUs, and of processors that stand in for them, wherever work is cut. */
import type { WgslLimits } from "../../compiler/kernel_text.ts";

/** Invocations that fill a GPU: sums are cut into slabs until there are as many. */
const FULL_GPU = 1 << 14;

/**
 * Invocations that fill a device.
 *
 * @param limits Traits of the device.
 * @param processor How many fill a processor: more where each does little.
 * @returns The number to aim at.
 */
export function fullInvocations({ software }: WgslLimits, processor: number): number {
  return software ? processor : FULL_GPU;
}

/**
 * Turns that the loops of an invocation take at the most, together: work that takes more is cut. Mesa's software adapters
 * leave every loop of a shader once all have taken 65,535, without a word; GPUs end a shader that runs for too long. Sums are
 * cut alike on every device, as their bits depend on it.
 */
export const MAX_TURNS: number = 1 << 15;

/** The same of work whose bits do not depend on where it is cut: every cut is one more launch. */
export function turnsOf({ software }: WgslLimits): number {
  return software ? MAX_TURNS : 2_000_000;
}

/** Bound of the partial results of all slabs, in elements. */
export const MAX_PARTIALS: number = 1 << 22;

/** Bytes of transformed tiles at most, so that they stay in the caches: larger batches are cut. */
export const MAX_TILE_BYTES: number = 32 * 2 ** 20;

/** Bytes that every device lets a pass bind at once. */
const PORTABLE_BYTES = 128 * 2 ** 20;

/** True if a device lets a pass bind so much scratch. */
export function fitsBinding(bytes: number, { maxBindingBytes = PORTABLE_BYTES }: WgslLimits): boolean {
  return bytes <= maxBindingBytes;
}

/** Apple's GPUs keep what neighbours share in their caches; by name, and by its PCI number. */
const APPLE: readonly string[] = ["apple", "4203"];

/** True on Apple's GPUs. */
export function isApple({ vendor = "" }: WgslLimits): boolean {
  return APPLE.includes(vendor);
}

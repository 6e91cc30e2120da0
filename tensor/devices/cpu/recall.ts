/** @file Finds programs that an earlier process has planned, so that a second start only traces. */
import type { Asked, Loaded, Made } from "../../compiler/compiling_device.ts";
import type { FusionLimits } from "../../compiler/fuse.ts";
import { writeConstants } from "../../compiler/schedule/write_constants.ts";
import { textOf } from "../../text_of.ts";
import { graphContent } from "./graph_content.ts";
import { keptProgram, programOfKept } from "./kept_program.ts";
import { isOwnForm } from "./kernels/template.ts";
import type { LoadOptions, Program } from "./program.ts";
import type { Core } from "./runtime/core.ts";
import type { Source } from "./variants.ts";

/** A program that is ready on a cpu device. */
export interface CpuLoaded extends Loaded {
  /** What it runs for operands that the first memory holds; `null` if it is for operands wherever they lie. */
  readonly plain: Program | null;
}

/** All that a program follows from besides its graph, and the source of this library. */
interface Choices extends LoadOptions {
  readonly limits: FusionLimits;
  /** Nodes of the graphs whose programs are kept, at least. */
  readonly keptNodes: number;
}

/**
 * Finds a program by its content, or has it made and keeps it.
 *
 * @param core Of the device.
 * @param asked The program.
 * @param choices Of the device.
 * @param load Makes it ready.
 * @returns The program. Where nothing is kept, or launches are listened to, it is made anew.
 */
export function recall(
  core: Core,
  asked: Asked<CpuLoaded>,
  choices: Choices,
  load: (source: Source) => CpuLoaded,
): Made<CpuLoaded> {
  const { store } = core;
  const content = store?.find ? contentOf(core, asked, choices) : null;
  if (content === null) return asked.make();
  const kept = store?.find?.(content);
  if (kept) {
    const { program, flops } = programOfKept(kept, () => core.shared.programs++);
    return { loaded: load({ schedule: () => writeConstants(asked.schedule()), plain: program }), flops };
  }
  const made = asked.make();
  const written = made.loaded.plain && keptProgram(made.loaded.plain, made.flops);
  if (written) store?.keep?.(content, written);
  return made;
}

/** What a program follows from, as text; `null` of those that are not kept. */
function contentOf(
  { relaxed }: Core,
  { graph, donated }: Asked,
  { winograd, tiles, limits, onLaunch, keptNodes }: Choices,
): string | null {
  if (onLaunch || graph.nodes.length < keptNodes) return null; // listeners are told of each pass by itself
  const content = graphContent(graph, donated, isOwnForm);
  return content && `program ${relaxed} ${winograd} ${tiles()} ${textOf(limits)}\n${content}`;
}

/** @file Programs in two forms: for operands that the first memory holds, and for operands wherever they lie. */
import type { ProgramValues, ScheduledProgram } from "../../compiler/kernel.ts";
import { bytesOf } from "../../compiler/schedule/draft.ts";
import { DeviceError } from "../../errors.ts";
import { type LoadOptions, prepare, type Program } from "./program.ts";
import type { Core } from "./runtime/core.ts";
import { stage } from "./staging.ts";
import type { StepKernels } from "./step_kernel.ts";

/** One form of a program. */
export interface Variant {
  readonly program: Program;
  /** Temporaries that lie in the place of an input or result where kernels reach that. */
  readonly standsFor: ReadonlyMap<number, number>;
}

/** Both forms of a program. */
export interface Variants {
  /** The one to expect, which is ready. */
  readonly usual: Variant;
  /** The one for operands wherever they lie. */
  readonly staged: () => Variant;
}

/** Bytes of the first memory that a program needs whatever its operands are. */
export function nearNeeds({ engine }: Pick<Core, "engine">, { arenaBytes, localBytes }: Program): {
  readonly arena: number;
  readonly scratch: number;
} {
  return { arena: arenaBytes, scratch: localBytes * engine.threads };
}

/** Bytes of the inputs and results; what takes the place of an input is counted once. */
export function lastingBytes({ values, aliases }: ProgramValues): number {
  return values.filter(({ role }, value) => role !== "temporary" && !aliases.has(value))
    .reduce((sum, value) => sum + bytesOf(value), 0);
}

/** A program, and how it is made. */
export interface Source {
  readonly schedule: () => ScheduledProgram;
  /** For operands that the first memory holds, if it was made before. */
  readonly plain?: Program;
}

/**
 * Prepares a program in the form in which it will run, and the other when it is asked for.
 *
 * @param core Of the device.
 * @param source The program.
 * @param options Of the device.
 * @returns The forms. Threads forget them when they are collected.
 * @throws {DeviceError} If the first memory cannot hold what lies there in any case.
 */
export function variantsOf(core: Core, { schedule, plain }: Source, options: LoadOptions): Variants {
  const { heap, engine, collectedPrograms } = core;
  const kernels: StepKernels = new Map();
  const kept: { staged?: Variant } = {};
  const ready = (variant: Variant): Variant => {
    engine.load(variant.program.image());
    variant.program.lists.forEach((number) => collectedPrograms.register(kept, number));
    return variant;
  };
  const staged = () => {
    if (kept.staged) return kept.staged;
    const { schedule: whole, standsFor } = stage(schedule());
    const program = prepare(core, whole, options, kernels);
    refuseLarge(core, program);
    return kept.staged = ready({ program, standsFor });
  };
  const program = plain ?? prepare(core, schedule(), options, kernels);
  const { arena, scratch } = nearNeeds(core, program);
  const isLarge = lastingBytes(program.values) + arena + scratch > heap.nearBytes && heap.maxBytes > heap.nearBytes;
  return { usual: isLarge ? staged() : ready({ program, standsFor: new Map() }), staged };
}

/** Throws if the first memory cannot hold what a program needs there. */
function refuseLarge(core: Core, program: Program): void {
  const { arena, scratch } = nearNeeds(core, program);
  const { nearBytes } = core.heap;
  if (arena + scratch <= nearBytes) return;
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw new DeviceError(
    "cpu",
    `Cannot plan a program on cpu as what it computes on its way must fit into ${mib(nearBytes)}: current plan takes ` +
      `${mib(arena + scratch)} for that`,
  );
}

/** @file Programs as they are kept beyond a process: all that running them takes, so that they need not be planned again. */
import type { ProgramValues } from "../../compiler/kernel.ts";
import { hasExchange, imageOf, listsOf, type Numbered, numbered } from "./image.ts";
import type { Program } from "./program.ts";
import { type Kept, kernelOf } from "./runtime/assemble.ts";

/** A program as JSON takes it. */
interface KeptProgram extends Pick<Program, "launches" | "arenaBytes" | "localBytes"> {
  readonly values: Record<keyof ProgramValues, unknown>;
  readonly image: Numbered;
  /** Operations of one run. */
  readonly flops: number;
}

/**
 * Writes a program down.
 *
 * @param program It is assembled, if that was not done before.
 * @param flops Operations of one run.
 * @returns What is to be kept; `null` of programs with exchanges, whose processes are values of this one.
 */
export function keptProgram(program: Program, flops: number): Kept | null {
  const { launches, arenaBytes, localBytes } = program;
  const { values, inputs, outputs, aliases, spent, narrow = new Map() } = program.values;
  const image = program.image();
  if (hasExchange(image)) return null;
  const numbers = new Map<Uint8Array<ArrayBuffer>, number>();
  const numberOf = (module: Uint8Array<ArrayBuffer>) => {
    if (!numbers.has(module)) numbers.set(module, numbers.size);
    return numbers.get(module)!;
  };
  const data: KeptProgram = {
    ...{ launches, arenaBytes, localBytes, flops, image: numbered(image, ({ binary }) => numberOf(binary)) },
    values: { values, inputs, outputs, aliases: [...aliases], spent: [...spent], narrow: [...narrow] },
  };
  return { modules: [...numbers.keys()], data };
}

/**
 * Reads what `keptProgram` has written.
 *
 * @param kept That, from this process or an earlier one.
 * @param nextList A number by which threads know a list of launches, another one at each call.
 * @returns The program, and the operations of one run.
 */
export function programOfKept(
  kept: Kept,
  nextList: () => number,
): { readonly program: Program; readonly flops: number } {
  const { values, image: text, flops, ...sizes } = kept.data as KeptProgram;
  const { aliases, spent, narrow } = values as { readonly [name: string]: Iterable<never> };
  const kernels = kept.modules.map(kernelOf);
  const image = imageOf(text, (number) => kernels[number]!, nextList);
  const program: Program = {
    ...sizes,
    values: {
      ...values as unknown as ProgramValues,
      aliases: new Map(aliases),
      spent: new Set(spent),
      narrow: new Map(narrow),
    },
    places: image,
    lists: listsOf(image).map(({ number }) => number),
    image: () => image,
  };
  return { program, flops };
}

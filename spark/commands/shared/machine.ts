import type { RunMachine } from "../../train/devices.ts";
import { printError } from "../cli/print.ts";

/**
 * What a computation may use of the machine.
 *
 * @param given Options of the command line.
 * @returns The part of them that devices are opened with.
 */
export function machineOf(
  { threads, fast, noKernelCache = false }: {
    readonly threads?: number | undefined;
    readonly fast?: boolean | undefined;
    readonly noKernelCache?: boolean | undefined;
  },
): RunMachine {
  return { threads, fast, keepsKernels: !noKernelCache, say: printError };
}

import type { Device } from "../../tensor/mod.ts";
import { compareDevices, compareGradients } from "./compare.ts";
import { drawProgram } from "./generate.ts";
import { textOf } from "./program.ts";
import { type Fails, shrink } from "./shrink.ts";

/**
 * Checks the program of a seed: every third one against differences, all on the devices.
 *
 * @param seed Which program.
 * @param devices Where to run it, beside the reference.
 * @returns The smallest program found that fails, with what differs; `null` if all agree.
 */
export async function checkSeed(seed: number, devices: readonly Device[]): Promise<string | null> {
  const differentiable = seed % 3 === 0;
  const checks: readonly Fails[] = [
    ...devices.map((device): Fails => (program) => compareDevices(program, device)),
    ...(differentiable ? [compareGradients] : []),
  ];
  for (const [i, fails] of checks.entries()) {
    const nonFinite = !differentiable && seed % 3 === 1 && devices[i]?.name !== "webgpu";
    const program = drawProgram(seed, { nonFinite, differentiable });
    if (!await fails(program)) continue;
    const small = await shrink(program, fails);
    return `program ${seed} on ${devices[i]?.name ?? "reference"}: ${await fails(small)}\n${textOf(small)}`;
  }
  return null;
}

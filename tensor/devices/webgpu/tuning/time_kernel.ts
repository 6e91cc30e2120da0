/** @file Runs one kernel by itself, to time it and to compare what it computes. */
import { sizeOf, type TensorSpec } from "../../../spec.ts";
import { bytesOf } from "../../../compiler/schedule/draft.ts";
import { type Block, releaseBlock, takeBlock } from "../runtime/blocks.ts";
import { type Core, requireAlive } from "../runtime/core.ts";
import { bindSlot, makeLaunches } from "../runtime/launch.ts";
import type { Shader } from "../emit/shader.ts";
import { runTimed } from "../runtime/timed_launches.ts";
import { readBlock, writeBlock } from "../runtime/transfers.ts";

/** Memory for all that a kernel reads and writes. */
export interface Bench {
  readonly specs: readonly TensorSpec[];
  readonly blocks: readonly Block[];
}

/** Numbers that are the same at every call: floats between -1 and 1, integers that are indices of few rows. */
function fillingOf({ shape, dtype }: TensorSpec, rows: number): Float32Array | Int32Array | Uint32Array {
  const size = sizeOf(shape);
  if (dtype === "int32") return Int32Array.from({ length: size }, (_, i) => i * 7 % rows);
  if (dtype !== "float32") return new Uint32Array(size);
  const values = new Float32Array(size);
  let state = 1; // of the generator of Park and Miller
  for (let i = 0; i < size; i++) {
    state = state * 16807 % 2147483647;
    values[i] = state / 1073741824 - 1;
  }
  return values;
}

/** Takes memory for a kernel and fills what it reads; the last spec is what it writes. */
export function openBench(core: Core, specs: readonly TensorSpec[]): Bench {
  const rows = Math.max(1, specs[0]!.shape[0] ?? 1);
  const blocks = specs.map((spec, i) => {
    const block = takeBlock(core.pool, spec);
    if (i < specs.length - 1) writeBlock(core, block, fillingOf(spec, rows), spec);
    return block;
  });
  return { specs, blocks };
}

/** Gives the memory back. */
export function closeBench(core: Core, { blocks }: Bench): void {
  blocks.forEach((block) => releaseBlock(core.pool, block));
}

/** What is timed. */
export interface Timed {
  readonly shaders: readonly Shader[];
  readonly scratchBytes: number;
}

/** Milliseconds of the fastest of some runs, after one that warms up. Runs that are far above `enough` end the trial. */
export async function timeKernel(
  core: Core,
  { shaders, scratchBytes }: Timed,
  bench: Bench,
  { repeats, enough = Infinity }: { readonly repeats: number; readonly enough?: number },
): Promise<number> {
  const scratch = takeBlock(core.pool, { shape: [Math.ceil(Math.max(scratchBytes, 4) / 4)], dtype: "float32" });
  const blocks = [...bench.blocks, scratch];
  const slots = [...blocks.keys()];
  const launches = makeLaunches(shaders.map((pass) => ({ pass, slots, inPlace: false })));
  const sizes = [...bench.specs.map(bytesOf), scratchBytes];
  blocks.forEach(({ buffer }, slot) => {
    bindSlot(launches, slot, { buffer, offset: 0, size: Math.max(16, Math.ceil(sizes[slot]! / 16) * 16) });
  });
  let best = Infinity;
  for (let i = 0; i <= repeats && (i < 2 || best < 2 * enough); i++) {
    const sum = { milliseconds: 0 };
    await runTimed(
      core.queue,
      core.pipelines,
      launches,
      (_, __, milliseconds) => void (sum.milliseconds += milliseconds),
    );
    if (i > 0) best = Math.min(best, sum.milliseconds);
  }
  releaseBlock(core.pool, scratch);
  requireAlive(core);
  return best;
}

/** What the last run of a kernel wrote. */
export async function resultOf(core: Core, { specs, blocks }: Bench): Promise<ArrayLike<number>> {
  return await readBlock(core, blocks.at(-1)!, specs.at(-1)!);
}

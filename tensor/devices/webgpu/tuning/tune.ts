/** @file Finds the fastest tiles for kernels by timing them. */
import { templateWgsl } from "../kernels/template.ts";
import type { TemplateKernel } from "../../../compiler/kernel.ts";
import type { TileVariant, WgslLimits } from "../../../compiler/kernel_text.ts";
import { shaderOf } from "../emit/shader.ts";
import type { Core } from "../runtime/core.ts";
import { classCandidates } from "./class_candidates.ts";
import { type Bench, closeBench, openBench, resultOf, type Timed, timeKernel } from "./time_kernel.ts";

/** What tuning found for one class of shape. */
export interface TuningResult {
  /** Name of the class. */
  readonly name: string;
  /** Name of the primitive that was timed. */
  readonly kernel: string;
  /** The fastest tiles; null if the default is the fastest. */
  readonly tile: TileVariant | null;
  /** Time of the default. */
  readonly defaultMilliseconds: number;
  /** Time of the fastest. */
  readonly milliseconds: number;
  /** Tiles that there was no time for. */
  readonly untried: number;
}

/** What is told of tuning, and when it ends. */
export interface TuningRun {
  /** Told each result. */
  readonly tell: (result: TuningResult) => void;
  /** True once no other tile is to be tried. */
  readonly isOver: () => boolean;
}

/** What tuning found. */
export interface Tuning {
  /** Of each class, in order. */
  readonly results: readonly TuningResult[];
  /** Names of the classes that there was no time for. */
  readonly left: readonly string[];
}

/** Times that differ by less are as good as equal: the default stays. */
const GAIN = 0.95;
/** Largest difference of results, relative to the largest result: other orders of addition, nothing else. */
const TOLERANCE = 1e-4;
const REPEATS = 3;

/**
 * Names the classes of shape for which a kernel asks a table.
 *
 * @param kernel The kernel.
 * @param limits Of the device.
 * @returns Names, each once; none for kernels that are not cut into tiles.
 */
export function classesOf(kernel: TemplateKernel, limits: WgslLimits): readonly string[] {
  const asked = new Set<string>();
  // A table that holds nothing and notes what it is asked for.
  const tiles = new Proxy<Record<string, TileVariant>>({}, {
    get(_, name) {
      asked.add(String(name));
      return undefined;
    },
  });
  templateWgsl(kernel, { ...limits, tiles });
  return [...asked];
}

/**
 * Times the tiles that a device allows, for each class of shape that kernels ask for; every candidate is checked against
 * the default before it counts.
 *
 * @param core A device that times launches.
 * @param kernels The kernels, the one that takes most of the time of its class first.
 * @param run What is told, and when it ends.
 * @returns The results, in order, and what is left.
 */
export async function tuneTiles(core: Core, kernels: readonly TemplateKernel[], run: TuningRun): Promise<Tuning> {
  const classes = new Map<string, TemplateKernel>();
  for (const kernel of kernels) {
    for (const name of classesOf(kernel, core.limits)) if (!classes.has(name)) classes.set(name, kernel);
  }
  const results: TuningResult[] = [];
  for (const [name, kernel] of classes) {
    if (run.isOver()) break;
    const bench = openBench(core, kernel.specs);
    const result = await tuneClass(core, { kernel, name, bench }, run.isOver);
    closeBench(core, bench);
    results.push(result);
    run.tell(result);
  }
  return { results, left: [...classes.keys()].slice(results.length) };
}

/** A class of shape, and the kernel that is timed for it. */
interface Trial {
  readonly name: string;
  readonly kernel: TemplateKernel;
  readonly bench: Bench;
}

async function tuneClass(core: Core, { name, kernel, bench }: Trial, isOver: () => boolean): Promise<TuningResult> {
  const { limits } = core;
  const timed = (tiles: Readonly<Record<string, TileVariant>>): Timed => {
    const { passes, scratchBytes } = templateWgsl(kernel, { ...limits, tiles });
    return { shaders: passes.map((pass) => shaderOf(pass)), scratchBytes };
  };
  const plain = timed({});
  const defaultMilliseconds = await timeKernel(core, plain, bench, { repeats: REPEATS });
  const expected = await resultOf(core, bench);
  const tried = new Set([JSON.stringify(plain)]);
  let best: { tile: TileVariant | null; milliseconds: number } = { tile: null, milliseconds: defaultMilliseconds };
  let untried = 0;
  for (const tile of classCandidates(limits, name)) {
    const cut = timed({ [name]: tile });
    if (tried.has(JSON.stringify(cut))) continue; // the tile does not fit this shape, or is one that was timed
    tried.add(JSON.stringify(cut));
    if (isOver()) {
      untried++;
      continue;
    }
    const milliseconds = await timeKernel(core, cut, bench, { repeats: REPEATS, enough: best.milliseconds });
    const bound = best.tile ? best.milliseconds : GAIN * best.milliseconds;
    if (milliseconds < bound && agree(await resultOf(core, bench), expected)) best = { tile, milliseconds };
  }
  return { name, kernel: kernel.name, defaultMilliseconds, ...best, untried };
}

/** True if results differ by rounding at most. */
function agree(actual: ArrayLike<number>, expected: ArrayLike<number>): boolean {
  let [largest, difference] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    const distance = Math.abs(actual[i]! - expected[i]!);
    if (!(distance <= difference)) difference = distance; // NaN stays
  }
  return difference <= TOLERANCE * largest;
}

/** @file One side of the comparison: a process that computes what it is asked for, by lines of JSON. */
import { samplePositions } from "../definitions.ts";
import { inputsOf, numbers, scaleOf, type Work } from "./work.ts";

/** What is asked. */
export type Request =
  /** Makes the inputs, computes once, and answers with elements of the result. */
  | { readonly action: "prepare"; readonly work: Work }
  /** Computes `repeats` times and answers with the milliseconds until the last was done. */
  | { readonly action: "time"; readonly repeats: number };

/** What is answered. */
export interface Answer {
  /** Elements of the result at `samplePositions`, in the layout of `work.ts`. */
  readonly samples?: readonly number[];
  readonly length?: number;
  readonly milliseconds?: number;
  /** Commands handed to the GPU in one run. */
  readonly submits?: number;
  /** Buffers mapped for reading in one run, before the run is waited for. */
  readonly readings?: number;
  /** Why it cannot be done. */
  readonly error?: string;
}

/** An input in the layout of `work.ts`. */
export interface Input {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** A prepared work. */
export interface Program {
  /** Queues one computation. */
  run(): void;
  /** Waits for all that is queued. */
  wait(): Promise<void>;
  /** Computes once and reads the result, in the layout of `work.ts`. */
  result(): Promise<Float32Array>;
  /** Gives memory back. */
  drop(): void;
}

/** A library. */
export type Side = (work: Work, inputs: Readonly<Record<string, Input>>) => Program | Promise<Program>;

/** Moves axes of a row-major array: axis i of the result is axis `axes[i]` of the input. */
export function moveAxes({ shape, data }: Input, axes: readonly number[]): Input {
  const moved = axes.map((axis) => shape[axis]!);
  const strides = axes.map((axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const result = new Float32Array(data.length);
  const index = axes.map(() => 0);
  let from = 0;
  for (let at = 0; at < result.length; at++) {
    result[at] = data[from]!;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < moved[axis]!) break;
      from -= strides[axis]! * moved[axis]!;
      index[axis] = 0;
    }
  }
  return { shape: moved, data: result };
}

/** What the WebGPU devices of this process did. */
interface Counter {
  submits: number;
  readings: number;
}

/** Counts submits and mappings of every WebGPU device of this process. */
function countGpuWork(): Counter {
  const counter = { submits: 0, readings: 0 };
  if (typeof GPUQueue === "undefined") return counter;
  const mapAsync = GPUBuffer.prototype.mapAsync;
  GPUBuffer.prototype.mapAsync = function (...given) {
    counter.readings++;
    return mapAsync.apply(this, given);
  };
  const submit = GPUQueue.prototype.submit;
  GPUQueue.prototype.submit = function (commands) {
    counter.submits++;
    return submit.call(this, commands);
  };
  return counter;
}

async function answer(
  side: Side,
  request: Request,
  state: { program?: Program },
  counter: Counter,
): Promise<Answer> {
  if (request.action === "prepare") {
    state.program?.drop();
    const entries = Object.entries(inputsOf(request.work)).map(([name, shape], seed) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return [name, { shape, data: numbers(length, seed, scaleOf(request.work, name)) }] as const;
    });
    state.program = await side(request.work, Object.fromEntries(entries));
    const result = await state.program.result();
    return { samples: samplePositions(result.length).map((at) => result[at]!), length: result.length };
  }
  const { run, wait } = state.program!;
  const [from, before] = [performance.now(), { ...counter }];
  for (let i = 0; i < request.repeats; i++) run();
  const queued = { ...counter };
  await wait();
  return {
    milliseconds: performance.now() - from,
    submits: (counter.submits - before.submits) / request.repeats,
    readings: (queued.readings - before.readings) / request.repeats,
  };
}

/** Answers requests until the input ends. */
export async function serve(side: Side): Promise<never> {
  const counter = countGpuWork();
  const state: { program?: Program } = {};
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const reply = await answer(side, JSON.parse(line), state, counter).catch((error): Answer => ({
        error: `${error}`,
      }));
      await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(reply)}\n`));
    }
  }
  Deno.exit(0);
}

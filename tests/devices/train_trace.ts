/** @file Some training steps on a device, as numbers that can be compared with those of another. */
import { type Device, jit, random, type Tensor, treeFlatten } from "../../tensor/mod.ts";
import { type Model, namesOf } from "../../nn/mod.ts";
import { init, pretrainOptimizer, type TrainState, trainStep } from "../../spark/mod.ts";

/** What to train. */
export interface TraceOptions {
  readonly size: number;
  readonly batchSize: number;
  readonly decoderWidth: number;
  readonly steps: number;
}

/** What a run computed. */
export interface TrainTrace {
  /** Of each step. */
  readonly losses: readonly number[];
  /** Norm of the gradient of each step. */
  readonly gradientNorms: readonly number[];
  /** Values of the state after the last step, by name. */
  readonly state: ReadonlyMap<string, Float32Array>;
  /** SHA-256 of losses, norms and state. */
  readonly digest: string;
  /** Submits, launches and readings of a step, and planned bytes; null on devices that do not count. */
  readonly work: string | null;
}

/**
 * Trains on one batch of random images, with nothing read before the end.
 *
 * @param model The model.
 * @param device Where to compute.
 * @param options Sizes and number of steps.
 * @returns What was computed.
 */
export async function trainTrace(model: Model, device: Device, options: TraceOptions): Promise<TrainTrace> {
  const { size, batchSize, decoderWidth, steps } = options;
  const optimizer = pretrainOptimizer({ learningRate: 1e-4, b2: model.recipe.beta2 });
  const inner = trainStep(model, optimizer);
  const step = jit((train: TrainState, images: Tensor) => inner(train, { images }), { donate: [0], device });
  let train = init(model, optimizer, random.key(0), { inputSize: [size, size], decoderWidth });
  const images = random.normal(random.key(1), [batchSize, size, size, 3]);
  const { plannedBytes } = step.stats(train, images);
  const [losses, norms]: [Tensor[], Tensor[]] = [[], []];
  let before = device.counters?.();
  for (let i = 0; i < steps; i++) {
    const out = step(train, images);
    train = out.train;
    losses.push(out.loss);
    norms.push(out.gradientNorm);
    if (i === 0) before = device.counters?.(); // the first compiles
  }
  const after = device.counters?.();
  const each = (name: "submits" | "launches" | "readBacks") =>
    ((after![name] - before![name]) / (steps - 1)).toFixed(1);
  const work = after
    ? `${each("submits")} submits, ${each("launches")} launches, ${
      each("readBacks")
    } readings; ${plannedBytes} bytes planned`
    : null;
  const read = async (tensors: readonly Tensor[]) => {
    const values: (ArrayLike<number> & ArrayBufferView)[] = [];
    for (const x of tensors) values.push(await x.data({ device }));
    return values;
  };
  const values = await read([...losses, ...norms, ...treeFlatten(train).leaves as readonly Tensor[]]);
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(values as unknown as BlobPart[]).arrayBuffer());
  const numbers = (from: number) => values.slice(from, from + steps).map((each) => each[0]!);
  const state = new Map(namesOf(train).map((name, i) => [name, Float32Array.from(values[2 * steps + i]!)]));
  return { losses: numbers(0), gradientNorms: numbers(steps), state, digest: new Uint8Array(digest).toHex(), work };
}

/** A difference and how large it may be. */
export interface TraceRow {
  readonly quantity: string;
  readonly error: number;
  readonly tolerance: number;
}

/**
 * Compares two runs. Tolerances are those of float32 sums in another order that go through some steps of LAMB: its first
 * updates depend on the signs of gradients, so that weights move apart faster than losses do.
 *
 * @param a One run.
 * @param b The other.
 * @returns Relative differences: of losses and gradient norms the largest, of weights and running statistics the norm of
 * the difference over the norm.
 */
export function compareTraces(a: TrainTrace, b: TrainTrace): readonly TraceRow[] {
  const largest = (x: readonly number[], y: readonly number[]) =>
    Math.max(...x.map((value, i) => Math.abs(value - y[i]!) / Math.abs(y[i]!)));
  const over = (prefix: string) => {
    const sums = [...a.state].filter(([name]) => name.startsWith(prefix)).map(([name, values]) => {
      const other = b.state.get(name)!;
      return values.reduce(
        ([d, n], x, i) => [d + (x - other[i]!) ** 2, n + other[i]! ** 2] as const,
        [0, 0] as readonly [number, number],
      );
    });
    const [difference, norm] = sums.reduce(([d, n], [x, y]) => [d + x, n + y], [0, 0]);
    return Math.sqrt(difference / norm);
  };
  return [
    { quantity: "losses", error: largest(a.losses, b.losses), tolerance: 1e-3 },
    { quantity: "gradient norms", error: largest(a.gradientNorms, b.gradientNorms), tolerance: 1e-2 },
    { quantity: "weights", error: over("params."), tolerance: 1e-3 },
    { quantity: "running statistics", error: over("state."), tolerance: 1e-2 },
  ];
}

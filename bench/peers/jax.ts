/** @file The side of jax-js: `deno run -A --no-config --no-lock bench/peers/jax.ts wasm|webgpu`. */
import { type Input, moveAxes, type Program, serve } from "./side.ts";
import { AHEAD, CNN, type Composed, labelsOf, TRANSFORMER, type Work } from "./work.ts";

/** The part of an array that is used. Operations consume their operands; `ref` keeps one. */
interface Jax {
  readonly ref: Jax;
  data(): Promise<Float32Array<ArrayBuffer>>;
  dispose(): void;
  reshape(shape: readonly number[]): Jax;
  mul(other: Jax | number): Jax;
  sub(other: Jax | number): Jax;
  add(other: Jax): Jax;
  div(other: Jax): Jax;
  transpose(): Jax;
  sum(axis?: number): Jax;
}

type Shape = readonly number[];
type Function = (...args: Jax[]) => Jax;

/** The part of the library that is used. Its types are its own: the name is not written out, so that no lock file lists it. */
interface Library {
  init(): Promise<unknown>;
  defaultDevice(name: string): unknown;
  blockUntilReady(arrays: readonly Jax[]): Promise<unknown>;
  jit<F>(f: F): F;
  vjp(f: (x: Jax) => Jax, primals: readonly Jax[]): readonly [Jax, ((ct: Jax) => readonly Jax[]) & { dispose(): void }];
  grad(f: (weights: Jax[], images: Jax, targets: Jax) => Jax): (weights: Jax[], images: Jax, targets: Jax) => Jax[];
  readonly lax: {
    convGeneralDilated(
      x: Jax,
      w: Jax,
      strides: Shape,
      padding: readonly Shape[],
      o?: { featureGroupCount?: number },
    ): Jax;
  };
  readonly nn: { softmax(x: Jax): Jax };
  readonly numpy: {
    array(data: Float32Array): Jax;
    zeros(shape: Shape): Jax;
    matmul(a: Jax, b: Jax): Jax;
    maximum(a: Jax, b: number): Jax;
    mean(x: Jax, axis?: number | readonly number[]): Jax;
    sqrt(x: Jax): Jax;
    exp(x: Jax): Jax;
    log(x: Jax): Jax;
  };
}

const specifier = ["npm:@jax-js", "jax@0.1.25"].join("/");
const jax: Library = await import(specifier);
await jax.init();
jax.defaultDevice(Deno.args[0] ?? "wasm");

/** Channels last to channels first: images by default, weights to `[Cout, Cin, kh, kw]`. */
const TO = { image: [0, 3, 1, 2], weight: [3, 2, 0, 1] } as const;
const FROM = { image: [0, 2, 3, 1], weight: [2, 3, 1, 0] } as const;

function array({ shape, data }: Input): Jax {
  return jax.numpy.array(data).reshape(shape);
}

function convolve(x: Jax, w: Jax, stride: number, padding: number, groups: number): Jax {
  const options = groups === 1 ? {} : { featureGroupCount: groups };
  return jax.lax.convGeneralDilated(x, w, [stride, stride], [[padding, padding], [padding, padding]], options);
}

/** A function of two arrays, and how its result comes back to channels last. */
function programOf(
  f: Function,
  operands: readonly Jax[],
  restore: (data: Float32Array<ArrayBuffer>) => Float32Array,
): Program {
  const jitted = jax.jit(f);
  const queued: Jax[] = [];
  const compute = () => jitted(...operands.map((x) => x.ref));
  return {
    run: () => queued.push(compute()),
    async wait() {
      const results = queued.splice(0);
      await jax.blockUntilReady(results);
      results.forEach((result) => result.dispose());
    },
    result: async () => restore(await compute().data()),
    drop: () => operands.forEach((x) => x.dispose()),
  };
}

function contraction(work: Exclude<Work, Composed>, inputs: Readonly<Record<string, Input>>): Program {
  if (work.kind === "matmul") {
    return programOf((a, b) => jax.numpy.matmul(a!, b!), Object.values(inputs).map(array), (data) => data);
  }
  if (work.kind === "sparse") {
    throw new Error("Cannot time a sparse product as the library must have one: current library is jax-js");
  }
  const { geometry: { batch, size, channels, outChannels, kernel, stride, padding, groups }, part } = work;
  const move = (name: string) => array(moveAxes(inputs[name]!, name === "w" ? TO.weight : TO.image));
  const conv = (x: Jax, w: Jax) => convolve(x, w, stride, padding, groups);
  const out = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const shapes = {
    forward: [batch, outChannels, out, out],
    inputGradient: [batch, channels, size, size],
    weightGradient: [outChannels, channels / groups, kernel, kernel],
  };
  const gradient = (f: (x: Jax) => Jax, at: Shape, ct: Jax) => {
    const [value, pullback] = jax.vjp(f, [jax.numpy.zeros(at)]);
    value.dispose();
    const [result] = pullback(ct);
    pullback.dispose();
    return result!;
  };
  const f: Function = {
    forward: (x: Jax, w: Jax) => conv(x, w),
    inputGradient: (w: Jax, y: Jax) => gradient((x) => conv(x, w), shapes.inputGradient, y),
    weightGradient: (x: Jax, y: Jax) => gradient((w) => conv(x, w), shapes.weightGradient, y),
  }[part] as Function;
  const axes = part === "weightGradient" ? FROM.weight : FROM.image;
  const restore = (data: Float32Array<ArrayBuffer>) => moveAxes({ shape: shapes[part], data }, axes).data;
  return programOf(f, Object.keys(inputs).map(move), restore);
}

function cnnLoss(weights: Jax[], images: Jax, targets: Jax): Jax {
  const { numpy } = jax;
  const [w0, w1, w2, head] = weights as [Jax, Jax, Jax, Jax];
  const maps = [w0, w1, w2].reduce((x, w) => numpy.maximum(convolve(x, w, 2, 1, 1), 0), images);
  const logits = numpy.matmul(numpy.mean(maps, [2, 3]), head); // [B, 10]
  const right = logits.ref.mul(targets).sum(1);
  return numpy.mean(numpy.log(numpy.exp(logits).sum(1)).sub(right));
}

function trainingStep(inputs: Readonly<Record<string, Input>>): Program {
  const [images, ...weights] = Object.entries(inputs).map(([name, input]) =>
    array(name === "head" ? input : moveAxes(input, name === "images" ? TO.image : TO.weight))
  ) as [Jax, ...Jax[]];
  const labels = labelsOf(CNN.batch);
  const targets = array({
    shape: [CNN.batch, CNN.classes],
    data: Float32Array.from(
      { length: CNN.batch * CNN.classes },
      (_, i) => Number(labels[Math.floor(i / CNN.classes)] === i % CNN.classes),
    ),
  });
  const step = jax.jit((weights: Jax[], images: Jax, targets: Jax) => {
    const gradients = jax.grad(cnnLoss)(weights.map((w) => w.ref), images, targets);
    return weights.map((w, i) => w.sub(gradients[i]!.mul(CNN.rate)));
  });
  const shapes = Object.values(inputs).slice(1).map(({ shape }) => shape);
  const current = { weights: weights.map((w) => w.ref) };
  return {
    run: () => current.weights = step(current.weights, images.ref, targets.ref),
    wait: async () => void await jax.blockUntilReady(current.weights),
    async result() {
      const after = step(weights.map((w) => w.ref), images.ref, targets.ref);
      const parts = await Promise.all(after.map((w) => w.data()));
      return Float32Array.from(parts.flatMap((data, i) => {
        const [kh, kw, cin, cout] = shapes[i]!;
        if (cout === undefined) return Array.from(data);
        return Array.from(moveAxes({ shape: [cout, cin!, kh!, kw!], data }, FROM.weight).data);
      }));
    },
    drop: () => {},
  };
}

function ahead(x: Jax): Program {
  const step = jax.jit((x: Jax) => jax.numpy.exp(x.ref.mul(-0.5)).add(x.mul(0.1)));
  const loop = () => {
    let last = step(x.ref);
    for (let i = 1; i < AHEAD.steps; i++) last = step(last);
    return last;
  };
  const queued: Jax[] = [];
  return {
    run: () => void queued.push(loop()),
    async wait() {
      const results = queued.splice(0);
      await jax.blockUntilReady(results);
      results.forEach((result) => result.dispose());
    },
    result: () => loop().data(),
    drop: () => x.dispose(),
  };
}

function normed(x: Jax): Jax {
  const size = jax.numpy.sqrt(jax.numpy.mean(x.ref.mul(x.ref), 1)).reshape([-1, 1]);
  return x.div(size);
}

const transformer: Function = (first, ...weights) => {
  const { matmul, maximum } = jax.numpy;
  let x = first!;
  for (let i = 0; i < TRANSFORMER.layers; i++) {
    const [q, k, v, o, up, down] = weights.slice(6 * i, 6 * i + 6) as [Jax, Jax, Jax, Jax, Jax, Jax];
    const y = normed(x.ref);
    const scores = matmul(matmul(y.ref, q), matmul(y.ref, k).transpose()).mul(1 / Math.sqrt(TRANSFORMER.width));
    x = x.add(matmul(matmul(jax.nn.softmax(scores), matmul(y, v)), o));
    x = x.ref.add(matmul(maximum(matmul(normed(x), up), 0), down));
  }
  return x;
};

await serve((work, inputs) => {
  if (work.kind === "cnn") return trainingStep(inputs);
  const operands = Object.values(inputs).map(array);
  if (work.kind === "ahead") return ahead(operands[0]!);
  if (work.kind === "transformer") return programOf(transformer, operands, (data) => data);
  operands.forEach((x) => x.dispose());
  return contraction(work, inputs);
});

/** @file Reductions that end in maps: what they compute inside a long program, and each program by itself, where none does. */
import { ok } from "node:assert/strict";
import {
  add,
  any,
  cast,
  type Device,
  greater,
  jit,
  matmul,
  max,
  maximum,
  mean,
  mul,
  random,
  reshape,
  rsqrt,
  type Shape,
  square,
  sub,
  sum,
  type Tensor,
  transpose,
  webgpuDevice,
  type WebgpuOptions,
} from "../../../../tensor/mod.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";

/** A program of reductions over one axis and maps of as many places. */
interface Finished {
  readonly name: string;
  /** Of what is reduced, along which axis. */
  readonly shape: Shape;
  readonly axis: number;
  readonly f: (x: Tensor, running: Tensor, variance: Tensor) => readonly Tensor[];
}

/** Normalises, and moves running statistics on. */
const normalise = (axis: number) => (x: Tensor, running: Tensor, variance: Tensor): readonly Tensor[] => {
  const beside = (y: Tensor) => reshape(y, x.shape.with(axis, 1));
  const m = mean(x, { axis });
  const v = mean(square(sub(x, beside(m))), { axis });
  const move = (old: Tensor, now: Tensor) => add(mul(old, 0.9), mul(now, 0.1));
  return [move(running, m), move(variance, v), mul(sub(x, beside(m)), beside(mul(rsqrt(add(v, 1e-5)), 3)))];
};

/** Sums of which the norms are asked for, and which are taken off what was summed up. */
const project = (axis: number) => (x: Tensor, running: Tensor, variance: Tensor): readonly Tensor[] => {
  const count = x.shape.at(axis)!;
  const first = sum(x, { axis, keepDims: true });
  const second = sum(mul(x, square(x)), { axis, keepDims: true });
  const off = add(mul(first, 1 / count), mul(square(x), mul(second, 1 / count)));
  return [add(running, 1), sub(variance, 1), sub(x, off), sum(square(first)), sum(square(second))];
};

/** A sum, of which what is summed up is stored on the way, in place of what it is made of if that is given away. */
const rectify = (axis: number) => (x: Tensor, running: Tensor, variance: Tensor): readonly Tensor[] => {
  const y = maximum(mul(x, square(x)), 0);
  const total = sum(y, { axis });
  return [add(mul(running, 0.9), mul(total, 0.1)), mul(variance, total), y, total];
};

/** Whole numbers and truths. */
const count = (axis: number) => (x: Tensor, running: Tensor, variance: Tensor): readonly Tensor[] => {
  const whole = cast(mul(x, 100), "int32");
  const most = max(whole, { axis });
  return [
    add(running, reshape(cast(any(greater(x, 2), { axis }), "float32"), running.shape)),
    variance,
    add(mul(most, 3), 1),
    greater(most, 250),
  ];
};

const SHAPES: readonly (readonly [Shape, axis: number])[] = [
  [[40, 8], 0], // four places side by side
  [[40, 7], 0],
  [[120, 64], 0], // maps of several groups
  [[3, 5000], 0], // places enough for each map to stay with its reduction
  [[9000, 8], 0], // in slabs
  [[6, 70], 1], // a team for each place: those that run together, where there are subgroups
  [[6, 9000], 1], // a group, in slabs
  [[300, 64], 1],
];

const PROGRAMS: readonly Finished[] = SHAPES.flatMap(([shape, axis]): readonly Finished[] =>
  Object.entries({ normalise, project, rectify, count }).map(([name, f]) => (
    { name: `${name} [${shape}] over axis ${axis}`, shape, axis, f: f(axis) }
  ))
);

const operandsOf = ({ shape, axis }: Finished, seed: number): readonly [Tensor, Tensor, Tensor] => {
  const kept = shape.filter((_, at) => at !== axis);
  return [
    random.normal(random.key(seed), shape),
    random.normal(random.key(seed + 1), kept),
    square(random.normal(random.key(seed + 2), kept)),
  ];
};

/** All bits as one text. */
async function bitsOf(results: readonly Tensor[], device: Device): Promise<string> {
  const data = await Promise.all(results.map((x) => x.data({ device })));
  return data.map((x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength).toHex()).join(" ");
}

/** Compares all programs as one with each by itself, which is too short to be worth it. Returns launches of both. */
async function compare(device: Device): Promise<readonly [together: number, apart: number]> {
  const given = () => PROGRAMS.map((program, i) => operandsOf(program, 3 * i));
  // Where most memory is in use there is more of it than what the programs keep at one time.
  const whole = jit((large: Tensor, xs: Tensor[], statistics: Tensor[]) => ({
    most: max(matmul(large, transpose(large))),
    results: PROGRAMS.map(({ f }, i) => [...f(xs[i]!, statistics[2 * i]!, statistics[2 * i + 1]!)]),
  }), { device, donate: [2] });
  const operands = () =>
    [
      random.normal(random.key(99), [1024, 4]),
      given().map(([x]) => x),
      given().flatMap(([, ...more]) => more),
    ] as const;
  const { launches } = whole.stats(...operands());
  const { results: together } = whole(...operands());
  let apart = 0;
  for (const [i, { name, f }] of PROGRAMS.entries()) {
    const alone = jit((x: Tensor, statistics: Tensor[]) => [...f(x, statistics[0]!, statistics[1]!)], { device });
    const [x, ...statistics] = given()[i]!;
    apart += alone.stats(x, statistics).launches;
    // What differs is not told: of so many elements that takes minutes.
    ok(await bitsOf(together[i]!, device) === await bitsOf(alone(x, statistics), device), name);
  }
  return [launches, apart];
}

/** Adapters, and the most launches that all programs take together there. */
const ADAPTERS: readonly (readonly [WebgpuOptions, most: number])[] = [
  [{}, 44],
  [{ subgroups: false }, 44],
  [{ limits: { maxStorageBuffersPerShaderStage: 8 } }, 57],
  [{ limits: { maxStorageBuffersPerShaderStage: 10 } }, 44],
];

testWebgpu("Reductions that end in maps have the bits of reductions, and of maps that read their results", async () => {
  for (const [options, most] of ADAPTERS) {
    const device = await webgpuDevice(options);
    const [together, apart] = await compare(device).finally(() => device.close());
    ok(together <= most, `${together} launches together, ${apart} apart`);
  }
});

/** @file What this machine can do at most: fused multiply-adds in registers, and a copy through memory, on all threads of a device. */
import type { WatKernel, WgslBuffer, WgslKernel, WgslMemory } from "../compiler/kernel_text.ts";
import type { Device } from "../device.ts";
import { zeros } from "../functions/creation.ts";
import type { Primitive } from "../primitive.ts";
import { bind, leaf, realize, type Tensor } from "../tensor.ts";
import { jit } from "../transform/jit.ts";

/** Rates that no kernel exceeds. */
export interface MachineLimits {
  /** Multiply-adds of independent registers, two operations each. */
  readonly gflops: number;
  /** Bytes read plus bytes written by a copy of arrays far larger than the caches. */
  readonly gigabytesPerSecond: number;
}

/** Work items: many for each thread. */
const ITEMS = 64;
/** Rounds of an item; each is `ACCUMULATORS` multiply-adds of four lanes. */
const ROUNDS = 20_000;
const ACCUMULATORS = 12;
const FMA_FLOPS = ITEMS * ROUNDS * ACCUMULATORS * 8;
/** On a GPU every item is a group of invocations, so that all lanes have work. */
const GROUP = 64;
const GROUP_ROUNDS = 1000;
const GROUP_FMA_FLOPS = ITEMS * GROUP * GROUP_ROUNDS * ACCUMULATORS * 8;
/** Floats of the array that is copied: 128 MiB. */
const COPIED = 32 * 2 ** 20;
const REPEATS = 5;

const PARAMETERS = ["x", "y", "scratch", "local", "begin", "end"].map((name) => `(param $${name} i32)`).join(" ");

/** A kernel that runs `body` for each item `$i`. */
function kernelOf(locals: string, body: string, itemCost: number): WatKernel {
  const code = `(func (export "run") ${PARAMETERS} (local $i i32) ${locals}
    (local.set $i (local.get $begin))
    (loop $items
      ${body}
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $items (i32.lt_u (local.get $i) (local.get $end)))))`;
  return { passes: [{ code, items: ITEMS, itemCost }], scratchBytes: 0, localBytes: 0 };
}

function fmaWat(): WatKernel {
  const names = Array.from({ length: ACCUMULATORS }, (_, k) => `$a${k}`);
  const seed = "(f32x4.splat (f32.const 0.5))";
  const body = `${names.map((name) => `(local.set ${name} (v128.load (local.get $x)))`).join(" ")}
    (local.set $round (i32.const ${ROUNDS}))
    (loop $rounds
      ${
    names.map((a) => `(local.set ${a} (f32x4.relaxed_madd (local.get ${a}) (local.get $s) (local.get $s)))`).join(" ")
  }
      (br_if $rounds (local.tee $round (i32.sub (local.get $round) (i32.const 1)))))
    (v128.store (i32.add (local.get $y) (i32.mul (local.get $i) (i32.const 16)))
      ${names.map((name) => `(local.get ${name})`).reduce((sum, x) => `(f32x4.add ${sum} ${x})`)})`;
  return kernelOf(
    `(local $round i32) (local $s v128) ${names.map((name) => `(local ${name} v128)`).join(" ")}`,
    `(local.set $s ${seed}) ${body}`,
    1e6,
  );
}

function copyWat(): WatKernel {
  const bytes = COPIED * 4 / ITEMS;
  const moves = [0, 16, 32, 48].map((offset) =>
    `(v128.store offset=${offset} (local.get $to) (v128.load offset=${offset} (local.get $from)))`
  );
  const body = `
    (local.set $from (i32.add (local.get $x) (i32.mul (local.get $i) (i32.const ${bytes}))))
    (local.set $to (i32.add (local.get $y) (i32.mul (local.get $i) (i32.const ${bytes}))))
    (local.set $stop (i32.add (local.get $from) (i32.const ${bytes})))
    (loop $lines
      ${moves.join(" ")}
      (local.set $from (i32.add (local.get $from) (i32.const 64)))
      (local.set $to (i32.add (local.get $to) (i32.const 64)))
      (br_if $lines (i32.lt_u (local.get $from) (local.get $stop))))`;
  return kernelOf("(local $from i32) (local $to i32) (local $stop i32)", body, 1e6);
}

const BUFFERS: readonly WgslBuffer[] = [
  { name: "x", type: "vec4f", buffer: 0 },
  { name: "y", type: "vec4f", buffer: 1 },
];

/** The same multiply-adds, with registers that begin with other values in every invocation. */
function fmaWgsl(): WgslKernel {
  const names = Array.from({ length: ACCUMULATORS }, (_, k) => `a${k}`);
  const write = ({ load, store }: WgslMemory) => ({
    body: `let s = vec4f(0.5);
  ${names.map((name) => `var ${name} = ${load("x", "0")} + f32(local);`).join(" ")}
  for (var round = 0u; round < ${GROUP_ROUNDS}u; round++) { ${names.map((a) => `${a} = fma(${a}, s, s);`).join(" ")} }
  ${store("y", `group.x * ${GROUP} + local`, names.join(" + "))}`,
  });
  return { passes: [{ buffers: BUFFERS, workgroups: ITEMS, workgroupSize: GROUP, write }], scratchBytes: 0 };
}

function copyWgsl(): WgslKernel {
  const at = "(group.x * 4 + k) * 256 + local";
  const write = ({ load, store }: WgslMemory) => ({
    body: `for (var k = 0u; k < 4u; k++) { ${store("y", at, load("x", at))} }`,
  });
  return { passes: [{ buffers: BUFFERS, workgroups: COPIED / 4096, workgroupSize: 256, write }], scratchBytes: 0 };
}

const FMA: Primitive = {
  name: "measureFma",
  shapeRule: () => ({ shape: [ITEMS * GROUP * 4], dtype: "float32" }),
  reference: ([x]) => Float64Array.from({ length: ITEMS * GROUP * 4 }, () => x!.data[0]!),
  vjpRule: () => [null],
  lowering: { kind: "kernel", flops: () => FMA_FLOPS, texts: { cpu: fmaWat, webgpu: fmaWgsl } },
};

const COPY: Primitive = {
  name: "measureCopy",
  shapeRule: ([x]) => x!,
  reference: ([x]) => Float64Array.from(x!.data),
  vjpRule: (ct) => [ct],
  lowering: { kind: "kernel", texts: { cpu: copyWat, webgpu: copyWgsl } },
};

/** Seconds of the fastest of some runs. */
async function fastest(device: Device, primitive: Primitive, x: Tensor): Promise<number> {
  const run = jit((x: Tensor) => bind(primitive, [x], {}), { device });
  const times: number[] = [];
  for (let repeat = 0; repeat <= REPEATS; repeat++) {
    const from = performance.now();
    const y = run(x);
    await device.synchronize();
    times.push(performance.now() - from);
    y[Symbol.dispose]();
  }
  return Math.min(...times.slice(1)) / 1000;
}

/**
 * Measures the limits of a device.
 *
 * @param device A cpu or webgpu device.
 * @returns Its rates: the fastest of a few runs, under a second in all.
 */
export async function measureLimits(device: Device): Promise<MachineLimits> {
  const buffer = realize([zeros([COPIED])], device)[0]!;
  const large = leaf({ shape: [COPIED], dtype: "float32" }, { buffer });
  const small = zeros([4]);
  const limits = {
    gflops: (device.name === "webgpu" ? GROUP_FMA_FLOPS : FMA_FLOPS) / await fastest(device, FMA, small) / 1e9,
    gigabytesPerSecond: 2 * 4 * COPIED / await fastest(device, COPY, large) / 1e9,
  };
  buffer.free();
  return limits;
}

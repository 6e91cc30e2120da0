/**
 * @file An operation of one's own with kernels of one's own: the median of each number and its two neighbours, which takes
 * lone outliers out of a signal.
 *
 *     deno task example:kernel
 *
 * One record says all: shape, definition in float64, gradient, and texts for two devices. Ends with the largest difference
 * from the definition and from finite differences, what it costs beside the same made of the library's operations, and how
 * much noise is left.
 */
// deno-lint-ignore-file no-console
import {
  abs,
  add,
  checkGrads,
  defaultDevice,
  equal,
  evaluate,
  jit,
  logicalNot,
  max,
  maximum,
  mean,
  minimum,
  mul,
  random,
  referenceDevice,
  scatterAdd,
  sin,
  sub,
  take,
  type Tensor,
  tensor,
  toDevice,
  where,
} from "@tessera/tessera";
import { bind, type Primitive, type TensorSpec } from "@tessera/tessera/tensor/kernel";

const lengthOf = (x: TensorSpec | undefined): number => x!.shape[0]!;

/** Numbers of the neighbours on both sides; the ends are their own. */
function neighbours(count: number): readonly [left: Tensor, right: Tensor] {
  const at = (shift: number) =>
    tensor(Int32Array.from({ length: count }, (_, i) => Math.min(count - 1, Math.max(0, i + shift))));
  return [at(-1), at(1)];
}

/** For the cpu device: WebAssembly text that does the items of one range. */
const wat = (count: number) => `
(func $at (param $x i32) (param $i i32) (result f32)
  (local.set $i (select (i32.const 0) (local.get $i) (i32.lt_s (local.get $i) (i32.const 0))))
  (local.set $i (select (i32.const ${count - 1}) (local.get $i) (i32.gt_s (local.get $i) (i32.const ${count - 1}))))
  (f32.load (i32.add (local.get $x) (i32.shl (local.get $i) (i32.const 2)))))
(func (export "run") (param $x i32) (param $y i32) (param $scratch i32) (param $local i32) (param $begin i32) (param $end i32)
  (local $i i32) (local $a f32) (local $b f32)
  (local.set $i (local.get $begin))
  (block $done (loop $next
    (br_if $done (i32.ge_s (local.get $i) (local.get $end)))
    (local.set $a (call $at (local.get $x) (i32.sub (local.get $i) (i32.const 1))))
    (local.set $b (call $at (local.get $x) (local.get $i)))
    (f32.store (i32.add (local.get $y) (i32.shl (local.get $i) (i32.const 2)))
      (f32.max (f32.min (local.get $a) (local.get $b)) (f32.min (f32.max (local.get $a) (local.get $b))
        (call $at (local.get $x) (i32.add (local.get $i) (i32.const 1))))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $next))))`;

const GROUP = 64;

const MEDIAN: Primitive = {
  name: "medianOfThree",
  shapeRule: ([x]) => x!,
  reference: ([x]) =>
    x!.data.map((b, i, all) =>
      [all[Math.max(0, i - 1)]!, b, all[Math.min(all.length - 1, i + 1)]!].sort((p, q) => p - q)[1]!
    ),
  vjpRule: (cotangent, y) => { // each cotangent goes to the number that was taken
    const [x] = y.inputs;
    const [left, right] = neighbours(lengthOf(x));
    const fromLeft = equal(y, take(x!, left));
    const fromSelf = equal(y, x!);
    const to = (index: Tensor, part: Tensor) => scatterAdd(part, index, { size: lengthOf(x) });
    const others = where(fromSelf, 0, cotangent);
    return [add(
      where(fromSelf, cotangent, 0),
      add(to(left, where(fromLeft, others, 0)), to(right, where(logicalNot(fromLeft), others, 0))),
    )];
  },
  lowering: {
    kind: "kernel",
    flops: ([x]) => 4 * lengthOf(x),
    texts: {
      cpu: ([x]: readonly TensorSpec[]) => ({
        passes: [{ code: wat(lengthOf(x)), items: lengthOf(x), itemCost: 2 }],
        scratchBytes: 0,
        localBytes: 0,
      }),
      webgpu: ([x]: readonly TensorSpec[]) => ({
        passes: [{
          buffers: [{ name: "x", type: "f32", buffer: 0 }, { name: "y", type: "f32", buffer: 1 }],
          workgroups: Math.ceil(lengthOf(x) / GROUP),
          workgroupSize: GROUP,
          write: ({ load, store }) => ({
            body: `let i = i32((group.x + group.y * groups.x) * ${GROUP}u + local);
if (i >= ${lengthOf(x)}) { return; }
let a = ${load("x", "max(i - 1, 0)")};
let b = ${load("x", "i")};
let c = ${load("x", `min(i + 1, ${lengthOf(x) - 1})`)};
${store("y", "i", "max(min(a, b), min(max(a, b), c))")}`,
          }),
        }],
        scratchBytes: 0,
      }),
    },
  },
};
const medianOfThree = (x: Tensor): Tensor => bind(MEDIAN, [x], {});

/** The same of the library's operations. */
function composed(x: Tensor): Tensor {
  const [left, right] = neighbours(x.shape[0]!).map((index) => take(x, index)) as [Tensor, Tensor];
  return maximum(minimum(left, x), minimum(maximum(left, x), right));
}

const count = 100_000;
const clean = sin(mul(tensor(Float32Array.from({ length: count }, (_, i) => i)), 0.01));
const isOutlier = random.bernoulli(random.key(0), 0.05, [count]);
const noisy = await evaluate(where(isOutlier, random.normal(random.key(1), [count]), clean)); // one float32 input for all

const [own, library] = [jit(medianOfThree), jit(composed)];
const reference = referenceDevice();
const exact = await medianOfThree(await toDevice(noisy, reference)).data({ device: reference });
const difference = await max(abs(sub(own(noisy), tensor(Float32Array.from(exact))))).item();
await checkGrads(medianOfThree, [random.normal(random.key(2), [12])]);
const launches = [own, library].map((f) => f.stats(noisy).launches);
const errors = await Promise.all([noisy, own(noisy)].map((x) => mean(abs(sub(x, clean))).item()));
console.log(`on ${defaultDevice().name}: largest difference from the definition ${difference}; gradients are right`);
console.log(`launches: ${launches[0]} of its own, ${launches[1]} of the library's operations`);
console.log(`mean error of the signal: ${errors[0]!.toFixed(4)} before, ${errors[1]!.toFixed(4)} after`);

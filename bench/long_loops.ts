/** @file Loops that a user may leave running: what they hold is the same at every step. */
import {
  add,
  type Device,
  jit,
  matmul,
  mean,
  mul,
  ones,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  treeMap,
  valueAndGrad,
  zeros,
} from "../tensor/mod.ts";

/** Parameters by name. */
type Params = Readonly<Record<string, Tensor>>;

/** A loop, step by step. */
export interface LongLoop {
  /** What the first step gets. */
  start(device: Device): Params;
  /** What the next one gets. Awaits the loss, donates nothing. */
  step(params: Params, device: Device): Promise<Params>;
  /** The same computation from the same start, or without results that last: the machine's own time. */
  control(params: Params, device: Device): Promise<void>;
}

/** 4 MiB of parameters that a jitted step makes anew; every loss is awaited, nothing is donated. */
function jitted(): LongLoop {
  const steps = new WeakMap<Device, (w: Tensor) => readonly [Tensor, Tensor]>();
  const stepOf = (device: Device) => {
    const known = steps.get(device) ?? jit((w: Tensor) => [mul(w, 0.9999), sum(w)] as const, { device });
    steps.set(device, known);
    return known;
  };
  return {
    start: () => ({ w: ones([1024, 1024]) }),
    async step({ w }, device) {
      const [next, loss] = stepOf(device)(w!);
      await loss.item({ device });
      return { w: next };
    },
    async control({ w }, device) {
      const [next, loss] = stepOf(device)(w!);
      await loss.item({ device });
      [next, loss].forEach((x) => x[Symbol.dispose]());
    },
  };
}

/** Least squares by gradients, without jit: weights are never read, only the loss is. */
function descent(): LongLoop {
  const x = tensor([[1, 2], [3, 4], [5, 7]]);
  const y = tensor([[1], [2], [4]]);
  const loss = ({ w, b }: { readonly w: Tensor; readonly b: Tensor }) => mean(square(sub(add(matmul(x, w), b), y)));
  const advance = async ({ w, b }: Params, device: Device) => {
    const params = { w: w!, b: b! };
    const [value, gradients] = valueAndGrad(loss)(params);
    await value.item({ device });
    return { value, next: treeMap((p, g) => sub(p, mul(g, 0.001)), params, gradients) };
  };
  const fixed = { w: zeros([2, 1]), b: zeros([1]) };
  return {
    start: () => ({ w: zeros([2, 1]), b: zeros([1]) }),
    step: async (params, device) => (await advance(params, device)).next,
    control: async (_, device) => {
      const { value, next } = await advance(fixed, device);
      const second = await advance(next, device);
      [value, second.value].forEach((x) => x[Symbol.dispose]());
    },
  };
}

/** The loops by name. */
export const LOOPS: Readonly<Record<"jitted" | "descent", LongLoop>> = { jitted: jitted(), descent: descent() };

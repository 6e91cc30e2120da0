/** @file This library's side: `deno run -A bench/peers/tessera.ts cpu|webgpu`. */
import {
  add,
  conv2d,
  type Device,
  div,
  exp,
  grad,
  jit,
  log,
  matmul,
  mean,
  mul,
  openDevice,
  softmax,
  sqrt,
  sub,
  sum,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import { leaf, realize } from "../../tensor/kernel.ts";
import { relu } from "../../nn/mod.ts";
import { coo } from "../../sparse/mod.ts";
import { convProgram } from "../conv_program.ts";
import { coordinatesOf } from "../sparse_product.ts";
import { type Input, type Program, serve } from "./side.ts";
import { AHEAD, CNN, type Composed, labelsOf, TRANSFORMER, type Work } from "./work.ts";

const device = await openDevice(Deno.args[0] ?? "cpu");

function onDevice({ shape, data }: Input, device: Device): Tensor {
  return leaf({ shape, dtype: "float32" }, { buffer: realize([tensor(data, { shape })], device)[0]! });
}

function functionOf(work: Exclude<Work, Composed>): (a: Tensor, b: Tensor) => Tensor {
  if (work.kind === "matmul") return (a, b) => matmul(a, b);
  if (work.kind === "conv") return convProgram(work.geometry, work.part);
  const { rows, inner, perRow } = work.geometry;
  const indices = tensor(coordinatesOf(work.geometry), { shape: [rows * perRow, 2] });
  return (values, x) => coo.matmul(coo.cooTensor(indices, values, [rows, inner], { coalesced: true }), x);
}

/** A product or a convolution. */
function contraction(work: Exclude<Work, Composed>, inputs: readonly Tensor[]): Program {
  const f = functionOf(work);
  const program = jit(f, { device });
  const compute = () => program(inputs[0]!, inputs[1]!);
  return {
    run: () => compute()[Symbol.dispose](),
    wait: () => device.synchronize(),
    result: async () => await compute().data({ device }) as Float32Array,
    drop: () => inputs.forEach((x) => x[Symbol.dispose]()),
  };
}

/** Cross-entropy of the small network. */
function cnnLoss(weights: readonly Tensor[], images: Tensor, targets: Tensor): Tensor {
  const [head, ...convs] = weights.toReversed() as [Tensor, ...Tensor[]];
  const maps = convs.toReversed().reduce((x, w) => relu(conv2d(x, w, { stride: 2, padding: 1 })), images);
  const logits = matmul(mean(maps, { axis: [1, 2] }), head); // [B, 10]
  return mean(sub(log(sum(exp(logits), { axis: 1 })), sum(mul(logits, targets), { axis: 1 })));
}

function trainingStep([images, ...weights]: readonly Tensor[]): Program {
  const labels = labelsOf(CNN.batch);
  const targets = tensor(labels.map((label) => Array.from({ length: CNN.classes }, (_, i) => Number(i === label))));
  const onDeviceTargets = leaf(targets, { buffer: realize([targets], device)[0]! });
  const step = jit((weights: readonly Tensor[], images: Tensor, targets: Tensor) => {
    const gradients = grad(cnnLoss)(weights, images, targets);
    return weights.map((w, i) => sub(w, mul(gradients[i]!, CNN.rate)));
  }, { device });
  const current = { weights };
  const advance = (weights: readonly Tensor[]) => step(weights, images!, onDeviceTargets);
  return {
    run: () => {
      const next = advance(current.weights);
      if (current.weights !== weights) current.weights.forEach((w) => w[Symbol.dispose]());
      current.weights = next as Tensor[];
    },
    wait: () => device.synchronize(),
    result: async () => {
      const parts = await Promise.all(advance(weights).map((w) => w.data({ device })));
      return Float32Array.from(parts.flatMap((part) => Array.from(part)));
    },
    drop: () => {},
  };
}

function ahead(x: Tensor): Program {
  const step = jit((x: Tensor) => add(exp(mul(x, -0.5)), mul(x, 0.1)), { device });
  const loop = () => {
    let last = step(x);
    for (let i = 1; i < AHEAD.steps; i++) {
      using before = last;
      last = step(before);
    }
    return last;
  };
  return {
    run: () => loop()[Symbol.dispose](),
    wait: () => device.synchronize(),
    result: async () => await loop().data({ device }) as Float32Array,
    drop: () => x[Symbol.dispose](),
  };
}

const normed = (x: Tensor): Tensor => div(x, sqrt(mean(mul(x, x), { axis: 1, keepDims: true })));

function transformer(tensors: readonly Tensor[]): Program {
  const program = jit((x: Tensor, ...weights: Tensor[]) => {
    for (let i = 0; i < TRANSFORMER.layers; i++) {
      const [q, k, v, o, up, down] = weights.slice(6 * i, 6 * i + 6) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const y = normed(x);
      const scores = mul(matmul(matmul(y, q), matmul(y, k), { transposeB: true }), 1 / Math.sqrt(TRANSFORMER.width));
      x = add(x, matmul(matmul(softmax(scores), matmul(y, v)), o));
      x = add(x, matmul(relu(matmul(normed(x), up)), down));
    }
    return x;
  }, { device });
  const compute = () => program(...tensors as [Tensor, ...Tensor[]]);
  return {
    run: () => compute()[Symbol.dispose](),
    wait: () => device.synchronize(),
    result: async () => await compute().data({ device }) as Float32Array,
    drop: () => tensors.forEach((x) => x[Symbol.dispose]()),
  };
}

await serve((work, inputs) => {
  const tensors = Object.values(inputs).map((input) => onDevice(input, device));
  if (work.kind === "ahead") return ahead(tensors[0]!);
  if (work.kind === "transformer") return transformer(tensors);
  return work.kind === "cnn" ? trainingStep(tensors) : contraction(work, tensors);
});
